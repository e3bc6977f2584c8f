"""Users: invited or signed up, tagged with a business unit and a role; effects are immediate."""

from collections.abc import Iterable
from typing import Any

from autoprovision.domain.actor import Actor, Role, units_within
from autoprovision.domain.clock import iso
from autoprovision.domain.document import business_unit_name, email_address
from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
)
from autoprovision.domain.quota import MAX_CREDITS, unit_account, user_account
from autoprovision.domain.user import User
from autoprovision.ports import Page, Platform


def me(actor: Actor, platform: Platform) -> dict[str, Any]:
    """The person who asks, as the platform knows them."""
    units_within(actor, "me.show")
    balance = platform.records.balance(unit_account(actor.unit)) if actor.unit else None
    return {
        **actor.document(),
        "quota": None
        if balance is None
        else {
            "unit": actor.unit, "limit": balance.limit, "used": balance.committed,
            "held": balance.held, "left": balance.free,
        },
    }  # fmt: skip


def list_users(
    actor: Actor, platform: Platform, *, unit: str | None, limit: int, after: str | None
) -> Page[User]:
    """All users, or those of a unit."""
    units_within(actor, "user.list")
    return platform.users.list(unit, limit=limit, after=after)


def _checked(
    email: str, unit: str | None, role: str, approves_for: Iterable[str], quota: int | None
) -> tuple[str, str | None, Role, tuple[str, ...]]:
    faults: list[Fault] = []

    def check(pointer: str, rule: Any, value: Any) -> Any:
        try:
            return rule(value)
        except ValueError as error:
            faults.append(Fault(pointer, str(error)))
            return None

    address = check("/email", lambda text: email_address(text.strip().lower()), email)
    name = check("/unit", business_unit_name, unit) if unit else None
    kind = check("/role", _role, role)
    approves = [
        check(f"/approvesFor/{n}", business_unit_name, one) for n, one in enumerate(approves_for)
    ]
    if quota is not None and not 0 <= quota <= MAX_CREDITS:
        faults.append(Fault("/quota", "A quota is a whole number of credits from 0 to 10^15."))
    if faults:
        raise InvalidInputError(faults)
    return address, name, kind, tuple(dict.fromkeys(approves))


def _role(text: str) -> Role:
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
    address, name, kind, approves = _checked(email, unit, role, approves_for, quota)
    _known_unit(name, platform)
    existing = platform.users.by_email(address)
    if existing is not None:
        if (existing.unit, existing.role, existing.approves_for) == (name, kind, approves):
            return existing
        raise ConflictError(
            f"{address} exists already; change them with PATCH /users/{existing.id}.",
            code="USER_EXISTS", id=existing.id,
        )  # fmt: skip
    user_id = platform.directory.create(address, _tags(name, kind, platform), password)
    at = iso(platform.now())
    user = User(
        id=user_id, email=address, role=kind, unit=name, approves_for=approves, quota=quota,
        created_at=at, updated_at=at,
    )  # fmt: skip
    platform.users.save(user)
    if quota is not None:
        platform.records.set_limit(user_account(user_id), quota, by=actor.email, at=at)
    return user


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


def change(actor: Actor, user_id: str, platform: Platform, changes: dict[str, Any]) -> User:
    """Tag a user anew; it holds from their next call, whatever their token says.

    Args:
        changes: some of `unit`, `role`, `approvesFor`, `status` (ACTIVE or DISABLED), `quota`.

    Raises:
        NotFoundError, InvalidInputError.
        ConflictError: an admin may not take their own role or disable themselves.
    """
    units_within(actor, "user.set")
    user = platform.users.get(user_id)
    if user is None:
        raise NotFoundError(f"There is no user {user_id}.")
    _, unit, role, approves = _checked(
        user.email, changes.get("unit", user.unit), changes.get("role") or user.role.value,
        changes.get("approvesFor", user.approves_for), changes.get("quota"),
    )  # fmt: skip
    status = changes.get("status") or user.status
    if status not in {"ACTIVE", "DISABLED"}:
        raise InvalidInputError([Fault("/status", "A status is ACTIVE or DISABLED.")])
    if user.id == actor.id and (role is not Role.ADMIN or status != "ACTIVE"):
        raise ConflictError(
            "Another admin must take your role or disable you.", code="LAST_ADMIN_GUARD"
        )
    if unit != user.unit:
        _known_unit(unit, platform)
    at = iso(platform.now())
    changed: User = user.with_(
        unit=unit, role=role, approves_for=approves, status=status, updated_at=at,
        quota=changes.get("quota", user.quota),
    )  # fmt: skip
    platform.users.save(changed)
    if "quota" in changes:
        platform.records.set_limit(user_account(user_id), changes["quota"], by=actor.email, at=at)
    platform.directory.tag(user_id, _tags(unit, role, platform))
    if status != user.status:
        platform.directory.set_enabled(user_id, enabled=status == "ACTIVE")
    return changed


