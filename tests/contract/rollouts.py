"""ECS without machines: nothing runs here, so each rollout is told to have come to an end."""

from typing import Any


class Rollouts:
    """A client of ECS whose rollouts have all ended alike."""

    def __init__(self, ecs: Any, state: str = "COMPLETED", why: str = "") -> None:
        self._ecs = ecs
        self._end = {"rolloutState": state} | ({"rolloutStateReason": why} if why else {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    def describe_services(self, **what: Any) -> Any:
        found = self._ecs.describe_services(**what)
        for service in found["services"]:
            for one in service["deployments"]:
                one.update(self._end)
        return found
