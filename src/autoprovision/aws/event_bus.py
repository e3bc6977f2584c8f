"""The port `EventBus` on EventBridge: others hook on, and we do not know them."""

import json
from collections.abc import Mapping
from typing import Any

from autoprovision.aws.answers import answering
from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.events import EventName

_SOURCE = "autoprovision"


class EventBridgeBus:
    """One bus, one event a call."""

    def __init__(self, client: Any, *, bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, name: EventName, detail: Mapping[str, Any]) -> None:
        """Say what has happened."""
        event = {
            "EventBusName": self._bus, "Source": _SOURCE, "DetailType": name.value,
            "Detail": json.dumps(dict(detail)),
        }  # fmt: skip
        with answering("EventBridge"):
            answer = self._client.put_events(Entries=[event])
        # PutEvents answers 200 also when it did not take the event.
        if answer.get("FailedEntryCount"):
            raise UnavailableError(f"EventBridge did not take the event {name}.")
