"""How HTTP calls leave this machine: timeouts, retries and the way to loopback.

urllib3's `Retry` decides whether and when to try again; httpx has no such policy of its own.
"""

import ipaddress
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from urllib3.exceptions import InvalidHeader, MaxRetryError
from urllib3.util.retry import Retry

_TIMEOUT = httpx.Timeout(35.0, connect=5.0)  # API Gateway itself gives up after 30 s.
_TOO_MANY = 429
_CONFLICT = 409
_UNAVAILABLE = frozenset({_TOO_MANY, 502, 503, 504})
_POLICY = Retry(total=3, backoff_factor=0.2, backoff_jitter=0.1, backoff_max=8, retry_after_max=60)


class PatientClient(httpx.Client):
    """Tries again what may be tried again, with the same Idempotency-Key.

    A POST or DELETE with an Idempotency-Key is as safe to repeat as a GET. Anything else is only
    repeated when it surely was not carried out: no connection, or 429.

    Args:
        base_url: The service's address. Proxies of the environment are used, except on the way
            to loopback.
        sleep: Waits for some seconds.
    """

    def __init__(self, base_url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        host = urlsplit(base_url).hostname or ""
        if host.endswith(".localhost"):
            from autoprovision.embedded import localhost_names

            localhost_names.install()
        super().__init__(base_url=base_url, timeout=_TIMEOUT, trust_env=not _is_loopback(host))
        self._sleep = sleep

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, and again while the policy allows it.

        Raises:
            httpx.TransportError: No answer came, as often as it was tried.
        """
        policy = _POLICY
        repeatable = is_repeatable(request)
        while True:
            try:
                response = super().send(request, **options)
            except httpx.TransportError as problem:
                if not (repeatable or isinstance(problem, httpx.ConnectError)):
                    raise
                following = _following(policy)
                if following is None:
                    raise
                policy = following
                self._sleep(_wait(policy, None))
                continue
            again = response.status_code == _TOO_MANY or (
                repeatable and (response.status_code in _UNAVAILABLE or _is_at_work(response))
            )
            following = _following(policy) if again else None
            if following is None:
                return response
            policy = following
            self._sleep(_wait(policy, response.headers.get("Retry-After")))


def is_repeatable(request: httpx.Request) -> bool:
    """Whether doing a request twice does no more than doing it once."""
    if request.method in {"POST", "DELETE"}:
        return "Idempotency-Key" in request.headers
    return request.method in {"GET", "HEAD", "PUT"}


def _is_at_work(response: httpx.Response) -> bool:
    """Whether the call before, with the same Idempotency-Key, is still being worked on."""
    return response.status_code == _CONFLICT and b'"IN_PROGRESS"' in response.content


def _following(policy: Retry) -> Retry | None:
    """The policy after one more failure, None when patience is at its end."""
    try:
        return policy.increment()
    except MaxRetryError:
        return None


def _wait(policy: Retry, retry_after: str | None) -> float:
    if retry_after is not None:
        try:
            return policy.parse_retry_after(retry_after)
        except InvalidHeader:
            pass  # A header that says nothing is as good as none.
    return policy.get_backoff_time() or policy.backoff_factor


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
