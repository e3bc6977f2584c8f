"""Builds: stage the source, wait for CodeBuild's end, and take a build back.

The state BuildProject starts the build by itself. What it starts runs code of people who are not
ours, so it is given no secret: the repository is fetched here and handed over as an archive.
No wake-up is lost: AwaitBuild stores its token first and looks at the build afterwards; BuildEvents
looks for the token after each event; Sweep looks at both. Events are hints: `settle_build` reads
the build itself.
"""

import logging
import tempfile
from secrets import token_hex
from typing import Any

from autoprovision.domain.application import Application
from autoprovision.domain.archive import pack
from autoprovision.domain.blueprint import Blueprint, PublishedBlueprint, PublishTarget
from autoprovision.domain.build import (
    RECIPE_PHASES,
    Build,
    BuildStatus,
    said_in,
    tail,
    why,
)
from autoprovision.domain.clock import iso
from autoprovision.domain.counted import counted
from autoprovision.domain.errors import AutoprovisionError, NotFoundError
from autoprovision.domain.request import Request
from autoprovision.domain.stack import Stack
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps import timeline
from autoprovision.steps.errors import CancelledError, StepRefusedError
from autoprovision.steps.repository import fetched, root_of
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.stack import Wait, wait_for
from autoprovision.steps.url import url_of
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

BUILD = "BUILD"
STEP = "AwaitBuild"
_CODES = {BuildStatus.TIMED_OUT: "BUILD_TIMED_OUT", BuildStatus.STOPPED: "BUILD_STOPPED"}
# CodeBuild's shortest time limit, and how long a build may wait for a machine.
_LEAST_MINUTES, _QUEUED_MINUTES, _LATE_MINUTES = 5, 30, 10
_LOG_LINES, _MOST_CAUSE = 400, 4000
_ARM = "aarch64"


