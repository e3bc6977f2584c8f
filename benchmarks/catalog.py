"""How long from a submitted JSON template to a live URL for each blueprint, beside its bare stack?

Every blueprint that the embedded AWS really runs, in turns: ours from POST /requests to SUCCEEDED,
and CreateStack of the same template with the same parameters until it is complete. What is between
them is admission, the workflow, fetching, building and publishing the sample, and the check.
The credits of each blueprint and environment stand beside it; they are not measured.
"""

import argparse
import statistics
import time
import urllib.request
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree

from tools import render_catalog

from autoprovision.domain.price import credits_of, price_lines
from autoprovision.domain.request import TargetEnvironment
from autoprovision.embedded import git_host
from benchmarks import ground, report
from benchmarks.pipeline import Sample

_READY = "CREATE_COMPLETE"
_POLL_SECONDS = 0.02
_PROJECTS = Path(__file__).parents[1] / "examples" / "projects"


@dataclass(frozen=True)
class Order:
    """What is ordered of a blueprint: a sample, and words that its page has."""

    project_type: str
    tech_stack: str
    folder: Path
    said: str


ORDERS = {
    "static-site": Order("Static", "HTML", _PROJECTS.parent / "static-site", "Tide tables"),
    "static-generated": Order("Static", "Hugo", _PROJECTS / "hugo", "Field notes"),
    "spa": Order("SPA", "React", _PROJECTS / "react", "React sample"),
    "dapp": Order("Dapp", "HTML", _PROJECTS / "dapp", "Block height"),
    "serverless-web": Order("Dynamic", "FastAPI", _PROJECTS / "fastapi", "A101"),
    "realtime": Order("RealTime", "WebSocket", _PROJECTS / "websocket", "<h1>Chat</h1>"),
}


@dataclass
class Found:
    """Seconds of one blueprint: ours, of it the recipe's build, and bare."""

    ours: list[float] = field(default_factory=list)
    building: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def ours(person: ground.Person, order: Order, repository: str) -> tuple[float, str]:
    """POST /requests to SUCCEEDED: seconds, and the application's name."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    template = {
        "ApplicationName": name, "TargetEnvironment": "dev", "ProjectType": order.project_type,
        "TechStack": order.tech_stack, "ProjectURL": repository,
        "ProjectEmail": f"{name}@example.edu",
    }  # fmt: skip
    begin = time.perf_counter()
    request = person.wait(person.submit(template))
    seconds = time.perf_counter() - begin
    with urllib.request.urlopen(request["url"], timeout=30) as answer:
        if order.said not in answer.read().decode():
            raise RuntimeError(f"{request['url']} does not show the sample.")
    return seconds, name


def bare(place: ground.Ground, sample: Sample, role: str) -> float:
    """CreateStack until it is complete, with the blueprint's role: seconds."""
    client = place.client("cloudformation")
    name, parameters = sample.fresh()
    given = [{"ParameterKey": key, "ParameterValue": parameters[key]} for key in sample.parameters]
    begin = time.perf_counter()
    client.create_stack(
        StackName=name, TemplateBody=sample.body, Parameters=given, RoleARN=role,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )  # fmt: skip
    while (status := _status(client, name)) != _READY:
        if not status.endswith("_IN_PROGRESS"):
            raise RuntimeError(f"{name} is {status}.")
        time.sleep(_POLL_SECONDS)
    return time.perf_counter() - begin


def building(place: ground.Ground, name: str) -> float:
    """How long the recipe of an application ran, by CodeBuild's own times; 0 without one."""
    client = place.client("codebuild")
    if not (ids := client.list_builds()["ids"]):
        return 0.0
    for build in client.batch_get_builds(ids=ids)["builds"]:
        told = {one["name"]: one["value"] for one in build["environment"]["environmentVariables"]}
        if told.get("APPLICATION_NAME") == name:
            return float((build["endTime"] - build["startTime"]).total_seconds())
    return 0.0


def _status(client: object, name: str) -> str:
    found = client.describe_stacks(StackName=name)  # type: ignore[attr-defined]
    return str(found["Stacks"][0]["StackStatus"])


