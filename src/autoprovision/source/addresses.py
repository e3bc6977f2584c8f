"""Names to addresses, once and checked, and connections to nothing but those addresses.

The name is resolved one time only: asking again for the connection would let a name server
answer with a public address for the check and a private one for the call.
"""

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from autoprovision.domain.git_source import LOOPBACK_HOSTS, SourceCode, SourceError
from autoprovision.domain.public_addresses import PrivateHosts
from autoprovision.source.deadline import Deadline, unreachable

Resolver = Callable[[str, int], Sequence[str]]

_CONNECT_SECONDS = 10.0


def system_resolver(host: str, port: int) -> list[str]:
    """All addresses that the system knows for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(
    host: str, port: int, *, deadline: Deadline, resolver: Resolver, private_hosts: PrivateHosts
) -> list[str]:
    """Resolve a host once and check every address it has.

    Loopback is fine only for the names that mean loopback and that the setting must have named; a
    private address only for a host that an operator named with its block.

    Raises:
        SourceError: unreachable, timeout, or host not allowed when any address is not public.
    """
    texts = _within(deadline, lambda: resolver(host, port), host)
    addresses = [ipaddress.ip_address(text) for text in texts]
    if not addresses:
        raise unreachable(host)
    loopback = host in LOOPBACK_HOSTS
    for address in addresses:
        if not (address.is_loopback if loopback else private_hosts.may_call(host, address)):
            raise SourceError(
                SourceCode.HOST_NOT_ALLOWED,
                f"The name {host} leads to an address inside a private network; "
                "projects are fetched from public hosts only.",
            )
    return [str(address) for address in addresses]


def _within(deadline: Deadline, ask: Callable[[], Sequence[str]], host: str) -> Sequence[str]:
    """Ask in a thread of its own, because a system's resolver knows no timeout."""
    answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.remaining())
    except queue.Empty:
        raise deadline.expired() from None
    if isinstance(answer, Exception):
        raise unreachable(host) from answer
    return answer


def connect(host: str, port: int, addresses: Sequence[str], deadline: Deadline) -> socket.socket:
    """Connect to the first of the checked addresses that answers.

    Raises:
        SourceError: unreachable, or timeout.
    """
    last: OSError | None = None
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        wanted = socket.socket(family, socket.SOCK_STREAM)
        wanted.settimeout(min(_CONNECT_SECONDS, deadline.remaining()))
        target: Any = (address, port, 0, 0) if family == socket.AF_INET6 else (address, port)
        try:
            wanted.connect(target)
        except OSError as error:
            wanted.close()
            last = error
            continue
        return wanted
    deadline.remaining()
    raise unreachable(host) from last
