"""`autoprovision policy`: when a request needs a person, tried on the past before it holds."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import CliError
from autoprovision.cli.files import read_bytes
from autoprovision.cli.render import clean, field, show_fields, show_table, status_of
from autoprovision.cli.session import Session

app = Noun("policy", "The approval policy: who has to be asked, and why.")

PolicyFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A policy as YAML or JSON; - reads stdin.", show_default=False
    ),
]
_CHANGES = (
    ("request", field("requestId")),
    ("before", status_of("before")),
    ("after", status_of("after")),
    ("why", field("why")),
)


@app.verb("show", "autoprovision policy show")
def show(session: Session) -> None:
    """Show the policy in force."""
    policy = session.api.policy()

    def print_policy(console: Console) -> None:
        text = yaml.safe_dump(policy, sort_keys=False, allow_unicode=True)
        console.print(clean(text).rstrip(), soft_wrap=True)

    session.out.emit(policy, print_policy)


@app.verb("test", "autoprovision policy test policy.yaml")
def test(session: Session, file: PolicyFile) -> None:
    """Show what a policy would have decided otherwise on past requests. It changes nothing."""
    answer = session.api.test_policy(_read_policy(file))
    session.out.emit(answer, lambda console: _show_replay(console, answer))


@app.verb("publish", "autoprovision policy publish policy.yaml --yes")
def publish(
    session: Session,
    file: PolicyFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a policy in force for every request from now on."""
    policy = _read_policy(file)
    session.confirm("Put this policy in force for everybody?", yes=yes)
    answer = session.api.publish_policy(policy)
    session.out.emit(answer, lambda console: _show_replay(console, answer))


def _read_policy(file: str) -> bytes:
    """A policy file as JSON: people write YAML, the API takes JSON."""
    try:
        content = yaml.safe_load(read_bytes(file))
        return json.dumps(content, ensure_ascii=False).encode()
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError) as problem:
        name = "stdin" if file == "-" else file
        raise CliError(
            f"{name} is neither YAML nor JSON: {' '.join(str(problem).split())}",
            "Correct the file; `autoprovision policy show` prints one that works.",
        ) from problem


def _show_replay(console: Console, answer: Mapping[str, Any]) -> None:
    changes = answer.get("changes") or []
    plain = {name: value for name, value in answer.items() if name not in {"changes", "policy"}}
    show_fields(console, plain.items())
    if changes:
        console.print()
        show_table(console, changes, _CHANGES)
