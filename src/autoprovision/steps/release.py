"""What a build brought becomes what an application runs, by the target that its blueprint names."""

import hashlib
import json
from contextlib import closing
from functools import partial
from typing import IO, Any, NamedTuple

from autoprovision.domain.archive import OutputLimits, unpacked
from autoprovision.domain.blueprint import PublishTarget
from autoprovision.domain.build import function_release
from autoprovision.domain.change import LastGood
from autoprovision.domain.counted import counted, verb
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.git_source import SourceCode, SourceError, SourceTree
from autoprovision.domain.request import Request
from autoprovision.domain.site_files import INDEX
from autoprovision.domain.stack import Stack
from autoprovision.ports import Platform
from autoprovision.steps.errors import StepRefusedError

IMAGE_FILE = "image.json"
_LIMITS = OutputLimits()
_CHUNK = 1024 * 1024


class Released(NamedTuple):
    """A release that is live.

    Attributes:
        message: the sentence for the timeline.
    """

    release: str
    message: str


def release_build(
    request: Request, stack: Stack, target: PublishTarget, platform: Platform
) -> Released:
    """Put a build's output live on its target.

    Raises:
        SourceError: the output is too large, unsafe, or lacks what the target needs.
        StepRefusedError: there is no build, or it brought nothing.
    """
    folder = request.build_folder
    if not folder:
        raise StepRefusedError("Nothing was built for this request.", code="NO_BUILD")
    try:
        content = platform.build_files.output(folder, limit=_LIMITS.packed_bytes)
    except NotFoundError as error:
        raise StepRefusedError("The build brought nothing.", code="NO_BUILD_OUTPUT") from error
    with closing(content):
        digest = _digest(content)
        with unpacked(content, request.source_commit or "build", _LIMITS) as tree:
            release = _put(target, request, stack, tree, digest, platform)
            count = len(tree)
    platform.build_files.discard_source(folder)
    commit = (request.source_commit or "")[:10]
    what = {
        PublishTarget.SITE: f"{counted(count, 'file')} {verb(count)} live",
        PublishTarget.FUNCTION: f"The function runs {counted(count, 'file')}",
        PublishTarget.SERVICE: "The containers run the new image",
    }[target]
    return Released(release, f"{what}, built from commit {commit}.")


def _digest(content: IO[bytes]) -> str:
    """SHA-256 of an archive, which is read from its beginning afterwards."""
    found = hashlib.sha256()
    for chunk in iter(partial(content.read, _CHUNK), b""):
        found.update(chunk)
    content.seek(0)
    return found.hexdigest()


def _put(
    target: PublishTarget, request: Request, stack: Stack, tree: SourceTree, digest: str,
    platform: Platform,
) -> str:  # fmt: skip
    before = (request.last_good.release if request.last_good else None) or ""
    if target is PublishTarget.FUNCTION:
        release = function_release(request.source_commit or "build", digest)
        platform.functions.publish(
            stack.outputs, tree, folder=request.build_folder or "", release=release,
            before=before,
        )  # fmt: skip
        return release
    if target is PublishTarget.SERVICE:
        return platform.services.publish(stack.outputs, _image(tree), before=before)
    if not tree.contains(INDEX):
        raise _incomplete(f"The build made no {INDEX}.")
    return platform.sites.publish(stack.outputs, tree, root="", before=site_before(request))


def site_before(request: Request) -> str:
    """The origin path that was live before the request's update, which has to be kept."""
    return request.last_good.live_path if request.last_good else ""


def go_back(good: LastGood, stack: Stack, platform: Platform) -> None:
    """Let the release run that was live before an update; it does already is fine."""
    if good.target == PublishTarget.SITE:
        platform.sites.go_back(stack.outputs, good.live_path)
    elif good.release is None:
        return
    elif good.target == PublishTarget.FUNCTION:
        platform.functions.go_back(stack.outputs, good.release)
    elif good.target == PublishTarget.SERVICE:
        platform.services.go_back(stack.outputs, good.release)


def _image(tree: SourceTree) -> str:
    """Which image the recipe has pushed, as it says in image.json."""
    if not tree.contains(IMAGE_FILE):
        raise _incomplete(f"The build's output has no {IMAGE_FILE}.")
    try:
        document: Any = json.loads(tree.files[IMAGE_FILE].read())
        image = document["image"]
    except (ValueError, KeyError, TypeError, RecursionError):
        image = None
    if not isinstance(image, str):
        raise _incomplete(f"{IMAGE_FILE} of the build's output names no image.")
    return image


def _incomplete(message: str) -> SourceError:
    return SourceError(SourceCode.BUILD_OUTPUT_INCOMPLETE, message)
