"""`autoprovision blueprint`: what can be ordered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, CliError, MisuseError
from autoprovision.cli.lists import AllOption, CursorOption, LimitOption, print_list
from autoprovision.cli.render import field, money, money_of, show_fields, show_table
from autoprovision.cli.session import Session

app = Noun("blueprint", "What can be ordered, and what a JSON template may hold.")

_SCHEMA = "RequestTemplate"
_REFERENCE = "#/components/schemas/"


@app.verb("list", "autoprovision blueprint list")
def list_(
    session: Session,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
    everything: AllOption = False,
) -> None:
    """List the blueprints of the catalog."""
    columns = (
        ("id", field("id")),
        ("version", field("version")),
        ("title", field("title")),
        ("types", field("projectTypes")),
        ("stacks", field("techStacks")),
        ("environments", field("environments")),
        ("a month", _prices),
    )
    print_list(
        session,
        session.api.blueprints,
        columns,
        limit=limit,
        cursor=cursor,
        everything=everything,
    )


@app.verb("show", "autoprovision blueprint show static-site")
def show(
    session: Session,
    blueprint_id: Annotated[
        str, typer.Argument(metavar="ID", help="The blueprint's id.", show_default=False)
    ],
) -> None:
    """Show a blueprint: what it serves, its parameters, its environments."""
    blueprint = session.api.blueprint(blueprint_id)
    session.out.emit(blueprint, lambda console: _show_blueprint(console, blueprint))


@app.verb("validate", "autoprovision blueprint validate catalog/static-site")
def validate(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A blueprint's folder.", show_default=False)
    ],
) -> None:
    """Check a blueprint's folder on this machine; nothing is sent anywhere."""
    from autoprovision.cli.blueprint_check import check_blueprint

    if not folder.is_dir():
        raise MisuseError(f"{folder} is no folder.", "Give the folder that holds blueprint.yaml.")
    manifest, faults = check_blueprint(folder)
    errors = [
        {"file": file, "pointer": pointer, "detail": detail} for file, pointer, detail in faults
    ]
    document = {
        "valid": not faults,
        "id": manifest.get("id"),
        "version": manifest.get("version"),
        "errors": errors,
    }
    columns = (("file", field("file")), ("where", field("pointer")), ("what", field("detail")))

    def show_faults(console: Console) -> None:
        if faults:
            show_table(console, errors, columns)

    session.out.emit(document, show_faults)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        session.out.say(f"{folder} has {count}.", "bold red")
        raise typer.Exit(REFUSED)
    session.out.say(f"{folder} is a valid blueprint.", "green")


@app.verb("new", "autoprovision blueprint new my-catalog/notebook")
def new(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make.", show_default=False)
    ],
) -> None:
    """Start a blueprint: a folder that is valid, to be changed into what you need."""
    from autoprovision.cli.blueprint_start import start_blueprint

    made = start_blueprint(folder)
    session.out.emit({"id": made.name, "folder": str(made)}, lambda _: print(made))
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

    if not folder.is_dir():
        raise MisuseError(f"{folder} is no folder.", "Give the folder that holds blueprint.yaml.")
    made = publish_folder(session, folder.resolve(), region=region, name=name, yes=yes)
    manifest = made.manifest
    document = {"id": manifest.id, "version": manifest.version, "digest": made.digest}
    session.out.emit(document, lambda _: print(f"{manifest.id} {manifest.version} {made.digest}"))


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


def _prices(blueprint: Mapping[str, Any]) -> str:
    prices = blueprint.get("monthlyCredits")
    if not isinstance(prices, Mapping):
        return money(prices)
    return ", ".join(f"{environment} {money(price)}" for environment, price in prices.items())


def _certificate(blueprint: Mapping[str, Any]) -> str:
    certificate = blueprint.get("certificate")
    if not certificate:
        return "none yet"
    flows = ", ".join(
        f"{name} {one['passed']:,} of {one['points']:,}"
        for name, one in certificate["workflows"].items()
    )
    return f"{certificate['passed']:,} of {certificate['points']:,} points hold ({flows})"


def _show_blueprint(console: Console, blueprint: Mapping[str, Any]) -> None:
    show_fields(
        console,
        [
            ("id", blueprint.get("id")),
            ("version", blueprint.get("version")),
            ("title", blueprint.get("title")),
            ("what", blueprint.get("description")),
            ("types", blueprint.get("projectTypes")),
            ("stacks", blueprint.get("techStacks")),
            ("environments", blueprint.get("environments")),
            ("a month", _prices(blueprint)),
            ("digest", blueprint.get("digest")),
            ("rollback certificate", _certificate(blueprint)),
            ("drift not seen of", blueprint.get("driftUnseen")),
        ],
    )
    parameters = blueprint.get("parameters") or {}
    if isinstance(parameters, Mapping) and parameters:
        rows = [{"name": name, **declared} for name, declared in parameters.items()]
        columns = (
            ("parameter", field("name")),
            ("type", field("type")),
            ("default", field("default")),
            ("choices", field("choices")),
            ("what", field("description")),
        )
        console.print()
        show_table(console, rows, columns)
    offered = blueprint.get("topologies") or {}
    if isinstance(offered, Mapping) and offered:
        rows = [{"environment": name, **topology} for name, topology in offered.items()]
        facts = (
            ("environment", field("environment")),
            ("facts", field("facts")),
            ("expires after", field("defaultExpiry")),
            ("longest", field("longestExpiry")),
        )
        console.print()
        show_table(console, rows, facts)
    _show_options(console, offered)


def _show_options(console: Console, topologies: Any) -> None:
    """What costs more than the prices above, because somebody asks for it."""
    rows = [
        {"environment": name, **option}
        for name, topology in (topologies.items() if isinstance(topologies, Mapping) else ())
        for option in topology.get("options") or ()
    ]
    if rows:
        columns = (
            ("environment", field("environment")),
            ("with", lambda row: ", ".join(f"{k} {v}" for k, v in row["parameters"].items())),
            ("a month", money_of("monthlyCredits")),
        )
        console.print()
        show_table(console, rows, columns)
