"""Where the deployer finds templates, workflows, blueprints and the lock of the functions.

In a clone they lie at its top, in an installed wheel inside the package.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import autoprovision
from autoprovision.deployer.errors import DeployError
from autoprovision.deployer.yaml_files import read_yaml

_RUNBOOK = re.compile(rb'Content: \{schemaVersion: "0.3", Runbook: ([a-z0-9-]+)\}')


@dataclass(frozen=True)
class Sources:
    """The folders that a deployment is made of.

    Attributes:
        package: the Python package `autoprovision`.
        lock: the functions' dependencies with their hashes.
    """

    infra: Path
    workflows: Path
    catalog: Path
    runbooks: Path
    package: Path
    lock: Path

    def template(self, name: str) -> bytes:
        """A template of `infra/`."""
        return (self.infra / f"{name}.yaml").read_bytes()

    def workflow_files(self) -> list[Path]:
        """The state machines' definitions, by name."""
        return sorted(self.workflows.glob("*.asl.json"))

    def runbooks_template(self) -> bytes:
        """The template of the runbooks, with the files of `runbooks/` in their places.

        Raises:
            DeployError: it names a file that is not there.
        """

        def content(found: re.Match[bytes]) -> bytes:
            path = self.runbooks / f"{found[1].decode()}.yaml"
            if not path.is_file():
                raise DeployError(
                    f"infra/runbooks.yaml names {path.name}, which is not in runbooks/.",
                    "Add the file, or take its document out of the template.",
                )
            return b"Content: " + json.dumps(read_yaml(path.read_bytes()).value).encode()

        return _RUNBOOK.sub(content, self.template("runbooks"))

    def blueprint_folders(self) -> list[Path]:
        """The blueprints' folders, by name."""
        return sorted(path.parent for path in self.catalog.glob("*/blueprint.yaml"))


def find_sources() -> Sources:
    """The sources that belong to the running package.

    Raises:
        DeployError: they are not there, so the installation is not whole.
    """
    package = Path(autoprovision.__file__).resolve().parent
    for root in (package / "_data", package.parents[1]):
        if (root / "infra" / "app.yaml").is_file():
            return Sources(
                infra=root / "infra",
                workflows=root / "workflows",
                catalog=root / "catalog",
                runbooks=root / "runbooks",
                package=package,
                lock=root / "requirements" / "functions.lock",
            )
    raise DeployError(
        "This installation has no templates to deploy.",
        "Install autoprovision again, or use a clone.",
    )
