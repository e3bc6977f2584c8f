"""Where a project's source comes from, and what may be asked of it.

The rules for `ProjectURL` stand here, before anything is resolved or dialled: one strict grammar,
so that nothing a URL library, a resolver and git could read differently gets past admission.
The words that fetching speaks (limits, credentials, the tree, its errors) stand here too, because
steps handle them without knowing how git is spoken.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType

from autoprovision.domain.errors import AutoprovisionError

MAX_URL_LENGTH = 2048
DEFAULT_PORTS: Mapping[str, int] = {"https": 443, "http": 80, "ssh": 22}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1"})
_MAX_PORT = 65535

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label has a letter first: every numeric notation of an address ends in a number.
_DNS_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~+-]*|\.[A-Za-z0-9_][A-Za-z0-9._~+-]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_SCP_STYLE = re.compile(r"git@([^/:@]+):(?![0-9]+/)([^:@]*)")


class InvalidProjectURL(ValueError):  # noqa: N818 - the name says what is wrong, as users read it
    """A `ProjectURL` that is refused. The text is a sentence for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """One host that projects may come from. `port` None means any port."""

    scheme: str
    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that the platform fetches from, as its setting names them."""

    entries: tuple[AllowedHost, ...]

    @classmethod
    def parse(cls, setting: str) -> "AllowedHosts":
        """Read a setting such as `github.com,gitlab.com,http://127.0.0.1:*`.

        A bare host means https on port 443 and, for a private key, ssh on port 22.
        `http://` and `ssh://` name what is allowed besides; `:*` means any port.

        Raises:
            ValueError: an entry that cannot be understood; a setting is never half read.
        """
        entries: list[AllowedHost] = []
        for text in filter(None, (part.strip().lower() for part in setting.split(","))):
            scheme, separator, rest = text.partition("://")
            if not separator:
                scheme, rest = "https", text
            host, colon, port = rest.partition(":")
            if scheme not in DEFAULT_PORTS or not _is_host(host):
                raise ValueError(f"ALLOWED_GIT_HOSTS: {text!r} is not a host")
            if colon and port != "*" and not _is_port(port):
                raise ValueError(f"ALLOWED_GIT_HOSTS: {text!r} has no usable port")
            number = None if port == "*" else int(port) if colon else DEFAULT_PORTS[scheme]
            entries.append(AllowedHost(scheme, host, number))
            if not separator and not colon:
                entries.append(AllowedHost("ssh", host, DEFAULT_PORTS["ssh"]))
        return cls(tuple(entries))

    def permits(self, scheme: str, host: str, port: int) -> bool:
        """Say whether this very scheme, host and port is on the list."""
        return any(
            entry.scheme == scheme and entry.host == host and entry.port in (None, port)
            for entry in self.entries
        )

    def permits_host(self, host: str) -> bool:
        """Say whether the host is on the list in any way."""
        return any(entry.host == host for entry in self.entries)

    def describe(self) -> str:
        """Name the hosts for a sentence: `github.com, gitlab.com`."""
        return ", ".join(dict.fromkeys(entry.host for entry in self.entries)) or "none"


@dataclass(frozen=True, slots=True)
class GitSource:
    """A repository's address in its one canonical spelling, without any credential."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, scheme: str, host: str, port: int, path: str) -> "GitSource":
        """Join the parts into the canonical URL."""
        shown = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
        user = "git@" if scheme == "ssh" else ""
        return cls(f"{scheme}://{user}{host}{shown}{path}", scheme, host, port, path)

    def over_ssh(self) -> "GitSource":
        """The same repository over ssh, for a private key."""
        if self.scheme == "ssh":
            return self
        return GitSource.of("ssh", self.host, DEFAULT_PORTS["ssh"], self.path)


