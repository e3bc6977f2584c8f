"""PublishProject and its undo UnpublishProject: the project's code on the stack."""

from typing import Any

from autoprovision.domain.application import Application
from autoprovision.domain.blueprint import Publish, PublishMethod
from autoprovision.domain.counted import counted, verb
from autoprovision.domain.request import Request
from autoprovision.domain.stack import Stack
from autoprovision.ports import Platform
from autoprovision.steps.build import discard_build
from autoprovision.steps.release import Released, release_build
from autoprovision.steps.repository import fetched, root_of
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.url import url_of

_BUCKET, _FUNCTION = "AWS::S3::Bucket", "AWS::Lambda::Function"


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
        release = platform.sites.publish(stack.outputs, tree, root=root_of(tree, publish))
        message = (
            f"{counted(len(tree), 'file')} of commit {tree.commit[:10]} {verb(len(tree))} live."
        )
    return Released(release, message)


def unpublish_project(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Stop the build, empty the buckets of a stack, versions too, and forget kept releases.

    Buckets that a terminated application leaves to its people stay as they are.

    Args:
        event: `requestId` and `stackId`.
    """
    request = platform.records.request(event["requestId"])
    discard_build(request, platform)
    if platform.stacks.find(event["stackId"]) is None:
        return {"message": "The stack is gone already."}
    kept = _kept(request, platform) if request.kind == "terminate" else frozenset()
    made = [
        one
        for one in platform.stacks.resources(event["stackId"])
        if one.physical_id and one.logical_id not in kept
    ]
    buckets = [str(one.physical_id) for one in made if one.type == _BUCKET]
    for bucket in buckets:
        platform.sites.unpublish(bucket)
    for one in made:
        if one.type == _FUNCTION:
            platform.functions.unpublish(str(one.physical_id))
    count = len(buckets)
    return {"message": f"{counted(count, 'bucket')} {verb(count)} empty."}


def _kept(request: Request, platform: Platform) -> frozenset[str]:
    application = application_of(request, platform)
    version = platform.catalog.version(application.blueprint, application.version)
    return frozenset(version.manifest.kept_on_terminate)
