"""Puts the platform onto an embedded AWS: AWS's own stacks with the parameters of a loopback."""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from autoprovision.deployer.catalog import read_catalog
from autoprovision.deployer.deploy import Deployment, DeployOptions, deploy
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.domain.request import TargetEnvironment
from autoprovision.embedded.state import EmbeddedAws

ADMIN_EMAIL = "admin@platform.example"
SENDER_ADDRESS = "no-reply@platform.example"
_PASSWORD_FILE = "admin-password"  # noqa: S105 - a file's name
# Where the embedded AWS's functions find modules besides their own package.
_RUNTIME_FOLDER = "lambda-runtime"
_PARAMETERS = {
    "UrlScheme": "http",
    "AllowedGitHosts": "github.com,gitlab.com,bitbucket.org,http://127.0.0.1:*,http://localhost:*",
    "SenderAddress": SENDER_ADDRESS,
    # `down` ends it all, so there is nothing to protect.
    "DeletionProtection": "false",
    # Nobody needs an authenticator app to try it; who enrols one is asked for it.
    "MfaRoles": "",
    # Networks cost nothing here; what would only take time is left out.
    **{
        f"{env.value}.{name}": value
        for env in TargetEnvironment
        for name, value in {
            "NatGateways": "none",
            "FlowLogs": "false",
            "DeletionProtection": "false",
        }.items()
    },
}


@dataclass(frozen=True)
class Installed:
    """A platform on an embedded AWS.

    Attributes:
        cognito_endpoint: where sign-in goes instead of AWS's own address.
        issuer: who issues the tokens that the API takes.
        outputs: those of the platform's stacks.
    """

    api_url: str
    region: str
    user_pool_id: str
    user_pool_client_id: str
    cognito_endpoint: str
    issuer: str
    admin_email: str
    admin_password: str = field(repr=False)
    outputs: dict[str, str]


def install(
    aws: EmbeddedAws, *, say: Callable[[str], None], parameters: Mapping[str, str] | None = None
) -> Installed:
    """Deploy the platform, or bring it up to date.

    Args:
        aws: the running embedded AWS.
        say: is told what happens, a sentence at a time.
        parameters: values for the platform's parameters besides those of a loopback; one left out
            keeps the value of the last time.

    Raises:
        DeployError: it could not be deployed.
        OSError: the data folder cannot be written to.
    """
    # A client costs 20 to 60 ms; every part of the deployment asks for the same few.
    clients: Callable[[str], Any] = cache(aws.client)
    password = _admin_password(aws.data)
    sources = find_sources()
    _lend_libraries(sources.lock, aws.data / _RUNTIME_FOLDER)
    clients("ses").verify_email_identity(EmailAddress=SENDER_ADDRESS)
    options = DeployOptions(
        region=aws.region,
        parameters={
            **_PARAMETERS,
            "ControlPlaneOnly": _not_run_here(sources),
            **(parameters or {}),
        },
        networks=tuple(TargetEnvironment),
        admin_email=ADMIN_EMAIL,
        admin_password=password,
        local_runtime=True,
    )
    made: Deployment = deploy(clients, options, say=say, confirm=_yes, sources=sources)
    return Installed(
        api_url=made.api_url,
        region=made.region,
        user_pool_id=made.user_pool_id,
        user_pool_client_id=made.user_pool_client_id,
        cognito_endpoint=aws.endpoint_url,
        issuer=made.outputs["Issuer"],
        admin_email=ADMIN_EMAIL,
        admin_password=password,
        outputs=made.outputs,
    )


def _not_run_here(sources: Sources) -> str:
    """The blueprints whose containers or machines cannot run on an embedded AWS."""
    _, folders = read_catalog(sources)
    return ",".join(one.manifest.id for one in folders if one.manifest.proven_on != "embedded")


def _yes(_stack: str, _changes: object) -> bool:
    return True


def _lend_libraries(lock: Path, folder: Path) -> None:
    """Let functions import what the lock names, and nothing else that is installed here.

    On AWS these libraries lie in the functions' archive. Here they lie in this interpreter, and
    packing them would only make copies of them for every function.
    """
    folder.mkdir(exist_ok=True)
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text("utf-8"), re.MULTILINE):
        for part in _installed_parts(name):
            link = folder / part.name
            if not link.is_symlink() and part.exists():
                link.symlink_to(part)


def _installed_parts(name: str) -> Iterator[Path]:
    """The folders and files of a library directly below its site-packages."""
    try:
        library = distribution(name)
    except PackageNotFoundError:
        # The lock also names what other Pythons and systems need.
        return
    tops = {file.parts[0] for file in library.files or ()} - {"..", "__pycache__"}
    for top in sorted(tops):
        yield Path(str(library.locate_file(top)))


def _admin_password(data: Path) -> str:
    """The admin's password, chosen once for a data folder and readable by its owner only."""
    path = data / _PASSWORD_FILE
    try:
        if kept := path.read_text("utf-8").strip():
            return kept
    except FileNotFoundError:
        pass
    # One of each kind that the pool's policy asks for, and the rest at random.
    password = f"Aa1-{secrets.token_urlsafe(18)}"
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(password)
    draft.replace(path)
    return password
