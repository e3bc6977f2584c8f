"""MEAN with its M: the sample's image, played as a process, and a database that it has to find.

The recipe fetches the authority, the start command makes the address, and the official driver opens
the connection, proves the password and speaks; only the database is a stand-in.
"""

import datetime as dt
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.catalog.images import Image, asked, installed, started, written
from tests.catalog.recipes import PROJECTS
from tests.kit.documents import PASSWORD, USER, Documents, documents

_IN_THE_IMAGE = "/etc/ssl/aws-authority.pem"
_PATIENCE = 30.0


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that is its own authority, and its key."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    return public, private


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("authority") / "aws")


@pytest.fixture(scope="module")
def mean(
    pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Image, dict[str, str]]:
    """The image and what its steps leave, built once."""
    scratch = tmp_path_factory.mktemp("mean")
    image = written(PROJECTS / "mean", "MEAN", scratch, authority=pair[0])
    assert (image.folder / "aws-authority.pem").read_text() == pair[0].read_text()
    return image, installed(image, scratch / "packages")


def trusting(image: Image, authority: Path) -> tuple[str, ...]:
    """The image's command with its file of certificates at another place."""
    assert _IN_THE_IMAGE in image.command[-1]
    return tuple(word.replace(_IN_THE_IMAGE, str(authority)) for word in image.command)


def access(found: Documents, password: str = PASSWORD) -> dict[str, str]:
    """What the task definition tells a container."""
    return {
        "DATABASE_ENGINE": "mongodb", "DATABASE_HOST": "localhost", "DATABASE_PORT": str(found.port),
        "DATABASE_NAME": "application", "DATABASE_USER": USER, "DATABASE_PASSWORD": password,
    }  # fmt: skip


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def post(url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_it_keeps_what_it_is_given(pair, mean):
    image, environment = mean
    command = trusting(image, image.folder / "aws-authority.pem")
    with (
        documents(*pair) as found,
        started(command, image.folder, {**environment, **access(found)}) as url,
    ):
        until(lambda: '"database":"connected"' in asked(url + "/health")[1])
        for what in ("an umbrella", "a scarf"):
            status, _ = post(url + "/api/things", {"what": what, "where": "the library"})
            assert status == 201
        assert post(url + "/api/things", {"what": "a hat"})[0] == 400
        listed = json.loads(asked(url + "/api/things")[1])
        assert [one["what"] for one in listed] == ["a scarf", "an umbrella"]
        assert "Lost and found" in asked(url + "/")[1]
    assert [one["what"] for one in found.held["things"]] == ["an umbrella", "a scarf"]
    assert found.refused == []
    assert {"saslStart", "saslContinue", "insert", "find"} <= set(found.commands)


@pytest.mark.parametrize("wrong", ["authority", "password"])
def test_it_says_so_where_it_may_not_come_in(pair, mean, tmp_path: Path, wrong: str):
    image, environment = mean
    other, _ = certificate(tmp_path / "other")
    command = trusting(image, other if wrong == "authority" else pair[0])
    password = "guessed" if wrong == "password" else PASSWORD
    log = image.folder.parent / "server.log"
    with (
        documents(*pair) as found,
        started(command, image.folder, {**environment, **access(found, password)}) as url,
    ):
        until(lambda: "No database:" in log.read_text())
        assert '"database":"not reachable"' in asked(url + "/health")[1]
        status, said = post(url + "/api/things", {"what": "a", "where": "b"})
        assert (status, said["error"]) == (503, "There is no database (not reachable).")
    assert found.held == {}
    # Nothing is told to whom the certificate does not vouch for.
    assert ("saslStart" in found.commands) == (wrong == "password")


def test_it_starts_without_a_database(mean):
    image, environment = mean
    plain = replace(image, command=("sh", "-c", "exec npm start"))
    with started(plain.command, image.folder, environment) as url:
        assert '"database":"none: set MONGODB_URI"' in asked(url + "/health")[1]
        assert "Lost and found" in asked(url + "/")[1]
