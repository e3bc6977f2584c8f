"""What a workflow touches: executions, stacks, waits, builds, sites, sources."""

from collections.abc import Mapping
from typing import Any, Protocol

from autoprovision.domain.change import ChangeSet
from autoprovision.domain.drift import Drift
from autoprovision.domain.git_source import GitSource, SourceTree
from autoprovision.domain.request import RequestKind
from autoprovision.domain.stack import Stack, StackResource


class Workflows(Protocol):
    """Step Functions."""

    def start(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> None:
        """Start the workflow under the request's id; running or done already is fine."""

    def state(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> str | None:
        """Status of the execution (RUNNING, SUCCEEDED, FAILED, …), None if it never began."""

    def answer(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a task token. False: it was answered before, timed out or is unknown."""

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task token; the same."""


class Stacks(Protocol):
    """CloudFormation, read."""

    def find(self, name_or_id: str) -> Stack | None:
        """The stack; by id also when it is deleted. None: there is no such stack."""

    def ours(self) -> list[Stack]:
        """Every stack that carries an application's tag, deleted ones left out."""

    def failures(self, stack_id: str) -> list[StackResource]:
        """The resources that failed first, with CloudFormation's reasons."""

    def resources(self, stack_id: str) -> list[StackResource]:
        """All resources of the stack."""


class ChangeSets(Protocol):
    """CloudFormation's change sets; making one changes nothing of the stack."""

    def create(self, arguments: Mapping[str, Any]) -> None:
        """Ask for a change set; one of its name is there already is fine.

        Args:
            arguments: as `domain.change.change_arguments` makes them.

        Raises:
            ConflictError: code CHANGE_REFUSED, CloudFormation does not take it.
        """

    def find(self, stack_id: str, name: str) -> ChangeSet | None:
        """The change set as it is now, all its changes included."""


class DriftDetection(Protocol):
    """CloudFormation's drift detection, begun in one pass and read in a later one."""

    def begin(self, stack_id: str) -> str | None:
        """Begin a detection and give its id; None when the stack cannot be looked at now."""

    def result(self, stack_id: str, detection: str) -> Drift | None:
        """What a detection has found; None while it is under way."""


class Waits(Protocol):
    """Task tokens that wait for a stack."""

    def put(self, stack_id: str, token: str, *, request_id: str, purpose: str, at: str) -> None:
        """Remember who waits; a new token replaces the old one, which is dead then."""

    def get(self, stack_id: str) -> tuple[str, str] | None:
        """Token and purpose, strongly consistent."""

    def remove(self, stack_id: str, token: str) -> None:
        """Forget a token that was answered, unless another took its place."""

    def of_request(self, request_id: str, stack_id: str) -> str | None:
        """The token by which a request waits."""


class SourceRepository(Protocol):
    """The project's code."""

    def fetch(self, source: GitSource, secrets: Mapping[str, str]) -> SourceTree:
        """The newest tree. Raises SourceError."""


class Sites(Protocol):
    """The bucket and distribution behind a static application."""

    def publish(self, outputs: Mapping[str, str], tree: SourceTree, *, root: str) -> str:
        """Put the files live at once or not at all; gives the release's name back."""

    def live_path(self, outputs: Mapping[str, str]) -> str:
        """The origin path that is live: what an update of the stack passes as `LivePath`."""

    def go_back(self, outputs: Mapping[str, str], live_path: str) -> None:
        """Serve the release at an origin path again; it is served already is fine."""

    def unpublish(self, bucket: str) -> None:
        """Empty a bucket, versions too; gone already is fine."""


class Builds(Protocol):
    """CodeBuild."""

    def start(
        self, project: str, *, buildspec: str, environment: Mapping[str, str],
        secret_environment: Mapping[str, str], token: str,
    ) -> str:  # fmt: skip
        """Start a build; the same token starts one build. Gives its id."""

    def stop(self, build_id: str) -> None:
        """Stop a build; ended already is fine."""

    def log_tail(self, build_id: str, *, lines: int) -> list[str]:
        """The last lines of the build's log."""


class UrlProbe(Protocol):
    """Does the application answer?"""

    def check(self, url: str) -> str | None:
        """None when the URL answers below 400, else what is wrong."""
