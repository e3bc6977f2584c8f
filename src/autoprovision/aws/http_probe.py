"""The port `UrlProbe` by HTTP: does the application answer?"""

from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_MOST_BYTES = 64 * 1024
_MOST_REDIRECTS = 5
_FIRST_REDIRECT, _FIRST_FAULT = 300, 400


class HttpProbe:
    """Asks once; whoever waits for an application asks again."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS), retries=False
        )

    def check(self, url: str) -> str | None:
        """None when the URL answers below 400, else what is wrong.

        A redirect is followed on the same host only: one that leads elsewhere is an answer.
        """
        host = urlsplit(url).hostname
        at = url
        for _ in range(_MOST_REDIRECTS + 1):
            if urlsplit(at).scheme not in {"http", "https"}:
                return f"{at} is no web address."
            try:
                status, location = self._ask(at)
            except urllib3.exceptions.HTTPError as error:
                return f"{at} does not answer: {_reason(error)}."
            if status >= _FIRST_FAULT:
                return f"{at} answers {status}."
            following = urljoin(at, location) if location else None
            is_elsewhere = following is None or urlsplit(following).hostname != host
            if status < _FIRST_REDIRECT or is_elsewhere:
                return None
            at = following or at
        return f"{url} redirects without end."

    def _ask(self, url: str) -> tuple[int, str | None]:
        response: Any = self._pool.request(
            "GET", url, redirect=False, preload_content=False,
            headers={"User-Agent": "autoprovision", "Accept": "*/*"},
        )  # fmt: skip
        try:
            # The start of the body shows that the application really speaks; the rest may be big.
            response.read(_MOST_BYTES)
            return int(response.status), response.headers.get("Location")
        finally:
            response.close()


def _reason(error: Exception) -> str:
    return type(error).__name__.removesuffix("Error")
