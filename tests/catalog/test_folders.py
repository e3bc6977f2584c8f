"""Every blueprint's folder: the manifest, the template, the files that follow from them."""

from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.catalog.recipes import CATALOG, ROOT
from tools import render_catalog

from autoprovision.deployer.blueprint_folder import BlueprintFolder, read_blueprint_folder
from autoprovision.deployer.blueprint_pages import monthly_credits
from autoprovision.deployer.price_books import read_price_book
from autoprovision.domain.request import TargetEnvironment, parse_template

BOOK = read_price_book(CATALOG / "prices.yaml")
PATHS = sorted(path.parent for path in CATALOG.glob("*/blueprint.yaml"))
FOLDERS = [read_blueprint_folder(path, BOOK) for path in PATHS]
IDS = [one.manifest.id for one in FOLDERS]


class _Template(yaml.SafeLoader):
    """Short forms become what they hold."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _short_form)


def document(folder: BlueprintFolder) -> dict[str, Any]:
    return dict(yaml.load(folder.template, Loader=_Template))  # noqa: S506


each = pytest.mark.parametrize("folder", FOLDERS, ids=IDS)


def test_the_catalog_has_what_the_brief_promises():
    types = {one.project_type for folder in FOLDERS for one in folder.manifest.serves}
    assert types >= {"Static", "Dynamic", "SPA", "CMS", "RealTime", "Dapp"}
    stacks = {
        stack for folder in FOLDERS for one in folder.manifest.serves for stack in one.tech_stacks
    }
    assert stacks >= {
        "PHP", "Ruby on Rails", "Node.js", "MEAN", "Django", "Flask", "FastAPI", "React", "Angular",
        "Vue", "Wordpress", "Ghost", "Drupal", "Strapi", "Socket.IO", "Hugo", "Jekyll",
    }  # fmt: skip


def test_every_order_is_filled_by_one_blueprint():
    orders = {
        (one.project_type, stack)
        for folder in FOLDERS
        for one in folder.manifest.serves
        for stack in one.tech_stacks
    }
    for (kind, stack), environment in product(sorted(orders), TargetEnvironment):
        asked = parse_template({
            "ApplicationName": "shop", "TargetEnvironment": environment.value, "ProjectType": kind,
            "TechStack": stack, "ProjectEmail": "ada@example.edu",
        })  # fmt: skip
        found = [
            one.manifest.id
            for one in FOLDERS
            if one.manifest.entry_of(asked) and environment in one.manifest.topologies
        ]
        assert len(found) == 1, (kind, stack, environment, found)


@each
def test_dev_is_the_cheapest(folder: BlueprintFolder):
    costs = [monthly_credits(folder.manifest, env, BOOK) for env in TargetEnvironment]
    assert costs == sorted(costs)


@pytest.mark.parametrize(
    ("path", "text"),
    list(render_catalog.files()),
    ids=lambda one: one.relative_to(ROOT).as_posix() if isinstance(one, Path) else "",
)
def test_what_follows_from_the_catalog_was_written(path: Path, text: str):
    assert path.read_text("utf-8") == text, "run tools/render_catalog.py and look at the difference"


def test_every_price_has_a_source_and_a_date():
    for name, price in BOOK.prices.items():
        assert "https://" in price.source, name
        assert price.estimated == price.source.startswith("derived: "), name
        assert date(2026, 1, 1) < price.as_of, name


def test_no_price_is_without_use():
    used = {
        line.price
        for folder in FOLDERS
        for one in folder.manifest.topologies.values()
        for line in one.prices
    }
    assert set(BOOK.prices) <= used
