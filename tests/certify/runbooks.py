"""Systems Manager that takes its time: runbooks end, answer and tell of it when it is time."""

from typing import Any

from tests.workflow.systems_manager import A, SystemsManager
from tests.workflow.world import World

from autoprovision.domain.request import Request

# A hung runbook is given up by its state's limit after so many rounds.
_MOST_ROUNDS = 2


class SlowSystemsManager(SystemsManager):
    """Executions that come to their ends one round after they were begun or stopped.

    Attributes:
        engine: whose events and limits these are.
    """

    def __init__(self, world: World, engine: Any) -> None:
        super().__init__(world)
        self.engine = engine
        self.under_way: dict[str, A | None] = {}
        self.rounds: dict[str, int] = {}
        self.finally_ends: A | None = None

    def start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        end, self.finally_ends = self.ends, self.ends
        self.ends = None
        before = len(self.started)
        try:
            return super().start(arguments)
        finally:
            self.ends = end
            if len(self.started) > before:
                automation_id = f"a{len(self.started)}"
                self.under_way[automation_id] = end
                self.engine.runbook_changed(automation_id, "InProgress")

    def stop(self, arguments: dict[str, Any]) -> dict[str, Any]:
        stops, self.stops = self.stops, False
        try:
            answer = super().stop(arguments)
        finally:
            self.stops = stops
        if stops:
            self.under_way[arguments["AutomationExecutionId"]] = A.CANCELLED
        return answer

    def go_on(self) -> None:
        """Let everything under way come to its end, or run into a limit."""
        for automation_id, end in list(self.under_way.items()):
            if end is not None:
                del self.under_way[automation_id]
                self.becomes(automation_id, end)
                continue
            self.rounds[automation_id] = self.rounds.get(automation_id, 0) + 1
            if self.rounds[automation_id] % _MOST_ROUNDS == 0:
                self._time_out(automation_id)

    def becomes(self, automation_id: str, status: A) -> None:
        answers, self.answers = self.answers, False
        try:
            super().becomes(automation_id, status)
        finally:
            self.answers = answers
        if answers:
            self.engine.runbook_answers(self.world.automations.known[automation_id])
        self.engine.runbook_changed(automation_id, status.value)

    def _time_out(self, automation_id: str) -> None:
        later = self.world.waits.get(automation_id)
        token = later[0] if later else self.world.automations.known[automation_id].token
        self.engine.limit_passes(token)
        if later:
            self.world.waits.remove(automation_id, token)


def violations(world: World, request: Request) -> list[str]:
    """What must be true of an operation that has ended."""
    found = []
    runs = [one for one in world.automations.known.values() if one.request_id == request.id]
    if len(runs) > 1:
        found.append(f"runbooks: {len(runs)} were run for one request")
    if any(not one.is_over for one in runs):
        found.append("runbooks: one still runs")
    if request.status == "SUCCEEDED" and not any(one.succeeded for one in runs):
        found.append("runbooks: it is said to be done, and is not")
    if world.operation_files.scripts:
        found.append("scripts: one is left in the machines' reach")
    return found
