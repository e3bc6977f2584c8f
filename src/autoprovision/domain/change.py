"""A change of an application: what CloudFormation would do to the stack, before it does it.

The change set that is executed is the one that was shown: its name follows from everything that
it was made of, the state of the stack included, so a preview and the update after it meet in one
change set, and a stack that has moved since gets another.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from autoprovision.domain.canonical import digest
from autoprovision.domain.held_data import HeldData, LostBy, held_by, is_store
from autoprovision.domain.plan import ApprovalVerdict, Plan
from autoprovision.domain.resource import Resource
from autoprovision.domain.stack import Stack

_NAME_LETTERS = 40


class Effect(StrEnum):
    """What becomes of a resource."""

    ADDED = "added"
    CHANGED = "changed"
    MAYBE_REPLACED = "maybe replaced"
    REPLACED = "replaced"
    REMOVED = "removed"


_GONE = frozenset({Effect.REPLACED, Effect.REMOVED})
_GOING = _GONE | {Effect.MAYBE_REPLACED}
_KEEPS = frozenset({"Retain", "Snapshot", "ReplaceAndRetain", "ReplaceAndSnapshot"})


class ResourceChange(Resource):
    """What becomes of one resource.

    Attributes:
        properties: the properties that change, by name.
        kept: whether it goes from the stack, and stays itself or as a snapshot.
        lost: what it held and is gone afterwards, in words; empty when nothing is.
    """

    logical_id: str
    type: str
    effect: Effect
    properties: tuple[str, ...] = ()
    kept: bool = False
    lost: str = ""

    def judged(self, declared: Mapping[str, HeldData]) -> "ResourceChange":
        """The same change with what it loses, by what the blueprint declares and by its type."""
        said = declared.get(self.logical_id)
        is_lost = not self.kept and (
            self.effect in _GONE
            or (self.effect is Effect.MAYBE_REPLACED and (said is None or self._concerns(said)))
            or (self.effect is Effect.CHANGED and said is not None and self._modifies(said))
        )
        return self.with_(lost=held_by(self.logical_id, self.type, declared) if is_lost else "")

    def _concerns(self, said: HeldData) -> bool:
        # Of a store its type tells; there an author may only add.
        return is_store(self.type) or said.concerns(self.properties)

    def _modifies(self, said: HeldData) -> bool:
        return said.lost_by is LostBy.MODIFICATION and said.concerns(self.properties)


def resource_change(
    logical_id: str, kind: str, *, action: str, replacement: str, policy: str,
    properties: tuple[str, ...],
) -> ResourceChange:  # fmt: skip
    """A change from CloudFormation's words, which say nothing of what it loses.

    Args:
        action: Add, Modify, Remove, Import or Dynamic.
        replacement: True, False or Conditional; empty for what is not modified.
        policy: Delete, Retain, Snapshot, ReplaceAndDelete, …; empty when it says nothing.
    """
    by_replacement = {"True": Effect.REPLACED, "Conditional": Effect.MAYBE_REPLACED}
    by_action = {
        "Add": Effect.ADDED, "Import": Effect.ADDED, "Remove": Effect.REMOVED,
        # CloudFormation does not know yet what it will do.
        "Dynamic": Effect.MAYBE_REPLACED,
    }  # fmt: skip
    effect = by_action.get(action) or by_replacement.get(replacement, Effect.CHANGED)
    return ResourceChange(
        logical_id=logical_id, type=kind, effect=effect, properties=properties,
        kept=effect in _GOING and policy in _KEEPS,
    )  # fmt: skip


class ChangeSet(Resource):
    """A change set as CloudFormation describes it now.

    Attributes:
        status: CREATE_PENDING, CREATE_IN_PROGRESS, CREATE_COMPLETE or FAILED.
        execution: AVAILABLE, UNAVAILABLE, OBSOLETE, EXECUTE_IN_PROGRESS, EXECUTE_COMPLETE, ….
    """

    id: str
    name: str
    status: str
    reason: str = ""
    execution: str = ""
    changes: tuple[ResourceChange, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether it says what it would do."""
        return self.status == "CREATE_COMPLETE" or self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether the stack is already as it is asked to be; CloudFormation calls that a failure.

        The two sentences stand in the CloudFormation user guide, "Viewing change sets".
        """
        nothing = ("didn't contain changes", "No updates are to be performed")
        return self.status == "FAILED" and any(one in self.reason for one in nothing)

    @property
    def has_failed(self) -> bool:
        """Whether CloudFormation could not make it."""
        return self.status == "FAILED" and not self.is_empty

    @property
    def was_executed(self) -> bool:
        """Whether somebody has executed it, however it went."""
        return self.execution.startswith("EXECUTE_")


class Preview(Resource):
    """What an update comes to, before anything is done.

    Attributes:
        plan_digest: the digest of the plan; sent with the update, exactly this is done.
        change_set: the change set that the update executes; empty when the stack stays.
        credits_before: US cents a month that the application costs now.
        credits_after: US cents a month afterwards.
        loses_data: what is gone afterwards, in words with the resource that held it.
    """

    plan_digest: str
    change_set: str = ""
    changes: tuple[ResourceChange, ...] = ()
    credits_before: int
    credits_after: int
    approval: ApprovalVerdict
    loses_data: tuple[str, ...] = ()

    @property
    def changes_digest(self) -> str:
        """Digest over what becomes of the stack, which a plan carries: people approve it too."""
        seen = self.model_dump(mode="json", by_alias=True, include=_SEEN)
        return digest(seen)


_SEEN = {"change_set", "changes", "loses_data"}


def preview(
    plan: Plan, found: ChangeSet, declared: Mapping[str, HeldData], *, credits_before: int
) -> Preview:
    """What a person is shown of a plan and its change set.

    Args:
        declared: what the blueprint says of what its resources hold.
    """
    changes = () if found.is_empty else tuple(one.judged(declared) for one in found.changes)
    return Preview(
        plan_digest=plan.digest, change_set="" if found.is_empty else found.name, changes=changes,
        credits_before=credits_before, credits_after=plan.monthly_credits, approval=plan.approval,
        loses_data=tuple(f"{one.lost} ({one.logical_id})" for one in changes if one.lost),
    )  # fmt: skip


class LastGood(Resource):
    """How a stack stood before an update: what it is taken back to.

    Attributes:
        changed_at: of the stack before the update.
        target: what the application's code is on; empty when none is.
        live_path: where the live release of a site lies; empty for what is no site.
        release: the live release.
        replaced: whether the update has begun to put another release live.
        restored_from: the stack's `changed_at` when it was asked to go back.
    """

    changed_at: str
    template_url: str
    capabilities: tuple[str, ...] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    target: str = ""
    live_path: str = ""
    release: str | None = None
    replaced: bool = False
    restored_from: str = ""


def cloudformation_parameters(values: dict[str, str]) -> list[dict[str, Any]]:
    """Parameters as CloudFormation takes them."""
    return [_parameter(key, value) for key, value in sorted(values.items())]


def _parameter(key: str, value: str) -> dict[str, Any]:
    # What CloudFormation does not tell (NoEcho) can only stay as it is.
    told: dict[str, Any] = (
        {"UsePreviousValue": True} if value == "****" else {"ParameterValue": value}
    )
    return {"ParameterKey": key, **told}


def change_arguments(plan: Plan, stack: Stack, parameters: dict[str, str]) -> dict[str, Any]:
    """The arguments of CreateChangeSet. Tags stay, and so does the role that the stack has."""
    arguments: dict[str, Any] = {
        "stackId": stack.id,
        # Change sets are asked for by the stack's name everywhere, so that they are found by it.
        "stackName": stack.name,
        "templateUrl": plan.template_url,
        "capabilities": list(plan.capabilities),
        "parameters": cloudformation_parameters(parameters),
        "tags": [{"Key": key, "Value": value} for key, value in sorted(stack.tags.items())
                 if not key.startswith("aws:")],
    }  # fmt: skip
    told = digest({**arguments, "changedAt": stack.changed_at}).removeprefix("sha256:")
    return {**arguments, "changeSetName": f"ap-{told[:_NAME_LETTERS]}"}
