"""Writes what follows from the catalog: golden files, the tables in the READMEs, docs/catalog.md.

Run it after a change of a manifest, a template or a price, and look at the differences: they are
what the change means to people. The tests fail while it has not been run. A single folder is
rendered by `autoprovision blueprint render`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from autoprovision.deployer.blueprint_pages import Pages, monthly_credits, table
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.rules.folder import read_folder
from autoprovision.deployer.rules.forbidden import FORBIDDEN, TRANSFORM, TRANSFORM_WHY
from autoprovision.deployer.rules.table import RULES
from autoprovision.domain.blueprint import Blueprint, PublishMethod
from autoprovision.domain.price import PriceBook
from autoprovision.domain.request import TargetEnvironment

ROOT = Path(__file__).resolve().parents[1]
CATALOG = ROOT / "catalog"
EXAMPLES = ROOT / "examples" / "blueprints"


def all_pages() -> list[Pages]:
    """Every blueprint of the catalog, and the examples, with what its pages are made from."""
    book = read_price_book(CATALOG / "prices.yaml")
    paths = [*sorted(CATALOG.glob("*/blueprint.yaml")), *sorted(EXAMPLES.glob("*/blueprint.yaml"))]
    return [_pages(path.parent, book) for path in paths]


def _pages(path: Path, book: PriceBook) -> Pages:
    folder = read_folder(path, book)
    if folder.manifest is None or folder.template is None:
        sys.exit(f"{path} has faults: autoprovision blueprint validate {path}")
    return Pages(path, folder.manifest, folder.template.resources, book)


def overview(read: list[Pages]) -> str:
    """The page docs/catalog.md."""
    rows = []
    for pages in read:
        one = pages.manifest
        credits_ = [
            str(monthly_credits(one, env, pages.prices)) if env in one.topologies else ""
            for env in TargetEnvironment
        ]
        rows.append(
            [f"[{one.id}](../catalog/{one.id}/README.md)", _types(one), _stacks(one), *credits_,
             _code(one), one.proven_on]
        )  # fmt: skip
    head = ["blueprint", "project types", "tech stacks", "dev", "stag", "prod", "code", "proven on"]
    return (
        "# What can be ordered\n\nMade by `tools/render_catalog.py`. Credits a month: 1 credit is "
        "1 US cent at the list prices of `catalog/prices.yaml`. Where two blueprints take the same "
        "stack, they share the environments; their READMEs say how.\n\n" + table(head, rows) + "\n"
    )


def rules_page() -> str:
    """The page docs/blueprint-rules.md."""
    asked = [
        [f"`{name}`{' (warns)' if one.warning else ''}", one.asks, one.remedy]
        for name, one in RULES.items()
    ]
    forbidden = [
        [f"`{name}`", one.what, one.why, "yes" if one.declarable else ""]
        for name, one in FORBIDDEN.items()
    ]
    forbidden.append([f"`{TRANSFORM}`", "transforms", TRANSFORM_WHY, ""])
    return (
        "# What a blueprint has to be\n\nMade by `tools/render_catalog.py` from the rules in "
        "`src/autoprovision/deployer/rules/`. `autoprovision blueprint validate` asks them all, "
        "`blueprint publish` and `deploy` refuse what breaks one.\n\n"
        + table(["rule", "asks", "what to do"], asked)
        + "\n\n## What a blueprint may not have\n\nWhat may be declared is declared on the "
        "resource, with a comment that `blueprint validate` prints: `Metadata: {autoprovision: "
        "{allow: [{id: …, comment: …}]}}`.\n\n"
        + table(["rule", "what", "why, and what instead", "may be declared"], forbidden)
        + "\n\ncfn-lint and checkov find under their own ids.\n"
    )


def _types(manifest: Blueprint) -> str:
    return ", ".join(dict.fromkeys(one.project_type for one in manifest.serves))


def _stacks(manifest: Blueprint) -> str:
    names = dict.fromkeys(stack for one in manifest.serves for stack in one.tech_stacks)
    return ", ".join(names)


def _code(manifest: Blueprint) -> str:
    publish = manifest.publish
    return {
        PublishMethod.FILES: "copied",
        PublishMethod.BUILD: f"built, onto a {publish.target.value}",
        PublishMethod.NONE: "ready-made image",
    }[publish.method]


def files() -> Iterator[tuple[Path, str]]:
    """Every file that follows from the catalog, with the text that it should have."""
    read = all_pages()
    for pages in read:
        yield from pages.files()
    offered = [one for one in read if one.folder.parent == CATALOG]
    yield ROOT / "docs" / "catalog.md", overview(offered)
    yield ROOT / "docs" / "blueprint-rules.md", rules_page()


def main() -> None:
    """Write what differs."""
    for path, text in files():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
