"""The project's repository: where it is, its newest tree, and the folder that is published."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

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


def root_of(tree: SourceTree, publish: Publish, stack: str) -> str:
    """The first of the blueprint's folders in which everything is that it needs.

    Args:
        stack: the tech stack as the manifest writes it.

    Raises:
        SourceError: there is none.
    """
    wanted: list[str | tuple[str, ...]] = [*publish.needs]
    wanted += [one for one in publish.needed_by(stack).files if one not in wanted]
    prefixes = [clean_root(root) for root in publish.root]
    for prefix in prefixes:
        if not _missing(tree, prefix, wanted):
            return prefix.rstrip("/")
    if INDEX in publish.needs:
        raise no_index(tree, prefixes)
    where = " or ".join(prefix.rstrip("/") or "its top folder" for prefix in prefixes)
    raise SourceError(
        SourceCode.INCOMPLETE,
        f"The repository does not fit {stack or 'its blueprint'}: there is no "
        f"{' and no '.join(_missing(tree, prefixes[0], wanted))} in {where}.",
    )


def _missing(tree: SourceTree, prefix: str, wanted: Iterable[str | tuple[str, ...]]) -> list[str]:
    """What of the wanted is not in a folder, in words."""
    choices = [(one,) if isinstance(one, str) else one for one in wanted]
    inside = [path.removeprefix(prefix) for path in tree.files if path.startswith(prefix)]
    return [
        " or ".join(names)
        for names in choices
        if not any(_stands_for(name, path) for name in names for path in inside)
    ]


def _stands_for(pattern: str, path: str) -> bool:
    """Whether a path is what a pattern names, folder by folder."""
    wanted, found = pattern.split("/"), path.split("/")
    return len(wanted) == len(found) and all(map(fnmatchcase, found, wanted))
