"""The port `Stacks` without AWS: stacks that whoever simulates drives through their lives."""

import threading
from collections.abc import Mapping
from typing import Any

from autoprovision.domain.change import ChangeSet
from autoprovision.domain.drift import Drift
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.memory.outside import Outside

_APPLICATION_TAG = "autoprovision:application"
_DELETED = "DELETE_COMPLETE"


class MemoryStacks:
    """CloudFormation's memory of stacks; a deleted one is found by its id only."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stacks: dict[str, Stack] = {}
        self._resources: dict[str, list[StackResource]] = {}
        self._failures: dict[str, list[StackResource]] = {}

    def create(
        self, name: str, *, tags: Mapping[str, str], parameters: Mapping[str, str] | None = None
    ) -> Stack:
        """Begin a stack: CREATE_IN_PROGRESS.

        Raises:
            ValueError: a live stack has the name, as CloudFormation would refuse it.
        """
        with self._lock:
            if self.find(name) is not None:
                raise ValueError(f"Stack [{name}] already exists")
            number = len(self._stacks) + 1
            stack = Stack(
                id=f"arn:aws:cloudformation:memory:123456789012:stack/{name}/{number}", name=name,
                status="CREATE_IN_PROGRESS", changed_at=str(number), tags=dict(tags),
                parameters=dict(parameters or {}),
            )  # fmt: skip
            self._stacks[stack.id] = stack
            return stack

    def complete(
        self, stack_id: str, *, outputs: Mapping[str, str] | None = None,
        resources: list[StackResource] | None = None,
    ) -> Stack:  # fmt: skip
        """Let what is in progress come to its good end."""
        with self._lock:
            stack = self._stacks[stack_id]
            status = stack.status.replace("_IN_PROGRESS", "_COMPLETE")
            after = stack.with_(status=status, outputs=dict(outputs or stack.outputs))
            self._stacks[stack_id] = after
            if resources is not None:
                self._resources[stack_id] = resources
            return after

    def fail(
        self, stack_id: str, *, reason: str, status: str = "ROLLBACK_COMPLETE",
        failures: list[StackResource] | None = None,
    ) -> Stack:  # fmt: skip
        """Let what is in progress come to a bad end."""
        with self._lock:
            after = self._stacks[stack_id].with_(status=status, reason=reason)
            self._stacks[stack_id] = after
            self._failures[stack_id] = failures or []
            return after

    def begin_delete(self, stack_id: str) -> Stack:
        """Begin to delete a stack: DELETE_IN_PROGRESS; `complete` ends it."""
        with self._lock:
            after = self._stacks[stack_id].with_(status="DELETE_IN_PROGRESS", reason="")
            self._stacks[stack_id] = after
            return after

    def find(self, name_or_id: str) -> Stack | None:
        """The stack; by id also when it is deleted."""
        with self._lock:
            if name_or_id in self._stacks:
                return self._stacks[name_or_id]
            live = (one for one in self._stacks.values() if one.status != _DELETED)
            return next((one for one in live if one.name == name_or_id), None)

    def ours(self) -> list[Stack]:
        """Every stack that carries an application's tag, deleted ones left out."""
        with self._lock:
            return [
                one
                for one in self._stacks.values()
                if one.status != _DELETED and _APPLICATION_TAG in one.tags
            ]

    def failures(self, stack_id: str) -> list[StackResource]:
        """The resources that failed, the first one first."""
        return list(self._failures.get(stack_id, []))

    def resources(self, stack_id: str) -> list[StackResource]:
        """All resources of the stack."""
        return list(self._resources.get(stack_id, []))

    def ended(self, stack_id: str) -> list[StackResource]:
        """How each resource of a stack ended."""
        return [one for one in self.resources(stack_id) if one.status.startswith("DELETE_")]


class MemoryChangeSets:
    """The port `ChangeSets`: whoever simulates says what a change set comes to.

    Attributes:
        asked: the arguments that each change set was made with, by its stack and name.
        found: what each has come to; one that nobody decided on has come to `usual`.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.asked: dict[tuple[str, str], dict[str, Any]] = {}
        self.found: dict[tuple[str, str], ChangeSet] = {}
        self.usual = ChangeSet(id="", name="", status="CREATE_COMPLETE", execution="AVAILABLE")

    def create(self, arguments: Mapping[str, Any]) -> None:
        """Ask for a change set; one of its name is there already is fine."""
        key = (arguments["stackId"], arguments["changeSetName"])
        self._outside.does("changeSet", *key)
        self.asked.setdefault(key, dict(arguments))

    def find(self, stack_id: str, name: str) -> ChangeSet | None:
        """The change set as it is now."""
        key = (stack_id, name)
        if key not in self.asked:
            return None
        return self.found.get(key, self.usual.with_(id=f"{stack_id}/{name}", name=name))


class MemoryDrift:
    """The port `DriftDetection`; `found` holds what stands by each stack, else it is in sync."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.found: dict[str, Drift] = {}

    def begin(self, stack_id: str) -> str | None:
        """Begin a detection and give its id."""
        self._outside.does("detect", stack_id)
        return f"detection-{len(self._outside.deeds('detect'))}"

    def result(self, stack_id: str, detection: str) -> Drift | None:
        """What a detection has found."""
        self._outside.does("detected", stack_id, detection)
        return self.found.get(stack_id, Drift(status="IN_SYNC"))
