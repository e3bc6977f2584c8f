"""Starts a blueprint's folder, and publishes one to a platform."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoprovision.cli.errors import MisuseError
from autoprovision.cli.platform import aws_faults_told, aws_session
from autoprovision.cli.session import Session
from autoprovision.domain.blueprint import PublishedBlueprint

if TYPE_CHECKING:
    from autoprovision.deployer.starting.start import Started

# Small, and every part of a blueprint is in it: the model of what is started.
_MODEL = "static-site"
_LEFT_OUT = shutil.ignore_patterns("golden")


def start_blueprint(folder: Path) -> Path:
    """Make a folder with a valid blueprint of its own name.

    Raises:
        MisuseError: the folder is there already, or its name is no blueprint's.
    """
    from autoprovision.cli.blueprint_validate import own_prices
    from autoprovision.deployer.blueprint_folder import render_folder
    from autoprovision.deployer.sources import find_sources

    name = _new_name(folder)
    shutil.copytree(find_sources().catalog / _MODEL, folder, ignore=_LEFT_OUT)
    manifest = folder / "blueprint.yaml"
    text = manifest.read_text("utf-8").replace(f"id: {_MODEL}\n", f"id: {name}\n", 1)
    # Another blueprint takes the model's orders already.
    manifest.write_text(text.replace("projectType: Static\n", f"projectType: {name}\n"), "utf-8")
    for role in (folder / "role.yaml", folder / "template.yaml"):
        role.write_text(
            role.read_text("utf-8").replace(f"Default: {_MODEL}\n", f"Default: {name}\n"), "utf-8"
        )
    for example in sorted((folder / "examples").glob("*.json")):
        text = example.read_text("utf-8")
        example.write_text(text.replace('"Static"', f'"{name}"'), "utf-8")
    render_folder(folder.resolve(), own_prices())
    return folder


def start_from(folder: Path, source: Path) -> "Started":
    """Make a folder of a CloudFormation template, and what follows from it where it can be.

    Raises:
        MisuseError: the folder is there already, its name is no blueprint's, or the file is not.
        InvalidCatalogError: the file is no template that can become one.
    """
    from autoprovision.cli.blueprint_validate import own_prices
    from autoprovision.deployer.blueprint_folder import render_folder
    from autoprovision.deployer.errors import InvalidCatalogError
    from autoprovision.deployer.starting.start import start_from_template

    _new_name(folder)
    if not source.is_file():
        raise MisuseError(f"There is no file {source}.", "Name a CloudFormation template's file.")
    prices = own_prices()
    made = start_from_template(folder, source, prices.region)
    # Pages of a folder that is not whole come with `blueprint render`, once it is.
    with suppress(InvalidCatalogError):
        render_folder(folder.resolve(), prices)
    return made


def _new_name(folder: Path) -> str:
    """The name of a folder that is to be made."""
    import re

    name = folder.resolve().name
    if folder.exists():
        raise MisuseError(f"{folder} is there already.", "Name a folder that is not there yet.")
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,38}[a-z0-9]", name):
        raise MisuseError(
            f"{name} is no name for a blueprint.", "Use lower case, digits and hyphens, 3 to 40."
        )
    return name


def publish_folder(
    session: Session, folder: Path, *, region: str | None, name: str, yes: bool
) -> PublishedBlueprint:
    """Publish a blueprint's folder to the platform of the data folder, or of an AWS account."""
    from autoprovision.deployer.catalog import publish_blueprint

    clients, chosen = _home(session, region)

    def confirm(stack: str, changes: Sequence[object]) -> bool:
        session.out.say(f"The stack {stack} would change:")
        for change in changes:
            session.out.say(f"  {change}")
        return session.agrees(f"Carry this out for {stack}?", yes=yes)

    with aws_faults_told():
        return publish_blueprint(
            clients, folder, platform_name=name, region=chosen, say=session.out.say,
            confirm=confirm,
        )  # fmt: skip


def _home(session: Session, region: str | None) -> tuple[Callable[[str], Any], str]:
    """Clients of the embedded AWS that runs in the data folder, else of the environment's AWS."""
    from autoprovision.embedded import launcher

    running = launcher.status(session.data) if region is None else None
    if running is not None:
        return running.client, running.region
    aws = aws_session(region)
    return aws.client, str(aws.region_name)
