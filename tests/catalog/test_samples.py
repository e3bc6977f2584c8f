"""Every tech stack of the catalog has a sample project that fits it, and no other project does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.catalog.recipes import PROJECTS, ROOT
from tests.catalog.test_folders import FOLDERS

from autoprovision.domain.blueprint import Publish, PublishMethod
from autoprovision.domain.git_source import SourceError, SourceFile, SourceTree
from autoprovision.steps.repository import root_of

ALL = sorted(one.name for one in PROJECTS.iterdir())


def sample_of(stack: str) -> Path:
    """The folder of a stack's sample: its letters and digits."""
    if stack == "HTML":
        return ROOT / "examples" / "static-site"
    return PROJECTS / "".join(re.findall("[a-z0-9]", stack.lower()))


def orders() -> Iterator[tuple[str, str, Publish]]:
    """Blueprint, stack and how code gets on it, wherever code does."""
    for folder in FOLDERS:
        publish = folder.manifest.publish
        if publish.method is not PublishMethod.NONE:
            for entry in folder.manifest.serves:
                for stack in entry.tech_stacks:
                    yield folder.manifest.id, stack, publish


BUILT = {(one, stack): publish for one, stack, publish in orders()}


def tree(files: dict[str, bytes]) -> SourceTree:
    made = {
        name: SourceFile(name, len(text), False, "0" * 40, lambda text=text: text)
        for name, text in files.items()
    }
    return SourceTree("1" * 40, made)


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    }


def of_method(*methods: PublishMethod) -> list[tuple[str, str]]:
    return [key for key, publish in BUILT.items() if publish.method in methods]


def test_stacks_without_a_sample_run_ready_made_images():
    images = {
        stack
        for folder in FOLDERS
        for entry in folder.manifest.serves
        for stack in entry.tech_stacks
        if folder.manifest.publish.method is PublishMethod.NONE
    }
    assert images == {"Wordpress", "Ghost", "Drupal", "LAMP"}
    assert not [stack for stack in images if sample_of(stack).exists()]


@pytest.mark.parametrize(("blueprint", "stack"), list(BUILT))
def test_a_stack_has_a_sample_that_fits_its_blueprint(blueprint: str, stack: str):
    folder = sample_of(stack)
    assert folder.is_dir(), f"examples/projects has no sample for {stack}"
    assert root_of(tree(read(folder)), BUILT[blueprint, stack], stack) == ""


@pytest.mark.parametrize(("blueprint", "stack"), of_method(PublishMethod.BUILD))
def test_a_repository_of_another_stack_is_named(blueprint: str, stack: str):
    other = tree({"README.md": b"nothing else", "src/main.rs": b"fn main() {}"})
    wanted = BUILT[blueprint, stack].needed_by(stack).files
    assert wanted
    first = wanted[0] if isinstance(wanted[0], str) else " or ".join(wanted[0])
    with pytest.raises(SourceError, match=re.escape(f"does not fit {stack}: there is no {first}")):
        root_of(other, BUILT[blueprint, stack], stack)


@pytest.mark.parametrize(("blueprint", "stack"), of_method(PublishMethod.BUILD))
def test_a_stack_names_the_programs_of_its_recipe(blueprint: str, stack: str):
    recipe = (ROOT / "catalog" / blueprint / "buildspec.yaml").read_text()
    tools = BUILT[blueprint, stack].needed_by(stack).tools
    assert tools
    # A project that is packed by npm calls node with it.
    assert [tool for tool in tools if not re.search(rf"\b{tool}\b", recipe)] in ([], ["node"], ["ruby"])  # fmt: skip


@pytest.mark.parametrize("sample", ALL)
def test_a_sample_says_what_it_shows_and_how_it_runs_alone(sample: str):
    lines = (PROJECTS / sample / "README.md").read_text().splitlines()
    assert len(lines[0]) > 30
    assert lines[1].startswith("Alone: ")


@pytest.mark.parametrize("sample", ALL)
def test_nothing_is_vendored_and_every_lock_is_of_its_package(sample: str):
    files = read(PROJECTS / sample)
    assert sum(len(text) for name, text in files.items() if not name.endswith("-lock.json")) < 50_000  # fmt: skip
    if "package.json" not in files:
        return
    package = json.loads(files["package.json"])
    lock = json.loads(files["package-lock.json"])
    root = lock["packages"][""]
    for kind in ("dependencies", "devDependencies"):
        assert root.get(kind) == package.get(kind)
    assert not re.search(rb'"resolved": "(?!https://registry\.npmjs\.org/)', files["package-lock.json"])  # fmt: skip


def test_every_sample_is_of_a_stack():
    assert {sample_of(stack).name for _, stack in BUILT} - {"static-site"} | {"dapp"} == set(ALL)
