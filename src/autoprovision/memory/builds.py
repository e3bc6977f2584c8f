"""Builds, and what they are put on, without AWS."""

import io
from collections.abc import Mapping
from typing import IO

from autoprovision.domain.build import Build, BuildStatus
from autoprovision.domain.errors import ConflictError, NotFoundError, UnavailableError
from autoprovision.domain.git_source import SourceCode, SourceError, SourceTree
from autoprovision.memory.outside import Outside


class MemoryBuilds:
    """The port `Builds`; whoever simulates plays CodeBuild.

    Attributes:
        known: the builds as they are now.
        logs: what each has written.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.known: dict[str, Build] = {}
        self.logs: dict[str, list[str]] = {}

    def find(self, build_id: str) -> Build | None:
        """The build as it is now."""
        self._outside.does("build.find", build_id)
        return self.known.get(build_id)

    def of_request(self, request_id: str) -> str | None:
        """The id of the build that was started last for a request."""
        self._outside.does("build.ofRequest", request_id)
        found = (one.id for one in reversed(self.known.values()) if one.request_id == request_id)
        return next(found, None)

    def stop(self, build_id: str) -> None:
        """Stop a build; ended already is fine."""
        self._outside.does("build.stop", build_id)
        found = self.known.get(build_id)
        if found is not None and not found.is_over:
            self.known[build_id] = found.with_(status=BuildStatus.STOPPED)

    def log_tail(self, build_id: str, *, lines: int) -> list[str]:
        """The last lines of the build's log."""
        return self.logs.get(build_id, [])[-lines:]


class MemoryBuildFiles:
    """The port `BuildFiles`; `outputs` is filled by whoever plays the recipe."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.sources: dict[str, bytes] = {}
        self.outputs: dict[str, bytes] = {}

    def stage(self, folder: str, source: IO[bytes]) -> None:
        """Put a build's source there."""
        self._outside.does("stage", folder)
        self.sources[folder] = source.read()

    def output(self, folder: str, *, limit: int) -> IO[bytes]:
        """What the build brought."""
        if folder not in self.outputs:
            raise NotFoundError("The build brought nothing.")
        if len(self.outputs[folder]) > limit:
            raise SourceError(SourceCode.BUILD_OUTPUT_TOO_LARGE, "The output is too large.")
        return io.BytesIO(self.outputs[folder])

    def discard_source(self, folder: str) -> None:
        """Delete the source."""
        self._outside.does("discardSource", folder)
        self.sources.pop(folder, None)

    def discard(self, folder: str) -> None:
        """Delete the folder."""
        self._outside.does("discard", folder)
        self.sources.pop(folder, None)
        self.outputs.pop(folder, None)


class MemoryFunctions:
    """The port `Functions`; `live` holds what each function runs, `kept` what can be put back."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.live: dict[str, str] = {}
        self.kept: dict[str, list[str]] = {}

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, folder: str, release: str,
        before: str = "",
    ) -> None:  # fmt: skip
        """Make a build's output the functions' code."""
        for name in _functions(outputs):
            self._outside.does("function.publish", name, folder, tree.commit)
            others = [one for one in self.kept.get(name, []) if one != release]
            kept = [before] if before in others else others[-1:]
            self.live[name], self.kept[name] = release, [*kept, release]

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Make a release that was published before the functions' code again."""
        for name in _functions(outputs):
            if self.live.get(name) == release:
                continue
            self._outside.does("function.goBack", name, release)
            if release not in self.kept.get(name, []):
                raise ConflictError("There is no such release.", code="CODE_REFUSED")
            self.live[name] = release

    def unpublish(self, function: str) -> None:
        """Forget the releases that are kept of a function."""
        self._outside.does("function.unpublish", function)
        self.live.pop(function, None)
        self.kept.pop(function, None)


def _functions(outputs: Mapping[str, str]) -> list[str]:
    listed = outputs.get("FunctionNames") or outputs["FunctionName"]
    return [name.strip() for name in listed.split(",") if name.strip()]


class MemoryServices:
    """The port `Services`; whoever simulates plays the containers.

    Attributes:
        live: the image that each service runs, by the service's name.
        kept: the releases of each service whose images are kept: what runs, and what it would be
            taken back to.
        broken: images whose containers do not become well.
        slow: images whose containers take more than a call; how many more.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.live: dict[str, str] = {}
        self.kept: dict[str, dict[str, str]] = {}
        self.broken: set[str] = set()
        self.slow: dict[str, int] = {}

    def publish(self, outputs: Mapping[str, str], image: str, *, before: str = "") -> str:
        """Let the service run an image."""
        if not image.startswith(outputs["RepositoryUri"] + ":"):
            raise ConflictError("The image is of another repository.", code="FOREIGN_IMAGE")
        self._outside.does("service.publish", outputs["ServiceName"], image)
        release = image.rpartition(":")[2]
        if before:
            self._keep(outputs, "live-before", before)
        self._keep(outputs, "live", release)
        if image in self.broken:
            raise ConflictError("The new containers did not become well.", code="ROLLOUT_FAILED")
        if self.slow.get(image, 0) > 0:
            self.slow[image] -= 1
            raise UnavailableError("The new containers are still on their way.")
        self.live[outputs["ServiceName"]] = image
        return release

    def _keep(self, outputs: Mapping[str, str], mark: str, release: str) -> None:
        self.kept.setdefault(outputs["ServiceName"], {})[mark] = release

    def live_image(self, outputs: Mapping[str, str]) -> str:
        """The image that is live."""
        return self.live.get(outputs["ServiceName"], "")

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Let the service run the image of a release before."""
        image = f"{outputs['RepositoryUri']}:{release}"
        if self.live_image(outputs) != image:
            self._outside.does("service.goBack", release)
            self.live[outputs["ServiceName"]] = image
        self._keep(outputs, "live", release)

    def stop(self, service: str) -> None:
        """Let no container of a service run."""
        self._outside.does("service.stop", service)
        self.live.pop(service.rpartition("/")[2], None)

    def forget(self, definition: str) -> None:
        """Forget what publishing added."""
        self._outside.does("service.forget", definition)
