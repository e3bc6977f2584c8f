"""How long from a submitted JSON template to a live URL, beside the bare calls and other tools?

All of them make the same template with the same parameters on the same embedded AWS, in turns.
Ours counts everything it does besides: admission, quota, plan, approval, workflow, mail, audit.
The others end when the site answers; their files are put by bare calls in this process.
"""

import argparse
import json
import statistics
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import ground, peer_tools, report

_READY = "CREATE_COMPLETE"
_POLL_SECONDS = 0.02
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass
class Seconds:
    """What was measured, a list of seconds for each way."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, seconds: float) -> None:
        """Take a measurement in."""
        self.of.setdefault(way, []).append(seconds)

    def median(self, way: str) -> float:
        """The median of a way."""
        return statistics.median(self.of[way])


@dataclass(frozen=True)
class Sample:
    """The template and parameters that our workflow launched, for the others to launch again."""

    body: str
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, place: ground.Ground, name: str) -> "Sample":
        """Of the application of this name."""
        client = place.client("cloudformation")
        pages = client.get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"]]
        stack = next(one for one in stacks if f"-{name}-" in one["StackName"])
        given = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        # As it stands in the catalog: GetTemplate gives back what was launched.
        body = client.get_template(StackName=stack["StackId"])["TemplateBody"]
        return cls(body if isinstance(body, str) else json.dumps(body), given)

    def fresh(self) -> tuple[str, dict[str, str]]:
        """A stack's name, and the parameters with names that are still free."""
        token = uuid.uuid4().hex[:26]
        own = {"ApplicationName": f"app-{token}", "ApplicationId": f"app_{token}"}
        changed = {**self.parameters, **own, "BucketName": f"autoprovision-site-{token}"}
        return f"bare-{token}", changed


def ours(person: ground.Person, place: ground.Ground) -> tuple[float, str, str]:
    """POST /requests to SUCCEEDED: seconds, the application's name, the request's id."""
    template = place.template()
    begin = time.perf_counter()
    request_id = person.submit(template)
    request = person.wait(request_id)
    seconds = time.perf_counter() - begin
    _fetch(request["url"])
    return seconds, template["ApplicationName"], request_id


def bare(place: ground.Ground, sample: Sample) -> float:
    """CreateStack, wait, put the files, first 200: seconds."""
    client = place.client("cloudformation")
    name, parameters = sample.fresh()
    given = [{"ParameterKey": key, "ParameterValue": text} for key, text in parameters.items()]
    begin = time.perf_counter()
    client.create_stack(StackName=name, TemplateBody=sample.body, Parameters=given)
    while client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] != _READY:
        time.sleep(_POLL_SECONDS)
    _put_and_fetch(place, name, parameters)
    return time.perf_counter() - begin


def peer(place: ground.Ground, sample: Sample, tool: peer_tools.Tool) -> float:
    """The tool's deploy command, then the files, then the first 200: seconds."""
    name, parameters = sample.fresh()
    folder = place.folder / name
    folder.mkdir()
    (folder / "template.yaml").write_text(sample.body, "utf-8")
    tool.prepare(folder, name, parameters, place.aws)
    begin = time.perf_counter()
    tool.run(folder, name, parameters, place.aws)
    _put_and_fetch(place, name, parameters)
    return time.perf_counter() - begin


def _put_and_fetch(place: ground.Ground, name: str, parameters: Mapping[str, str]) -> None:
    stack = place.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    s3 = place.client("s3")
    for path, text in ground.SITE.items():
        s3.put_object(
            Bucket=outputs["SiteBucket"], Key=f"{parameters['LivePath'].strip('/')}/{path}",
            Body=text.encode(), ContentType=_TYPES[Path(path).suffix],
        )  # fmt: skip
    _fetch(outputs["Url"])


