"""The program `autoprovision`: the nouns, joined."""

from importlib.metadata import version
from typing import Annotated

import typer

from autoprovision.cli import (
    account,
    application,
    approval,
    blueprint,
    finding,
    login,
    operation,  # noqa: F401 - its verbs belong to the nouns application and request
    platform,
    policy,
    request,
    unit,
    user,
)
from autoprovision.cli.commands import DataOption, GlobalOptions, JsonOption, Noun, ProfileOption

app = Noun(
    help_text="Self-service web environments on AWS: one JSON template in, a URL out.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("autoprovision"))
        raise typer.Exit


@app.callback(epilog="Example: autoprovision up && autoprovision request submit site.json --watch")
def options(
    context: typer.Context,
    profile: ProfileOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Self-service web environments on AWS: one JSON template in, a URL out."""
    context.obj = GlobalOptions(profile, data, as_json)


for _verbs in (platform.app, login.app):
    app.add_typer(_verbs)
for _noun in (
    request.app,
    approval.app,
    application.app,
    blueprint.app,
    unit.app,
    user.app,
    policy.app,
    finding.app,
    account.password_app,
    account.signup_app,
    account.totp_app,
):
    app.add_typer(_noun)


def main() -> None:
    """Run the command line."""
    app()
