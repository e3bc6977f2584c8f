"""Git's smart protocol over http(s), to checked addresses only.

dulwich speaks git; this file is its transport: the address is pinned while TLS is still verified
against the name, a redirect may not leave the origin, and what is not a smart git answer ends here.
"""

import base64
import http.client
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from dulwich.client import AbstractHttpGitClient

from autoprovision.domain.git_source import (
    DEFAULT_PORTS,
    FetchLimits,
    GitCredentials,
    GitSource,
    SourceCode,
    SourceError,
)
from autoprovision.source.addresses import connect
from autoprovision.source.deadline import ByteBudget, Deadline, GuardedSocket, unreachable
from autoprovision.source.hosts import OTHER_TOKEN_USERNAME, TOKEN_USERNAMES

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_REFS_BYTES = 8 * 1024 * 1024
_PACK_OVERHEAD_BYTES = 8 * 1024 * 1024
_DISCOVERY = "/info/refs"
_USER_AGENT = "git/autoprovision"


def not_found(host: str, *, with_credential: bool) -> SourceError:
    """The one answer for a repository that is missing or private: hosts do not tell which."""
    advice = (
        "Check the address, and that the given credential may read this very repository."
        if with_credential
        else "Check the address; if the repository is private, give AccessToken or PrivateKey."
    )
    return SourceError(
        SourceCode.NOT_FOUND, f"{host} has no such repository, or it is private. {advice}"
    )


class _PinnedConnection(http.client.HTTPConnection):
    def __init__(self, host: str, port: int, dial: Callable[[], GuardedSocket]) -> None:
        super().__init__(host, port)
        self._dial = dial

    def connect(self) -> None:
        self.sock = cast("Any", self._dial())


class _Answer:
    """A response in the shape that dulwich's http client reads."""

    def __init__(
        self, connection: _PinnedConnection, response: http.client.HTTPResponse, moved_to: str
    ) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.content_type = response.headers.get("Content-Type")
        self.redirect_location = moved_to

    def read(self, size: int = -1) -> bytes:
        return self._response.read(None if size < 0 else size)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


class PinnedHttpGitClient(AbstractHttpGitClient):
    """Fetches from one origin over addresses that were checked before."""

    def __init__(
        self,
        source: GitSource,
        addresses: Sequence[str],
        *,
        credentials: GitCredentials | None,
        limits: FetchLimits,
        deadline: Deadline,
        tls: ssl.SSLContext,
    ) -> None:
        super().__init__(source.url, thin_packs=False, quiet=True)
        self._source = source
        self._addresses = addresses
        self._limits = limits
        self._deadline = deadline
        self._tls = tls
        self._token = credentials.access_token if credentials else None
        self._authorization = self._basic(credentials) if credentials and self._token else None

    def _basic(self, credentials: GitCredentials) -> str:
        user = credentials.username or TOKEN_USERNAMES.get(self._source.host, OTHER_TOKEN_USERNAME)
        pair = f"{user}:{credentials.access_token}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")

    def _get_url(self, path: str | bytes) -> str:  # noqa: ARG002 - the path stands in the source
        return self._source.url + "/"

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002 - a failed status always raises here
    ) -> Any:
        body = b"".join(data) if data is not None and not isinstance(data, bytes) else data
        sent = {**(headers or {}), "User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if self._authorization:
            sent["Authorization"] = self._authorization
        wanted = url
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._once(wanted, sent, body, "" if wanted == url else wanted)
            if answer.status not in _REDIRECTS:
                self._check(answer, asked_for_refs=body is None)
                return answer, answer.read
            answer.close()
            wanted = self._redirected(wanted, answer, may=body is None)
        raise self._not_git("it redirects in circles")

    def _once(
        self, url: str, headers: dict[str, str], body: bytes | None, moved_to: str
    ) -> _Answer:
        parts = urlsplit(url)
        if (parts.scheme, parts.hostname, _port(parts.scheme, parts.port)) != self._origin():
            raise self._off_host()
        pack_follows = body is not None and b"want " in body
        budget = self._limits.total_bytes + _PACK_OVERHEAD_BYTES if pack_follows else _REFS_BYTES
        connection = _PinnedConnection(
            self._source.host, self._source.port, lambda: self._dial(ByteBudget(budget))
        )
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET" if body is None else "POST", target, body, headers)
            return _Answer(connection, connection.getresponse(), moved_to)
        except (http.client.HTTPException, ValueError) as error:
            connection.close()
            raise self._not_git("its answer is not http") from error
        except BaseException:
            connection.close()
            raise

    def _dial(self, budget: ByteBudget) -> GuardedSocket:
        host = self._source.host
        plain = connect(host, self._source.port, self._addresses, self._deadline)
        try:
            plain.settimeout(self._deadline.remaining())
            if self._source.scheme == "https":
                plain = self._tls.wrap_socket(plain, server_hostname=host)
        except TimeoutError:
            plain.close()
            raise self._deadline.expired() from None
        except OSError as error:
            plain.close()
            raise unreachable(host) from error
        return GuardedSocket(plain, host, self._deadline, budget)

    def _origin(self) -> tuple[str, str, int]:
        return self._source.scheme, self._source.host, self._source.port

    def _redirected(self, url: str, answer: _Answer, *, may: bool) -> str:
        location = answer.headers.get("Location")
        if not may or not location:
            raise self._not_git("it redirects where git does not follow")
        target = urljoin(url, location)
        try:
            parts = urlsplit(target)
            origin = parts.scheme, parts.hostname, _port(parts.scheme, parts.port)
        except ValueError as error:
            raise self._not_git("it redirects to no address") from error
        if origin != self._origin() or "@" in parts.netloc or "\\" in target:
            raise self._off_host()
        if not parts.path.endswith(_DISCOVERY):
            # A sign-in page: how some hosts answer for what one may not see.
            raise not_found(self._source.host, with_credential=self._token is not None)
        return target

    def _check(self, answer: _Answer, *, asked_for_refs: bool) -> None:
        try:
            self._check_status(answer.status)
            kind = (answer.content_type or "").partition(";")[0].strip()
            if asked_for_refs and kind != "application/x-git-upload-pack-advertisement":
                raise self._not_git("it does not answer as a git server")
        except SourceError:
            answer.close()
            raise

    def _check_status(self, status: int) -> None:
        host = self._source.host
        if status == http.client.OK:
            return
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN) and self._token:
            raise SourceError(
                SourceCode.ACCESS_DENIED,
                f"{host} refused the AccessToken: it is wrong, expired, or may not read "
                "this repository.",
            )
        if status in (
            http.client.UNAUTHORIZED,
            http.client.FORBIDDEN,
            http.client.NOT_FOUND,
            http.client.GONE,
        ):
            raise not_found(host, with_credential=self._token is not None)
        if status == http.client.TOO_MANY_REQUESTS or status >= http.client.INTERNAL_SERVER_ERROR:
            raise SourceError(
                SourceCode.UNREACHABLE,
                f"{host} is not able to answer now (http {status}). Try again in a few minutes.",
            )
        raise self._not_git(f"it answers with http {status}")

    def _off_host(self) -> SourceError:
        return SourceError(
            SourceCode.HOST_NOT_ALLOWED,
            f"{self._source.host} redirects to another host; give the repository's own address.",
        )

    def _not_git(self, why: str) -> SourceError:
        return SourceError(
            SourceCode.NOT_GIT, f"There is no git repository at {self._source.url}: {why}."
        )


def _port(scheme: str, port: int | None) -> int:
    return port or DEFAULT_PORTS.get(scheme, 0)
