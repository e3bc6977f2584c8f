"""CloudFormation that takes its time: creates, updates by change sets, its own way back, deletes.

What it refuses, it refuses as CloudFormation does: a change set of what does not change fails, one
is executed once and only while the stack stands as it was made for, a stack that could not be rolled
back takes no update, and one that is as asked for is not updated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.workflow.cloudformation import CloudFormation, CloudFormationError

from autoprovision.domain.change import ChangeSet
from autoprovision.domain.stack import Stack, StackResource

_UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
_REFUSED = "CloudFormation.CloudFormationException"
_NOTHING = "The submitted information didn't contain changes. Submit different information."


def bucket_of(stack_id: str) -> str:
    """The bucket of a stack."""
    return f"site-{stack_id.split('/')[1]}"


@dataclass(frozen=True)
class Shape:
    """What a stack is made of: what an update changes and a rollback brings back."""

    template: str
    parameters: Mapping[str, str]


@dataclass
class _Made:
    """A change set, and what it would make of which state of the stack."""

    found: ChangeSet
    wanted: Shape
    changed_at: str


@dataclass
class SlowCloudFormation(CloudFormation):
    """Stacks that reach their ends when it is time, with an event for each.

    Attributes:
        under_way: stacks and the status that they come to next.
        bucket_is_full: whether something lies in a bucket.
        outputs_of: what a complete stack outputs.
        more_resources: besides the bucket and the names.
        defaults: values of parameters that are not given.
        update_ends, restore_ends, continue_ends: what executed change sets, updates and continued
            rollbacks come to, one after the other; the last one stays.
        change_set_fails: why a change set cannot be made; empty: it can.
        moves_under: whether somebody else updates a stack right behind each change set.
        lose_execution: how many executions begin and fail to say so.
        applied: called when a stack's resources become those of another shape.
    """

    under_way: dict[str, str] = field(default_factory=dict)
    bucket_is_full: Callable[[str], bool] = lambda bucket: False
    outputs_of: Callable[[str], dict[str, str]] = lambda stack_id: {}
    more_resources: Callable[[str], list[StackResource]] = lambda stack_id: []
    defaults: dict[str, str] = field(default_factory=dict)
    update_ends: list[str] = field(default_factory=lambda: ["UPDATE_COMPLETE"])
    restore_ends: list[str] = field(default_factory=lambda: ["UPDATE_COMPLETE"])
    continue_ends: list[str] = field(default_factory=lambda: ["UPDATE_ROLLBACK_COMPLETE"])
    change_set_fails: str = ""
    moves_under: bool = False
    lose_execution: int = 0
    applied: Callable[[str, Shape, Shape], None] = lambda stack_id, before, now: None
    shapes: dict[str, Shape] = field(default_factory=dict)
    _before: dict[str, Shape] = field(default_factory=dict)
    _made: dict[tuple[str, str], _Made] = field(default_factory=dict)
    _moment: int = 0

    def becomes(self, stack_id: str, status: str) -> None:
        self.outputs = self.outputs_of(stack_id)
        super().becomes(stack_id, status)

    def create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        end, self.create_ends = self.create_ends, None
        known = set(self.stacks)
        try:
            answer = super().create(arguments)
        finally:
            self.create_ends = end
            for stack in list(self.stacks.values()):
                if stack.id not in known and end:
                    self._shape(stack, arguments)
                    self.under_way.setdefault(stack.id, end)
        return answer

    def _shape(self, stack: Stack, arguments: dict[str, Any]) -> None:
        shape = self._wanted(stack, arguments)
        self.shapes[stack.id] = shape
        self._show(stack.id, shape)

    def _wanted(self, stack: Stack, arguments: dict[str, Any]) -> Shape:
        given = {
            one["ParameterKey"]: stack.parameters[one["ParameterKey"]]
            if one.get("UsePreviousValue")
            else one["ParameterValue"]
            for one in arguments.get("Parameters", [])
        }
        return Shape(arguments["TemplateURL"], {**self.defaults, **given})

    def _show(self, stack_id: str, shape: Shape, **more: str) -> None:
        self._moment += 1
        self.stacks[stack_id] = self.stacks[stack_id].with_(
            parameters=dict(shape.parameters), changed_at=f"{self._moment:04}", **more
        )

    # Change sets.

    def create_change_set(self, arguments: dict[str, Any]) -> dict[str, Any]:
        stack = self._steady(arguments["StackName"])
        key = (stack.id, arguments["ChangeSetName"])
        if key in self._made:
            raise CloudFormationError("CloudFormation.AlreadyExistsException", "it exists")
        wanted = self._wanted(stack, arguments)
        reason = self.change_set_fails or (_NOTHING if wanted == self.shapes[stack.id] else "")
        made = ChangeSet(
            id=f"{stack.id}/{key[1]}", name=key[1], reason=reason,
            status="FAILED" if reason else "CREATE_COMPLETE",
            execution="UNAVAILABLE" if reason else "AVAILABLE",
        )  # fmt: skip
        self._made[key] = _Made(made, wanted, stack.changed_at)
        if self.moves_under:  # by hand; it ends at once and tells nobody
            self._show(stack.id, self.shapes[stack.id], status="UPDATE_COMPLETE")
        return {"Id": made.id}

    def find_change_set(self, stack_id: str, name: str) -> ChangeSet | None:
        made = self._made.get((stack_id, name))
        return None if made is None else made.found

    def execute_change_set(self, arguments: dict[str, Any]) -> dict[str, Any]:
        stack = self.find(arguments["StackName"])
        made = self._made.get((stack.id, arguments["ChangeSetName"])) if stack else None
        if stack is None or made is None:
            raise CloudFormationError("CloudFormation.ChangeSetNotFoundException", "no such")
        stands = made.changed_at == stack.changed_at and stack.status in _UPDATABLE
        if made.found.execution != "AVAILABLE" or not stands:
            raise CloudFormationError("CloudFormation.InvalidChangeSetStatusException", "not now")
        made.found = made.found.with_(execution="EXECUTE_IN_PROGRESS")
        self._begin(stack, made.wanted, self.update_ends)
        if self.lose_execution:
            self.lose_execution -= 1
            raise CloudFormationError("CloudFormation.SdkClientException", "the line is dead")
        return {}

    # Updates and their ways back.

    def update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        stack = self._steady(arguments["StackName"])
        wanted = self._wanted(stack, arguments)
        if wanted == self.shapes[stack.id]:
            raise CloudFormationError(_REFUSED, "No updates are to be performed.")
        self._begin(stack, wanted, self.restore_ends)
        return {"StackId": stack.id}

    def _steady(self, name: str) -> Stack:
        stack = self.find(name)
        if stack is None or stack.status not in _UPDATABLE:
            raise CloudFormationError(_REFUSED, "it is in a state and can not be updated.")
        return stack

    def _begin(self, stack: Stack, wanted: Shape, ends: list[str]) -> None:
        self._before[stack.id] = self.shapes[stack.id]
        self._show(stack.id, wanted, status="UPDATE_IN_PROGRESS")
        self._change(stack.id, wanted)
        self.under_way[stack.id] = ends.pop(0) if len(ends) > 1 else ends[0]

    def _change(self, stack_id: str, wanted: Shape) -> None:
        before, self.shapes[stack_id] = self.shapes[stack_id], wanted
        self.applied(stack_id, before, wanted)

    def continue_rollback(self, arguments: dict[str, Any]) -> dict[str, Any]:
        stack = self.find(arguments["StackName"])
        if stack is None or stack.status != "UPDATE_ROLLBACK_FAILED":
            raise CloudFormationError(_REFUSED, "there is nothing to continue")
        ends = self.continue_ends
        self.stacks[stack.id] = stack.with_(status="UPDATE_ROLLBACK_IN_PROGRESS")
        self.under_way[stack.id] = ends.pop(0) if len(ends) > 1 else ends[0]
        return {}

    # Ends.

    def delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("delete")
        stack = self.find(arguments["StackName"])
        if stack is None or stack.status in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            return {}
        end = self.begin_deletion(stack, arguments)
        self.stacks[stack.id] = stack.with_(status="DELETE_IN_PROGRESS")
        self.under_way[stack.id] = end or "DELETE_COMPLETE"
        return {}

    def go_on(self) -> bool:
        """Let everything under way come to its end. Gives whether there was anything."""
        ends = list(self.under_way.items())
        self.under_way.clear()
        for stack_id, end in ends:
            full = end == "DELETE_COMPLETE" and self.bucket_is_full(bucket_of(stack_id))
            self._executed(stack_id, end)
            self.becomes(stack_id, "DELETE_FAILED" if full else end)
        return bool(ends)

    def _executed(self, stack_id: str, end: str) -> None:
        if end == "UPDATE_ROLLBACK_COMPLETE":
            before = self._before[stack_id]
            self.stacks[stack_id] = self.stacks[stack_id].with_(parameters=dict(before.parameters))
            self._change(stack_id, before)
        for (owner, _), made in self._made.items():
            if owner == stack_id and made.found.execution == "EXECUTE_IN_PROGRESS":
                good = end == "UPDATE_COMPLETE"
                execution = "EXECUTE_COMPLETE" if good else "EXECUTE_FAILED"
                made.found = made.found.with_(execution=execution)

    # What is there.

    def resources(self, stack_id: str) -> list[StackResource]:
        status = self.stacks[stack_id].status
        stuck = {"DELETE_FAILED": "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED": "UPDATE_FAILED"}
        return [
            StackResource(
                logical_id="Site", type="AWS::S3::Bucket", physical_id=bucket_of(stack_id),
                status=stuck.get(status, "CREATE_COMPLETE"), reason="It is in the way.",
            ),
            *self.more_resources(stack_id),
            *self.records(stack_id),
        ]  # fmt: skip

    def ours(self) -> list[Any]:
        return [one for one in self.live if "autoprovision:application" in one.tags]


class SlowChangeSets:
    """The port `ChangeSets` on the same stacks."""

    def __init__(self, formation: SlowCloudFormation) -> None:
        self._formation = formation

    def create(self, arguments: Mapping[str, Any]) -> None:
        """Ask for a change set; one of its name is there already is fine."""
        try:
            self._formation.create_change_set({
                "StackName": arguments["stackName"], "ChangeSetName": arguments["changeSetName"],
                "TemplateURL": arguments["templateUrl"], "Parameters": arguments["parameters"],
            })  # fmt: skip
        except CloudFormationError as error:
            if "AlreadyExists" not in error.name:
                raise

    def find(self, stack_id: str, name: str) -> ChangeSet | None:
        """The change set as it is now."""
        return self._formation.find_change_set(stack_id, name)
