"""What does the embedded AWS take: time to be up, memory, CPU, and time to be down?

`autoprovision up` and `down` are run as whole processes, as a person would; memory is the resident
set of everything that runs in the data folder's session, read from the system.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from autoprovision.embedded import launcher
from benchmarks import ground, report

_KIB_A_MIB = 1024


@dataclass(frozen=True)
class Process:
    """A process that has ended: wall and CPU seconds, and the most memory in MiB."""

    wall: float
    cpu: float
    memory: float


def run(data: Path, *words: str) -> Process:
    """Run the command line in a data folder, with what it and its children used."""
    environment = {**os.environ, "AUTOPROVISION_DATA": str(data)}
    command = [sys.executable, "-m", "autoprovision", *words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=180)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Process(wall, cpu, after.ru_maxrss / _KIB_A_MIB)


def server_memory(data: Path) -> tuple[float, float]:
    """Resident and largest resident MiB of the server that runs in a data folder."""
    aws = launcher.status(data)
    if aws is None:
        raise RuntimeError("Nothing runs there.")
    lines = Path(f"/proc/{aws.pid}/status").read_text("utf-8").splitlines()
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(found["VmRSS"]) / _KIB_A_MIB, int(found["VmHWM"]) / _KIB_A_MIB


def main() -> None:
    """Measure and write."""
    ground.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(parser.parse_args().rounds):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as place:
            data = Path(place) / "data"
            try:
                for title, words in (
                    ("`up`, first time", ("up",)),
                    ("`up`, when it is up", ("up",)),
                    ("`status`", ("status",)),
                ):
                    one = run(data, *words)
                    found.setdefault(title, []).append((one.wall, one.cpu, one.memory))
                resident, largest = server_memory(data)
                found.setdefault("server, idle", []).append((0.0, 0.0, resident))
                found.setdefault("server, at most", []).append((0.0, 0.0, largest))
                one = run(data, "down")
                found.setdefault("`down`", []).append((one.wall, one.cpu, one.memory))
            finally:
                launcher.stop(data)
    rows = []
    for title, several in found.items():
        wall, cpu, memory = (statistics.median(one[at] for one in several) for at in range(3))
        times = (f"{wall:.2f}", f"{cpu:.2f}") if wall else ("", "")
        rows.append((title, *times, f"{memory:.0f}"))
    text = (
        "The platform is whole when `up` returns: server, stacks, catalog and first admin. "
        "CPU and memory of `up` are the command's own; the server outlives it."
    )
    head = ("what", "seconds", "CPU seconds", "resident MiB")
    report.write("embedded_aws", "What the embedded AWS takes", [report.table(head, rows), text])


if __name__ == "__main__":
    main()
