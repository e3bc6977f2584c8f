"""What an approval policy may look at: one flat record of facts about a plan and who asks.

The facts are stored with the request, so that a proposed policy can be replayed over the past.
"""

import math
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from autoprovision.domain.clock import Duration, parse_duration
from autoprovision.domain.counted import counted
from autoprovision.domain.moment import Moment
from autoprovision.domain.request import TargetEnvironment
from autoprovision.domain.resource import Resource

NEVER = math.inf
MINUTES_A_DAY = 24 * 60


class Operation(StrEnum):
    """What the requester wants to do to an application."""

    PROVISION = "provision"
    UPDATE = "update"
    EXTEND = "extend"
    OPERATE = "operate"


class Offer(Resource):
    """Another way to order the same thing that its blueprint really offers, with its price.

    Only offers are suggested to requesters, so nobody is sent to a size that does not exist.

    Attributes:
        change: what to do, as a phrase ("choose Size small instead of medium"); may be left out
            when the offer is another environment, which gives the phrase itself.
        monthly_credits: what the plan would cost a month.
        environment: set when the offer is the same thing in another environment.
        expires_after: the expiry it would have there, as a duration or `never`; None when the
            expiry would stay as it is.
    """

    change: str = ""
    monthly_credits: Annotated[int, Field(ge=0)]
    environment: TargetEnvironment | None = None
    expires_after: Duration | Literal["never"] | None = None

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if not self.change and self.environment is None:
            raise ValueError("An offer within the environment says what to change.")
        return self

    def expiry(self) -> dict[str, str | None]:
        """What it makes of the expiry of a request; empty when that stays as it is."""
        if self.expires_after is None:
            return {}
        return {"expires_after": None if self.expires_after == "never" else self.expires_after}


class PolicyFacts(Resource):
    """The facts of one request.

    Attributes:
        environment: where it would run.
        business_unit: who pays.
        blueprint: id of the blueprint.
        project_type: as the blueprint spells it.
        monthly_credits: what the plan costs a month (1 credit = 1 US cent); for an update, the
            whole new price.
        quota_limit: the unit's quota; None when it has no limit.
        quota_left: credits that would be left after this request; None without a limit.
        requester_provisioned: how many applications this person ever got provisioned.
        requester_failed_last_30_days: how many of their requests failed in the last 30 days.
        expires_after: how long it lives, as a duration such as `7d`; None is for ever.
        at: when it was asked.
        source_changed: whether an update puts another repository live than the one before.
        lost_data: what an update loses, in words; empty when it loses nothing.
        runbook: which runbook an operation runs; None for all else.
        offers: other ways to order it, for the easiest change.
    """

    operation: Operation = Operation.PROVISION
    environment: TargetEnvironment
    business_unit: str
    blueprint: str
    project_type: str
    monthly_credits: Annotated[int, Field(ge=0)]
    quota_limit: Annotated[int, Field(ge=0)] | None = None
    quota_left: int | None = None
    requester_provisioned: Annotated[int, Field(ge=0)] = 0
    requester_failed_last_30_days: Annotated[int, Field(ge=0)] = 0
    expires_after: Duration | None = None
    at: Moment
    source_changed: bool = False
    lost_data: tuple[str, ...] = ()
    runbook: str | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def quota_share_left(self) -> float:
        """The fraction of the unit's quota left after this request; 1 without a limit."""
        if self.quota_limit is None or self.quota_left is None:
            return 1.0
        return self.quota_left / self.quota_limit if self.quota_limit else 0.0

    @property
    def expiry_minutes(self) -> float:
        """Minutes until it ends; `NEVER` when it does not."""
        if self.expires_after is None:
            return NEVER
        return parse_duration(self.expires_after) / timedelta(minutes=1)

    def with_credits(self, monthly_credits: int) -> dict[str, Any]:
        """The fields that change when it costs something else: the price and the quota left."""
        changed: dict[str, Any] = {"monthly_credits": monthly_credits}
        if self.quota_left is not None:
            changed["quota_left"] = self.quota_left + self.monthly_credits - monthly_credits
        return changed

    def seen(self) -> dict[str, Any]:
        """The values that conditions look at, by the name of the condition."""
        return {
            "operation": self.operation,
            "environment": self.environment,
            "blueprint": self.blueprint,
            "projectType": self.project_type.lower(),
            "monthlyCredits": self.monthly_credits,
            "quotaShareLeft": self.quota_share_left,
            "requesterProvisioned": self.requester_provisioned,
            "requesterFailedLast30Days": self.requester_failed_last_30_days,
            "expiryDays": self.expiry_minutes / MINUTES_A_DAY,
            "time": self.at,
            "sourceChanged": self.source_changed,
            "replacesData": bool(self.lost_data),
            "runbook": self.runbook or "",
        }

    def named_values(self) -> dict[str, str]:
        """The values that a rule's reason may name, as people read them."""
        return {
            "operation": self.operation.value,
            "environment": self.environment.value,
            "businessUnit": self.business_unit,
            "blueprint": self.blueprint,
            "projectType": self.project_type,
            "monthlyCredits": str(self.monthly_credits),
            "monthlyCost": f"${self.monthly_credits / 100:,.2f}",
            "quotaShareLeft": f"{math.floor(self.quota_share_left * 100)} %",
            "requesterProvisioned": str(self.requester_provisioned),
            "requesterFailedLast30Days": str(self.requester_failed_last_30_days),
            "expiry": span_text(self.expiry_minutes),
            "lostData": ", ".join(self.lost_data) or "nothing",
        }


NAMED_VALUES = frozenset(
    {
        "operation", "environment", "businessUnit", "blueprint", "projectType", "monthlyCredits",
        "monthlyCost", "quotaShareLeft", "requesterProvisioned", "requesterFailedLast30Days",
        "expiry", "lostData",
    }
)  # fmt: skip


def span_text(minutes: float) -> str:
    """A span of minutes as people say it: `7 days`, `12 hours`, `never`."""
    if minutes == NEVER:
        return "never"
    whole = int(minutes)
    for size, word in ((MINUTES_A_DAY, "day"), (60, "hour")):
        if whole and whole % size == 0:
            return counted(whole // size, word)
    return counted(whole, "minute")