def parse_project_url(
    text: str, *, allowed_hosts: AllowedHosts, with_private_key: bool = False
) -> GitSource:
    """Turn what a person wrote as `ProjectURL` into a source, or say why not.

    Args:
        text: `github.com/acme/site`, `https://…`, and with a private key also
            `git@github.com:acme/site.git` or `ssh://git@…`.
        allowed_hosts: the hosts that the platform fetches from.
        with_private_key: whether the request carries a `PrivateKey`.

    Raises:
        InvalidProjectURL: the text is refused; the message says why in one sentence.
    """
    text = text.strip(" ")
    _refuse_unreadable(text)
    scheme, authority, path = _split(text, with_private_key=with_private_key)
    host, port = _host_and_port(scheme, authority)
    path = _clean_path(path)
    if not allowed_hosts.permits(scheme, host, port):
        raise InvalidProjectURL(_not_allowed(scheme, host, port, allowed_hosts))
    source = GitSource.of(scheme, host, port, path)
    ssh = source.over_ssh()
    if with_private_key and not allowed_hosts.permits("ssh", ssh.host, ssh.port):
        raise InvalidProjectURL(_not_allowed("ssh", ssh.host, ssh.port, allowed_hosts))
    return source


def _refuse_unreadable(text: str) -> None:
    if not text:
        raise InvalidProjectURL("The address is empty.")
    if len(text) > MAX_URL_LENGTH:
        raise InvalidProjectURL(f"The address is longer than {MAX_URL_LENGTH} characters.")
    if not text.isascii():
        raise InvalidProjectURL("Only plain ASCII characters may stand in the address.")
    if any(character <= " " or character == "\x7f" for character in text):
        raise InvalidProjectURL("Spaces and control characters may not stand in the address.")
    if text.startswith("-"):
        raise InvalidProjectURL("The address may not begin with a hyphen.")
    if "::" in text:
        raise InvalidProjectURL("Git's remote helpers (`name::address`) are not allowed.")
    for character, name in (("\\", "backslash"), ("%", "percent sign"), ("[", "bracket")):
        if character in text:
            raise InvalidProjectURL(f"A {name} may not stand in the address.")
    if "?" in text or "#" in text:
        raise InvalidProjectURL("A query (`?`) or fragment (`#`) may not stand in the address.")


def _split(text: str, *, with_private_key: bool) -> tuple[str, str, str]:
    scheme, separator, rest = text.partition("://")
    if separator:
        scheme = scheme.lower() if _SCHEME.fullmatch(scheme) else "?"
        authority, _, path = rest.partition("/")
    elif match := _SCP_STYLE.fullmatch(text):
        scheme, authority, path = "ssh", "git@" + match[1], match[2].removeprefix("/")
    else:
        scheme = "https"
        authority, _, path = text.partition("/")
    if scheme == "ssh":
        if not with_private_key:
            raise InvalidProjectURL("An ssh address needs a PrivateKey; use https otherwise.")
        authority = authority.removeprefix("git@")
    elif scheme not in DEFAULT_PORTS:
        raise InvalidProjectURL("Only https addresses are fetched.")
    if "@" in authority:
        raise InvalidProjectURL(
            "Credentials may not stand in the address; give AccessToken or PrivateKey instead."
        )
    return scheme, authority, path


def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    host, colon, port = authority.lower().partition(":")
    if not _is_host(host):
        raise InvalidProjectURL(
            "The host is not a plain domain name; IP addresses are not accepted."
        )
    if colon and not _is_port(port):
        raise InvalidProjectURL("The port is not a number between 1 and 65535.")
    return host, int(port) if colon else DEFAULT_PORTS[scheme]


def _is_host(host: str) -> bool:
    return host in LOOPBACK_HOSTS or (
        len(host) <= 253
        and _DNS_NAME.fullmatch(host) is not None
        # A punycode label shows a name other than the one it stands for.
        and not any(label.startswith("xn--") for label in host.split("."))
    )


def _is_port(port: str) -> bool:
    return _PORT.fullmatch(port) is not None and int(port) <= _MAX_PORT


