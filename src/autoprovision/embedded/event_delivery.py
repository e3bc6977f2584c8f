"""Sends the events of the embedded AWS's own services to EventBridge, in order.

One thread of its own delivers them, so that a rule's target never holds up the service.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import json
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

_pending: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()


def send(source: str, detail_type: str, detail: dict[str, Any], resource: str) -> None:
    """Queue one event for the default bus of the current account and region.

    Args:
        source: The service's name, such as `aws.codebuild`.
        detail_type: What EventBridge calls the event.
        detail: The event's content; taken as it is now.
        resource: ARN of what the event is about.
    """
    _deliverer()
    text, now = json.dumps(detail), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context = contextvars.copy_context()
    _pending.put(lambda: context.run(_dispatch, source, detail_type, text, resource, now))


def _dispatch(source: str, detail_type: str, detail: str, resource: str, time: str) -> None:
    from ministack.core.responses import get_account_id, new_uuid
    from ministack.services import eventbridge

    eventbridge._dispatch_event(
        {
            "EventId": new_uuid(),
            "Source": source,
            "DetailType": detail_type,
            "Detail": detail,
            "EventBusName": "default",
            "Time": time,
            "Resources": [resource],
            "Account": get_account_id(),
            "Region": resource.split(":")[3],
        }
    )


@cache
def _deliverer() -> threading.Thread:
    thread = threading.Thread(target=_deliver, name="embedded-service-events", daemon=True)
    thread.start()
    return thread


def _deliver() -> None:
    from ministack.services.eventbridge import logger

    while True:
        deliver = _pending.get()
        try:
            deliver()
        except Exception:  # noqa: BLE001
            # One target's fault must not end the delivery of all later events.
            logger.exception("An event could not be delivered")
