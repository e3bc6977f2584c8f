"""CloudFormation's words for a stack, translated once."""

from enum import StrEnum

from pydantic import Field

from autoprovision.domain.resource import Resource


class StackOutcome(StrEnum):
    """What a stack status means for whoever waits."""

    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    ROLLED_BACK = "ROLLED_BACK"
    FAILED = "FAILED"
    GONE = "GONE"


class Stack(Resource):
    """A stack as CloudFormation describes it now.

    Attributes:
        id: the stack's ARN.
        status: CloudFormation's status, for example `CREATE_COMPLETE`.
        changed_at: when its last create or update began; tells an update from the one before.
    """

    id: str
    name: str
    status: str
    reason: str = ""
    changed_at: str = ""
    outputs: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, str] = Field(default_factory=dict)


class StackResource(Resource):
    """One resource of a stack."""

    logical_id: str
    type: str
    physical_id: str | None = None
    status: str
    reason: str = ""


def outcome(status: str) -> StackOutcome:
    """What a stack status means.

    Statuses: the AWS CloudFormation API reference, `Stack.StackStatus`.
    """
    if status == "DELETE_COMPLETE":
        return StackOutcome.GONE
    if status.endswith("_IN_PROGRESS"):
        # UPDATE_COMPLETE_CLEANUP_IN_PROGRESS still removes what was replaced: not at the end yet.
        return StackOutcome.IN_PROGRESS
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        return StackOutcome.DONE
    if status in {"ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}:
        return StackOutcome.ROLLED_BACK
    return StackOutcome.FAILED