def _clean_path(path: str) -> str:
    path = path.removesuffix("/")
    if not path:
        raise InvalidProjectURL("The address names a host but no repository.")
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise InvalidProjectURL(
                "The path may hold letters, digits and . _ ~ + - between single slashes; "
                "`.` and `..` are not allowed."
            )
    return "/" + path


def _not_allowed(scheme: str, host: str, port: int, allowed: AllowedHosts) -> str:
    if allowed.permits_host(host):
        return f"{host} may not be reached by {scheme} on port {port}."
    return f"Projects are not fetched from {host}. Allowed: {allowed.describe()}."


class SourceCode(StrEnum):
    """Why a source could not be had."""

    NOT_FOUND = "SOURCE_NOT_FOUND"
    ACCESS_DENIED = "SOURCE_ACCESS_DENIED"
    KEY_UNUSABLE = "SOURCE_KEY_UNUSABLE"
    EMPTY = "SOURCE_EMPTY"
    NO_INDEX = "SOURCE_NO_INDEX"
    TOO_LARGE = "SOURCE_TOO_LARGE"
    TOO_MANY_FILES = "SOURCE_TOO_MANY_FILES"
    TIMEOUT = "SOURCE_TIMEOUT"
    UNREACHABLE = "SOURCE_UNREACHABLE"
    HOST_NOT_ALLOWED = "SOURCE_HOST_NOT_ALLOWED"
    HOST_KEY_UNKNOWN = "SOURCE_HOST_KEY_UNKNOWN"
    UNSAFE_PATH = "SOURCE_UNSAFE_PATH"
    HAS_SUBMODULE = "SOURCE_HAS_SUBMODULE"
    LFS_POINTER = "SOURCE_LFS_POINTER"
    NOT_GIT = "SOURCE_NOT_GIT"
    INCOMPLETE = "SOURCE_INCOMPLETE"
    BUILD_OUTPUT_TOO_LARGE = "BUILD_OUTPUT_TOO_LARGE"
    BUILD_OUTPUT_BROKEN = "BUILD_OUTPUT_BROKEN"
    BUILD_OUTPUT_INCOMPLETE = "BUILD_OUTPUT_INCOMPLETE"


_RETRYABLE = frozenset({SourceCode.TIMEOUT, SourceCode.UNREACHABLE})


class SourceError(AutoprovisionError):
    """A source could not be had: `reason` is a `SourceCode`, `message` a sentence for a person.

    No credential and no text that a remote server wrote ever stands in it.
    """

    code = "SOURCE_ERROR"

    def __init__(self, code: SourceCode, message: str) -> None:
        super().__init__(message, code=code)

    @property
    def retryable(self) -> bool:
        """Whether the same attempt may succeed later without anybody changing anything."""
        return self.reason in _RETRYABLE


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may cost. Sizes are in bytes of uncompressed content."""

    total_bytes: int = 100 * 1024 * 1024
    file_bytes: int = 25 * 1024 * 1024
    files: int = 5_000
    path_bytes: int = 900  # an S3 key holds 1,024 bytes and a release prefix goes before it
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class GitCredentials:
    """What opens a private repository. Never shown: its text form hides the values."""

    access_token: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    username: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a fetched tree; `read` gives its bytes, each time anew."""

    path: str
    size: int
    executable: bool
    digest: str
    read: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(slots=True)
class SourceTree:
    """The files of one commit. Close it (or use `with`) to drop its scratch file."""

    commit: str
    files: Mapping[str, SourceFile]
    lfs_pointers: frozenset[str] = frozenset()
    close: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[SourceFile]:
        return iter(self.files.values())

    def __len__(self) -> int:
        return len(self.files)

    def contains(self, path: str) -> bool:
        """Say whether the commit has a file at this path."""
        return path in self.files

    def __enter__(self) -> "SourceTree":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
