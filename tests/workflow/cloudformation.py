"""CloudFormation as the workflows see it: stacks that do what a test tells them, when it tells them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autoprovision.domain.stack import Stack, StackResource
from autoprovision.memory.names import MemoryNames

ACCOUNT = "arn:aws:cloudformation:ap-southeast-1:000000000000:stack"


class CloudFormationError(Exception):
    """An error as Step Functions names it."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(name, cause)
        self.name, self.cause = name, cause


@dataclass
class CloudFormation:
    """The port `Stacks`, and the two calls of the states.

    A stack that is complete has a name; it goes with the stack, if it is still there.

    Attributes:
        create_ends: the status that a create comes to; None leaves it in progress.
        delete_ends: the statuses that deletes come to, one after the other; the last one stays.
        lose_answer: how many creates make the stack and fail to say so.
        misses_names: whether a deletion fails when a record is gone already.
        deleted_with_names: stacks whose deletion began while a name still led to them.
        retained: what deletions were told to leave alone.
        keeps: what the template keeps.
    """

    names: MemoryNames
    domain: str
    create_ends: str | None = "CREATE_COMPLETE"
    delete_ends: list[str | None] = field(default_factory=lambda: ["DELETE_COMPLETE"])
    lose_answer: int = 0
    misses_names: bool = False
    deleted_with_names: list[str] = field(default_factory=list)
    retained: list[str] = field(default_factory=list)
    keeps: list[str] = field(default_factory=list)
    create_fails: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(
        default_factory=lambda: {"Url": "http://shop.test", "BucketName": "site"}
    )
    changed: Callable[[str], None] = lambda stack_id: None
    calls: list[str] = field(default_factory=list)
    stacks: dict[str, Stack] = field(default_factory=dict)

    def create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("create")
        if self.create_fails:
            raise CloudFormationError(
                self.create_fails.pop(0),
                "no (Service: CloudFormation, Status Code: 400, Request ID: 1)",
            )
        name = arguments["StackName"]
        if any(
            one.name == name and one.status != "DELETE_COMPLETE" for one in self.stacks.values()
        ):
            raise CloudFormationError(
                "CloudFormation.AlreadyExistsException", f"Stack [{name}] already exists"
            )
        stack = Stack(
            id=f"{ACCOUNT}/{name}/{len(self.stacks)}",
            name=name,
            status="CREATE_IN_PROGRESS",
            tags={one["Key"]: one["Value"] for one in arguments["Tags"]},
        )
        self.stacks[stack.id] = stack
        if self.create_ends:
            self.becomes(stack.id, self.create_ends)
        if self.lose_answer:
            self.lose_answer -= 1
            raise CloudFormationError(
                "CloudFormation.SdkClientException", "the connection was reset"
            )
        return {"StackId": stack.id}

    def delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("delete")
        stack = self.find(arguments["StackName"])
        if stack is not None and stack.status != "DELETE_COMPLETE":
            end = self.begin_deletion(stack, arguments)
            self.becomes(stack.id, "DELETE_IN_PROGRESS")
            if end:
                self.becomes(stack.id, end)
        return {}

    def begin_deletion(self, stack: Stack, arguments: dict[str, Any]) -> str | None:
        """Check the arguments as CloudFormation does, and give the status that it comes to."""
        retain = arguments.get("RetainResources", [])
        if retain and stack.status != "DELETE_FAILED":
            raise CloudFormationError("CloudFormation.CloudFormationException", "not DELETE_FAILED")
        self.retained += retain
        name = self.name_of(stack.id)
        if name in self.names.kept:
            self.deleted_with_names.append(stack.id)
        elif self.misses_names and not {"AddressV4", "AddressV6"} <= set(retain):
            return "DELETE_FAILED"
        self.names.kept.pop(name, None)
        return self.delete_ends.pop(0) if len(self.delete_ends) > 1 else self.delete_ends[0]

    def name_of(self, stack_id: str) -> str:
        """The name of the application that a stack is of."""
        _, environment, *application, _ = stack_id.split("/")[1].split("-")
        return f"{'-'.join(application)}.{environment}.{self.domain}"

    def becomes(self, stack_id: str, status: str) -> None:
        """Give a stack a status and send the event, as CloudFormation does."""
        outputs = self.outputs if status == "CREATE_COMPLETE" else self.stacks[stack_id].outputs
        self.stacks[stack_id] = self.stacks[stack_id].with_(status=status, outputs=outputs)
        if status == "CREATE_COMPLETE":
            self.names.put(self.name_of(stack_id), "A", "AAAA")
        self.changed(stack_id)

    def find(self, name_or_id: str) -> Stack | None:
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        return next(
            (
                one
                for one in self.stacks.values()
                if one.name == name_or_id and one.status != "DELETE_COMPLETE"
            ),
            None,
        )

    def ours(self) -> list[Stack]:
        return self.live

    def failures(self, stack_id: str) -> list[StackResource]:
        return [
            StackResource(
                logical_id="Site",
                type="AWS::S3::Bucket",
                status="CREATE_FAILED",
                reason="The name is taken",
            )
        ]

    def resources(self, stack_id: str) -> list[StackResource]:
        return [
            StackResource(
                logical_id="Site",
                type="AWS::S3::Bucket",
                physical_id="site",
                status="CREATE_COMPLETE",
            ),
            StackResource(
                logical_id="Policy",
                type="AWS::S3::BucketPolicy",
                physical_id="site",
                status="CREATE_COMPLETE",
            ),
            StackResource(logical_id="Logs", type="AWS::S3::Bucket", status="CREATE_FAILED"),
            *self.records(stack_id),
        ]

    def ended(self, stack_id: str) -> list[StackResource]:
        ways = dict.fromkeys((*self.retained, *self.keeps), "DELETE_SKIPPED")
        return [
            one.with_(status=ways.get(one.logical_id, "DELETE_COMPLETE"))
            for one in self.resources(stack_id)
            if one.physical_id
        ]

    def records(self, stack_id: str) -> list[StackResource]:
        """The records of a stack's name."""
        status = "DELETE_FAILED" if self.misses_names else "CREATE_COMPLETE"
        return [
            StackResource(
                logical_id=one, type="AWS::Route53::RecordSet", physical_id=self.name_of(stack_id),
                status=status,
            )
            for one in ("AddressV4", "AddressV6")
        ]  # fmt: skip

    @property
    def live(self) -> list[Stack]:
        return [one for one in self.stacks.values() if one.status != "DELETE_COMPLETE"]
