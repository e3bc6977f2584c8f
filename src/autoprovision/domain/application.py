"""The application: the live thing that a request produced, and how it may change."""

from enum import StrEnum

from pydantic import Field

from autoprovision.domain.drift import Drift
from autoprovision.domain.resource import Resource


class ApplicationStatus(StrEnum):
    """Where an application stands; docs/glossary.md tells what each means."""

    PROVISIONING = "PROVISIONING"
    AVAILABLE = "AVAILABLE"
    UPDATING = "UPDATING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TAINTED = "TAINTED"
    ERROR = "ERROR"


# An application in one of these may begin a change; the change is the lock.
STEADY = frozenset({ApplicationStatus.AVAILABLE, ApplicationStatus.TAINTED})
ENDED = frozenset({ApplicationStatus.TERMINATED})


class Application(Resource):
    """An application.

    Attributes:
        request_id: the request that made it; its hold carries the same id.
        operation: the request that is changing it now; one mutating operation at a time.
        version_number: counts every write, so that a late writer notices.
        monthly_credits: what it holds against its unit's quota, in US cents a month.
        release: which publication of the code is live.
        termination_asked_by: who asked to end a protected one; another person has to confirm.
        secret_arn: where the repository's credentials are kept; never shown.
    """

    id: str
    status: ApplicationStatus
    reason: str
    message: str
    application_name: str
    target_environment: str
    project_type: str
    tech_stack: str | None = None
    business_unit: str
    owner: str
    owner_id: str
    project_email: str
    project_url: str | None = None
    blueprint: str
    version: str
    blueprint_digest: str
    monthly_credits: int
    request_id: str
    operation: str | None = None
    stack_id: str | None = None
    stack_name: str | None = None
    url: str | None = None
    outputs: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, str] = Field(default_factory=dict)
    template: dict[str, object] = Field(default_factory=dict)
    secret_arn: str | None = None
    release: str | None = None
    expires_at: str | None = None
    expiry_reminders: int = 0
    drift: Drift | None = None
    drift_detection: str | None = None
    drift_checked_at: str | None = None
    termination_asked_by: str | None = None
    termination_asked_at: str | None = None
    termination_confirmed_by: str | None = None
    created_at: str
    updated_at: str
    version_number: int = 1

    def shown(self) -> dict[str, object]:
        """The application as its readers see it."""
        return self.model_dump(
            mode="json",
            by_alias=True,
            exclude={
                "secret_arn",
                "owner_id",
                "version_number",
                "template",
                "expiry_reminders",
                "drift_detection",
            },
        )
