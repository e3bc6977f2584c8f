"""Rules of the examples and of what follows from them."""

from collections.abc import Iterator

from autoprovision.deployer.blueprint_pages import Pages
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder
from autoprovision.domain.errors import InvalidInputError


def pages_findings(folder: Folder) -> Iterator[Finding]:
    """Examples that are missing or do not resolve; if all do, pages that are old."""
    if folder.manifest is None or folder.template is None:
        return
    pages = Pages(folder.path, folder.manifest, folder.template.resources, folder.prices)
    whole = True
    for example in pages.examples:
        name = f"examples/{example}.json"
        if not pages.example(example).is_file():
            yield folder.found("file-missing", name, "", "There is no example.")
            whole = False
            continue
        try:
            pages.resolved(example)
        except InvalidInputError as error:
            whole = False
            for fault in error.faults:
                yield folder.found("example-unresolved", name, fault.pointer, fault.detail)
        except KeyError:
            whole = False  # A price that is not in the book: `price-unknown` says so.
    if not whole or not (folder.path / "README.md").is_file():
        return
    for path, text in pages.files():
        if not path.is_file() or path.read_text("utf-8") != text:
            name = path.relative_to(folder.path).as_posix()
            detail = "It is not what follows from the folder" if path.is_file() else "It is missing"
            yield folder.found("page-old", name, "", f"{detail}.")
