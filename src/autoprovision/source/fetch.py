"""The latest commit of a repository, as a tree of files: the one entry of this package."""

import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dulwich.client import GitClient
from dulwich.errors import ApplyDeltaError, ChecksumMismatch, GitProtocolError, NotGitRepository
from dulwich.object_format import SHA1, SHA256, ObjectFormat
from dulwich.objects import Commit
from dulwich.pack import UnresolvedDeltas

from autoprovision.domain.git_source import (
    AllowedHosts,
    FetchLimits,
    GitCredentials,
    GitSource,
    SourceCode,
    SourceError,
    SourceTree,
)
from autoprovision.domain.public_addresses import NOTHING_INSIDE, PrivateHosts
from autoprovision.source.addresses import Resolver, resolve, system_resolver
from autoprovision.source.deadline import Deadline
from autoprovision.source.hosts import PUBLISHED_HOST_KEYS, parse_host_keys
from autoprovision.source.https import PinnedHttpGitClient
from autoprovision.source.pack import COMMIT, PackMeter, PackStore, broken, scratch_file
from autoprovision.source.tree import read_tree

# What dulwich and zlib raise on data that is not valid git.
_INVALID = (
    ApplyDeltaError,
    AssertionError,
    ChecksumMismatch,
    GitProtocolError,
    KeyError,
    IndexError,
    NotGitRepository,
    TypeError,
    UnresolvedDeltas,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Network:
    """How the outside is reached. The defaults are right; tests bring their own."""

    resolver: Resolver = system_resolver
    private_hosts: PrivateHosts = NOTHING_INSIDE
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    host_keys: Mapping[str, frozenset[tuple[str, str]]] = field(
        default_factory=lambda: parse_host_keys(PUBLISHED_HOST_KEYS)
    )


def fetch(
    source: GitSource,
    *,
    credentials: GitCredentials | None,
    limits: FetchLimits,
    allowed_hosts: AllowedHosts,
    network: Network | None = None,
    scratch: Path | None = None,
) -> SourceTree:
    """Fetch the commit that HEAD names, without its history.

    Args:
        source: what `parse_project_url` made; checked again against the hosts here.
        credentials: an access token (https) or a private key (the same repository over ssh).
        limits: what the fetch may cost; bytes are counted while they arrive.
        allowed_hosts: the platform's setting, as it is now.
        network: resolver, TLS roots and ssh host keys.
        scratch: folder for the received pack; the system's own by default.

    Raises:
        SourceError: with a code, a sentence and whether trying again may help.
    """
    network = network or Network()
    if credentials and credentials.private_key:
        source = source.over_ssh()
    if not allowed_hosts.permits(source.scheme, source.host, source.port):
        raise SourceError(
            SourceCode.HOST_NOT_ALLOWED,
            f"Projects are not fetched from {source.host} by {source.scheme}. "
            f"Allowed: {allowed_hosts.describe()}.",
        )
    deadline = Deadline(limits.seconds)
    addresses = resolve(
        source.host, source.port, deadline=deadline, resolver=network.resolver,
        private_hosts=network.private_hosts,
    )  # fmt: skip
    client = _client(
        source,
        addresses,
        credentials=credentials,
        limits=limits,
        deadline=deadline,
        network=network,
    )
    pack = scratch_file(scratch)
    try:
        return _receive(client, source, limits, deadline, pack)
    except BaseException:
        pack.close()
        raise
    finally:
        client.close()


def _client(
    source: GitSource,
    addresses: list[str],
    *,
    credentials: GitCredentials | None,
    limits: FetchLimits,
    deadline: Deadline,
    network: Network,
) -> GitClient:
    if source.scheme != "ssh":
        return PinnedHttpGitClient(
            source,
            addresses,
            credentials=credentials,
            limits=limits,
            deadline=deadline,
            tls=network.tls,
        )
    from autoprovision.source.ssh import PinnedSshGitClient  # only a private key needs paramiko

    return PinnedSshGitClient(
        source,
        addresses,
        private_key=(credentials.private_key if credentials else None) or "",
        limits=limits,
        deadline=deadline,
        host_keys=network.host_keys,
    )


class _NoHistory:
    """Tells git that nothing is here yet."""

    shallow: frozenset[bytes] = frozenset()

    def __next__(self) -> None:
        return None

    def ack(self, _object_id: bytes) -> None:
        """Take note of nothing: nothing was offered."""

    nak = staticmethod(lambda: None)


def _receive(
    client: GitClient,
    source: GitSource,
    limits: FetchLimits,
    deadline: Deadline,
    pack: IO[bytes],
) -> SourceTree:
    heads: list[bytes] = []
    meters: list[PackMeter] = []

    def want_head(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
        del depth
        head = refs.get(b"HEAD")
        if head is None:
            raise SourceError(
                SourceCode.EMPTY,
                "The repository has no commit on its default branch. Push something first.",
            )
        heads.append(head)
        meters.append(PackMeter(limits, len(head) // 2, pack))
        return [head]

    def take(data: bytes) -> int:
        deadline.remaining()
        return meters[0].feed(data)

    try:
        client.fetch_pack(
            source.path,
            want_head,  # type: ignore[arg-type]
            _NoHistory(),
            take,
            depth=1,
            ref_prefix=[b"HEAD"],
        )
        meters[0].finish()
        return _open(pack, heads[0], limits)
    except _INVALID as error:
        raise broken() from error


def _open(pack: IO[bytes], head: bytes, limits: FetchLimits) -> SourceTree:
    object_format: ObjectFormat = SHA1 if len(head) == SHA1.hex_length else SHA256
    store = PackStore(pack, object_format)
    close = _closer(store, pack)
    try:
        content = store.read(bytes.fromhex(head.decode("ascii")), COMMIT)
        commit = Commit.from_string(content)
        root = bytes.fromhex(commit.tree.decode("ascii"))
        files, pointers = read_tree(store, root, limits)
    except BaseException:
        close()
        raise
    return SourceTree(head.decode("ascii"), files, pointers, close)


def _closer(store: PackStore, pack: IO[bytes]) -> Callable[[], None]:
    def close() -> None:
        store.close()
        pack.close()

    return close


class GitRepository:
    """The port `SourceRepository` on git: `fetch` with the platform's settings filled in."""

    def __init__(
        self,
        allowed_hosts: AllowedHosts,
        limits: FetchLimits | None = None,
        network: Network | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._limits = limits or FetchLimits()
        self._network = network
        self._scratch = scratch

    def fetch(self, source: GitSource, secrets: Mapping[str, str]) -> SourceTree:
        """Fetch the newest commit.

        Args:
            source: what `parse_project_url` made.
            secrets: `AccessToken`, `PrivateKey`, or none, under the names of the JSON template.

        Raises:
            SourceError: see `fetch`.
        """
        credentials = GitCredentials(
            access_token=secrets.get("AccessToken") or None,
            private_key=secrets.get("PrivateKey") or None,
        )
        return fetch(
            source,
            credentials=credentials,
            limits=self._limits,
            allowed_hosts=self._allowed_hosts,
            network=self._network,
            scratch=self._scratch,
        )
