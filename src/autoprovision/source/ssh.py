"""Git over ssh with a private key, to checked addresses and pinned host keys only.

paramiko is imported here alone: most fetches never need it.
"""

import io
from collections.abc import Mapping, Sequence
from typing import IO, Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dulwich.client import TraditionalGitClient
from dulwich.errors import HangupException
from dulwich.protocol import Protocol

from autoprovision.domain.git_source import (
    DEFAULT_PORTS,
    FetchLimits,
    GitSource,
    SourceCode,
    SourceError,
)
from autoprovision.source.addresses import connect
from autoprovision.source.deadline import ByteBudget, Deadline, unreachable
from autoprovision.source.https import not_found

_PACK_OVERHEAD_BYTES = 16 * 1024 * 1024
_USER = "git"


class PinnedSshGitClient(TraditionalGitClient):
    """Speaks to `git-upload-pack` on one host whose key is known beforehand."""

    def __init__(
        self,
        source: GitSource,
        addresses: Sequence[str],
        *,
        private_key: str,
        limits: FetchLimits,
        deadline: Deadline,
        host_keys: Mapping[str, frozenset[tuple[str, str]]],
    ) -> None:
        super().__init__(thin_packs=False, quiet=True)
        self._source = source
        self._addresses = addresses
        self._deadline = deadline
        self._known = _known_keys(source, host_keys)
        self._key = _load(private_key)
        self._budget = ByteBudget(limits.total_bytes + _PACK_OVERHEAD_BYTES)
        self._transport: paramiko.Transport | None = None

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
        super().close()

    def fetch_pack(self, *arguments: Any, **named: Any) -> Any:
        """Fetch as the base class does; a hang-up before the first line means no repository."""
        try:
            return super().fetch_pack(*arguments, **named)
        except HangupException as error:
            raise not_found(self._source.host, with_credential=True) from error

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,  # noqa: ARG002 - the path stands in the source
        protocol_version: int | None = None,  # noqa: ARG002 - ssh hosts answer with version 0
    ) -> tuple[Protocol, Any, IO[bytes] | None]:
        channel = self._session()
        try:
            # The grammar of a source's path has no quote and no other shell character.
            channel.exec_command(f"git-{cmd.decode('ascii')} '{self._source.path}'")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise unreachable(self._source.host) from error
        protocol = Protocol(
            lambda size: self._read(channel, size),
            lambda data: self._write(channel, data),
            channel.close,
        )
        return protocol, channel.recv_ready, None

    def _session(self) -> Any:
        host = self._source.host
        plain = connect(host, self._source.port, self._addresses, self._deadline)
        try:
            transport = self._transport = paramiko.Transport(plain)
            _bound(transport, self._deadline)
            transport.get_security_options().key_types = tuple(
                kind for kind in transport.preferred_keys if kind in self._kinds()
            )
            transport.start_client(timeout=self._deadline.remaining())
            offered = transport.get_remote_server_key()
            if (offered.get_name(), offered.get_base64()) not in self._known:
                raise _unknown_host_key(host)
            transport.auth_publickey(_USER, self._key)
            return transport.open_session(timeout=self._deadline.remaining())
        except paramiko.AuthenticationException as error:
            raise SourceError(
                SourceCode.ACCESS_DENIED,
                f"{host} refused the PrivateKey: it is not a key that may read this repository.",
            ) from error
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise _unknown_host_key(host) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._deadline.remaining()
            raise unreachable(host) from error

    def _kinds(self) -> frozenset[str]:
        kinds = {kind for kind, _ in self._known}
        if "ssh-rsa" in kinds:  # the key's type; signatures with SHA-2 have names of their own
            kinds |= {"rsa-sha2-256", "rsa-sha2-512"}
        return frozenset(kinds)

    def _read(self, channel: Any, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            channel.settimeout(self._deadline.remaining())
            try:
                piece = channel.recv(size - len(pieces))
            except TimeoutError:
                raise self._deadline.expired() from None
            if not piece:
                break
            self._budget.spend(len(piece))
            pieces += piece
        return bytes(pieces)

    def _write(self, channel: Any, data: bytes) -> int:
        channel.settimeout(self._deadline.remaining())
        try:
            channel.sendall(data)
        except TimeoutError:
            raise self._deadline.expired() from None
        except OSError as error:
            # The far side hung up, which is how a host says that there is nothing to see.
            raise HangupException from error
        return len(data)


def _bound(transport: paramiko.Transport, deadline: Deadline) -> None:
    left = deadline.remaining()
    transport.banner_timeout = min(transport.banner_timeout, left)
    transport.handshake_timeout = min(transport.handshake_timeout, left)
    transport.auth_timeout = min(transport.auth_timeout, left)


def _known_keys(
    source: GitSource, host_keys: Mapping[str, frozenset[tuple[str, str]]]
) -> frozenset[tuple[str, str]]:
    name = source.host
    if source.port != DEFAULT_PORTS["ssh"]:
        name = f"[{source.host}]:{source.port}"
    known = host_keys.get(name)
    if not known:
        raise _unknown_host_key(source.host)
    return known


def _unknown_host_key(host: str) -> SourceError:
    return SourceError(
        SourceCode.HOST_KEY_UNKNOWN,
        f"The ssh host key of {host} is not one that the platform knows. "
        "Use https with an AccessToken, or ask an administrator to add the host's key.",
    )


def _load(private_key: str) -> paramiko.PKey:
    """Read an OpenSSH or PEM key without a passphrase; nothing of it reaches an error."""
    text = private_key.replace("\r\n", "\n").strip() + "\n"
    try:
        loaded: Any
        try:
            loaded = serialization.load_ssh_private_key(text.encode(), password=None)
        except ValueError:
            loaded = serialization.load_pem_private_key(text.encode(), password=None)
        kinds: dict[type[Any], type[paramiko.PKey]] = {
            rsa.RSAPrivateKey: paramiko.RSAKey,
            ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
            ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
        }
        for kind, reader in kinds.items():
            if isinstance(loaded, kind):
                return reader.from_private_key(io.StringIO(text))
    except Exception:  # noqa: BLE001 - whatever a parser says may quote the key
        raise _unusable_key() from None
    raise _unusable_key()


def _unusable_key() -> SourceError:
    return SourceError(
        SourceCode.KEY_UNUSABLE,
        "PrivateKey is not a key that can be used: give an Ed25519, ECDSA or RSA key in "
        "OpenSSH or PEM form, without a passphrase.",
    )
