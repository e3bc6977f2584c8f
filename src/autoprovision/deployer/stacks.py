"""One stack, brought to what its template says: change set, confirmation, execution, outputs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from ulid import ULID

from autoprovision.deployer.errors import DeployError, NotConfirmedError, StackFailedError
from autoprovision.deployer.reasons import failures_of_stack, refusal_of_change_set

Say = Callable[[str], None]
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")
# A first create that failed leaves a stack that can only be deleted.
_DEAD_ENDS = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
_GOOD_ENDS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.05, 4.0, 1.3
_LONGEST_WAIT = 3600.0
_LONGEST_BEGIN = 30.0


@dataclass(frozen=True)
class Change:
    """One resource that a change set would touch.

    Attributes:
        action: Add, Modify, Remove, Import or Dynamic.
        replacement: whether its physical resource would be a new one: True, False, Conditional.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str = "False"

    def __str__(self) -> str:
        """One line for people."""
        note = {"True": ", replaced", "Conditional": ", perhaps replaced"}.get(self.replacement, "")
        return f"{self.action:7} {self.logical_id} ({self.resource_type}{note})"


Confirm = Callable[[str, list[Change]], bool]


@dataclass(frozen=True)
class StackPlan:
    """What a stack shall be.

    Attributes:
        template: the template's text; one above 51,200 bytes needs `template_url`.
        parameters: what somebody set; a parameter left out keeps its value, or takes its default.
    """

    name: str
    template: bytes
    parameters: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    template_url: str | None = None


def deploy_stack(
    cloudformation: Any,
    plan: StackPlan,
    *,
    declared: frozenset[str],
    say: Say,
    confirm: Confirm,
) -> dict[str, str]:
    """Bring a stack to its template, and give its outputs back.

    Args:
        declared: names of the template's parameters.
        confirm: is shown the stack's name and the changes, and says whether to make them.

    Raises:
        NotConfirmedError: `confirm` said no; the stack is as it was.
        StackFailedError: with the resources that failed and CloudFormation's reasons.
        DeployError: the stack stands where only a person can help.
    """
    before = _ready_stack(cloudformation, plan.name, say)
    change_set = _make_change_set(cloudformation, plan, declared, before)
    if change_set is None:
        say(f"{plan.name}: nothing changes.")
        return _outputs(before)
    changes = _changes(cloudformation, plan.name, change_set)
    if not confirm(plan.name, changes):
        _drop_change_set(cloudformation, plan.name, change_set, new=before is None)
        raise NotConfirmedError(f"{plan.name} was left as it is.", "Deploy again to see it anew.")
    say(f"{plan.name}: making {len(changes)} changes.")
    began = time.monotonic()
    cloudformation.execute_change_set(StackName=plan.name, ChangeSetName=change_set)
    _wait_for_begin(cloudformation, plan.name, before)
    after = _settled(cloudformation, plan.name)
    if after is None or after["StackStatus"] not in _GOOD_ENDS:
        raise _failure(cloudformation, plan.name, after)
    say(f"{plan.name}: {after['StackStatus']} after {time.monotonic() - began:.1f} s.")
    return _outputs(after)


def describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """The stack as CloudFormation describes it, None when there is none."""
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def _ready_stack(cloudformation: Any, name: str, say: Say) -> dict[str, Any] | None:
    """The stack in a state that can be changed, None for one that is still to be made."""
    stack = describe(cloudformation, name)
    if stack is not None and _moving(stack):
        say(f"{name} is {stack['StackStatus']}: waiting for that to end.")
        stack = _settled(cloudformation, name)
    if stack is None:
        return None
    status = stack["StackStatus"]
    if status == "REVIEW_IN_PROGRESS":
        # A change set was made and never executed: there is no resource yet.
        return None
    if status in _DEAD_ENDS:
        say(f"{name} is {status}, left by a first deployment that failed: deleting it.")
        cloudformation.delete_stack(StackName=stack["StackId"])
        if (left := _settled(cloudformation, stack["StackId"])) is not None:
            raise _failure(cloudformation, name, left)
        return None
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"{name} is UPDATE_ROLLBACK_FAILED.",
            f"Run `aws cloudformation continue-update-rollback --stack-name {name}`, then deploy.",
        )
    return stack


def _moving(stack: Mapping[str, Any]) -> bool:
    status: str = stack["StackStatus"]
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _settled(cloudformation: Any, name: str) -> dict[str, Any] | None:
    pause, deadline = _FIRST_PAUSE, time.monotonic() + _LONGEST_WAIT
    while (stack := describe(cloudformation, name)) is not None and _moving(stack):
        if time.monotonic() > deadline:
            raise DeployError(
                f"{name} is still {stack['StackStatus']} after an hour.",
                "CloudFormation goes on by itself; deploy again later.",
            )
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    return stack


