"""Users: invited or signed up, tagged with a business unit and a role; effects are immediate."""

import logging
from collections.abc import Iterable
from typing import Any

from autoprovision.domain.actor import Actor, Role, units_within
from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.clock import iso
from autoprovision.domain.document import business_unit_name, email_address
from autoprovision.domain.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from autoprovision.domain.quota import MAX_CREDITS, unit_account, user_account
from autoprovision.domain.user import User
from autoprovision.ports import Page, Platform
from autoprovision.usecases import second_factor

logger = logging.getLogger(__name__)

_PAGE, _ATTEMPTS = 100, 5


def me(actor: Actor, platform: Platform) -> dict[str, Any]:
    """The person who asks, as the platform knows them; also notes their second factor."""
    units_within(actor, "me.show")
    balance = platform.records.balance(unit_account(actor.unit)) if actor.unit else None
    return {
        **actor.model_dump(mode="json", by_alias=True, exclude={"second_factor"}),
        "quota": None
        if balance is None
        else {
            "unit": actor.unit, "limit": balance.limit, "used": balance.committed,
            "held": balance.held, "left": None if balance.limit is None else balance.free,
        },
        "secondFactor": {
            "needed": actor.role.value in platform.settings.mfa_roles,
            "enrolled": second_factor.note(actor, platform),
            "thisSignIn": actor.second_factor.value,
        },
    }  # fmt: skip


def list_users(
    actor: Actor, platform: Platform, *, unit: str | None, email: str | None = None,
    limit: int, after: str | None,
) -> Page[User]:  # fmt: skip
    """All users, those of a unit, or the one with an address."""
    units_within(actor, "user.list")
    if email is not None:
        found = platform.users.by_email(email)
        fits = found is not None and unit in (None, found.unit)
        return Page((found,) if found is not None and fits else ())
    return platform.users.list(unit, limit=limit, after=after)


def checked(
    email: str, unit: str | None, role: str, approves_for: Iterable[str], quota: int | None
) -> tuple[str, str | None, Role, tuple[str, ...]]:
    """E-mail address, unit, role and units approved for, as they are kept.

    Raises:
        InvalidInputError: naming every fault.
    """
    faults: list[Fault] = []

    def check(pointer: str, rule: Any, value: Any) -> Any:
        try:
            return rule(value)
        except ValueError as error:
            faults.append(Fault(pointer, str(error)))
            return None

    address = check("/email", lambda text: email_address(text.strip().lower()), email)
    name = check("/unit", business_unit_name, unit) if unit else None
    kind = check("/role", role_named, role)
    approves = [
        check(f"/approvesFor/{n}", business_unit_name, one) for n, one in enumerate(approves_for)
    ]
    if quota is not None and not 0 <= quota <= MAX_CREDITS:
        faults.append(Fault("/quota", "A quota is a whole number of credits from 0 to 10^15."))
    if faults:
        raise InvalidInputError(faults)
    return address, name, kind, tuple(dict.fromkeys(approves))


def role_named(text: str) -> Role:
    """The role of this name, whatever its case. Raises ValueError."""
    try:
        return Role(text.strip().lower())
    except ValueError:
        raise ValueError(f"A role is {', '.join(Role)}.") from None


def create(
    actor: Actor,
    platform: Platform,
    *,
    email: str,
    unit: str | None,
    role: str = "requester",
    approves_for: Iterable[str] = (),
    quota: int | None = None,
    password: str | None = None,
) -> User:
    """Create a user; without a password Cognito invites them by mail.

    Creating the same user with the same tags again gives the user back.

    Raises:
        InvalidInputError: naming every fault; also a unit that has no quota yet.
        ConflictError: code USER_EXISTS, with other tags.
    """
    units_within(actor, "user.create")
    address, name, kind, approves = checked(email, unit, role, approves_for, quota)
    _known_unit(name, platform)
    existing = platform.users.by_email(address)
    if existing is not None:
        return _same_or_refused(existing, name, kind, approves, quota)
    user_id = platform.directory.create(address, _tags(name, kind, platform), password)
    at = iso(platform.now())
    user = User(
        id=user_id, email=address, role=kind, unit=name, approves_for=approves, quota=quota,
        created_at=at, updated_at=at,
    )  # fmt: skip
    try:
        platform.users.add(user)
    except ConflictError:
        # Two admins at once, or somebody who has just signed up: the first one's tags stand.
        first = platform.users.get(user_id) or user
        platform.directory.tag(user_id, _tags(first.unit, first.role, platform))
        return _same_or_refused(first, name, kind, approves, quota)
    if quota is not None:
        platform.records.set_limit(user_account(user_id), quota, by=actor.email, at=at)
    return user


def _same_or_refused(
    existing: User, unit: str | None, role: Role, approves_for: tuple[str, ...], quota: int | None
) -> User:
    same_tags = (existing.unit, existing.role, existing.approves_for) == (unit, role, approves_for)
    if same_tags and quota in (None, existing.quota):
        return existing
    raise ConflictError(
        f"{existing.email} exists already; change them with PATCH /users/{existing.id}.",
        code="USER_EXISTS", id=existing.id,
    )  # fmt: skip


def _known_unit(unit: str | None, platform: Platform) -> None:
    if unit is not None and platform.records.balance(unit_account(unit)).limit is None:
        raise InvalidInputError(
            [Fault("/unit", f"There is no business unit {unit}; give it a quota first "
                            f"(PUT /business-units/{unit}).", "UNKNOWN_UNIT")]
        )  # fmt: skip


