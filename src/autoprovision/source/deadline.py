"""One deadline and one byte budget for all that a fetch does on the network.

A timeout per read is no limit: a server that sends one byte a minute passes every one of them.
"""

import io
import socket
import time
from typing import Any

from autoprovision.domain.git_source import SourceCode, SourceError


class Deadline:
    """A moment by which a fetch is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left.

        Raises:
            SourceError: SOURCE_TIMEOUT when none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> SourceError:
        """The error that tells a user what a missed deadline means."""
        return SourceError(
            SourceCode.TIMEOUT,
            f"Fetching the repository took longer than {self._seconds:g} seconds. "
            "Try again; if it keeps happening, make the repository smaller.",
        )


class ByteBudget:
    """How many bytes may still arrive."""

    def __init__(self, size: int) -> None:
        self._left = size

    def spend(self, size: int) -> None:
        """Take `size` bytes off.

        Raises:
            SourceError: SOURCE_TOO_LARGE when the budget is used up.
        """
        self._left -= size
        if self._left < 0:
            raise SourceError(
                SourceCode.TOO_LARGE,
                "The git server sent more data than a repository within the limits can need.",
            )


def unreachable(host: str) -> SourceError:
    """The error for a connection that could not be made or broke."""
    return SourceError(
        SourceCode.UNREACHABLE,
        f"The connection to {host} could not be made or was cut. Try again in a few minutes.",
    )


class _GuardedReads(io.RawIOBase):
    def __init__(self, guarded: "GuardedSocket") -> None:
        self._guarded = guarded

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._guarded.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._guarded.release()
        super().close()


class GuardedSocket:
    """A connected socket whose every operation ends at the deadline and within the budget.

    It offers what `http.client` asks of a socket, and nothing else. As with a real socket, the
    connection lives until the reader made by `makefile` is closed too: `http.client` closes the
    socket early when an answer has no length.
    """

    def __init__(
        self, wrapped: socket.socket, host: str, deadline: Deadline, budget: ByteBudget
    ) -> None:
        self._socket = wrapped
        self._host = host
        self._deadline = deadline
        self._budget = budget
        self._readers = 0
        self._closing = False

    def recv_into(self, buffer: Any) -> int:
        """Receive what is there, at most the buffer's size."""
        self._socket.settimeout(self._deadline.remaining())
        try:
            size = self._socket.recv_into(buffer)
        except TimeoutError:
            raise self._deadline.expired() from None
        except OSError as error:
            raise unreachable(self._host) from error
        self._budget.spend(size)
        return size

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        self._socket.settimeout(self._deadline.remaining())
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._deadline.expired() from None
        except OSError as error:
            raise unreachable(self._host) from error

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        """Give the reading side, as `http.client` asks for it."""
        if mode != "rb":
            raise ValueError(mode)
        self._readers += 1
        return io.BufferedReader(_GuardedReads(self), 65536 if buffering < 0 else buffering)

    def release(self) -> None:
        """A reader is closed."""
        self._readers -= 1
        if self._closing and self._readers <= 0:
            self._socket.close()

    def close(self) -> None:
        """Close the connection, once its readers are closed."""
        self._closing = True
        if self._readers <= 0:
            self._socket.close()
