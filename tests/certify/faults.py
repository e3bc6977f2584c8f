"""The faults that the certificate injects, and the proxy of all ports that injects them.

A step sees the platform through `Faulty`. Every call of a port that changes something is an effect;
it is met by name and by its place within the invocation (`records.move_request#1`), so that new
steps and new effects are found by running them, and none is listed by hand.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from autoprovision.domain.errors import AutoprovisionError, BusyError, UnavailableError

PORTS = (
    "records", "catalog", "secrets", "workflows", "stacks", "waits", "approvals", "signer", "users",
    "directory", "mailer", "events", "operators", "source", "sites", "probe", "intake",
    "idempotency", "builds", "build_files", "functions", "services", "change_sets", "names",
    "findings", "machines", "automations", "operation_files",
)  # fmt: skip
# Calls that change nothing. Whatever is not named here counts as an effect.
READS = frozenset(
    """
    records.request records.requests records.open_requests records.application records.applications
    records.expiring records.events records.balance records.balances records.entries records.hold
    records.holds records.untold catalog.catalog catalog.version catalog.policy secrets.get
    workflows.state stacks.find stacks.ours stacks.failures stacks.resources waits.get
    waits.of_request approvals.get approvals.list_open approvals.undelivered approvals.token
    signer.verify users.get users.by_email users.list users.approvers source.fetch probe.check
    intake.read builds.log_tail names.standing names.leading
    stacks.ended findings.get findings.find findings.list
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)
_TIMELINE = "records.record_event"


class Killed(BaseException):
    """The process ended in the middle: no handler of the product sees this."""


class Hung(BaseException):
    """The process never answered, and the state's limit passed."""


class Fault(StrEnum):
    """One way in which an effect goes wrong."""

    ERROR_BEFORE = "error before"
    ERROR_AFTER = "error after"
    THROTTLED = "throttled"
    ANSWERS_LOST = "answers lost"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    KILLED_ALWAYS = "killed always"
    HUNG_BEFORE = "hung before"
    HUNG_AFTER = "hung after"
    HUNG_ALWAYS = "hung always"
    DELAYED = "effect delayed"
    DOUBLED = "effect doubled"
    # Of whole states.
    INVOKED_TWICE = "invoked twice"
    STOPPED = "execution stopped"
    CANCELLED = "cancelled"
    # Of events.
    EVENT_LOST = "event lost"
    EVENT_DOUBLED = "event doubled"
    EVENT_DELAYED = "event delayed"
    EVENT_EARLY = "event reordered"


F = Fault
OF_EFFECTS = (
    F.ERROR_BEFORE, F.ERROR_AFTER, F.THROTTLED, F.ANSWERS_LOST, F.KILLED_BEFORE, F.KILLED_AFTER,
    F.KILLED_ALWAYS, F.HUNG_BEFORE, F.HUNG_AFTER, F.HUNG_ALWAYS, F.DELAYED, F.DOUBLED,
)  # fmt: skip
# A line of the timeline that is lost or doubled is all that can happen to it.
OF_LINES = (F.ERROR_BEFORE, F.ERROR_AFTER, F.KILLED_BEFORE)
OF_READS = (F.ERROR_BEFORE, F.KILLED_BEFORE)
# What AWS does by itself has no process of ours to kill.
OF_SERVICE_CALLS = (
    F.ERROR_BEFORE, F.ERROR_AFTER, F.THROTTLED, F.ANSWERS_LOST, F.HUNG_BEFORE, F.HUNG_AFTER,
    F.HUNG_ALWAYS,
)  # fmt: skip
# Within the port Mailer: between the claim and SES, and between SES and the mark.
OF_MAILS = (F.KILLED_BEFORE, F.HUNG_BEFORE)
OF_STATES = (F.INVOKED_TWICE, F.STOPPED, F.CANCELLED)
OF_EVENTS = (F.EVENT_LOST, F.EVENT_DOUBLED, F.EVENT_DELAYED, F.EVENT_EARLY)
_MOST_STRIKES = 40
_ALWAYS = frozenset({F.THROTTLED, F.ANSWERS_LOST, F.KILLED_ALWAYS, F.HUNG_ALWAYS})
_BEFORE = frozenset(
    {F.ERROR_BEFORE, F.THROTTLED, F.KILLED_BEFORE, F.HUNG_BEFORE, F.HUNG_ALWAYS, F.DELAYED}
)