def _tags(unit: str | None, role: Role, platform: Platform) -> dict[str, str]:
    """What Cognito shows: the brief's BusinessUnit and Quota, and the role."""
    tags = {"Role": role.value, "BusinessUnit": unit or ""}
    limit = platform.records.balance(unit_account(unit)).limit if unit else None
    return tags | {"Quota": "" if limit is None else str(limit)}


def change(
    actor: Actor, user_id: str, platform: Platform, changes: dict[str, Any]
) -> dict[str, Any]:
    """Tag a user anew; it holds from their next call, whatever their token says.

    Args:
        changes: some of `unit`, `role`, `approvesFor`, `status` (ACTIVE or DISABLED), `quota`,
            `moveApplications` (their live applications go to the new unit with their credits, in
            one transaction) and `forgetSecondFactor` (the device is lost).

    Returns:
        The user, with `movedApplications` and `liveApplications`: what of theirs lives on in the
        unit before, or although they are disabled.

    Raises:
        NotFoundError, InvalidInputError.
        ConflictError: an admin may not take their own role or disable themselves; an application
            that is to move is being changed; then nothing was done.
        OverQuotaError: the new unit cannot take the applications; nothing was done.
    """
    units_within(actor, "user.set")
    before, after = _tagged(actor, user_id, platform, changes)
    leaves = before.unit is not None and after.unit != before.unit
    disabled = after.status != before.status and after.status == "DISABLED"
    theirs = _live_of(before, platform) if leaves or disabled else []
    moved = []
    if changes.get("moveApplications") and leaves:
        ids, at = [one.id for one in theirs], iso(platform.now())
        moved = platform.records.move_applications(ids, after.unit or "", by=actor.email, at=at)
        theirs = []
    after = _write(actor, user_id, platform, changes)
    _show(before, after, changes, platform)
    if "quota" in changes:
        platform.records.set_limit(
            user_account(user_id), changes["quota"], by=actor.email, at=after.updated_at
        )
    if disabled and theirs:
        _tell_of_live(after, theirs, platform)
    return {
        **after.document(),
        "movedApplications": [one.id for one in moved],
        "liveApplications": [one.id for one in theirs],
    }


def _tagged(
    actor: Actor, user_id: str, platform: Platform, changes: dict[str, Any]
) -> tuple[User, User]:
    """The user as they are, and as they are to be."""
    user = platform.users.get(user_id)
    if user is None:
        raise NotFoundError(f"There is no user {user_id}.")
    _, unit, role, approves = checked(
        user.email, changes.get("unit", user.unit), changes.get("role") or user.role.value,
        changes.get("approvesFor", user.approves_for) or (), changes.get("quota"),
    )  # fmt: skip
    status = changes.get("status") or user.status
    if user.id == actor.id and (role is not Role.ADMIN or status != "ACTIVE"):
        raise ConflictError(
            "Another admin must take your role or disable you.", code="LAST_ADMIN_GUARD"
        )
    if unit != user.unit:
        _known_unit(unit, platform)
    if changes.get("moveApplications") and unit is None:
        sentence = "Applications move to a unit; name it."
        raise InvalidInputError([Fault("/moveApplications", sentence)])
    after = user.with_(
        unit=unit, role=role, approves_for=approves, status=status,
        quota=changes.get("quota", user.quota), updated_at=iso(platform.now()),
        mfa_since=None if changes.get("forgetSecondFactor") else user.mfa_since,
    )  # fmt: skip
    return user, after


def _write(actor: Actor, user_id: str, platform: Platform, changes: dict[str, Any]) -> User:
    """Write what is to change onto the user as they are then; what others changed stays."""
    for _ in range(_ATTEMPTS):
        before, after = _tagged(actor, user_id, platform, changes)
        try:
            return platform.users.replace(before, after, by_admin=actor.id)
        except ConflictError as error:
            found = error
            myself = platform.users.get(actor.id)
            if myself is None or not myself.is_active_admin:
                raise ForbiddenError("You are no admin any more; nothing was changed.") from None
    raise found


def _show(before: User, after: User, changes: dict[str, Any], platform: Platform) -> None:
    """Let Cognito show what the table says; the table decides, also about whom Cognito lost."""
    try:
        platform.directory.tag(after.id, _tags(after.unit, after.role, platform))
        if after.status != before.status or "status" in changes:
            platform.directory.set_enabled(after.id, enabled=after.status == "ACTIVE")
        if changes.get("forgetSecondFactor"):
            platform.directory.forget_second_factor(after.id)
    except NotFoundError:
        logger.warning("Cognito does not know this user", extra={"userId": after.id})


def _live_of(user: User, platform: Platform) -> list[Application]:
    """The live applications that a person has in their unit."""
    found: list[Application] = []
    after: str | None = None
    while user.unit is not None:
        page = platform.records.applications({user.unit}, limit=_PAGE, after=after)
        found += [one for one in page.items if one.owner_id == user.id and one.status not in ENDED]
        after = page.next
        if after is None:
            break
    return found


def _tell_of_live(user: User, theirs: list[Application], platform: Platform) -> None:
    names = ", ".join(f"{one.application_name} in {one.target_environment}" for one in theirs)
    platform.operators.tell(
        f"{user.email} is disabled and has live applications",
        f"{names} live on in {user.unit} and hold its quota. Terminate them, or leave them to the "
        "unit: whoever belongs to it may.",
    )


def join(user_id: str, email: str, platform: Platform) -> User:
    """What a confirmed sign-up leads to: a requester without a unit, until an admin tags them."""
    existing = platform.users.get(user_id)
    if existing is not None:
        return existing
    at = iso(platform.now())
    user = User(id=user_id, email=email.lower(), role=Role.REQUESTER, created_at=at, updated_at=at)
    try:
        platform.users.add(user)
    except ConflictError:
        return platform.users.get(user_id) or user
    return user
