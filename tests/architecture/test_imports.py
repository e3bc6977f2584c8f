"""The borders of docs/architecture.md, held by import-linter's contracts in pyproject.toml."""

import ast
import os
from pathlib import Path

import pytest
from importlinter import cli as import_linter

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "autoprovision"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES_WITHOUT_ENVIRONMENT = ("domain", "usecases", "steps", "memory", "mails", "ports")


def test_import_contracts(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert import_linter.lint_imports(no_cache=True) == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_files_and_functions_stay_readable(file):
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno - body[0].lineno + 1) if body else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_every_module_says_what_it_is(file):
    tree = ast.parse(file.read_text("utf-8"))
    assert ast.get_docstring(tree)


def test_no_drawers_for_everything():
    assert not [f for f in FILES if f.stem in {"utils", "helpers", "common", "misc"}]


@pytest.mark.parametrize("name", MODULES_WITHOUT_ENVIRONMENT)
def test_rules_read_no_environment(name):
    place = SOURCE / name
    for file in [place] if place.suffix else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not {one.name for one in node.names} & {"os", "socket", "subprocess"}, file
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"os", "socket", "subprocess"}, file


def test_repository_names_no_machine():
    for name in ("src", "tests", "docs", "infra", "catalog", "workflows", "benchmarks"):
        for folder, folders, files in os.walk(ROOT / name):
            # What tools put there is not of the repository.
            folders[:] = [one for one in folders if one not in {"node_modules", "__pycache__"}]
            for file in files:
                text = (Path(folder) / file).read_text("utf-8", errors="ignore")
                for part in ("/" + "work/", "/" + "root/.", "/home/" + "runner"):
                    assert part not in text, f"{folder}/{file} holds {part}"
