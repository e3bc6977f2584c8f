"""A blueprint's folder as the rules see it: what could be read of it, and what could not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.table import RULES
from autoprovision.deployer.templates import Template, read_template
from autoprovision.deployer.yaml_files import YamlFile, read_yaml
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.document import faults_of
from autoprovision.domain.price import PriceBook

MANIFEST = "blueprint.yaml"
TEMPLATE = "template.yaml"
ROLE = "role.yaml"


@dataclass
class Folder:
    """What a folder holds; a part that could not be read is None, and there is a finding for it.

    Attributes:
        shared: the blueprint's folder that template and role are taken from, `..`-relative, or "".
        files: name to content, of everything that was read as YAML.
    """

    path: Path
    prices: PriceBook
    manifest: Blueprint | None = None
    template: Template | None = None
    role: Template | None = None
    recipe: bytes | None = None
    texts: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, YamlFile] = field(default_factory=dict)
    shared: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def template_name(self) -> str:
        """The template as findings name it."""
        return f"{self.shared}{TEMPLATE}"

    @property
    def role_name(self) -> str:
        """The role as findings name it."""
        return f"{self.shared}{ROLE}"

    def found(self, rule: str, file: str, pointer: str, detail: str) -> Finding:
        """A finding of one of our own rules, with its line and remedy."""
        said = RULES[rule]
        line = self.files[file].line(pointer) if file in self.files else None
        return Finding(file, pointer, detail, rule, said.remedy, line, said.warning)

    def add(self, rule: str, file: str, pointer: str, detail: str) -> None:
        """Keep a finding that was made while reading."""
        self.findings.append(self.found(rule, file, pointer, detail))


def read_folder(path: Path, prices: PriceBook) -> Folder:
    """Read all of a blueprint's folder that can be read."""
    folder = Folder(path, prices)
    _read_manifest(folder)
    if folder.manifest is not None and folder.manifest.template_of:
        folder.shared = f"../{folder.manifest.template_of}/"
    folder.template = _read_template(folder, folder.template_name)
    folder.role = _read_template(folder, folder.role_name)
    if folder.manifest is not None and folder.manifest.publish.recipe is not None:
        folder.recipe = _text(folder, folder.manifest.publish.recipe)
        _read(folder, folder.manifest.publish.recipe)
    if not (path / "README.md").is_file():
        folder.add("file-missing", "README.md", "", "There is no README.")
    return folder


def _text(folder: Folder, name: str) -> bytes | None:
    """A file's content; nothing outside of the folder, or of the one whose stack is shared."""
    home = folder.path.parent if folder.shared and name.startswith(folder.shared) else folder.path
    path = folder.path / name
    if not path.resolve().is_relative_to(home.resolve()) or not path.is_file():
        folder.add("file-missing", name, "", "There is no such file in the folder.")
        return None
    folder.texts[name] = path.read_bytes()
    return folder.texts[name]


def _read(folder: Folder, name: str) -> Any:
    """A YAML file's value; None when it cannot be read."""
    text = folder.texts[name] if name in folder.texts else _text(folder, name)
    if text is None:
        return None
    try:
        file = read_yaml(text)
    except ValueError as error:
        folder.add("not-yaml", name, "", str(error))
        return None
    folder.files[name] = file
    for at in file.doubles:
        folder.add("not-yaml", name, at, "This key stands twice.")
    if not isinstance(file.value, dict):
        folder.add("not-yaml", name, "", "It holds no mapping.")
        return None
    return file.value


def _read_manifest(folder: Folder) -> None:
    content = _read(folder, MANIFEST)
    if content is None:
        return
    try:
        folder.manifest = Blueprint.model_validate(content)
    except ValidationError as problem:
        for fault in faults_of(problem):
            detail = fault.detail.rstrip(".") + "."
            folder.add("manifest-field", MANIFEST, fault.pointer, detail)


def _read_template(folder: Folder, name: str) -> Template | None:
    if _read(folder, name) is None:
        return None
    for at in folder.files[name].repeats:
        detail = "CloudFormation takes no aliases and no merge keys; write it out."
        folder.add("not-yaml", name, at, detail)
    try:
        return read_template(folder.texts[name])
    except ValueError as error:
        folder.add("not-yaml", name, "", str(error))
        return None


def walk(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a plain value with its pointer, the outermost first."""
    yield at, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from walk(one, f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from walk(one, f"{at}/{index}")


def many(value: Any) -> list[Any]:
    """A value that may stand alone, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