def import_roster(
    actor: Actor, platform: Platform, rows: list[dict[str, Any]], *, all_or_nothing: bool
) -> dict[str, Any]:
    """Create or update a class in one call.

    Args:
        rows: `email`, `unit`, `role` of each person.
        all_or_nothing: check every line first and do none when one has a fault.

    Returns:
        `{created, updated, unchanged, failed, lines: [{line, email, result, message}]}`.

    Raises:
        InvalidInputError: with all_or_nothing, naming every fault by line; nothing was done.
    """
    units_within(actor, "user.import")
    faults = _roster_faults(rows, platform)
    if faults and all_or_nothing:
        raise InvalidInputError(
            [Fault(f"/rows/{n}{fault.pointer}", fault.detail, fault.code) for n, fault in faults],
            f"Nothing was done: {len({n for n, _ in faults})} of {len(rows)} lines have faults.",
        )
    lines = [
        _roster_line(actor, platform, number, row, [fault for n, fault in faults if n == number])
        for number, row in enumerate(rows)
    ]
    counts = {
        result: sum(line["result"] == result for line in lines)
        for result in ("created", "updated", "unchanged", "failed")
    }
    return {**counts, "lines": lines}


def _roster_faults(rows: list[dict[str, Any]], platform: Platform) -> list[tuple[int, Fault]]:
    faults: list[tuple[int, Fault]] = []
    seen: dict[str, int] = {}
    known: dict[str, bool] = {}
    for number, row in enumerate(rows):
        try:
            address, unit, _, _ = _checked(
                str(row.get("email", "")), row.get("unit"), row.get("role") or "requester", (), None
            )
        except InvalidInputError as error:
            faults += [(number, fault) for fault in error.faults]
            continue
        if address in seen:
            sentence = f"{address} stands in line {seen[address] + 1} too."
            faults.append((number, Fault("/email", sentence, "DUPLICATE")))
        seen[address] = number
        if unit and unit not in known:
            known[unit] = platform.records.balance(unit_account(unit)).limit is not None
        if unit and not known[unit]:
            sentence = f"There is no business unit {unit}."
            faults.append((number, Fault("/unit", sentence, "UNKNOWN_UNIT")))
    return faults


def _roster_line(
    actor: Actor, platform: Platform, number: int, row: dict[str, Any], faults: list[Fault]
) -> dict[str, Any]:
    email = str(row.get("email", "")).strip().lower()
    line = {"line": number + 1, "email": email}
    if faults:
        return {**line, "result": "failed", "message": " ".join(fault.detail for fault in faults)}
    try:
        result = _roster_person(actor, platform, email, row)
    except AutoprovisionError as error:
        return {**line, "result": "failed", "message": error.message}
    return {**line, "result": result, "message": ""}


def _roster_person(actor: Actor, platform: Platform, email: str, row: dict[str, Any]) -> str:
    role, unit = row.get("role") or "requester", row.get("unit") or None
    existing = platform.users.by_email(email)
    if existing is None:
        create(actor, platform, email=email, unit=unit, role=role)
        return "created"
    wanted = (business_unit_name(unit) if unit else None, _role(role))
    if (existing.unit, existing.role) == wanted:
        return "unchanged"
    change(actor, existing.id, platform, {"unit": unit, "role": role})
    return "updated"


def join(user_id: str, email: str, platform: Platform) -> User:
    """What a confirmed sign-up leads to: a requester without a unit, until an admin tags them."""
    existing = platform.users.get(user_id)
    if existing is not None:
        return existing
    at = iso(platform.now())
    user = User(id=user_id, email=email.lower(), role=Role.REQUESTER, created_at=at, updated_at=at)
    platform.users.save(user)
    return user
