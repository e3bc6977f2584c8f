"""How much CPU does each function take from a fresh interpreter until it can handle an event?

Each handler is imported by an interpreter of its own that sees what Lambda would: the standard
library, our package and the libraries of requirements/functions.lock; no site-packages, no
variables of this machine. CPU time hardly depends on what else the machine does.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import yaml

import autoprovision
from benchmarks import report

GOAL_MS = 400
_ROOT = Path(__file__).resolve().parents[1]
_NOT_DEPLOYED = ("cli", "deployer", "embedded", "memory", "_data")
_PROBE = """
import importlib, json, sys, time
module, name, heavy = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
getattr(importlib.import_module(module), name)
imported, modules = time.process_time(), len(sys.modules)
held = [one for one in heavy if one in sys.modules]
from autoprovision.aws.clients import client
client("dynamodb")
ready = time.process_time()
print(json.dumps([imported * 1000, ready * 1000, modules, held]))
"""
# What only some functions need, and none should import before it does.
_HEAVY = (
    "boto3", "botocore", "dulwich", "paramiko", "cryptography", "pydantic", "jsonschema", "yaml",
    "aws_lambda_powertools", "autoprovision.source",
)  # fmt: skip


def stage(folder: Path, *, bytecode: bool) -> Path:
    """A folder like a function's: our package and the locked libraries."""
    own = Path(autoprovision.__file__).parent
    caches = shutil.ignore_patterns("__pycache__", *_NOT_DEPLOYED)
    shutil.copytree(own, folder / "autoprovision", ignore=caches)
    lock = (_ROOT / "requirements" / "functions.lock").read_text("utf-8")
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE):
        try:
            library = distribution(name)
        except PackageNotFoundError:
            continue  # the lock also names what other Pythons and systems need
        tops = {file.parts[0] for file in library.files or ()} - {"..", "__pycache__"}
        for top in tops:
            source = Path(str(library.locate_file(top)))
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / top, ignore=ignored, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, folder / top)
    if bytecode:
        command = [sys.executable, "-m", "compileall", "-q", "-j", "2", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def functions() -> dict[str, str]:
    """Name and handler of every function, from the platform's template."""

    class Loader(yaml.SafeLoader):
        """Takes CloudFormation's short forms as they come."""

    any_tag: Callable[[yaml.SafeLoader, str, yaml.Node], None] = lambda *_: None  # noqa: E731
    Loader.add_multi_constructor("!", any_tag)
    template = yaml.load((_ROOT / "infra" / "app.yaml").read_text("utf-8"), Loader)  # noqa: S506
    return {
        name.removesuffix("Function"): one["Properties"]["Handler"]
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Function"
    }


def probe(folder: Path, handler: str) -> tuple[float, float, int, list[str]]:
    """CPU ms until imported, until a client is made too, modules, and the heavy ones of them."""
    module, _, name = handler.rpartition(".")
    environment = {
        "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "AWS_REGION": "ap-southeast-1",
        "AWS_DEFAULT_REGION": "ap-southeast-1", "PATH": "",
    }  # fmt: skip
    command = [sys.executable, "-S", "-c", _PROBE, module, name, ",".join(_HEAVY)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    imported, ready, modules, held = json.loads(done.stdout)
    return imported, ready, modules, held


def measure(rounds: int) -> list[tuple[str, float, float, float, int, list[str]]]:
    """Of each function: the three times, modules and heavy modules."""
    found = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place:
        compiled = stage(Path(place) / "compiled", bytecode=True)
        source = stage(Path(place) / "source", bytecode=False)
        seen: dict[str, tuple[float, float, float, int, list[str]]] = {}
        for name, handler in functions().items():
            module = handler.rpartition(".")[0]
            if module not in seen:  # the handlers of one module take the same
                ours = [probe(compiled, handler) for _ in range(rounds)]
                plain = [probe(source, handler)[0] for _ in range(max(1, rounds // 2))]
                imported = statistics.median(one[0] for one in ours)
                ready = statistics.median(one[1] for one in ours)
                seen[module] = (imported, ready, statistics.median(plain), ours[0][2], ours[0][3])
            found.append((name, *seen[module]))
    return found


def tell(found: list[tuple[str, float, float, float, int, list[str]]]) -> None:
    """Write the results."""
    api = next(one for one in found if one[0] == "RequestsApi")
    rows = [
        (name, f"{imported:.0f}", f"{ready:.0f}", f"{plain:.0f}", modules, ", ".join(held))
        for name, imported, ready, plain, modules, held in found
    ]
    outcome = "met" if api[3] <= GOAL_MS else "missed"
    headline = (
        f"The API's functions are imported after **{api[1]:.0f} ms** of CPU, the start of the "
        f"interpreter included, with the byte code that the deployer packs where its Python is the "
        f"functions' own, and after {api[3]:.0f} ms with sources only: the goal of {GOAL_MS} ms is "
        f"{outcome}. With the first client, which makes them ready for most events, it is "
        f"{api[2]:.0f} ms."
    )
    report.write(
        "cold_start",
        "CPU time until a function can handle an event",
        [
            headline,
            report.table(
                ("function", "imported ms", "and a client ms", "imported without bytecode ms",
                 "modules", "heavy ones among them"), rows,
            ),
            _HOW,
        ],
    )  # fmt: skip


_HOW = """## How

- All functions of one Python module take the same, so each module is measured once (medians).
- *imported* is process start to handler; *and a client* adds boto3 and the client of DynamoDB,
  which are made on first use.
- *without bytecode* is what a function pays whose archive holds sources only: Lambda cannot keep
  what it compiles, so every cold start compiles everything again."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    tell(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
