"""PublishProject and its undos: the project's code on the stack.

UnpublishProject takes it away with the stack; RestoreRelease, the undo in an update, lets the
release run again that was live before.
"""

from collections.abc import Callable
from typing import Any

from autoprovision.domain.application import Application
from autoprovision.domain.blueprint import Publish, PublishMethod
from autoprovision.domain.counted import counted, verb
from autoprovision.domain.request import Request
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.ports import Platform
from autoprovision.steps.build import discard_build
from autoprovision.steps.release import Released, go_back, release_build, site_before
from autoprovision.steps.repository import fetched, root_of
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.url import url_of

_BUCKET, _FUNCTION = "AWS::S3::Bucket", "AWS::Lambda::Function"
_SERVICE, _DEFINITION = "AWS::ECS::Service", "AWS::ECS::TaskDefinition"


def publish_project(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Put the repository's files, or what was built from them, live at once or not at all.

    Args:
        event: `requestId` and `stackId`.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        SourceError: the repository cannot be had, or is not what the blueprint publishes; or the
            build's output is not.
    """
    request = wanted(event, platform)
    application = application_of(request, platform)
    # An update of the code alone has no plan.
    ordered = request.plan or application
    publish = platform.catalog.version(ordered.blueprint, ordered.version).manifest.publish
    stack, _ = url_of(event["stackId"], platform)
    if request.last_good is not None:
        # Before the first effect: the way back of an update must not trust that there was none.
        replacing = request.last_good.with_(replaced=True)
        request = platform.records.patch_request(request.id, last_good=replacing)
    if publish.method is PublishMethod.BUILD:
        released = release_build(request, stack, publish.target, platform)
    else:
        released = _copy(request, application, stack, publish, platform)
    platform.records.patch_application(application.id, release=released.release)
    return {"release": released.release, "message": released.message}


def _copy(
    request: Request, application: Application, stack: Stack, publish: Publish, platform: Platform
) -> Released:
    """The files of the repository as they are."""
    with fetched(request, application, platform) as tree:
        release = platform.sites.publish(
            stack.outputs, tree, root=root_of(tree, publish, ""), before=site_before(request)
        )
        message = (
            f"{counted(len(tree), 'file')} of commit {tree.commit[:10]} {verb(len(tree))} live."
        )
    return Released(release, message)


def unpublish_project(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Stop the build and the containers, empty the buckets of a stack, forget kept releases.

    Buckets that a terminated application leaves to its people stay as they are, and those that an
    operator leaves behind.

    Args:
        event: `requestId` and `stackId`.
    """
    request = platform.records.request(event["requestId"])
    discard_build(request, platform)
    if platform.stacks.find(event["stackId"]) is None:
        return {"message": "The stack is gone already."}
    kept = _kept(request, platform) if request.kind == "terminate" else frozenset()
    kept |= request.retain.keys()
    made = [
        one
        for one in platform.stacks.resources(event["stackId"])
        if one.physical_id and one.logical_id not in kept
    ]
    # First, so that nothing writes into what is emptied.
    _each(made, _SERVICE, platform.services.stop)
    buckets = [str(one.physical_id) for one in made if one.type == _BUCKET]
    for bucket in buckets:
        platform.sites.unpublish(bucket)
    _each(made, _FUNCTION, platform.functions.unpublish)
    _each(made, _DEFINITION, platform.services.forget)
    count = len(buckets)
    stopped = "The containers are stopped, " if any(one.type == _SERVICE for one in made) else ""
    return {"message": f"{stopped}{counted(count, 'bucket')} {verb(count)} empty."}


def _each(made: list[StackResource], kind: str, undo: Callable[[str], None]) -> None:
    for one in made:
        if one.type == kind:
            undo(str(one.physical_id))


def restore_release(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Stop the update's build, and let the release run that was live before the update.

    Args:
        event: `requestId`.
    """
    request = platform.records.request(event["requestId"])
    discard_build(request, platform)
    good = request.last_good
    stack = platform.stacks.find(request.stack_id) if request.stack_id else None
    if good is None or not good.target or stack is None:
        return {"message": "There is no release to go back to."}
    if not good.replaced and stack.changed_at == good.changed_at:
        return {"message": "The release before is the live one."}
    go_back(good, stack, platform)
    return {"message": "The release before is live."}


def _kept(request: Request, platform: Platform) -> frozenset[str]:
    application = application_of(request, platform)
    version = platform.catalog.version(application.blueprint, application.version)
    return frozenset(version.manifest.kept_on_terminate)
