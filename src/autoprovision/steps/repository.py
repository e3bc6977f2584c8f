"""The project's repository: where it is, its newest tree, and the folder that is published."""

from autoprovision.domain.application import Application
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


def fetched(request: Request, application: Application, platform: Platform) -> SourceTree:
    """The newest tree, with the credentials that came with the request or the application.

    Raises:
        SourceError: it cannot be had.
        StepRefusedError: the address is not one that this platform fetches from any more.
    """
    arn = request.secret_arn or application.secret_arn
    secrets = platform.secrets.get(arn) if arn else {}
    return platform.source.fetch(source_of(request, secrets, platform), secrets)


def source_of(request: Request, secrets: dict[str, str], platform: Platform) -> GitSource:
    """Where the request's project is.

    Raises:
        StepRefusedError: the address is not one that this platform fetches from any more.
    """
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
    missing = [name for name in publish.needs if not tree.contains(prefixes[0] + name)]
    where = " or ".join(prefix.rstrip("/") or "its top folder" for prefix in prefixes)
    raise SourceError(
        SourceCode.INCOMPLETE,
        "The repository does not fit its stack: there is no "
        f"{' and no '.join(missing)} in {where}.",
    )
