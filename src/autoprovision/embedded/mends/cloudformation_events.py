"""CloudFormation tells EventBridge about stacks and their resources.

AWS: every status change of a stack and of a resource goes to the default bus as "CloudFormation
Stack Status Change" and "CloudFormation Resource Status Change" (CloudFormation user guide,
"Managing events with EventBridge").

MiniStack: records stack events for DescribeStackEvents, and sends none.

Mend: whatever is recorded is also dispatched, in order.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import sys
from typing import Any

from autoprovision.embedded import event_delivery

_STACK = "AWS::CloudFormation::Stack"
_RECORDERS = ("stacks", "handlers", "changesets", "provisioners", "wait_conditions")


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
        what = (stack_id, stack_name, logical_id, resource_type)
        record(*what, status, reason, physical_id, detailed_status)
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
        _send(stack_id, detail, is_stack)

    package = stacks.__name__.rpartition(".")[0]
    for name in _RECORDERS:
        module = sys.modules.get(f"{package}.{name}")
        if module is not None and hasattr(module, "_add_event"):
            module._add_event = record_and_send  # type: ignore[attr-defined]


def _status_details(status: str, reason: str, detailed_status: str) -> dict[str, str]:
    details = {"status": status, "status-reason": reason}
    return details | {"detailed-status": detailed_status} if detailed_status else details


def _send(stack_id: str, detail: dict[str, Any], is_stack: bool) -> None:
    kind = "Stack" if is_stack else "Resource"
    event_delivery.send(
        "aws.cloudformation", f"CloudFormation {kind} Status Change", detail, stack_id
    )
