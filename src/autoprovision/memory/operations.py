"""Machines, runbooks and their files without AWS."""

from collections.abc import Callable, Collection

from autoprovision.domain.errors import ConflictError
from autoprovision.domain.operation import (
    Automation,
    CommandOutput,
    DiagnosticFile,
    Machine,
    MachineGroup,
)
from autoprovision.memory.outside import Outside
from autoprovision.memory.pages import page
from autoprovision.ports.pages import Page

_SECONDS = 300


class MemoryMachines:
    """The port `Machines`; `known` holds them by application."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.known: dict[str, tuple[Machine, ...]] = {}

    def of(self, application_id: str) -> tuple[Machine, ...]:
        """Those that carry the application's tag."""
        return self.known.get(application_id, ())


class MemoryMachineGroups:
    """The port `MachineGroups`; `known` holds them by name."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.known: dict[str, MachineGroup] = {}

    def list(self, *, limit: int, after: str | None = None) -> Page[MachineGroup]:
        """Groups that carry the tag of an application."""
        self._outside.does("groups", after or "")
        return page(self.known.values(), lambda one: one.name, limit=limit, after=after)

    def read(self, name: str) -> MachineGroup | None:
        """A group as it is now."""
        self._outside.does("group", name)
        return self.known.get(name)

    def resume(self, name: str, processes: Collection[str]) -> None:
        """Let it do these again; others that are suspended stay so."""
        self._outside.does("resume", name, *sorted(processes))
        group = self.known.get(name)
        if group is None:
            raise ConflictError(f"There is no group {name}.", code="NOT_RESUMED")
        left = tuple(one for one in group.suspended if one not in processes)
        since = {one: at for one, at in group.since.items() if one in left}
        self.known[name] = group.with_(suspended=left, since=since)


class MemoryAutomations:
    """The port `Automations`; whoever simulates plays Systems Manager.

    Attributes:
        known: executions by their ids, as they are now.
        runbooks: which runbook each one runs.
        said: what commands said, by their ids.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.known: dict[str, Automation] = {}
        self.runbooks: dict[str, str] = {}
        self.said: dict[str, list[CommandOutput]] = {}
        self.started_at: Callable[[str], str] = lambda _: "9999"

    def read(self, automation_id: str) -> Automation | None:
        """The execution as it is now."""
        return self.known.get(automation_id)

    def find(self, request_id: str, *, runbook: str, since: str) -> Automation | None:
        """The execution that a request has started."""
        return next(
            (
                one for one in self.known.values()
                if one.request_id == request_id and self.runbooks.get(one.id) == runbook
                and self.started_at(one.id) >= since
            ),
            None,
        )  # fmt: skip

    def outputs(self, command_id: str) -> list[CommandOutput]:
        """What a command said on each machine."""
        return self.said.get(command_id, [])


class MemoryOperationFiles:
    """The port `OperationFiles`.

    Attributes:
        brought: what each machine wrote, by folder and machine; whoever plays them fills it.
        kept: what of it people may have.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.scripts: dict[tuple[str, str], str] = {}
        self.brought: dict[tuple[str, str], str] = {}
        self.kept: dict[tuple[str, str], str] = {}

    def bucket(self) -> str:
        """The bucket."""
        return "operations"

    def put_script(self, folder: str, name: str, text: str) -> str:
        """Keep a script for the machines and give its URL."""
        self._outside.does("script", folder, name)
        self.scripts[folder, name] = text
        return f"https://s3.test/operations/{folder}/{name}"

    def discard_script(self, folder: str, name: str) -> None:
        """Delete it."""
        self._outside.does("discardScript", folder, name)
        self.scripts.pop((folder, name), None)

    def keep_diagnostics(
        self, folder: str, machines: Collection[str], clean: Callable[[str], str]
    ) -> None:
        """Keep what these machines brought as `clean` leaves it, and nothing else."""
        for place in [one for one in self.brought if one[0] == folder]:
            self._outside.does("keepDiagnostics", *place)
            if place[1] in machines:
                self.kept[place] = clean(self.brought[place])
            self.brought.pop(place)

    def diagnostics(self, folder: str) -> list[DiagnosticFile]:
        """What was kept of what the machines brought."""
        return [
            DiagnosticFile(
                instance_id=machine, size=len(text.encode()),
                url=f"https://s3.test/operations/{folder}/{machine}", expires_in=_SECONDS,
            )
            for (place, machine), text in sorted(self.kept.items())
            if place == folder
        ]  # fmt: skip
