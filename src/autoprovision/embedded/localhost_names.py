"""Resolves names below `.localhost` to loopback, which glibc and macOS do not do by themselves.

RFC 6761, section 6.3, asks resolvers to answer such names with the loopback address. Browsers
and curl do; Python asks the C library, which does not. The embedded AWS serves applications
under such names (`http://<label>.cloudfront.localhost:PORT/`).
"""

import socket
from collections.abc import Callable
from typing import Any

_LOOPBACK = "127.0.0.1"


def install() -> None:
    """Make `socket.getaddrinfo` of this process resolve `*.localhost`. Safe to call twice."""
    if getattr(socket.getaddrinfo, "knows_localhost_names", False):
        return
    socket.getaddrinfo = _resolver_above(socket.getaddrinfo)


def _resolver_above(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").lower().endswith(".localhost"):
            host = _LOOPBACK
        return resolve(host, *arguments, **options)

    getaddrinfo.knows_localhost_names = True  # type: ignore[attr-defined]
    return getaddrinfo