def stage_source(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Fetch the repository, see that it fits its stack, and put it where the build finds it.

    Args:
        event: `requestId` and `stackId`.

    Returns:
        `build`: what BuildProject calls CodeBuild with, all of it public.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        SourceError: the repository cannot be had, or is not what the recipe builds.
    """
    request = wanted(event, platform)
    application = application_of(request, platform)
    # An update of the code alone has no plan.
    ordered = request.plan or application
    published = platform.catalog.version(ordered.blueprint, ordered.version)
    stack, _ = url_of(event["stackId"], platform)
    request = platform.records.note_build_folder(
        request.id, f"builds/{application.id}/{request.id}/{token_hex(16)}"
    )
    folder = request.build_folder or ""
    with (
        fetched(request, application, platform) as tree,
        tempfile.TemporaryFile() as archive,
    ):
        stack_name = tech_stack(published.manifest, application, request)
        pack(tree, root_of(tree, published.manifest.publish, stack_name), archive)
        archive.seek(0)
        platform.build_files.stage(folder, archive)
        count, commit = len(tree), tree.commit
    request = platform.records.patch_request(request.id, source_commit=commit)
    return {
        "build": _start(request, application, published, stack),
        "message": f"{counted(count, 'file')} of commit {commit[:10]} ready to be built.",
    }


def _start(
    request: Request, application: Application, published: PublishedBlueprint, stack: Stack
) -> dict[str, Any]:
    publish = published.manifest.publish
    minutes = max(_LEAST_MINUTES, publish.minutes)
    name = tech_stack(published.manifest, application, request)
    variables = {
        "REQUEST_ID": request.id,
        "APPLICATION_ID": application.id,
        "APPLICATION_NAME": application.application_name,
        "TARGET_ENVIRONMENT": application.target_environment,
        "TECH_STACK": name,
        "TOOLS": " ".join(publish.needed_by(name).tools),
        "COMMIT": request.source_commit or "",
        **{f"OUTPUT_{name}": value for name, value in stack.outputs.items()},
    }
    return {
        "target": publish.target.value,
        "roleArn": _role(application, publish.target, stack),
        "folder": request.build_folder,
        "recipeKey": published.recipe_key,
        "image": publish.image,
        "machine": "ARM_CONTAINER" if _ARM in publish.image else "LINUX_CONTAINER",
        "minutes": minutes,
        "queuedMinutes": _QUEUED_MINUTES,
        "awaitSeconds": (minutes + _QUEUED_MINUTES + _LATE_MINUTES) * 60,
        "token": request.id,
        "variables": [
            {"Name": name, "Value": value, "Type": "PLAINTEXT"}
            for name, value in sorted(variables.items())
        ],
    }


def _role(application: Application, target: PublishTarget, stack: Stack) -> str:
    """The role that builds the application's image; other targets are built as the platform's.

    Raises:
        StepRefusedError: the stack names no role, or one that is not this application's.
    """
    if target is not PublishTarget.SERVICE:
        return ""
    role = stack.outputs.get("BuildRoleArn", "")
    if not role.endswith(f"-app-{application.id}-build"):
        raise StepRefusedError(
            "The stack's output BuildRoleArn is not the build role of this application.",
            code="NO_BUILD_ROLE",
        )
    return role


def tech_stack(manifest: Blueprint, application: Application, request: Request) -> str:
    """The tech stack as the manifest writes it: recipes know no other spelling."""
    asked = request.tech_stack or application.tech_stack
    names = (one.stack_named(asked) for one in manifest.serving(application.project_type))
    return next((name for name in names if name), "")


def await_build(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Store the token that waits for a build's end, then look whether it has come already.

    Args:
        event: `requestId`, `buildId` and `taskToken`.

    Raises:
        CancelledError: somebody has asked to cancel the request.
    """
    build_id, token = event["buildId"], event["taskToken"]
    wait = Wait(token, BUILD, event["requestId"])
    platform.waits.put(
        build_id, token, request_id=wait.request_id, purpose=wait.stored_purpose(),
        at=iso(platform.now()),
    )  # fmt: skip
    # After the token: whoever cancels marks the request before looking for a build's token.
    request = platform.records.patch_request(wait.request_id, build_id=build_id)
    commit = (request.source_commit or "")[:10]
    timeline.waiting(
        platform, request.id, STEP, f"CodeBuild is building commit {commit}.",
        timeline.STEPS[STEP].seconds,
    )  # fmt: skip
    if request.cancel_requested_by:
        raise CancelledError("The request was cancelled.")
    settle_build(build_id, platform)
    return {}


def settle_build(build_id: str, platform: Platform) -> bool:
    """Answer whoever waits for a build, if it is at an end.

    Called after storing a token, after events and by the sweep, in any order and any number of
    times: a token is answered once.

    Returns:
        Whether this call ended the wait.
    """
    wait = wait_for(build_id, platform)
    if wait is None:
        return False
    build = platform.builds.find(build_id)
    if build is not None and not build.is_over:
        return False
    log = _log(build_id, platform)
    if build is not None and build.status is BuildStatus.SUCCEEDED:
        ended = platform.workflows.answer(wait.token, {"buildId": build_id})
        status, message = StepStatus.SUCCEEDED, timeline.STEPS[STEP].done
    else:
        message = why(build, log) if build else "CodeBuild does not know the build any more."
        code = _CODES.get(build.status, "BUILD_FAILED") if build else "BUILD_GONE"
        cause = f"{code}: {message}"[:_MOST_CAUSE]
        ended = platform.workflows.fail(wait.token, "BuildFailed", cause)
        status = StepStatus.FAILED
    platform.waits.remove(build_id, wait.token)
    if ended:
        shown = "\n".join([message, *tail(log)])
        note(platform, wait.request_id, STEP, shown, status)
    return ended


def note_phase(build_id: str, phase: str, platform: Platform) -> bool:
    """Tell in the timeline that a phase of the recipe has ended, and what it said last.

    Args:
        phase: CodeBuild's name of the phase that an event is about.

    Returns:
        Whether there was something to tell.
    """
    name = phase.lower()
    if name not in RECIPE_PHASES:
        return False
    build = platform.builds.find(build_id)
    ended = build.phase(name) if build else None
    if build is None or ended is None or not _is_known(build, platform):
        return False
    said = said_in(_log(build_id, platform), name)
    if ended.status == "SUCCEEDED" and not said:
        return False  # the recipe has nothing in it
    how = "done" if ended.status == "SUCCEEDED" else ended.status.lower().replace("_", " ")
    last = f": {said[-1]}" if said else ""
    message = f"{name} is {how} after {ended.seconds} s{last}"
    note(platform, build.request_id, STEP, message)
    return True


def _is_known(build: Build, platform: Platform) -> bool:
    """Whether it is a request's build; noted with it, in case the start's answer was lost."""
    if not build.request_id:
        return False
    try:
        request = platform.records.request(build.request_id)
    except NotFoundError:
        return False
    if request.build_id is None and not request.is_final:
        platform.records.patch_request(request.id, build_id=build.id)
    return True


def _log(build_id: str, platform: Platform) -> list[str]:
    """The end of the log; a courtesy, so that a log that cannot be had stops nothing."""
    try:
        return platform.builds.log_tail(build_id, lines=_LOG_LINES)
    except AutoprovisionError as error:
        logger.warning("build log not read", extra={"buildId": build_id, "why": error.reason})
        return []


def discard_build(request: Request, platform: Platform) -> None:
    """The undo of StageSource and BuildProject: nothing runs and nothing lies there any more."""
    if not request.build_folder:
        return
    # A start whose answer was lost has built all the same.
    build_id = request.build_id or platform.builds.of_request(request.id)
    if build_id:
        platform.builds.stop(build_id)
    platform.build_files.discard(request.build_folder)
