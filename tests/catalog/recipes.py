"""Runs a blueprint's build recipe as a process in a scratch folder, as CodeBuild would in its machine."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "catalog"
PROJECTS = ROOT / "examples" / "projects"


class RecipeFailedError(Exception):
    """A phase ended with another code than 0; the message is what it said."""


def build(blueprint: str, project: Path, scratch: Path, environment: Mapping[str, str]) -> Path:
    """Build a copy of a project and return the folder with its release."""
    recipe = yaml.safe_load((CATALOG / blueprint / "buildspec.yaml").read_text())
    source = scratch / "source"
    shutil.copytree(project, source)
    (scratch / "home").mkdir()
    known = {
        # The functions of the embedded AWS run with this Python, so the build has to use it too.
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/local/bin",
        "HOME": str(scratch / "home"), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY") if name in os.environ},
        **recipe["env"].get("variables", {}), **environment,
    }  # fmt: skip
    for name in ("install", "pre_build", "build", "post_build"):
        for command in recipe["phases"].get(name, {}).get("commands", ()):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=source,
                env=known,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            if done.returncode:
                raise RecipeFailedError(f"{name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return source / recipe["artifacts"]["base-directory"]


def zipped(release: Path) -> bytes:
    """The release as Lambda takes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(release.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(release).as_posix())
    return buffer.getvalue()
