"""PublishProject and its undo UnpublishProject: the project's code on the stack."""

from typing import Any

from autoprovision.domain.blueprint import Publish
from autoprovision.domain.git_source import (
    AllowedHosts,
    GitSource,
    InvalidProjectURL,
    SourceCode,
    SourceError,
    SourceTree,
    parse_project_url,
)
from autoprovision.domain.request import Request
from autoprovision.domain.site_files import INDEX, clean_root, no_index
from autoprovision.ports import Platform
from autoprovision.steps.errors import StepRefusedError
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.url import url_of

_BUCKET = "AWS::S3::Bucket"


def publish_project(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Fetch the repository and put its files live at once, or not at all.

    Args:
        event: `requestId` and `stackId`.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        SourceError: the repository cannot be had, or is not what the blueprint publishes.
    """
    request = wanted(event, platform)
    application = application_of(request, platform)
    # An update of the code alone has no plan.
    ordered = request.plan or application
    publish = platform.catalog.version(ordered.blueprint, ordered.version).manifest.publish
    stack, _ = url_of(event["stackId"], platform)
    secret_arn = request.secret_arn or application.secret_arn
    secrets = platform.secrets.get(secret_arn) if secret_arn else {}
    with platform.source.fetch(_source(request, secrets, platform), secrets) as tree:
        release = platform.sites.publish(stack.outputs, tree, root=root_of(tree, publish))
        count, commit = len(tree), tree.commit[:10]
    platform.records.patch_application(application.id, release=release)
    return {"release": release, "message": f"{count} files of commit {commit} are live."}


def _source(request: Request, secrets: dict[str, str], platform: Platform) -> GitSource:
    allowed = AllowedHosts.parse(platform.settings.allowed_git_hosts)
    try:
        return parse_project_url(
            str(request.template.get("ProjectURL") or ""),
            allowed_hosts=allowed,
            with_private_key="PrivateKey" in secrets,
        )
    except InvalidProjectURL as error:
        raise StepRefusedError(str(error), code="INVALID_PROJECT_URL") from None


def root_of(tree: SourceTree, publish: Publish) -> str:
    """The first of the blueprint's folders in which everything is that it needs.

    Raises:
        SourceError: there is none.
    """
    prefixes = [clean_root(root) for root in publish.root]
    for prefix in prefixes:
        if all(tree.contains(prefix + name) for name in publish.needs):
            return prefix.rstrip("/")
    if INDEX in publish.needs:
        raise no_index(tree, prefixes)
    where = " or ".join(prefix or "the top folder" for prefix in prefixes)
    raise SourceError(
        SourceCode.NO_INDEX,
        f"The repository has no {' and '.join(publish.needs)} in {where}.",
    )


def unpublish_project(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Empty the buckets of a stack, versions too, so that it can be deleted.

    Buckets that a terminated application leaves to its people stay as they are.

    Args:
        event: `requestId` and `stackId`.
    """
    request = platform.records.request(event["requestId"])
    if platform.stacks.find(event["stackId"]) is None:
        return {"message": "The stack is gone already."}
    kept = _kept(request, platform) if request.kind == "terminate" else frozenset()
    buckets = [
        one.physical_id
        for one in platform.stacks.resources(event["stackId"])
        if one.type == _BUCKET and one.physical_id and one.logical_id not in kept
    ]
    for bucket in buckets:
        platform.sites.unpublish(bucket)
    return {"message": f"{len(buckets)} buckets are empty."}


def _kept(request: Request, platform: Platform) -> frozenset[str]:
    application = application_of(request, platform)
    version = platform.catalog.version(application.blueprint, application.version)
    return frozenset(version.manifest.kept_on_terminate)
