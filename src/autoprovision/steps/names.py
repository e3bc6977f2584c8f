"""WithdrawNames: an application's names go before anything else of it does.

The stack makes them last; LaunchStack's undo begins here. A name that outlives what it leads to
leads to whoever gets that address next.
"""

from typing import Any

from autoprovision.domain.names import is_below, plain
from autoprovision.domain.stack import Stack, StackOutcome, StackResource, outcome
from autoprovision.ports import Platform

_RECORD = "AWS::Route53::RecordSet"
# These have made no record, or have none any more.
_WITHOUT = frozenset({"CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"})
_FAILED = "DELETE_FAILED"


def withdraw_names(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Delete the records of a stack from the platform's zone, in one batch.

    Args:
        event: `requestId` and `stackId`.

    Returns:
        `retain`: what DeleteStack leaves alone. These are records that CloudFormation failed to
        delete and that are verified gone: it would look for them forever.
    """
    platform.records.request(event["requestId"])  # an unknown one takes nothing from anybody
    stack = platform.stacks.find(event["stackId"])
    if stack is None or outcome(stack.status) is StackOutcome.GONE:
        return {"retain": [], "message": "The stack is gone already."}
    if not platform.settings.hosted_zone_id:
        return {"retain": [], "message": "This platform has no zone, so there are no names."}
    records = [
        one
        for one in platform.stacks.resources(stack.id)
        if one.type == _RECORD and one.physical_id and one.status not in _WITHOUT
    ]
    count = platform.names.withdraw({str(one.physical_id) for one in records}) if records else 0
    return {"retain": _gone(stack, records, platform), "message": _told(count, len(records))}


def _gone(stack: Stack, records: list[StackResource], platform: Platform) -> list[str]:
    """CloudFormation takes what to retain only for a stack that it failed to delete."""
    failed = [one for one in records if one.status == _FAILED] if stack.status == _FAILED else []
    if not failed:
        return []
    ours = [one for one in failed if is_below(str(one.physical_id), platform.settings.domain_name)]
    standing = platform.names.standing({str(one.physical_id) for one in ours})
    return sorted(one.logical_id for one in ours if plain(str(one.physical_id)) not in standing)


def _told(count: int, of: int) -> str:
    if not of:
        return "The stack has no names."
    return f"{count} records were there, and none leads to it any more."
