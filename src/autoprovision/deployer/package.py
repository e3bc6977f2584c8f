"""The functions' archive: our code and its locked dependencies, byte for byte the same each time.

The archive is named by the digest of its sources, so an unchanged one is neither uploaded nor
deployed again. Lambda cannot keep what it compiles, so every cold start would compile everything
anew; where this interpreter is the functions' own version, byte code goes along and saves about
200 ms of each.
"""

import hashlib
import importlib.util
import io
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autoprovision.deployer.errors import DeployError

# Never imported by a function: what runs on people's own machines, and the fakes of tests.
_NOT_DEPLOYED = frozenset({"cli", "deployer", "embedded", "memory", "_data"})
_PYTHON_VERSION = "3.13"
# Newest first: pip takes the first that a wheel offers. Lambda's Amazon Linux 2023 has glibc 2.34.
_PLATFORMS = ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16
_ERROR_LINES = 8


@dataclass(frozen=True)
class Archive:
    """An archive to upload.

    Attributes:
        key: its key in the artifacts bucket, which holds its digest.
    """

    content: bytes
    key: str


def build_archive(
    package: Path,
    lock: Path,
    *,
    cache: Path,
    local_runtime: bool,
    say: Callable[[str], None],
) -> Archive:
    """Pack the functions.

    Args:
        package: the Python package `autoprovision`.
        lock: the functions' dependencies with their hashes.
        cache: folder in which fetched dependencies are kept between runs.
        local_runtime: the functions run in this very interpreter, which has the dependencies.

    Raises:
        DeployError: the dependencies could not be fetched.
    """
    files = dict(_package_files(package))
    if not local_runtime:
        files |= dict(_files(_dependencies(lock, cache, say)))
    contents = {name: path.read_bytes() for name, path in files.items()}
    digest = _digest(contents)
    if local_runtime or _is_runtime_version():
        contents |= _byte_code({n: path for n, path in files.items() if path.suffix == ".py"})
    content = _zip(contents, level=1 if local_runtime else 9)
    return Archive(content, f"functions/{digest}.zip")


def _is_runtime_version() -> bool:
    return f"{sys.version_info.major}.{sys.version_info.minor}" == _PYTHON_VERSION


def _digest(contents: dict[str, bytes]) -> str:
    """A digest over the sources: byte code of the same source may differ between two builds."""
    found = hashlib.sha256(sys.implementation.cache_tag.encode())
    for name in sorted(contents):
        found.update(f"{name}\0{len(contents[name])}\0".encode() + contents[name])
    return found.hexdigest()


def _byte_code(sources: dict[str, Path]) -> dict[str, bytes]:
    """Byte code that is never checked against its source: in an archive, both are what they are."""
    compiled = {}
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "compiled"
        for name, path in sources.items():
            try:
                py_compile.compile(
                    str(path), cfile=str(target), dfile=f"/var/task/{name}", doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )  # fmt: skip
            except py_compile.PyCompileError:
                continue  # a dependency's file for another Python; its source goes along as it is
            compiled[importlib.util.cache_from_source(name)] = target.read_bytes()
    return compiled


def _package_files(package: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _files(package):
        if name.split("/", 1)[0] not in _NOT_DEPLOYED:
            yield f"{package.name}/{name}", path


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        # Byte code that lies about holds times; what goes along is made for the archive.
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix(), path


def _zip(contents: dict[str, bytes], level: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    return buffer.getvalue()


def _dependencies(lock: Path, cache: Path, say: Callable[[str], None]) -> Path:
    """The folder with the dependencies that the lock names, fetched once for each lock."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    ready = cache / f"functions-{digest}-py{_PYTHON_VERSION}-arm64"
    if ready.is_dir():
        return ready
    say("Fetching the functions' dependencies, once for this lock file.")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        target = Path(scratch) / "packages"
        _fetch(lock, target)
        shutil.rmtree(target / "bin", ignore_errors=True)
        try:
            target.rename(ready)
        except OSError:
            # Another deployment on this machine was quicker; its folder holds the same.
            if not ready.is_dir():
                raise
    return ready


def _fetch(lock: Path, target: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-compile", "--no-deps", "--only-binary", ":all:", "--require-hashes",
        "--implementation", "cp", "--python-version", _PYTHON_VERSION,
        *(part for name in _PLATFORMS for part in ("--platform", name)),
        "--target", str(target), "--requirement", str(lock),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join(f"  {line}" for line in done.stderr.strip().splitlines()[-_ERROR_LINES:])
        raise DeployError(
            f"The functions' dependencies could not be fetched:\n{last}",
            "Is the package index reachable? Run it again when it is.",
        )
