import hashlib
import io
import sys
import zipfile

import pytest

from autoprovision.deployer.errors import DeployError
from autoprovision.deployer.package import build_archive


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "autoprovision"
    for name in ("__init__.py", "functions/api.py", "mails/ready.html", "cli/main.py", "embedded/x.py",
                 "deployer/y.py", "memory/z.py", "functions/__pycache__/api.cpython-311.pyc"):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NAME = {name!r}\n")
    return folder


def build(package, tmp_path, lock=None, *, local=True, said=None):
    return build_archive(
        package, lock or tmp_path / "no.lock", cache=tmp_path / "cache", local_runtime=local,
        say=(said if said is not None else []).append,
    )  # fmt: skip


def names(archive):
    listed = zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
    return [name for name in listed if "__pycache__" not in name]


def test_packs_what_functions_import_and_nothing_else(package, tmp_path):
    assert names(build(package, tmp_path)) == [
        "autoprovision/__init__.py", "autoprovision/functions/api.py", "autoprovision/mails/ready.html",
    ]  # fmt: skip


def test_same_content_is_the_same_archive(package, tmp_path):
    first = build(package, tmp_path)
    (package / "functions" / "api.py").touch()
    (package / "cli" / "main.py").write_text("changed")
    assert build(package, tmp_path) == first
    (package / "functions" / "api.py").write_text("changed")
    assert build(package, tmp_path).key != first.key


def test_byte_code_goes_along_and_is_taken_without_a_look_at_the_source(package, tmp_path):
    archive = zipfile.ZipFile(io.BytesIO(build(package, tmp_path).content))
    compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
    assert sorted(compiled) == [
        f"autoprovision/__pycache__/__init__.{sys.implementation.cache_tag}.pyc",
        f"autoprovision/functions/__pycache__/api.{sys.implementation.cache_tag}.pyc",
    ]
    # Flags 1: named by a hash of the source, and not to be checked against it (PEP 552).
    assert {archive.read(name)[4:8] for name in compiled} == {b"\x01\x00\x00\x00"}


def test_another_pythons_functions_get_sources_only(package, tmp_path, lock, monkeypatch):
    monkeypatch.setattr("autoprovision.deployer.package._is_runtime_version", lambda: False)
    listed = zipfile.ZipFile(
        io.BytesIO(build(package, tmp_path, lock, local=False).content)
    ).namelist()
    assert not [name for name in listed if name.endswith(".pyc")]


@pytest.fixture
def lock(tmp_path):
    """A lock file over a folder of wheels instead of an index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sample/__init__.py", "WORD = 'hello'")
        archive.writestr(
            "sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n"
        )
        archive.writestr(
            "sample-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("sample-1.0.dist-info/RECORD", "")
    path = tmp_path / "functions.lock"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path.write_text(f"--no-index\n--find-links {wheels}\nsample==1.0 --hash=sha256:{digest}\n")
    return path


def test_dependencies_are_fetched_once_for_a_lock(package, tmp_path, lock):
    said = []
    first = build(package, tmp_path, lock, local=False, said=said)
    assert "sample/__init__.py" in names(first)
    assert len(said) == 1
    # Without the wheel a second fetch would fail.
    (tmp_path / "wheels" / "sample-1.0-py3-none-any.whl").unlink()
    assert build(package, tmp_path, lock, local=False, said=said) == first
    assert len(said) == 1


def test_a_wheel_with_another_hash_is_refused(package, tmp_path, lock):
    lock.write_text(lock.read_text().replace("--hash=sha256:", "--hash=sha256:0")[:-2])
    with pytest.raises(DeployError) as caught:
        build(package, tmp_path, lock, local=False)
    assert "could not be fetched" in caught.value.message
    assert caught.value.hint
    assert not list((tmp_path / "cache").iterdir())
