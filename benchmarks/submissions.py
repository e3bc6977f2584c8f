"""How many requests a second are taken in, and how long does the 202 take?

Clients post JSON templates one after the other, each to a unit of its own or all to the same one,
whose balance every admission writes. The workflows they start run on the same two cores, so what is
measured is admission under the load that it causes; that share is measured too, with no workflow.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import ground, report

_CLIENTS = (1, 4, 16)


@dataclass(frozen=True)
class Series:
    """One series of submissions.

    Attributes:
        latencies: seconds of each 202, sorted.
        refused: answers other than 202, by status.
    """

    title: str
    clients: int
    seconds: float
    latencies: list[float]
    refused: dict[int, int]

    def at(self, share: float) -> float:
        """The latency in ms below which this share lies."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))] * 1000


def series(place: ground.Ground, title: str, people: list[ground.Person], each: int) -> Series:
    """Everybody submits so many at the same time."""

    def one(person: ground.Person) -> list[tuple[int, float]]:
        found = []
        for _ in range(each):
            template = place.template()
            begin = time.perf_counter()
            status = person.http.post("/requests", json=template).status_code
            found.append((status, time.perf_counter() - begin))
        return found

    begin = time.perf_counter()
    with ThreadPoolExecutor(len(people)) as pool:
        answers = [answer for found in pool.map(one, people) for answer in found]
    seconds = time.perf_counter() - begin
    refused: dict[int, int] = {}
    for status, _ in answers:
        if status != 202:
            refused[status] = refused.get(status, 0) + 1
    taken = sorted(latency for status, latency in answers if status == 202)
    return Series(title, len(people), seconds, taken, refused)


def _rest(place: ground.Ground) -> None:
    """Wait until no workflow runs, so that a series does not pay for the one before."""
    client = place.client("stepfunctions")
    machine = place.installed.outputs["ProvisionStateMachineArn"]
    deadline = time.monotonic() + 600
    while client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        if time.monotonic() > deadline:
            raise RuntimeError("The workflows do not come to an end.")
        time.sleep(0.5)


def plans(person: ground.Person, place: ground.Ground, count: int) -> float:
    """The median in ms of POST /plans: the same work without a write or a workflow."""
    found = []
    for _ in range(count):
        begin = time.perf_counter()
        person.http.post("/plans", json=place.template()).raise_for_status()
        found.append(time.perf_counter() - begin)
    return statistics.median(found) * 1000


def measure(submissions: int) -> tuple[list[Series], float]:
    """All series on one platform, the kinds in turns."""
    found = []
    with ground.platform() as place:
        shared = "shared-unit"
        together = [place.person(shared) for _ in range(max(_CLIENTS))]
        apart = [place.person() for _ in range(max(_CLIENTS))]
        series(place, "warm", apart[:4], 2)
        _rest(place)
        planned = plans(apart[0], place, 20)
        for clients in _CLIENTS:
            each = max(1, submissions // clients)
            for title, people in (("own units", apart), ("the same unit", together)):
                found.append(series(place, title, people[:clients], each))
                _rest(place)
    return found, planned


def tell(found: list[Series], planned: float) -> None:
    """Write the results."""
    rows = [
        (
            one.title, one.clients, len(one.latencies),
            f"{len(one.latencies) / one.seconds:.1f}",
            *(f"{one.at(share):.0f}" for share in (0.5, 0.95, 0.99)),
            ", ".join(f"{n} of {status}" for status, n in one.refused.items()) or "none",
        )
        for one in found
    ]  # fmt: skip
    report.write(
        "submissions",
        "Submissions a second and the latency of the 202",
        [
            report.table(
                ("submitted to", "clients", "202s", "a second", "p50 ms", "p95 ms", "p99 ms",
                 "other answers"), rows,
            ),
            (f"A plan (`POST /plans`, one client, the same work without writes and workflow) takes "
            f"{planned:.0f} ms."),
            ("Every submission starts a workflow of ten function calls, a stack and a git fetch on "
            "the same cores, so more clients wait for their own workflows. On AWS those run "
            "elsewhere. To the same unit all admissions write one balance; what DynamoDB refuses "
            "as contended is tried again, and quota is never over-committed."),
        ],
    )  # fmt: skip


def main() -> None:
    """Measure and write."""
    ground.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=32, help="in each series")
    found, planned = measure(parser.parse_args().submissions)
    tell(found, planned)


if __name__ == "__main__":
    main()
