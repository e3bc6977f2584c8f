"""What a build may use of this machine, and whether it still keeps to it.

CodeBuild gives each build a machine of its own; here builds share the developer's. The size of one
file and the number of open files are the kernel's to limit; the folder, the memory and the number
of processes are looked at from time to time.
"""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_GIB = 1024**3
# CodeBuild user guide, "Build environment compute modes and types".
_MEMORY: Mapping[str, int] = {
    "BUILD_GENERAL1_SMALL": 4 * _GIB,
    "BUILD_GENERAL1_MEDIUM": 8 * _GIB,
    "BUILD_GENERAL1_LARGE": 16 * _GIB,
}
_LOOK_SECONDS = 1.0
_LOOKING_SHARE = 20


@dataclass(frozen=True)
class Limits:
    """The most a build may use.

    Attributes:
        memory: resident bytes of all its processes together.
        folder: bytes of its scratch folder.
        file: bytes of any one file.
    """

    memory: int = 4 * _GIB
    folder: int = 6 * _GIB
    file: int = 2 * _GIB
    open_files: int = 4096
    processes: int = 512


def for_compute_type(compute_type: str) -> Limits:
    """The limits of a build whose project asks for this compute type."""
    return Limits(memory=_MEMORY.get(compute_type, 4 * _GIB))


class Watch:
    """Looks at a build from time to time."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self._next = time.monotonic() + _LOOK_SECONDS

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() >= self._next

    def excess(self, pids: Iterable[int]) -> str | None:
        """Which limit the build exceeds, in a sentence, or None."""
        began = time.monotonic()
        living = set(pids)
        found = self._excess(living)
        took = time.monotonic() - began
        self._next = time.monotonic() + max(_LOOK_SECONDS, took * _LOOKING_SHARE)
        return found

    def _excess(self, pids: set[int]) -> str | None:
        limits = self._limits
        if len(pids) > limits.processes:
            return f"The build runs more than {limits.processes} processes"
        if _resident_bytes(pids) > limits.memory:
            return f"The build uses more than {limits.memory // 1024**2} MiB of memory"
        if _folder_bytes(self._folder) > limits.folder:
            return f"The build fills more than {limits.folder // 1024**2} MiB of disk"
        return None


def _resident_bytes(pids: set[int]) -> int:
    if not pids:
        return 0
    if not Path("/proc/self/statm").exists():
        listed = ",".join(map(str, pids))
        done = subprocess.run(
            ["ps", "-o", "rss=", "-p", listed], capture_output=True, text=True, check=False
        )
        return sum(int(row) * 1024 for row in done.stdout.split())
    return sum(map(_own_bytes, pids))


def _own_bytes(pid: int) -> int:
    """Resident bytes of a process, without the files it shares with others."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # It ended in between.
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def _folder_bytes(folder: Path) -> int:
    total, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except (FileNotFoundError, PermissionError):
            continue  # Removed by the build, or closed by it: what cannot be seen is not counted.
    return total
