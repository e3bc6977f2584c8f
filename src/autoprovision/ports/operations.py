"""What an operation touches: machines, runbooks of Systems Manager, and the files of both."""

from collections.abc import Callable, Collection
from typing import Protocol

from autoprovision.domain.operation import (
    Automation,
    CommandOutput,
    DiagnosticFile,
    Machine,
    MachineGroup,
)
from autoprovision.ports.pages import Page


class Machines(Protocol):
    """The instances behind applications, as Systems Manager sees them."""

    def of(self, application_id: str) -> tuple[Machine, ...]:
        """Those that carry the application's tag and that Systems Manager knows."""


class Automations(Protocol):
    """Executions of runbooks, after the workflow has started them."""

    def read(self, automation_id: str) -> Automation | None:
        """The execution as it is now. None: there is none, or it was long ago."""

    def find(self, request_id: str, *, runbook: str, since: str) -> Automation | None:
        """The execution that a request has started, when the answer to the start was lost.

        Args:
            since: when the request was submitted: nothing older is looked at.
        """

    def outputs(self, command_id: str) -> list[CommandOutput]:
        """What a command of a runbook said on each machine; none when it is not known any more."""


class MachineGroups(Protocol):
    """The auto scaling groups of applications' machines."""

    def list(self, *, limit: int, after: str | None = None) -> Page[MachineGroup]:
        """Groups that carry the tag of an application, in no order."""

    def read(self, name: str) -> MachineGroup | None:
        """A group as it is now. None: there is none, or it carries no tag of an application."""

    def resume(self, name: str, processes: Collection[str]) -> None:
        """Let it do these again; others that are suspended stay so. Again is fine.

        Raises:
            ConflictError: code NOT_RESUMED, with AWS's words.
        """


class OperationFiles(Protocol):
    """What machines take and bring: a folder for each request, in reach of its application's."""

    def bucket(self) -> str:
        """The bucket, for whoever has to name it to a machine."""

    def put_script(self, folder: str, name: str, text: str) -> str:
        """Keep a script for the machines and give its URL; putting it again is fine."""

    def discard_script(self, folder: str, name: str) -> None:
        """Delete it; gone already is fine."""

    def keep_diagnostics(
        self, folder: str, machines: Collection[str], clean: Callable[[str], str]
    ) -> None:
        """Keep what these machines brought as `clean` leaves it, and nothing else of what is there.

        Nothing is in anybody's reach before; doing it again keeps what has come since.

        Raises:
            UnavailableError: not all is kept; code DIAGNOSTICS_NOT_KEPT when S3 refuses.
        """

    def diagnostics(self, folder: str) -> list[DiagnosticFile]:
        """What was kept of what machines brought, with addresses that work for a short while."""
