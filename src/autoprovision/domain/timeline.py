"""What happened to a request, step by step, as its people see it."""

from enum import StrEnum

from autoprovision.domain.resource import Resource


class StepStatus(StrEnum):
    """How a step stands."""

    STARTED = "STARTED"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    INFO = "INFO"


class TimelineEvent(Resource):
    """One line of the timeline.

    Attributes:
        id: `evt_<ulid>`, sorts by time.
        step: the state of the workflow, or the use case.
        expected_seconds: how long the step usually takes, for the progress display.
    """

    id: str
    request_id: str
    at: str
    step: str
    status: StepStatus
    message: str
    expected_seconds: int | None = None
