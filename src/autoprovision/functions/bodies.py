"""The bodies that the API takes besides the JSON template."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from autoprovision.domain.clock import Duration
from autoprovision.domain.declared_parameter import MOST_SCRIPT_BYTES
from autoprovision.domain.quota import MAX_CREDITS

# A script is longer than what a stack takes; the manifest's own rule says how long.
ParameterValue = (
    Annotated[str, Field(strict=True, max_length=MOST_SCRIPT_BYTES)] | bool | int | float
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Decision(_Body):
    """An answer to the open question of a request."""

    decision: Literal["APPROVED", "REJECTED"]
    plan_digest: Annotated[
        str, Field(alias="planDigest", description="Digest of the plan that was looked at.")
    ]
    comment: Annotated[str, Field(max_length=2000)] = ""
    on_behalf_of: Annotated[
        str | None,
        Field(
            alias="onBehalfOf", max_length=254,
            description="Address of the person who is away and delegated to you.",
        ),
    ] = None  # fmt: skip


class NewDelegation(_Body):
    """Who decides for you while you are away."""

    to: Annotated[str, Field(max_length=254, description="The other approver's address.")]
    until: Annotated[
        str, Field(max_length=40, description="A duration, a day or a moment.", examples=["5d"])
    ]
    from_at: Annotated[
        str | None,
        Field(alias="from", max_length=40, description="A day or a moment; else now."),
    ] = None


class Quota(_Body):
    """What a business unit may hold and use, in credits (US cents) a month."""

    quota: Annotated[StrictInt, Field(ge=0, le=MAX_CREDITS)] | None


class NewUser(_Body):
    """A person to invite."""

    email: str
    unit: str | None = None
    role: str = "requester"
    approves_for: Annotated[list[str], Field(alias="approvesFor", max_length=200)] = []
    quota: Annotated[StrictInt, Field(ge=0, le=MAX_CREDITS)] | None = None
    password: Annotated[
        str | None, Field(description="A first password; without one they are invited by mail.")
    ] = None


class UserChange(_Body):
    """What to change of a user; what is left out stays."""

    unit: str | None = None
    role: str | None = None
    approves_for: Annotated[list[str] | None, Field(alias="approvesFor", max_length=200)] = None
    quota: Annotated[StrictInt, Field(ge=0, le=MAX_CREDITS)] | None = None
    status: Literal["ACTIVE", "DISABLED"] | None = None
    move_applications: Annotated[
        bool,
        Field(
            alias="moveApplications",
            description="Whether their live applications go to the new unit with their credits.",
        ),
    ] = False
    forget_second_factor: Annotated[
        bool,
        Field(alias="forgetSecondFactor", description="Let them enrol another device."),
    ] = False


class RosterRow(_Body):
    """One person of a roster."""

    email: str
    unit: str | None = None
    role: str = "requester"


class Roster(_Body):
    """A class or team in one call."""

    rows: Annotated[list[RosterRow], Field(min_length=1, max_length=500)]
    mode: Literal["all-or-nothing", "best-effort"] = "all-or-nothing"


class Extension(_Body):
    """By how much an application shall live longer."""

    duration: Annotated[Duration, Field(examples=["7d"])]


class Resumption(_Body):
    """What an operator leaves behind of a stack that cannot be deleted."""

    retain: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=255)], ...],
        Field(max_length=100, description="Logical ids of what CloudFormation failed to delete."),
    ] = ()
    comment: Annotated[str, Field(max_length=2000, description="Why.")] = ""


class Remark(_Body):
    """What an operator has to say of a finding."""

    comment: Annotated[str, Field(min_length=1, max_length=2000)]


class AskedOperation(_Body):
    """What to do with an application's machines; its blueprint says what there is."""

    operation: Annotated[str, Field(max_length=40, examples=["restart"])]
    parameters: Annotated[
        dict[Annotated[str, Field(max_length=255)], ParameterValue], Field(max_length=50)
    ] = {}


class Unit(_Body):
    """The business unit that an application moves to."""

    business_unit: Annotated[str, Field(alias="businessUnit")]


class Change(BaseModel):
    """Keys of the JSON template with their new values; null takes one away.

    `upgrade` brings the application to the blueprint's current version; with the `planDigest` of a
    preview exactly what was shown is done, or nothing.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    upgrade: bool = False
    plan_digest: Annotated[
        str | None, Field(alias="planDigest", description="`planDigest` of a preview.")
    ] = None
