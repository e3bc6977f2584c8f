"""What a workflow touches: executions, stacks, waits, builds, sites, sources."""

from collections.abc import Collection, Mapping
from typing import IO, Any, Protocol

from autoprovision.domain.build import Build
from autoprovision.domain.change import ChangeSet
from autoprovision.domain.drift import Drift
from autoprovision.domain.git_source import GitSource, SourceTree
from autoprovision.domain.request import RequestKind
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.ports.pages import Page


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

    def ended(self, stack_id: str) -> list[StackResource]:
        """How each resource of a stack ended: DELETE_COMPLETE; DELETE_SKIPPED is still there.

        One that an update has replaced counts beside the one that took its place.
        """


class Names(Protocol):
    """Route 53: names in the platform's own zone; none outside of its domain is ever touched."""

    def withdraw(self, names: Collection[str]) -> int:
        """Delete what leads somewhere from these names, in one batch; gone already is fine.

        Returns:
            How many records were there.

        Raises:
            BusyError: somebody else changes them.
        """

    def standing(self, names: Collection[str]) -> frozenset[str]:
        """Those of the names that still have a record of any kind."""

    def leading(self, *, limit: int, after: str | None = None) -> Page[str]:
        """Names below the domain that lead somewhere, of so many records; for the audit."""


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
        """Remember who waits; a new token replaces the old one, which is dead then.

        Args:
            at: now; a token that is older than the one that is known is left out.
        """

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

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, root: str, before: str = ""
    ) -> str:
        """Put the files live at once or not at all; gives the release's name back.

        Args:
            before: origin path of the release that was live before, which is kept; without it the
                newest of the others is.
        """

    def live_path(self, outputs: Mapping[str, str]) -> str:
        """The origin path that is live: what an update of the stack passes as `LivePath`."""

    def go_back(self, outputs: Mapping[str, str], live_path: str) -> None:
        """Serve the release at an origin path again; it is served already is fine."""

    def unpublish(self, bucket: str) -> None:
        """Empty a bucket, versions too; gone already is fine."""


class Builds(Protocol):
    """CodeBuild, after the workflow has started a build."""

    def find(self, build_id: str) -> Build | None:
        """The build as it is now. None: there is no such build, or it was long ago."""

    def of_request(self, request_id: str) -> str | None:
        """The id of the build that was started last for a request, if it was not long ago."""

    def stop(self, build_id: str) -> None:
        """Stop a build; ended already is fine."""

    def log_tail(self, build_id: str, *, lines: int) -> list[str]:
        """The last lines of the build's log."""


class BuildFiles(Protocol):
    """What builds take and bring: a folder each, of a name that nobody can guess."""

    def stage(self, folder: str, source: IO[bytes]) -> None:
        """Put a build's source there; putting it again is fine."""

    def output(self, folder: str, *, limit: int) -> IO[bytes]:
        """What the build brought, to be closed by the caller.

        Raises:
            NotFoundError: it brought nothing.
            SourceError: code BUILD_OUTPUT_TOO_LARGE, it has more than `limit` bytes.
        """

    def discard_source(self, folder: str) -> None:
        """Delete the source; gone already is fine."""

    def discard(self, folder: str) -> None:
        """Delete the folder; gone already is fine."""


class Functions(Protocol):
    """The Lambda functions of an application."""

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, folder: str, release: str,
        before: str = "",
    ) -> None:  # fmt: skip
        """Make a build's output the functions' code, and wait until it runs.

        Args:
            outputs: of the stack: `FunctionName`, or `FunctionNames` with commas.
            tree: the output, checked.
            folder: where the build has put it.
            release: its name, as `domain.build.function_release` makes it.
            before: the release that was live before, which is kept; without it the newest of the
                others is.

        Raises:
            SourceError: the functions' handler is not in it.
            ConflictError: code CODE_REFUSED, Lambda does not take or does not run it.
            BusyError: the function is being changed at the same time.
        """

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Make a release that was published before the functions' code again.

        It is already is fine, and nothing is done.
        """

    def unpublish(self, function: str) -> None:
        """Forget the releases that are kept of a function; none is fine."""


class Services(Protocol):
    """The container services of an application."""

    def publish(self, outputs: Mapping[str, str], image: str, *, before: str = "") -> str:
        """Let the service run an image, and wait until it does.

        Args:
            outputs: of the stack: `ClusterName`, `ServiceName`, `RepositoryUri`, `Nodes`, and
                `LogGroupName` for what the containers said.
            image: with its tag, from the application's own repository. While it runs it is kept.
            before: the release that it would be taken back to, whose image is kept too.

        Returns:
            The release's name: the image's tag.

        Raises:
            ConflictError: code FOREIGN_IMAGE, the image is of another repository; ROLLOUT_FAILED,
                the containers did not become well; what was live before is live again, or
                nothing runs. IMAGE_NOT_KEPT: the repository does not let the mark move.
            UnavailableError: they are still on their way; calling again goes on waiting.
        """

    def live_image(self, outputs: Mapping[str, str]) -> str:
        """The image that is live: what an update of the stack passes as `LiveImage`.

        Empty before the first release.
        """

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Let the service run the image of a release before.

        It does already is fine, and nothing is done.
        """

    def stop(self, service: str) -> None:
        """Let no container of a service run; gone already is fine."""

    def forget(self, definition: str) -> None:
        """Forget what publishing added to a task definition that a stack made; none is fine."""


class UrlProbe(Protocol):
    """Does the application answer?"""

    def check(self, url: str) -> str | None:
        """None when the URL answers below 400, else what is wrong."""
