"""Counts one provision on the embedded AWS, from its own histories and logs.

Each function gets a layer that writes down what it asks of AWS (`count_calls.py`). State
transitions come from the execution's history; time and memory from the logs' REPORT lines.
"""

import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import ground

_LAYER = Path(__file__).with_name("count_calls.py")
_REPORT = re.compile(r"Billed Duration: (\d+) ms\tMemory Size: (\d+) MB")
# The emulator makes a stack faster than a token is stored; on AWS it takes minutes, and its event
# comes when the token is there. Delayed, the event always finds the same.
_PREFIX = "autoprovision-"
_BY_THE_CLOCK = "Sweep"
_COMES_LAST = "StackEvents"
_DELAY_SECONDS = "3"
_SETTLE_SECONDS = 60.0
_POLL_SECONDS = 0.2
# What asks for the outcome is the user's, not the provision's; here nobody asks.
_WRITE_VERBS = ("PutObject", "ListObjects", "ListObjectsV2", "ListObjectVersions", "CopyObject")


@dataclass
class Counts:
    """What one provision used.

    Attributes:
        calls: AWS calls of the functions, `service:Operation`, DynamoDB's too.
        gb_seconds: billed time times memory, as the embedded AWS measured it.
    """

    transitions: int = 0
    states: list[str] = field(default_factory=list)
    invocations: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    index_write_units: float = 0.0
    read_units: float = 0.0
    gb_seconds: float = 0.0
    log_bytes: int = 0

    def asked(self, service: str) -> int:
        """Calls of a service."""
        return sum(n for name, n in self.calls.items() if name.startswith(f"{service}:"))

    def s3_writes(self) -> int:
        """Calls of S3 at the higher price."""
        return sum(self.calls[f"s3:{verb}"] for verb in _WRITE_VERBS)


def instrument(place: ground.Ground) -> None:
    """Give every function of the platform the layer that counts."""
    client = place.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("python/count_calls.py", _LAYER.read_text("utf-8"))
    layer = client.publish_layer_version(
        LayerName="count-calls", Content={"ZipFile": archive.getvalue()}
    )
    for function in _functions(client):
        variables = dict(function.get("Environment", {}).get("Variables", {}))
        variables["COUNTED_FOLDER"] = str(_folder(place))
        variables["COUNTED_HANDLER"] = function["Handler"]
        if function["FunctionName"].endswith(_COMES_LAST):
            variables["COUNTED_DELAY_SECONDS"] = _DELAY_SECONDS
        client.update_function_configuration(
            FunctionName=function["FunctionName"], Handler="count_calls.handler",
            Layers=[layer["LayerVersionArn"]],
            Environment={"Variables": variables},
        )  # fmt: skip


def _functions(client: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_functions").paginate():
        yield from page["Functions"]


def provision(place: ground.Ground, person: ground.Person) -> Counts:
    """Provision once and count it; nothing else may run on this platform meanwhile.

    Raises:
        RuntimeError: it did not succeed, or the functions did not come to rest.
    """
    for file in _folder(place).iterdir():
        file.unlink()
    since = int(time.time() * 1000)
    request_id = person.submit(place.template())
    counts = Counts()
    _count_states(place, request_id, counts)
    for function, message in _settled_lines(place, since):
        counts.log_bytes += len(message.encode())
        if not (found := _REPORT.search(message)):
            continue
        counts.invocations[function] += 1
        if function != _COMES_LAST:  # its time is the delay's
            counts.gb_seconds += int(found[1]) / 1000 * int(found[2]) / 1024
    indexes = _indexes(place)
    for function in counts.invocations:
        for calls in _noted(place, function):
            _count_calls(calls, indexes, counts)
    return counts


def _folder(place: ground.Ground) -> Path:
    folder = place.folder / "counted"
    folder.mkdir(exist_ok=True)
    return folder


def _noted(place: ground.Ground, function: str) -> list[list[dict[str, Any]]]:
    """What each invocation of a function has asked of AWS."""
    file = _folder(place) / (_PREFIX + function)
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def _count_states(place: ground.Ground, request_id: str, counts: Counts) -> None:
    client = place.client("stepfunctions")
    machine = str(place.installed.outputs["ProvisionStateMachineArn"])
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{request_id}"
    deadline = time.monotonic() + 120
    while (status := client.describe_execution(executionArn=arn)["status"]) == "RUNNING":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{request_id} does not end.")
        time.sleep(_POLL_SECONDS)
    if status != "SUCCEEDED":
        raise RuntimeError(f"The execution of {request_id} ended {status}.")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    counts.states = [
        event["stateEnteredEventDetails"]["name"]
        for event in events
        if "stateEnteredEventDetails" in event
    ]
    # AWS counts a transition each time a step is executed, retries included.
    entered = sum("stateEnteredEventDetails" in event for event in events)
    scheduled = sum(event["type"] == "TaskScheduled" for event in events)
    tasks = sum(event["type"] == "TaskStateEntered" for event in events)
    counts.transitions = entered + scheduled - tasks


def _settled_lines(place: ground.Ground, since: int) -> list[tuple[str, str]]:
    """The functions' log lines, once no more come: StackEvents runs beside the workflow."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    before: list[tuple[str, str]] = []
    while time.monotonic() < deadline:
        lines = [(name, text) for name, text in _lines(place, since) if name != _BY_THE_CLOCK]
        ended = Counter(name for name, text in lines if text.startswith("REPORT "))
        noted = {name: len(_noted(place, name)) for name in ended}
        if lines == before and noted == ended and _COMES_LAST in ended:
            return lines
        before = lines
        time.sleep(_POLL_SECONDS)
    raise RuntimeError("The functions do not come to rest.")


def _lines(place: ground.Ground, since: int) -> Iterator[tuple[str, str]]:
    client = place.client("logs")
    prefix = f"/aws/lambda/{_PREFIX}"
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=name, startTime=since
            )
            for event in (one for page in pages for one in page["events"]):
                yield name.removeprefix(prefix), event["message"]


def _indexes(place: ground.Ground) -> dict[str, list[set[str]]]:
    """Of each table: the key attributes of its indexes. All of them project keys only."""
    client = place.client("dynamodb")
    return {
        name: [
            {key["AttributeName"] for key in index["KeySchema"]}
            for index in client.describe_table(TableName=name)["Table"].get(
                "GlobalSecondaryIndexes", []
            )
        ]
        for name in client.list_tables()["TableNames"]
    }


def _count_calls(
    calls: list[dict[str, Any]], indexes: Mapping[str, list[set[str]]], counts: Counts
) -> None:
    for call in calls:
        counts.calls[f"{call['service']}:{call['operation']}"] += 1
        if call["service"] != "dynamodb":
            continue
        if not call["writes"]:
            counts.read_units += call["units"]
            continue
        counts.write_units += call["units"]
        for write in call["writes"]:
            names = set(write["names"])
            counts.index_write_units += sum(
                _index_units(write["how"], keys, names) for keys in indexes[write["table"]]
            )


def _index_units(how: str, keys: set[str], names: set[str]) -> float:
    """One unit for an entry that is written; two where a changed key moves it."""
    if how == "Put":
        return float(keys <= names)
    if how == "Delete":
        return 1.0
    return 2.0 if keys & names else 0.0
