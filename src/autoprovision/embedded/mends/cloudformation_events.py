"""CloudFormation tells EventBridge about stacks and their resources.

AWS: every status change of a stack and of a resource goes to the default bus as "CloudFormation
Stack Status Change" and "CloudFormation Resource Status Change" (CloudFormation user guide,
"Managing events with EventBridge").

MiniStack: records stack events for DescribeStackEvents, and sends none.

Mend: whatever is recorded is also dispatched, in order, from one thread of its own, so that a
rule's target never holds up CloudFormation.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import json
import queue
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_STACK = "AWS::CloudFormation::Stack"
_RECORDERS = ("stacks", "handlers", "changesets", "provisioners", "wait_conditions")
_pending: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()


def apply() -> None:
    """Send each recorded stack event to EventBridge as well."""
    from ministack.services.cloudformation import handlers, stacks  # noqa: F401 - loads all recorders

    record = stacks._add_event

    def record_and_send(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> None:
        record(
            stack_id,
            stack_name,
            logical_id,
            resource_type,
            status,
            reason,
            physical_id,
            detailed_status,
        )
        is_stack = resource_type == _STACK and logical_id == stack_name
        resource = {
            "logical-resource-id": logical_id,
            "physical-resource-id": physical_id,
            "resource-type": resource_type,
        }
        detail = {
            "stack-id": stack_id,
            **({} if is_stack else resource),
            "status-details": _status_details(status, reason, detailed_status),
            "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
        }
        context = contextvars.copy_context()
        _pending.put(lambda: context.run(_send, stack_id, detail, is_stack))

    package = stacks.__name__.rpartition(".")[0]
    for name in _RECORDERS:
        module = sys.modules.get(f"{package}.{name}")
        if module is not None and hasattr(module, "_add_event"):
            module._add_event = record_and_send  # type: ignore[attr-defined]
    threading.Thread(target=_deliver, name="embedded-cloudformation-events", daemon=True).start()


def _status_details(status: str, reason: str, detailed_status: str) -> dict[str, str]:
    details = {"status": status, "status-reason": reason}
    return details | {"detailed-status": detailed_status} if detailed_status else details


def _send(stack_id: str, detail: dict[str, Any], is_stack: bool) -> None:
    from ministack.core.responses import get_account_id, new_uuid
    from ministack.services import eventbridge

    kind = "Stack" if is_stack else "Resource"
    eventbridge._dispatch_event(
        {
            "EventId": new_uuid(),
            "Source": "aws.cloudformation",
            "DetailType": f"CloudFormation {kind} Status Change",
            "Detail": json.dumps(detail),
            "EventBusName": "default",
            "Time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Resources": [stack_id],
            "Account": get_account_id(),
            "Region": stack_id.split(":")[3],
        }
    )


def _deliver() -> None:
    from ministack.services.eventbridge import logger

    while True:
        deliver = _pending.get()
        try:
            deliver()
        except Exception:  # noqa: BLE001
            # One target's fault must not end the delivery of all later events.
            logger.exception("A CloudFormation event could not be delivered")