@dataclass(frozen=True, order=True)
class Place:
    """Where a fault can be: a state and an effect in it, the state itself, or an event."""

    state: str
    effect: str = ""

    def faults(self) -> tuple[Fault, ...]:
        """Everything that can go wrong here."""
        name = self.effect.partition("#")[0]
        if not name:
            return OF_STATES
        if name.startswith("event:"):
            return OF_EVENTS
        if name.startswith("aws:"):
            return OF_SERVICE_CALLS
        if name.startswith("ses:"):
            return OF_MAILS
        if name == _TIMELINE:
            return OF_LINES
        return OF_READS if name in READS else OF_EFFECTS


@dataclass(frozen=True, order=True)
class Point:
    """One fault at one place."""

    place: Place
    fault: Fault

    def __str__(self) -> str:
        at = f"{self.place.state}.{self.place.effect}" if self.place.effect else self.place.state
        return f"{at}: {self.fault}"


@dataclass
class Injector:
    """Finds the places of a run, and makes one of them fail.

    Attributes:
        met: the places in the order in which they were met.
        struck: how often the fault was injected.
        late: effects and events that are still under way.
    """

    point: Point | None = None
    met: dict[Place, None] = field(default_factory=dict)
    struck: int = 0
    late: list[tuple[str, Callable[[], Any]]] = field(default_factory=list)
    healed: bool = False
    _here: threading.local = field(default_factory=threading.local)

    def enter(self, state: str | None) -> None:
        """A state's function begins on this thread; None: it has ended."""
        self._here.state, self._here.counts = state, Counter()

    @property
    def state(self) -> str | None:
        """The state whose function runs on this thread."""
        return getattr(self._here, "state", None)

    def strikes(self, place: Place, *faults: Fault) -> Fault | None:
        """The fault that happens at this place now, if any; it counts as injected."""
        self.met.setdefault(place)
        point = self.point
        if self.healed or point is None or point.place != place or point.fault not in faults:
            return None
        if self.struck and point.fault not in _ALWAYS:
            return None
        self.struck += 1
        # Whatever is tried without end is tried until it works again.
        self.healed = self.struck >= _MOST_STRIKES
        return point.fault

    def call(self, name: str, do: Callable[[], Any]) -> Any:
        """Do an effect or a read, or let it go wrong as planned."""
        if self.state is None:
            return do()
        self._here.counts[name] += 1
        place = Place(self.state, f"{name}#{self._here.counts[name]}")
        fault = self.strikes(place, *place.faults())
        if fault is None:
            return do()
        if fault is F.DELAYED:
            self.late.append((self.state, do))
        if fault not in _BEFORE:
            answer = do()
            if fault is F.DOUBLED:
                return do()
            del answer
        raise _error(fault)


def _error(fault: Fault) -> BaseException:
    if fault in {F.KILLED_BEFORE, F.KILLED_AFTER, F.KILLED_ALWAYS}:
        return Killed()
    if fault in {F.HUNG_BEFORE, F.HUNG_AFTER, F.HUNG_ALWAYS}:
        return Hung()
    if fault is F.THROTTLED:
        return BusyError("Too many calls; try again.")
    return UnavailableError("The service behind this does not answer.")


class _Port:
    def __init__(self, name: str, port: Any, injector: Injector) -> None:
        self._name, self._port, self._injector = name, port, injector

    def __getattr__(self, member: str) -> Any:
        found = getattr(self._port, member)
        if not callable(found) or member.startswith("_"):
            return found
        name = f"{self._name}.{member}"

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._injector.call(name, lambda: found(*args, **kwargs))

        return call


class Faulty:
    """The port `Platform`: another one, with an injector before each of its ports."""

    def __init__(self, platform: Any, injector: Injector) -> None:
        self._platform, self._injector = platform, injector

    def __getattr__(self, member: str) -> Any:
        found = getattr(self._platform, member)
        return _Port(member, found, self._injector) if member in PORTS else found


def ignoring_refusals(do: Callable[[], Any]) -> None:
    """Let something late arrive: whether it is refused by then is nobody's business."""
    try:
        do()
    except AutoprovisionError:
        return
