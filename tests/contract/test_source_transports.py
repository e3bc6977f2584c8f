"""The port SourceRepository over TLS and over ssh: whose keys are believed, and whose are not."""

import base64
import datetime as dt
import os
import shlex
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import paramiko
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from tests.contract.git_server import CANARY, HOSTS, Backend, make_repository, serving, source

from autoprovision.domain.git_source import (
    FetchLimits,
    SourceCode,
    SourceError,
    parse_project_url,
)
from autoprovision.source.fetch import GitRepository, Network
from autoprovision.source.hosts import PUBLISHED_HOST_KEYS, parse_host_keys

# --- TLS --------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate with its key for one DNS name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def tls_server(root: Path, pem: Path) -> Iterator[int]:
    """The git server behind TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Secure(Backend):
        token = None
        seen: list[dict[str, str]] = []  # noqa: RUF012

        def setup(self) -> None:
            try:
                self.request = context.wrap_socket(self.request, server_side=True)
            except OSError:  # the client does not believe us
                self.request = socket.socketpair()[0]
                self.request.shutdown(socket.SHUT_RDWR)
            super().setup()

    Secure.root = root
    with serving(Secure) as port:
        yield port


def test_the_certificate_is_checked_against_the_name_although_the_address_is_pinned(tmp_path: Path):
    make_repository(tmp_path, "site", {"index.html": b"over tls"})
    right, wrong = certificate(tmp_path, "localhost"), certificate(tmp_path, "git.example.org")
    pinned = {"resolver": lambda host, port: ["127.0.0.1"]}
    believed = Network(**pinned, tls=ssl.create_default_context(cafile=str(right)))
    with tls_server(tmp_path, right) as port:
        url = f"https://localhost:{port}/site.git"
        with GitRepository(HOSTS, network=believed).fetch(source(url), {}) as tree:
            assert tree.files["index.html"].read() == b"over tls"
        stranger = GitRepository(HOSTS, network=Network(**pinned))
        with pytest.raises(SourceError) as unknown_issuer:
            stranger.fetch(source(url), {"AccessToken": CANARY})
    with tls_server(tmp_path, wrong) as port:
        other = Network(**pinned, tls=ssl.create_default_context(cafile=str(wrong)))
        with pytest.raises(SourceError) as wrong_name:
            GitRepository(HOSTS, network=other).fetch(
                source(f"https://localhost:{port}/site.git"), {"AccessToken": CANARY}
            )
    for caught in (unknown_issuer, wrong_name):
        assert caught.value.reason == SourceCode.UNREACHABLE


# --- ssh --------------------------------------------------------------------------------------


def private_pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, form: str = "OpenSSH") -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.NoEncryption(),
    ).decode()


def paramiko_key(folder: Path, name: str, pem: str) -> paramiko.PKey:
    path = folder / name
    path.write_text(pem)
    return paramiko.PKey.from_path(path)


class GitOverSsh(paramiko.ServerInterface):
    """Runs `git-upload-pack` below a folder for whoever shows the right key."""

    def __init__(self, root: Path, client: paramiko.PKey) -> None:
        self.root = root
        self.client = client
        self.commands: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = key.get_base64() == self.client.get_base64() and username == "git"
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        threading.Thread(target=self._run, args=(channel, command.decode())).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        program, path = shlex.split(command)
        assert program == "git-upload-pack"
        running = subprocess.Popen(
            ["git", "-c", "safe.directory=*", "upload-pack", str(self.root) + path],
            env={"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert running.stdin is not None
        assert running.stdout is not None
        feeder = threading.Thread(target=self._feed, args=(channel, running.stdin))
        feeder.start()
        while piece := running.stdout.read1(65536):
            channel.sendall(piece)
        running.stdout.close()
        # The client may be gone by now: it has what it came for.
        with suppress(EOFError, OSError):
            channel.send_exit_status(running.wait())
            channel.close()
        feeder.join()

    @staticmethod
    def _feed(channel: paramiko.Channel, stdin: IO[bytes]) -> None:
        try:
            while piece := channel.recv(65536):
                stdin.write(piece)
                stdin.flush()
            stdin.close()
        except OSError:
            return  # git has gone already


@contextmanager
def ssh_server(host_key: paramiko.PKey, interface: GitOverSsh) -> Iterator[int]:
    """Serve ssh connections on loopback; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(plain)
            transport.add_server_key(host_key)
            transports.append(transport)
            try:
                transport.start_server(server=interface)
            except (paramiko.SSHException, OSError, EOFError):
                # The client did not believe the host key, and may have gone before it said so.
                transport.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()
            transport.join(5)


