"""The plan: what a request resolves to, with its price and digest."""

from typing import Any

from pydantic import Field

from autoprovision.domain.canonical import digest
from autoprovision.domain.resource import Resource

CONTROL_PLANE_REASON = "CONTROL_PLANE_ONLY"
CONTROL_PLANE_ONLY = (
    "Control plane only: this platform makes the stack, but no container or machine runs here, so "
    "nothing is published and there is no URL."
)


class PriceLine(Resource):
    """One line of the price.

    Attributes:
        resource: logical id in the blueprint's template, or what it stands for.
        quantity: how much a month, in `unit`.
        unit_price: US cents for one unit, as text so that no digit is lost.
        monthly_cents: quantity times unit price, as text.
        source: where the price was read, and when.
        estimated: the unit price was derived from those of other regions.
    """

    resource: str
    description: str
    quantity: str
    unit: str
    unit_price: str
    monthly_cents: str
    source: str
    estimated: bool = False


class QuotaView(Resource):
    """What a business unit has, in credits (1 credit = 1 US cent a month).

    Attributes:
        used: credits of live applications.
        held: credits of requests on their way.
        left: limit - used - held, before this request.
        left_after: what would be left after it; negative when it does not fit.
        fits: whether the unit, the person and the organisation all have it left.
        short_by: how much is missing where the most is missing; 0 when it fits.
        limited_by: who has too little left: `business unit`, `person` or `organisation`.
        advice: the cheapest changes that would make it fit.
    """

    limit: int | None
    used: int
    held: int
    left: int | None
    left_after: int | None = None
    fits: bool = True
    short_by: int = 0
    limited_by: str | None = None
    advice: str | None = None


class ApprovalVerdict(Resource):
    """What the approval policy says of a plan.

    Attributes:
        verdict: AUTOMATIC, ONE_APPROVER, TWO_APPROVERS or REFUSED.
        reasons: a sentence for each rule that fired.
        easiest_change: the smallest change that would make it automatic.
    """

    verdict: str
    reasons: tuple[str, ...]
    weight: int = 0
    easiest_change: str | None = None
    policy_version: str = ""
    policy_digest: str = ""

    @property
    def approvers_needed(self) -> int:
        """How many people must approve."""
        return {"AUTOMATIC": 0, "ONE_APPROVER": 1, "TWO_APPROVERS": 2}.get(self.verdict, 0)


class Plan(Resource):
    """What a request resolves to. A person approves its digest; the workflow launches exactly it.

    Attributes:
        blueprint_digest: digest of the published blueprint version.
        template_url: where CloudFormation reads the template; the key holds its digest.
        parameters: resolved parameters of the stack, all as text.
        assigned: stack parameters that the platform fills at launch because they belong to the
            application rather than the plan: parameter to `application.id`, `application.bucket`,
            `application.owner` or `secret.arn`.
        basis: digest over what an approval depends on besides the request itself: blueprint,
            price and policy. When it moves, the question is asked anew.
        changes: digest over what its change set does to the stack; None where none is changed,
            and until CloudFormation has said it.
        digest: digest over all of the plan but the quota, which moves by the minute.
        control_plane_only: the stack is made, but nothing of it runs here, so there is no URL.
        warnings: what a reader should know before saying yes, a sentence each.
    """

    digest: str = ""
    blueprint: str
    version: str
    blueprint_digest: str
    template_url: str
    role_arn: str
    capabilities: tuple[str, ...] = ()
    parameters: dict[str, str]
    assigned: dict[str, str] = Field(default_factory=dict)
    monthly_credits: int
    price_lines: tuple[PriceLine, ...]
    unpriced: tuple[str, ...] = ()
    approval: ApprovalVerdict
    expires_after: str | None = None
    basis: str
    changes: str | None = None
    quota: QuotaView
    control_plane_only: bool = False
    warnings: tuple[str, ...] = ()

    @classmethod
    def sealed(cls, **fields: Any) -> "Plan":
        """A plan with its digest."""
        plan = cls(**fields)
        return plan.model_copy(update={"digest": plan.computed_digest()})

    def judged(self, approval: ApprovalVerdict) -> "Plan":
        """The same plan with another verdict, and the digest of that."""
        return self._resealed(approval=approval)

    def changing(self, changes: str) -> "Plan":
        """The same plan with the digest of what its change set does, and the digest of that."""
        return self._resealed(changes=changes)

    def _resealed(self, **fields: Any) -> "Plan":
        plan = self.model_copy(update=fields)
        return plan.model_copy(update={"digest": plan.computed_digest()})

    def shown(self) -> dict[str, Any]:
        """The plan as its readers see it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"template_url", "role_arn"})

    def computed_digest(self) -> str:
        """The digest that the plan's content has; differs from `digest` when it was altered."""
        return digest(self.model_dump(mode="json", by_alias=True, exclude={"digest", "quota"}))
