"""`blueprint validate` and `render`: what an author reads, in a terminal and as JSON."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from autoprovision.deployer.rules import linters

ROOT = Path(__file__).parents[3]
GREETING = ROOT / "examples" / "blueprints" / "greeting"


@pytest.fixture(autouse=True)
def _no_checkov(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes seconds, and lives in an environment of its own.
    monkeypatch.setattr(linters, "find_checkov", lambda: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GREETING, tmp_path / "greeting"))


@pytest.fixture
def validate(run: Callable[..., Result]) -> Callable[..., Any]:
    def go(folder: Path) -> Any:
        result = run("blueprint", "validate", str(folder), "--json")
        answer = json.loads(result.stdout)
        assert result.exit_code == (0 if answer["valid"] else 1)
        return answer

    return go


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def test_a_good_folder_is_valid(validate: Callable[..., Any], folder: Path):
    answer = validate(folder)
    assert answer.pop("linters") == [
        {"name": "cfn-lint", "ran": True, "why": ""},
        {"name": "checkov", "ran": False, "why": answer_of_checkov()},
    ]
    assert answer == {
        "valid": True, "id": "greeting", "version": "1.0.0", "errors": [], "warnings": [],
        "allowed": [], "monthlyCredits": {"dev": 2}, "provenOn": "embedded",
    }  # fmt: skip


def answer_of_checkov() -> str:
    return (
        "checkov was not found beside this Python or on PATH: `pipx install checkov`, or `make "
        ".venv-lint/.ready` in a clone."
    )


def test_a_fault_has_its_file_line_place_rule_and_remedy(
    validate: Callable[..., Any], folder: Path
):
    change(folder, "blueprint.yaml", "platform.name", "platform.weather")
    (error,) = validate(folder)["errors"]
    line = (folder / "blueprint.yaml").read_text().splitlines()[error.pop("line") - 1]
    assert "platform.weather" in line
    assert error == {
        "file": "blueprint.yaml", "pointer": "/stackParameters/PlatformName",
        "rule": "source-unknown", "detail": "There is no source 'platform.weather'.",
        "remedy": "Use a source of the list in docs/how-to-blueprint.md.",
    }  # fmt: skip


def test_cfn_lint_finds_under_its_own_ids(validate: Callable[..., Any], folder: Path):
    change(folder, "template.yaml", "Runtime: python3.13", "Runtime: cobol")
    change(
        folder,
        "template.yaml",
        "Greeting: {Type: String",
        "Spare: {Type: String, Default: x}\n  Greeting: {Type: String",
    )
    answer = validate(folder)
    assert {one["rule"] for one in answer["errors"]} == {"E3030", "E3677"}
    assert answer["errors"][0]["pointer"] == "/Resources/Greeter/Properties/Runtime"
    assert [one["rule"] for one in answer["warnings"]] == ["W2001"]


def test_without_cfn_lint_it_says_how_to_get_it(
    validate: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(linters, "find_spec", lambda _: None)
    answer = validate(folder)
    assert answer["valid"]
    assert answer["linters"][0] == {
        "name": "cfn-lint", "ran": False,
        "why": "cfn-lint is not installed: `pip install 'autoprovision[author]'`.",
    }  # fmt: skip


def checkov(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    program = tmp_path / "checkov"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(linters, "find_checkov", lambda: program)


REPORT = {
    "results": {
        "failed_checks": [
            {"check_id": "CKV_AWS_1", "check_name": "Ensure it", "resource": "AWS::Lambda::Function.Greeter",
             "file_path": "/a/greeting/template.yaml", "file_line_range": [27, 30]}
        ]
    }
}  # fmt: skip


@pytest.mark.parametrize("report", [REPORT, [REPORT, {"passed": 0}]])
def test_checkov_finds_under_its_own_ids(
    validate: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, report: Any
):  # fmt: skip
    checkov(monkeypatch, tmp_path, f"cat <<'J'\n{json.dumps(report)}\nJ\nexit 1")
    answer = validate(folder)
    (error,) = answer["errors"]
    assert (error["rule"], error["file"], error["line"]) == ("CKV_AWS_1", "template.yaml", 27)
    assert error["pointer"] == "/Resources/Greeter"
    assert answer["linters"][1] == {"name": "checkov", "ran": True, "why": ""}


def test_a_checkov_that_breaks_is_told_and_is_no_fault(
    validate: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    checkov(monkeypatch, tmp_path, "echo a sad story >&2; exit 3")
    answer = validate(folder)
    assert answer["valid"]
    assert answer["linters"][1]["why"] == "checkov answered no JSON: a sad story"


def test_it_reads_well(run: Callable[..., Result], folder: Path):
    change(folder, "blueprint.yaml", "zones: all", "weather: fine")
    change(folder, "template.yaml", "    Metadata: {Description: Every path}\n", "")
    result = run("blueprint", "validate", str(folder))
    assert result.exit_code == 1
    text = result.stdout
    assert text.index("blueprint.yaml") < text.index("It does not say: zones.  topology-facts")
    assert text.index("template.yaml") < text.index("It has no Metadata.Description.")
    assert "→ Add the fact under `facts`; `none` is an answer." in text
    assert "Not run: checkov was not found" in text
    assert "$0.02" in text
    assert f"{folder} has 3 faults." in result.stderr


def test_the_pages_are_rendered(
    run: Callable[..., Result], validate: Callable[..., Any], folder: Path
):
    change(folder, "blueprint.yaml", "zones: all", "zones: every")
    assert {one["rule"] for one in validate(folder)["errors"]} == {"page-old"}
    result = run("blueprint", "render", str(folder), "--json")
    assert json.loads(result.stdout) == {"written": [str(folder / "README.md")]}
    assert validate(folder)["valid"]
    assert "Nothing changes." in run("blueprint", "render", str(folder)).stderr


def test_pages_that_cannot_be_rendered_name_the_fault(run: Callable[..., Result], folder: Path):
    change(folder, "examples/dev.json", "Good day", "Good-day!")
    result = run("blueprint", "render", str(folder))
    assert result.exit_code == 1
    assert "examples/dev.json /Parameters/Greeting" in result.stderr


def test_a_folder_without_files_or_no_folder(run: Callable[..., Result], tmp_path: Path):
    result = run("blueprint", "validate", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout.count("There is no") == 4
    assert run("blueprint", "validate", str(tmp_path / "none")).exit_code == 2
