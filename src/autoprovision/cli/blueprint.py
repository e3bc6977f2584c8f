"""`autoprovision blueprint`: what can be ordered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from autoprovision.cli.blueprint_view import BLUEPRINT_COLUMNS, NARROW, show_blueprint
from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, CliError, MisuseError
from autoprovision.cli.lists import Paging, print_list
from autoprovision.cli.session import Session

app = Noun("blueprint", "What can be ordered, and what a JSON template may hold.")

_SCHEMA = "RequestTemplate"
_REFERENCE = "#/components/schemas/"


@app.verb("list", "autoprovision blueprint list")
def list_(session: Session, paging: Paging) -> None:
    """List the blueprints of the catalog, with what an application costs a month."""
    print_list(session, session.api.blueprints, BLUEPRINT_COLUMNS, paging, whole=NARROW)


@app.verb("show", "autoprovision blueprint show static-site")
def show(
    session: Session,
    blueprint_id: Annotated[
        str, typer.Argument(metavar="ID", help="The blueprint's id.", show_default=False)
    ],
) -> None:
    """Show a blueprint: what it serves, its parameters, its environments."""
    blueprint = session.api.blueprint(blueprint_id)
    session.out.emit(blueprint, lambda console: show_blueprint(console, blueprint))


@app.verb("validate", "autoprovision blueprint validate catalog/static-site")
def validate(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A blueprint's folder.", show_default=False)
    ],
) -> None:
    """Check a blueprint's folder on this machine; nothing is sent anywhere.

    Every fault is named at once, with its place, its rule and what to do: what publishing would
    refuse, and what cfn-lint and checkov find where they are installed.
    """
    from autoprovision.cli.blueprint_validate import (
        inspect_folder,
        inspection_document,
        show_inspection,
    )

    _must_be_folder(folder)
    found = inspect_folder(folder)
    session.out.emit(inspection_document(found), lambda console: show_inspection(console, found))
    if found.errors:
        count = "1 fault" if len(found.errors) == 1 else f"{len(found.errors)} faults"
        session.out.say(f"{folder} has {count}.", "bold red")
        raise typer.Exit(REFUSED)
    session.out.say(f"{folder} is a valid blueprint.", "green")


@app.verb("render", "autoprovision blueprint render my-catalog/notebook")
def render(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A blueprint's folder.", show_default=False)
    ],
) -> None:
    """Write what follows from a folder: golden files of its examples, tables of its README."""
    from autoprovision.cli.blueprint_validate import own_prices
    from autoprovision.deployer.blueprint_folder import render_folder

    _must_be_folder(folder)
    written = [path.as_posix() for path in render_folder(folder.resolve(), own_prices())]
    session.out.emit(
        {"written": written}, lambda _: print(*written, sep="\n", end="\n" * bool(written))
    )
    session.out.say("Look at the differences." if written else "Nothing changes.")


@app.verb("new", "autoprovision blueprint new my-catalog/notebook")
def new(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)
    ],
    *,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="TEMPLATE", help="A CloudFormation template to make it of."),
    ] = None,
) -> None:
    """Start a blueprint: a folder that is valid, to be changed into what you need.

    From a template it takes resources, parameters and outputs, and adds what the platform needs:
    names, tags, the boundary, a first role and first prices. What only you can decide is listed.
    """
    from autoprovision.cli.blueprint_start import start_blueprint, start_from

    decisions: tuple[str, ...] = ()
    if source is None:
        made = start_blueprint(folder)
    else:
        started = start_from(folder, source)
        made, decisions = started.folder, started.decisions
    document = {"id": made.resolve().name, "folder": str(made), "decisions": list(decisions)}
    session.out.emit(document, lambda _: print(made))
    if decisions:
        session.out.say("Yours to decide:")
    for sentence in decisions:
        session.out.say(f"  - {sentence}")
    session.out.say(f"Next: change it, then `autoprovision blueprint validate {folder}`.")


@app.verb("publish", "autoprovision blueprint publish my-catalog/notebook --yes")
def publish(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A blueprint's folder.", show_default=False)
    ],
    *,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="REGION", help="AWS region; else the environment's."),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The platform's name in the account.")
    ] = "autoprovision",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Publish a blueprint's version for ever, with the AWS credentials of your environment.

    While the embedded AWS of the data folder runs, it goes there. Applications stay on their
    version until they are updated.
    """
    from autoprovision.cli.blueprint_start import publish_folder

    _must_be_folder(folder)
    made = publish_folder(session, folder.resolve(), region=region, name=name, yes=yes)
    manifest = made.manifest
    document = {"id": manifest.id, "version": manifest.version, "digest": made.digest}
    session.out.emit(document, lambda _: print(f"{manifest.id} {manifest.version} {made.digest}"))


def _must_be_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise MisuseError(f"{folder} is no folder.", "Give the folder that holds blueprint.yaml.")


@app.verb("schema", "autoprovision blueprint schema > request.schema.json")
def schema(session: Session) -> None:
    """Print the JSON Schema of the JSON template, for editors and validators."""
    document = request_schema(session.api.openapi())
    session.out.emit(document, lambda _: _print_json(document))


def request_schema(openapi: Document) -> Document:
    """The JSON template's schema as a document of its own.

    Args:
        openapi: The API's description, whose schemas refer to each other.

    Raises:
        CliError: The description does not hold it.
    """
    schemas = (openapi.get("components") or {}).get("schemas") or {}
    if _SCHEMA not in schemas:
        raise CliError(
            f"The API's description has no schema {_SCHEMA}.",
            "Is it an autoprovision API? `autoprovision status` prints its address.",
        )
    needed: dict[str, Any] = {}
    root = _localized(schemas[_SCHEMA], schemas, needed)
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}
    if needed:
        document["$defs"] = {**document.get("$defs", {}), **needed}
    return document


def _localized(node: Any, schemas: Mapping[str, Any], needed: dict[str, Any]) -> Any:
    """The node with references into the OpenAPI document turned into `$defs`."""
    if isinstance(node, list):
        return [_localized(entry, schemas, needed) for entry in node]
    if not isinstance(node, dict):
        return node
    local = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str) and value.startswith(_REFERENCE):
            name = value.removeprefix(_REFERENCE)
            if name not in needed and name in schemas:
                needed[name] = {}  # Known before it is walked: schemas may refer to themselves.
                needed[name] = _localized(schemas[name], schemas, needed)
            local[key] = f"#/$defs/{name}"
        else:
            local[key] = _localized(value, schemas, needed)
    return local


def _print_json(document: Document) -> None:
    import json

    print(json.dumps(document, indent=2, ensure_ascii=False))
