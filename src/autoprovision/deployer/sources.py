"""Where the deployer finds templates, workflows, blueprints and the lock of the functions.

In a clone they lie at its top, in an installed wheel inside the package.
"""

from dataclasses import dataclass
from pathlib import Path

import autoprovision
from autoprovision.deployer.errors import DeployError


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
    package: Path
    lock: Path

    def template(self, name: str) -> bytes:
        """A template of `infra/`."""
        return (self.infra / f"{name}.yaml").read_bytes()

    def workflow_files(self) -> list[Path]:
        """The state machines' definitions, by name."""
        return sorted(self.workflows.glob("*.asl.json"))

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
                package=package,
                lock=root / "requirements" / "functions.lock",
            )
    raise DeployError(
        "This installation has no templates to deploy.",
        "Install autoprovision again, or use a clone.",
    )
