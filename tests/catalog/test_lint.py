"""cfn-lint finds nothing in what the catalog and the networks are made of."""

import subprocess
import sys
from pathlib import Path

from tests.catalog.recipes import CATALOG, ROOT


def test_templates_and_roles_pass_cfn_lint():
    templates = sorted([*CATALOG.glob("*/template.yaml"), *CATALOG.glob("*/role.yaml")])
    templates += [ROOT / "infra" / name for name in ("network.yaml", "boundary.yaml")]
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *map(str, templates)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