def _wait_for_begin(cloudformation: Any, name: str, before: Mapping[str, Any] | None) -> None:
    """Until the execution shows: just after the call a stack may still look as it did before."""
    pause, deadline = _FIRST_PAUSE, time.monotonic() + _LONGEST_BEGIN
    while time.monotonic() < deadline:
        stack = describe(cloudformation, name)
        if stack is None or _moving(stack):
            return
        if stack["StackStatus"] != "REVIEW_IN_PROGRESS" and _updated(stack) != _updated(before):
            return
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _updated(stack: Mapping[str, Any] | None) -> tuple[Any, Any]:
    return (stack or {}).get("StackId"), (stack or {}).get("LastUpdatedTime")


def _make_change_set(
    cloudformation: Any,
    plan: StackPlan,
    declared: frozenset[str],
    before: Mapping[str, Any] | None,
) -> str | None:
    """The ARN of a change set that is ready, None when nothing changes."""
    url = plan.template_url
    body = {"TemplateURL": url} if url else {"TemplateBody": plan.template.decode()}
    try:
        created: str = cloudformation.create_change_set(
            StackName=plan.name,
            ChangeSetName=f"deploy-{ULID()}",
            ChangeSetType="CREATE" if before is None else "UPDATE",
            Parameters=_parameters(plan, declared, before),
            Capabilities=list(plan.capabilities),
            Tags=[{"Key": key, "Value": value} for key, value in sorted(plan.tags.items())],
            **body,
        )["Id"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise _refused(plan.name, error.response["Error"]["Message"]) from error
    described = _change_set_ready(cloudformation, plan.name, created)
    if described["Status"] != "FAILED":
        return created
    reason = described.get("StatusReason", "")
    told = refusal_of_change_set(cloudformation, created, reason)
    _drop_change_set(cloudformation, plan.name, created, new=before is None)
    if before is not None and any(words in reason for words in _NO_CHANGE):
        return None
    raise _refused(plan.name, told)


def _refused(name: str, reason: str) -> StackFailedError:
    return StackFailedError(f"{name} cannot be made so: {reason}", "Mend what it names.")


def _parameters(
    plan: StackPlan, declared: frozenset[str], before: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    known = {one["ParameterKey"] for one in (before or {}).get("Parameters", [])}
    kept = (declared & known) - set(plan.parameters)
    return [
        *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)),
        *(
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in sorted(plan.parameters.items())
            if name in declared
        ),
    ]


def _change_set_ready(cloudformation: Any, name: str, change_set: str) -> dict[str, Any]:
    pause, deadline = _FIRST_PAUSE, time.monotonic() + _LONGEST_WAIT
    while True:
        described: dict[str, Any] = cloudformation.describe_change_set(
            StackName=name, ChangeSetName=change_set
        )
        if described["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            return described
        if time.monotonic() > deadline:
            raise DeployError(f"The change set of {name} is not ready after an hour.", "Try again.")
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _changes(cloudformation: Any, name: str, change_set: str) -> list[Change]:
    pages = cloudformation.get_paginator("describe_change_set").paginate(
        StackName=name, ChangeSetName=change_set
    )
    return [
        Change(
            action=change["Action"],
            logical_id=change["LogicalResourceId"],
            resource_type=change["ResourceType"],
            replacement=change.get("Replacement", "False"),
        )
        for page in pages
        for entry in page["Changes"]
        if (change := entry.get("ResourceChange"))
    ]


def _drop_change_set(cloudformation: Any, name: str, change_set: str, *, new: bool) -> None:
    cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
    if new:
        # The first change set of a name leaves an empty stack that is in review for ever.
        cloudformation.delete_stack(StackName=name)


def _outputs(stack: Mapping[str, Any] | None) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in (stack or {}).get("Outputs", [])}


def _failure(cloudformation: Any, name: str, stack: Mapping[str, Any] | None) -> StackFailedError:
    status = stack["StackStatus"] if stack else "gone"
    reasons = failures_of_stack(cloudformation, stack["StackId"]) if stack else []
    text = "".join(f"\n  {reason}" for reason in reasons) or "\n  CloudFormation gives no reason."
    return StackFailedError(
        f"{name} is {status}:{text}\n",
        "Mend what it names, and deploy again: it goes on from here.",
    )