def _role(place: ground.Ground, blueprint: str) -> str:
    """The role that stacks of a blueprint are made with."""
    name = f"autoprovision-blueprint-{blueprint}"
    (stack,) = place.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return next(str(o["OutputValue"]) for o in stack["Outputs"] if o["OutputKey"] == "RoleArn")


def measure(rounds: int) -> dict[str, Found]:
    """One round warms every blueprint up; the others are measured, in turns."""
    found = {blueprint: Found() for blueprint in ORDERS}
    with ground.platform() as place, ExitStack() as hosts:
        person, samples = place.person(), dict[str, tuple[Sample, str]]()
        repositories = {
            blueprint: _served(place.folder / blueprint, order.folder, hosts)
            for blueprint, order in ORDERS.items()
        }
        for number in range(rounds + 1):
            for blueprint, order in ORDERS.items():
                seconds, name = ours(person, order, repositories[blueprint])
                if number == 0:
                    samples[blueprint] = Sample.of(place, name), _role(place, blueprint)
                    bare(place, *samples[blueprint])
                    continue
                found[blueprint].ours.append(seconds)
                found[blueprint].building.append(building(place, name))
                found[blueprint].bare.append(bare(place, *samples[blueprint]))
    return found


def _served(folder: Path, sample: Path, hosts: ExitStack) -> str:
    """A copy of a sample as a repository on loopback; its URL."""
    copytree(sample, folder)
    git_host.commit_folder(folder)
    return hosts.enter_context(git_host.serve({"acme/site": folder})) + "/acme/site"


def credits_table() -> str:
    """What each blueprint costs a month in each environment."""
    read = render_catalog.folders()
    prices = render_catalog.catalog_of(read).prices
    rows = []
    for one in (folder.manifest for folder in read):
        costs = [credits_of(price_lines(one.quantities(env), prices)) for env in TargetEnvironment]
        rows.append((one.id, *costs, one.proven_on))
    return report.table(("blueprint", "dev", "stag", "prod", "proven on"), rows)


def tell(found: Mapping[str, Found], rounds: int) -> None:
    """Write the results."""
    rows: list[tuple[object, ...]] = []
    for blueprint, one in found.items():
        mine, base = statistics.median(one.ours), statistics.median(one.bare)
        recipe, order = statistics.median(one.building), ORDERS[blueprint]
        rows.append(
            (f"{blueprint} ({order.tech_stack})", f"{mine:.2f}", _spread(one.ours),
             f"{recipe:.2f}" if recipe else "", f"{base:.2f}", _spread(one.bare),
             f"{mine / base:.1f}", f"{mine - recipe - base:.2f}")
        )  # fmt: skip
    report.write(
        "catalog",
        "From a JSON template to a live URL, by blueprint",
        [
            f"Medians of {rounds} warm rounds, all blueprints in turns, beside their bare stacks.",
            report.table(
                (
                    "blueprint",
                    "ours s",
                    "range s",
                    "of it build s",
                    "bare create s",
                    "range s",
                    "times",
                    "over both s",
                ),
                rows,
            ),
            "## Credits a month\n\n1 credit is 1 US cent at list price.",
            credits_table(),
            _HOW,
        ],
    )


def _spread(seconds: list[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f}"


_HOW = """## How

- *ours* is `POST /requests` until the request is `SUCCEEDED`, asked every 30 ms: with everything
  that the pipeline does, and the sample's build where the blueprint builds (npm, pip and Hugo fetch
  their packages every time, from whatever cache the machine has). Its page is then asked for the
  sample's words. *of it build* is CodeBuild's own time of the recipe.
- *bare* is CreateStack with the same template, parameters and role, DescribeStacks every 20 ms;
  no code is on it. *over both* is ours without the build and the bare stack.
- Blueprints that are proven in the control plane only are left out: nothing of them answers."""


def main() -> None:
    """Measure and write."""
    ground.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of every blueprint")
    given = parser.parse_args()
    tell(measure(given.rounds), given.rounds)


if __name__ == "__main__":
    main()
