"""docs/cli.md names every command and option there is, and each help ends with an example."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from autoprovision.cli.main import app

REFERENCE = Path(__file__).parents[2] / "docs" / "cli.md"
# What the page explains once for all commands.
EVERYWHERE = {"--help", "-h", "--profile", "--data", "--json", "--limit", "--cursor", "--all"}


def _verbs(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, command in group.commands.items():
        inner = (*path, name)
        found += _verbs(command, inner) if hasattr(command, "commands") else [(inner, command)]
    return found


VERBS = _verbs(typer.main.get_command(app))


def test_the_promised_commands_exist():
    promised = {
        "": "up down status deploy login logout token",
        "request": "plan submit show list cancel resume resubmit diagnostics",
        "approval": "list show approve reject delegate delegations undelegate redrive",
        "application": "list show plan update publish operations operate extend drift "
        "confirm-termination terminate",
        "blueprint": "list show validate schema new publish",
        "unit": "list show set ledger reconcile",
        "user": "list create set import",
        "policy": "show test publish",
        "finding": "list show acknowledge resolve",
    }
    wanted = {
        (noun, verb) if noun else (verb,) for noun, v in promised.items() for verb in v.split()
    }
    assert wanted <= {path for path, _ in VERBS}


@pytest.mark.parametrize(("path", "command"), VERBS, ids=[" ".join(path) for path, _ in VERBS])
def test_the_reference_names_it(path: tuple[str, ...], command: Any):
    lines = [
        line
        for line in REFERENCE.read_text().splitlines()
        if re.search(rf"`{' '.join(path)}[ `]", line)
    ]
    assert lines, f"docs/cli.md does not name {' '.join(path)}"
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")}
    missing = {option for option in options - EVERYWHERE if option not in " ".join(lines)}
    assert not missing


@pytest.mark.parametrize(("path", "command"), VERBS, ids=[" ".join(path) for path, _ in VERBS])
def test_its_help_is_a_sentence_with_an_example_and_few_arguments(
    path: tuple[str, ...], command: Any
):
    assert command.help.rstrip().endswith(".")
    assert "autoprovision" in command.epilog
    assert " ".join(path) in command.epilog
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--profile", "--data", "--json"} <= options
    arguments = [p.metavar for p in command.params if p.param_type_name == "argument"]
    assert len(arguments) <= 1 or arguments[1:] in (
        ["FILE"],
        ["[FILE]"],
        ["DURATION"],
        ["OPERATION"],
    )
