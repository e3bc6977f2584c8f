"""cfn-lint and checkov over a blueprint's templates, where they are installed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder, many, walk

_SECONDS = 180
_LONGEST = 200


@dataclass(frozen=True)
class Linter:
    """Whether a linter looked at a folder.

    Attributes:
        why: why it did not run, and how to get it; empty when it did.
    """

    name: str
    why: str = ""

    @property
    def ran(self) -> bool:
        """Whether it ran."""
        return not self.why


def lint(folder: Folder) -> tuple[list[Finding], list[Linter]]:
    """What the linters find, and which of them ran.

    Templates that are another blueprint's are linted in its folder.
    """
    own = () if folder.shared else (folder.template_name, folder.role_name)
    names = [name for name in own if name in folder.files]
    findings = []
    cfn_lint = Linter("cfn-lint", "" if find_spec("cfnlint") else (
        "cfn-lint is not installed: `pip install 'autoprovision[author]'`."
    ))  # fmt: skip
    if cfn_lint.ran:
        findings += [one for name in names for one in _cfn_lint(folder, name)]
    program = find_checkov()
    checkov = Linter("checkov", "" if program else (
        "checkov was not found beside this Python or on PATH: `pipx install checkov`, or `make "
        ".venv-lint/.ready` in a clone."
    ))  # fmt: skip
    if program is not None and names:
        found, why = _checkov(program, folder, names)
        findings += found
        checkov = Linter("checkov", why)
    return findings, [cfn_lint, checkov]


def exception_findings(folder: Folder) -> Iterator[Finding]:
    """Exceptions from checkov that do not say why."""
    for name in (folder.template_name, folder.role_name):
        if name not in folder.files:
            continue
        for at, value in walk(folder.files[name].value):
            if not at.endswith("/Metadata/checkov") or not isinstance(value, dict):
                continue
            for index, one in enumerate(many(value.get("skip"))):
                if not isinstance(one, dict) or not one.get("comment"):
                    detail = f"{one.get('id') if isinstance(one, dict) else one} is left out."
                    place = f"{at}/skip/{index}"
                    yield folder.found("exception-unexplained", name, place, detail)


def _cfn_lint(folder: Folder, name: str) -> Iterator[Finding]:
    from cfnlint.api import lint as lint_text

    text = folder.texts[name].decode("utf-8", "replace")
    for match in lint_text(text, regions=[folder.prices.region]):
        at = "".join(f"/{part}" for part in match.path or ())
        remedy = f"See https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md#{match.rule.id}"
        warning = not match.rule.id.startswith("E")
        yield Finding(
            name, at, _shortened(match.message), match.rule.id, remedy, match.linenumber, warning
        )  # fmt: skip


def _shortened(message: str) -> str:
    """A message without the tail of a list that nobody reads."""
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def find_checkov() -> Path | None:
    """The program, on PATH or in the environment that `make templates` makes for it."""
    # checkov pins versions that clash with ours, so it lives in an environment of its own.
    beside = Path(sys.prefix).parent / ".venv-lint" / "bin" / "checkov"
    if beside.is_file():
        return beside
    found = shutil.which("checkov")
    return Path(found) if found else None


def _checkov(program: Path, folder: Folder, names: list[str]) -> tuple[list[Finding], str]:
    """Its findings, and why it did not come to any."""
    # By their names: it looks for secrets in the path too, and takes a long one for one.
    files = [part for name in names for part in ("-f", name)]
    command = [
        str(program), "--framework", "cloudformation", "--output", "json", "--quiet", "--compact",
        "--skip-download", *files,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS,
            cwd=folder.path.resolve(),
        )  # fmt: skip
        reports = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"checkov could not run: {error}"
    except ValueError:
        return [], f"checkov answered no JSON: {done.stderr.strip()[-200:]}"
    failed = [
        one
        for report in many(reports)
        for one in report.get("results", {}).get("failed_checks", [])
    ]
    return [_checkov_finding(folder, names, one) for one in failed], ""


def _checkov_finding(folder: Folder, names: list[str], one: dict[str, Any]) -> Finding:
    base = Path(one["file_path"]).name
    name = next((name for name in names if Path(name).name == base), base)
    at = f"/Resources/{str(one['resource']).rpartition('.')[2]}"
    remedy = (
        "Mend it, or leave it out with a comment: Metadata: {checkov: {skip: [{id, comment}]}}."
    )
    line = (one.get("file_line_range") or [None])[0] or folder.files[name].line(at)
    return Finding(name, at, f"{one['check_name']}.", one["check_id"], remedy, line)
