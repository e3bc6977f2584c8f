"""Who asks, and the one table of what each role may do to whose things."""

from enum import StrEnum

from autoprovision.domain.errors import ForbiddenError, NotFoundError
from autoprovision.domain.resource import Resource


class Role(StrEnum):
    """The roles a person can have."""

    REQUESTER = "requester"
    APPROVER = "approver"
    ADMIN = "admin"


class SecondFactor(StrEnum):
    """Whether a sign-in has the second factor (TOTP) that its person's role needs."""

    NOT_NEEDED = "not needed"
    GIVEN = "given"
    NOT_ENROLLED = "not enrolled"
    OLD_SIGN_IN = "signed in before it was enrolled"


class Actor(Resource):
    """An authenticated person, as the users table knows them at this moment.

    Attributes:
        id: the Cognito `sub`.
        unit: the business unit that pays for what they request; None until an admin tags them.
        approves_for: the business units whose requests they decide on.
        second_factor: whether this sign-in has what the role needs.
    """

    id: str
    email: str
    role: Role
    unit: str | None = None
    approves_for: tuple[str, ...] = ()
    second_factor: SecondFactor = SecondFactor.NOT_NEEDED


class Scope(StrEnum):
    """Whose things an operation reaches."""

    NONE = "none"
    OWN_UNIT = "own unit"
    APPROVED_UNITS = "own unit and units approved for"
    EVERYTHING = "everything"


_OWN, _APP, _ALL, _NO = Scope.OWN_UNIT, Scope.APPROVED_UNITS, Scope.EVERYTHING, Scope.NONE

# operation: (requester, approver, admin). This is the whole of who may do what.
AUTHORIZATION: dict[str, tuple[Scope, Scope, Scope]] = {
    "plan.make": (_OWN, _OWN, _ALL),
    "request.submit": (_OWN, _OWN, _ALL),
    "request.list": (_OWN, _APP, _ALL),
    "request.show": (_OWN, _APP, _ALL),
    "request.diagnostics": (_OWN, _OWN, _ALL),
    "request.cancel": (_OWN, _OWN, _ALL),
    "request.resume": (_NO, _NO, _ALL),
    "upload.make": (_OWN, _OWN, _ALL),
    "approval.list": (_NO, _APP, _ALL),
    "approval.show": (_NO, _APP, _ALL),
    "approval.decide": (_NO, _APP, _ALL),
    "approval.redrive": (_NO, _NO, _ALL),
    "delegation.show": (_NO, _APP, _ALL),
    "delegation.give": (_NO, _APP, _ALL),
    "delegation.end": (_NO, _APP, _ALL),
    "application.list": (_OWN, _APP, _ALL),
    "application.show": (_OWN, _APP, _ALL),
    "application.update": (_OWN, _OWN, _ALL),
    "application.preview": (_OWN, _APP, _ALL),
    "application.publish": (_OWN, _OWN, _ALL),
    "application.extend": (_OWN, _OWN, _ALL),
    "application.operations": (_OWN, _APP, _ALL),
    "application.operate": (_OWN, _OWN, _ALL),
    "application.terminate": (_OWN, _OWN, _ALL),
    "application.confirm": (_NO, _APP, _ALL),
    "application.move": (_NO, _NO, _ALL),
    "blueprint.list": (_ALL, _ALL, _ALL),
    "blueprint.show": (_ALL, _ALL, _ALL),
    "unit.list": (_OWN, _APP, _ALL),
    "unit.show": (_OWN, _APP, _ALL),
    "unit.set": (_NO, _NO, _ALL),
    "unit.ledger": (_OWN, _APP, _ALL),
    "unit.reconcile": (_NO, _NO, _ALL),
    "finding.list": (_NO, _NO, _ALL),
    "finding.show": (_NO, _NO, _ALL),
    "finding.acknowledge": (_NO, _NO, _ALL),
    "finding.resolve": (_NO, _NO, _ALL),
    "user.list": (_NO, _NO, _ALL),
    "user.create": (_NO, _NO, _ALL),
    "user.set": (_NO, _NO, _ALL),
    "user.import": (_NO, _NO, _ALL),
    "me.show": (_ALL, _ALL, _ALL),
    "policy.show": (_NO, _APP, _ALL),
    "policy.test": (_NO, _NO, _ALL),
    "policy.publish": (_NO, _NO, _ALL),
}
# What a person may do before the second factor that their role needs: see that it is missing.
WITHOUT_SECOND_FACTOR = frozenset({"me.show"})
_COLUMN = {Role.REQUESTER: 0, Role.APPROVER: 1, Role.ADMIN: 2}


def scope_of(actor: Actor, operation: str) -> Scope:
    """How far an operation of this person reaches."""
    return AUTHORIZATION[operation][_COLUMN[actor.role]]


def units_within(actor: Actor, operation: str) -> frozenset[str] | None:
    """The business units that an operation of this person reaches.

    Returns:
        The units, or None for all of them.

    Raises:
        ForbiddenError: the role may not do this at all, or, code MFA_REQUIRED, not without the
            second factor.
    """
    _require_second_factor(actor, operation)
    scope = scope_of(actor, operation)
    if scope is Scope.NONE:
        raise ForbiddenError(f"The role {actor.role} may not do this ({operation}).")
    if scope is Scope.EVERYTHING:
        return None
    own = {actor.unit} if actor.unit else set()
    return frozenset(own | set(actor.approves_for) if scope is Scope.APPROVED_UNITS else own)


def _require_second_factor(actor: Actor, operation: str) -> None:
    if operation in WITHOUT_SECOND_FACTOR:
        return
    role = f"The role {actor.role} needs a second factor"
    if actor.second_factor is SecondFactor.NOT_ENROLLED:
        raise ForbiddenError(
            f"{role}. Enrol an authenticator app, ask GET /me once and sign in again with a code.",
            code="MFA_REQUIRED",
        )
    if actor.second_factor is SecondFactor.OLD_SIGN_IN:
        raise ForbiddenError(
            f"{role}, and this sign-in had none. Ask GET /me once and sign in again with a code.",
            code="MFA_REQUIRED",
        )


def narrowed(units: frozenset[str] | None, unit: str | None) -> frozenset[str] | None:
    """The units within reach, or of them the one that is asked for.

    A unit out of reach leaves nothing, as one that does not exist would.
    """
    if unit is None:
        return units
    return frozenset({unit.lower()}) if units is None else units & {unit.lower()}


def authorize(actor: Actor, operation: str, *, unit: str, thing: str) -> None:
    """Refuse what this person may not do to a thing of this business unit.

    Args:
        thing: what to call it in the answer, for example `request req_…`.

    Raises:
        ForbiddenError: the role may not do this at all.
        NotFoundError: it belongs to a unit out of reach, so for them it does not exist.
    """
    units = units_within(actor, operation)
    if units is not None and unit not in units:
        raise NotFoundError(f"There is no {thing}.")
