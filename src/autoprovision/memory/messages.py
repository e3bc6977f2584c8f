"""What goes out without AWS: mails, events, words to operators. All of it is kept."""

import threading
from collections.abc import Mapping
from typing import Any

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.events import EventName
from autoprovision.domain.mail import SENDER_SECONDS, Mail
from autoprovision.memory.outside import Outside


class MemoryMailer:
    """The port `Mailer`; `sent` holds the mails in order."""

    def __init__(self, outside: Outside) -> None:
        self._lock = threading.RLock()
        self._outside = outside
        self._claimed: dict[str, float] = {}
        self._confirmed: set[str] = set()
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> bool:
        """Send a mail unless its id was sent before."""
        with self._lock:
            if mail.id in self._confirmed:
                return False
            now = self._outside.seconds()
            if now - self._claimed.get(mail.id, -SENDER_SECONDS) < SENDER_SECONDS:
                raise UnavailableError(f"The mail {mail.id} is being sent.")
            self._claimed[mail.id] = now
            try:
                self._outside.does("mail", mail.id, mail.to)
            except Exception:
                del self._claimed[mail.id]
                raise
            self.sent.append(mail)
            # Whoever interleaves or crashes deeds may do so between a mail and its mark.
            self._outside.on_deed("mail.sent")
            self._confirmed.add(mail.id)
            return True


class MemoryEventBus:
    """The port `EventBus`; `published` holds names and details in order."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.published: list[tuple[EventName, dict[str, Any]]] = []

    def publish(self, name: EventName, detail: Mapping[str, Any]) -> None:
        """Say what has happened."""
        self._outside.does("event", name)
        self.published.append((name, dict(detail)))


class MemoryOperators:
    """The port `Operators`; `told` holds subjects and messages in order."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.told: list[tuple[str, str]] = []

    def tell(self, subject: str, message: str) -> None:
        """Say what needs them."""
        self._outside.does("operators", subject)
        self.told.append((subject, message))


class MemoryChat:
    """The port `Chat`; `posted` holds the messages in order."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.posted: list[dict[str, Any]] = []

    def post(self, message: Mapping[str, Any]) -> None:
        """Post a message."""
        self._outside.does("chat")
        self.posted.append(dict(message))
