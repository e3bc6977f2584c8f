"""What a build brought becomes what an application runs, by the target that its blueprint names."""

import json
from contextlib import closing
from typing import Any, NamedTuple

from autoprovision.domain.archive import OutputLimits, unpacked
from autoprovision.domain.blueprint import PublishTarget
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
    with closing(content), unpacked(content, request.source_commit or "build", _LIMITS) as tree:
        release = _put(target, stack, tree, folder, platform)
        count = len(tree)
    platform.build_files.discard_source(folder)
    commit = (request.source_commit or "")[:10]
    what = {
        PublishTarget.SITE: f"{counted(count, 'file')} {verb(count)} live",
        PublishTarget.FUNCTION: f"The function runs {counted(count, 'file')}",
        PublishTarget.SERVICE: "The containers run the new image",
    }[target]
    return Released(release, f"{what}, built from commit {commit}.")


def _put(
    target: PublishTarget, stack: Stack, tree: SourceTree, folder: str, platform: Platform
) -> str:
    if target is PublishTarget.FUNCTION:
        return platform.functions.publish(stack.outputs, tree, folder=folder)
    if target is PublishTarget.SERVICE:
        return platform.services.publish(stack.outputs, _image(tree))
    if not tree.contains(INDEX):
        raise _incomplete(f"The build made no {INDEX}.")
    return platform.sites.publish(stack.outputs, tree, root="")


def _image(tree: SourceTree) -> str:
    """Which image the recipe has pushed, as it says in image.json."""
    if not tree.contains(IMAGE_FILE):
        raise _incomplete(f"The build's output has no {IMAGE_FILE}.")
    try:
        document: Any = json.loads(tree.files[IMAGE_FILE].read())
        image = document["image"]
    except (ValueError, KeyError, TypeError):
        image = None
    if not isinstance(image, str):
        raise _incomplete(f"{IMAGE_FILE} of the build's output names no image.")
    return image


def _incomplete(message: str) -> SourceError:
    return SourceError(SourceCode.BUILD_OUTPUT_INCOMPLETE, message)
