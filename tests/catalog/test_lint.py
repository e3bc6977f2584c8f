"""cfn-lint finds nothing in what the catalog and the networks are made of."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.catalog.recipes import ROOT
from tests.catalog.test_folders import BOOK, PATHS

from autoprovision.deployer.rules import linters
from autoprovision.deployer.rules.folder import read_folder

EXAMPLE = ROOT / "examples" / "blueprints" / "greeting"


@pytest.mark.parametrize("path", [*PATHS, EXAMPLE], ids=lambda one: one.name)
def test_blueprints_pass_cfn_lint(monkeypatch: pytest.MonkeyPatch, path: Path):
    # checkov lives in an environment of its own: `make templates` runs it.
    monkeypatch.setattr(linters, "find_checkov", lambda: None)
    findings, ran = linters.lint(read_folder(path, BOOK))
    assert findings == []
    assert [one.ran for one in ran] == [True, False]


def test_networks_pass_cfn_lint():
    templates = [ROOT / "infra" / name for name in ("network.yaml", "boundary.yaml")]
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *map(str, templates)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