def _fetch(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:
        if ground.SITE["index.html"] not in answer.read().decode():
            raise RuntimeError(f"{url} does not show the site.")


def states(place: ground.Ground, request_id: str) -> dict[str, float]:
    """Seconds of each state of the request's workflow, by its own history, and before it."""
    client = place.client("stepfunctions")
    machine = str(place.installed.outputs["ProvisionStateMachineArn"])
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{request_id}"
    # The mail follows the outcome.
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        time.sleep(_POLL_SECONDS)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    entered: dict[str, float] = {}
    took: dict[str, float] = {}
    for event in (one for page in pages for one in page["events"]):
        at = event["timestamp"].timestamp()
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = at
        elif "stateExitedEventDetails" in event:
            name = event["stateExitedEventDetails"]["name"]
            took[name] = took.get(name, 0.0) + at - entered[name]
    return {name: seconds for name, seconds in took.items() if seconds >= 0.001}


def measure(rounds: int, peer_rounds: int) -> tuple[Seconds, dict[str, list[float]]]:
    """Warm, in turns: ours, bare, and the peers in the first rounds."""
    seconds, steps = Seconds(), dict[str, list[float]]()
    with ground.platform() as place:
        person = place.person()
        first, name, _ = ours(person, place)
        seconds.add("ours, first of a fresh platform", first)
        sample = Sample.of(place, name)
        bare(place, sample)
        tools = peer_tools.installed()
        for number in range(rounds):
            took, _, request_id = ours(person, place)
            seconds.add("ours", took)
            seconds.add("bare", bare(place, sample))
            for state, part in states(place, request_id).items():
                steps.setdefault(state, []).append(part)
            for tool in tools if number < peer_rounds else ():
                seconds.add(tool.name, peer(place, sample, tool))
    return seconds, steps


def first_time() -> float:
    """Seconds of the first provision of a fresh platform: every function starts for it."""
    with ground.platform() as place:
        return ours(place.person(), place)[0]


def tell(seconds: Seconds, steps: Mapping[str, list[float]]) -> None:
    """Write the results."""
    base, mine = seconds.median("bare"), seconds.median("ours")
    rows: list[tuple[object, ...]] = []
    for way, found in sorted(seconds.of.items(), key=lambda one: statistics.median(one[1])):
        middle = statistics.median(found)
        spread = f"{min(found):.2f} to {max(found):.2f}"
        rows.append((way, len(found), f"{middle:.2f}", spread, f"{middle / mine:.1f}"))
    parts = sorted(((n, statistics.median(p)) for n, p in steps.items()), key=lambda one: -one[1])
    inside = sum(part for _, part in parts)
    outcome = "met" if mine - base <= 1.5 else "missed"
    slower = [way for way in seconds.of if way != "bare" and not way.startswith("ours")]
    rank: Callable[[str], bool] = lambda way: mine < seconds.median(way)  # noqa: E731
    report.write(
        "pipeline",
        "From a JSON template to a live URL",
        [
            (
                "Overhead of the whole pipeline over the bare calls, warm: "
                f"**{mine - base:.2f} s**, {mine / base:.1f} times (goal: at most 1.5 s, "
                f"{outcome}). Faster than {sum(map(rank, slower))} of {len(slower)} other tools."
            ),
            report.table(("way", "runs", "median s", "range s", "times ours"), rows),
            (
                "## Where the time goes\n\nMedians of the states of the workflow, warm. What is "
                "missing to the total is before the workflow (admission, start). Notify ends "
                f"after the request has SUCCEEDED. Sum {inside:.2f} s."
            ),
            report.table(
                ("state", "ms", "share"),
                [(n, f"{p * 1000:.0f}", f"{p / inside:.0%}") for n, p in parts],
            ),
            _HOW,
        ],
        others=peer_tools.versions(),
    )


_HOW = """## How

- *ours* is `POST /requests` until the request is `SUCCEEDED`, asked every 30 ms: authentication,
  validation, plan, price, quota ledger, approval verdict, secrets, workflow, stack, git fetch,
  publishing, health check, events, timeline. The first of a fresh platform starts every function.
- *bare* is CreateStack, DescribeStacks every 20 ms, PutObject for each file, one GET.
- Each other tool runs its deploy command with its own settings, then the same bare calls for the
  files. Those that poll every few seconds pay for it here more than on AWS, where a stack takes
  minutes; so do we not, because EventBridge tells when the stack is ready.
- Nobody else checks quota or approval, fetches the repository, mails or audits."""


def main() -> None:
    """Measure and write."""
    ground.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="warm rounds of ours and bare")
    parser.add_argument("--peer-rounds", type=int, default=3, help="of them with the other tools")
    parser.add_argument("--fresh", type=int, default=2, help="more fresh platforms")
    given = parser.parse_args()
    seconds, steps = measure(given.rounds, given.peer_rounds)
    for _ in range(given.fresh):
        seconds.add("ours, first of a fresh platform", first_time())
    tell(seconds, steps)


if __name__ == "__main__":
    main()
