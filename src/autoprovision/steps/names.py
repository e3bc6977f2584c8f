"""WithdrawNames: an application's names go before anything else of it does.

The stack makes them last; LaunchStack's undo begins here. A name that outlives what it leads to
leads to whoever gets that address next.
"""

from typing import Any

from autoprovision.domain.names import is_below, plain
from autoprovision.domain.stack import StackOutcome, StackResource, outcome
from autoprovision.ports import Platform

_RECORD = "AWS::Route53::RecordSet"
# These have made no record, or have none any more.
_WITHOUT = frozenset({"CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"})
_FAILED = "DELETE_FAILED"


def withdraw_names(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Delete the records of a stack from the platform's zone, in one batch.

    A stack that is still being made may come to have records afterwards: nothing is published on
    it then, and its own deletion takes its records first.

    Args:
        event: `requestId` and `stackId`.

    Returns:
        `retain`: what DeleteStack leaves alone of what CloudFormation failed to delete: records
        that are verified gone, which it would look for forever, and what an operator leaves behind.
    """
    request = platform.records.request(event["requestId"])
    stack = platform.stacks.find(event["stackId"])
    if stack is None or outcome(stack.status) is StackOutcome.GONE:
        return {"retain": [], "message": "The stack is gone already."}
    made = platform.stacks.resources(stack.id)
    # CloudFormation takes what to retain only for a stack that it failed to delete.
    failed = [one for one in made if one.status == _FAILED] if stack.status == _FAILED else []
    left = [one.logical_id for one in failed if one.logical_id in request.retain]
    if not platform.settings.hosted_zone_id:
        return {"retain": left, "message": "This platform has no zone, so there are no names."}
    records = [
        one
        for one in made
        if one.type == _RECORD and one.physical_id and one.status not in _WITHOUT
    ]
    count = platform.names.withdraw({str(one.physical_id) for one in records}) if records else 0
    gone = _gone([one for one in failed if one in records], platform)
    return {"retain": sorted({*left, *gone}), "message": _told(count, len(records))}


def _gone(failed: list[StackResource], platform: Platform) -> list[str]:
    """The records that CloudFormation failed to delete and that are not there."""
    ours = [one for one in failed if is_below(str(one.physical_id), platform.settings.domain_name)]
    standing = platform.names.standing({str(one.physical_id) for one in ours}) if ours else ()
    return [one.logical_id for one in ours if plain(str(one.physical_id)) not in standing]


def _told(count: int, of: int) -> str:
    if not of:
        return "The stack has no names."
    return f"{count} records were there, and none leads to it any more."
