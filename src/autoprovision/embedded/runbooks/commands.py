"""Run Command: SendCommand on instances, so many at once, until so many have failed."""

import contextvars
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from autoprovision.embedded.runbooks.machine import Order, Result, Run

_MOST_OUTPUT = 24_000
# Run Command waits for a machine's agent before that.
_DEFAULT_SECONDS = 3600.0
_OVER = frozenset({"Success", "Failed", "Cancelled", "TimedOut"})
_BAD = frozenset({"Failed", "TimedOut"})


@dataclass
class Command:
    """One command with what it came to on each instance."""

    id: str
    request: dict[str, Any]
    orders: list[Order]
    requested_at: float
    stop: threading.Event = field(default_factory=threading.Event)
    results: dict[str, Result] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> str:
        """How the whole stands."""
        if not self.over.is_set():
            return "Cancelling" if self.stop.is_set() else "InProgress"
        statuses = {one.status for one in self.results.values()}
        if self.stop.is_set():
            return "Cancelled"
        return "Failed" if statuses & _BAD or "Terminated" in statuses else "Success"


def run(command: Command) -> None:
    """Carry a command out in the background."""
    for order in command.orders:
        command.results[order.instance_id] = Result(status="Pending")
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_carry_out, command), daemon=True,
        name=f"embedded-command-{command.id[:8]}",
    ).start()  # fmt: skip


def _carry_out(command: Command) -> None:
    total = len(command.orders)
    at_once = max(1, _share(str(command.request.get("MaxConcurrency") or "50"), total))
    allowed = _share(str(command.request.get("MaxErrors") or "0"), total)
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        futures: dict[Future[None], str] = {}
        failed = threading.Event()

        def one(order: Order) -> None:
            if command.stop.is_set() or failed.is_set():
                status = "Cancelled" if command.stop.is_set() else "Terminated"
                command.results[order.instance_id] = Result(status=status)
                return
            running = Run(order, command.stop)
            command.results[order.instance_id] = running.result
            running()
            bad = sum(result.status in _BAD for result in command.results.values())
            if bad > allowed:
                failed.set()

        for order in command.orders:
            context = contextvars.copy_context()
            futures[pool.submit(context.run, one, order)] = order.instance_id
    command.over.set()


def _share(text: str, total: int) -> int:
    if text.endswith("%"):
        return ceil(total * int(text[:-1]) / 100)
    return int(text)


def seconds_of(document: str, parameters: dict[str, list[str]]) -> float:
    """How long a document may take on an instance."""
    given = next(iter(parameters.get("executionTimeout", [])), "")
    is_number = document != "AWS-RunPatchBaseline" and given.isdigit()
    return float(given) if is_number else _DEFAULT_SECONDS


def shown(command: Command) -> dict[str, Any]:
    """The command as SendCommand answers it."""
    statuses = [one.status for one in command.results.values()]
    return {
        "CommandId": command.id,
        "DocumentName": command.request["DocumentName"],
        "Comment": command.request.get("Comment", ""),
        "Parameters": command.request.get("Parameters", {}),
        "InstanceIds": [one.instance_id for one in command.orders],
        "RequestedDateTime": command.requested_at,
        "ExpiresAfter": command.requested_at + _DEFAULT_SECONDS,
        "Status": command.status,
        "StatusDetails": command.status,
        "TargetCount": len(command.orders),
        "CompletedCount": sum(one in {*_OVER, "Terminated"} for one in statuses),
        "ErrorCount": sum(one in _BAD for one in statuses),
    }


def invocation(command: Command, instance_id: str) -> dict[str, Any]:
    """How it stands on one instance, as GetCommandInvocation answers it."""
    result = command.results[instance_id]
    text = "\n".join(result.output)
    return {
        "CommandId": command.id,
        "InstanceId": instance_id,
        "Comment": command.request.get("Comment", ""),
        "DocumentName": command.request["DocumentName"],
        "PluginName": "aws:runShellScript",
        "ResponseCode": result.code,
        "Status": result.status,
        "StatusDetails": result.status,
        "StandardOutputContent": text[:_MOST_OUTPUT],
        # Both streams of a process come together here, in the order in which it wrote.
        "StandardErrorContent": "",
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }


def now() -> float:
    """The moment as Systems Manager writes it."""
    return time.time()