@pytest.fixture
def host_key(tmp_path: Path) -> paramiko.PKey:
    return paramiko_key(tmp_path, "host", private_pem(ed25519.Ed25519PrivateKey.generate()))


def knowing(key: paramiko.PKey, port: int) -> Network:
    line = f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    return Network(host_keys=parse_host_keys(line))


def ssh_source(port: int, name: str = "site.git"):
    return parse_project_url(
        f"ssh://git@127.0.0.1:{port}/{name}", allowed_hosts=HOSTS, with_private_key=True
    )


@pytest.mark.parametrize("kind", ["ed25519", "rsa-openssh", "rsa-pem", "windows line ends"])
def test_a_private_key_opens_the_repository_over_ssh(
    tmp_path: Path, host_key: paramiko.PKey, kind: str
):
    if kind.startswith("rsa"):
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = private_pem(made, "OpenSSH" if kind.endswith("openssh") else "TraditionalOpenSSL")
    else:
        pem = private_pem(ed25519.Ed25519PrivateKey.generate())
    files = {"index.html": b"over ssh", "big.bin": os.urandom(300_000)}
    make_repository(tmp_path, "site", files, commits=5)
    interface = GitOverSsh(tmp_path, paramiko_key(tmp_path, "client", pem))
    given = pem.replace("\n", "\r\n") if kind.startswith("windows") else pem.strip()
    with (
        ssh_server(host_key, interface) as port,
        GitRepository(HOSTS, network=knowing(host_key, port)).fetch(
            ssh_source(port), {"PrivateKey": given}
        ) as tree,
    ):
        assert {file.path: file.read() for file in tree} == files
    assert interface.commands == ["git-upload-pack '/site.git'"]


def test_what_ssh_refuses(tmp_path: Path, host_key: paramiko.PKey):
    make_repository(tmp_path, "site", {"index.html": b"x"})
    mine, other = (private_pem(ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
    interface = GitOverSsh(tmp_path, paramiko_key(tmp_path, "client", mine))
    stranger = paramiko_key(tmp_path, "s", private_pem(ed25519.Ed25519PrivateKey.generate()))
    with ssh_server(host_key, interface) as port:

        def reason(network: Network, key: str, name: str = "site.git") -> str:
            with pytest.raises(SourceError) as caught:
                GitRepository(HOSTS, FetchLimits(seconds=20), network).fetch(
                    ssh_source(port, name), {"PrivateKey": key}
                )
            assert key.splitlines()[1] not in caught.value.message
            return caught.value.reason

        known = knowing(host_key, port)
        assert reason(known, other) == SourceCode.ACCESS_DENIED
        assert reason(known, mine, "missing.git") == SourceCode.NOT_FOUND
        assert reason(knowing(stranger, port), mine) == SourceCode.HOST_KEY_UNKNOWN
        assert reason(Network(host_keys={}), mine) == SourceCode.HOST_KEY_UNKNOWN
        broken = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END"
        assert reason(known, broken) == SourceCode.KEY_UNUSABLE
    assert interface.commands == ["git-upload-pack '/missing.git'"]


def test_a_silent_ssh_server_ends_at_the_deadline():
    key = private_pem(ed25519.Ed25519PrivateKey.generate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        known = Network(host_keys={f"[127.0.0.1]:{port}": frozenset({("ssh-ed25519", "AAAA")})})
        with pytest.raises(SourceError) as caught:
            GitRepository(HOSTS, FetchLimits(seconds=0.4), known).fetch(
                ssh_source(port), {"PrivateKey": key}
            )
    assert caught.value.reason in {SourceCode.TIMEOUT, SourceCode.UNREACHABLE}
    assert caught.value.retryable


def test_the_big_hosts_are_known_by_the_keys_they_publish():
    published = {
        "github.com": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "gitlab.com": "eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
        "bitbucket.org": "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    }
    for host, keys in parse_host_keys(PUBLISHED_HOST_KEYS).items():
        ((kind, text),) = keys
        key = paramiko.PKey.from_type_string(kind, base64.b64decode(text))
        assert key.fingerprint == f"SHA256:{published.pop(host)}"
    assert published == {}


def test_a_line_of_host_keys_that_is_not_understood_is_refused():
    with pytest.raises(ValueError, match="host type key"):
        parse_host_keys("# fine\n\ngithub.com ssh-ed25519\n")
