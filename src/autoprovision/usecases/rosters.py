"""Rosters: a class or team in one call, all or nothing or as far as it goes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.document import business_unit_name
from autoprovision.domain.errors import AutoprovisionError, Fault, InvalidInputError
from autoprovision.domain.quota import unit_account
from autoprovision.ports import Platform
from autoprovision.usecases import users

# Cognito takes some 100 ms a person, and API Gateway waits 30 s: 500 people are made in time.
_AT_ONCE = 8


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

    def line(number: int) -> dict[str, Any]:
        own = [fault for n, fault in faults if n == number]
        return _roster_line(actor, platform, number, rows[number], own)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        lines = list(pool.map(line, range(len(rows))))
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
            address, unit, _, _ = users.checked(
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
        users.create(actor, platform, email=email, unit=unit, role=role)
        return "created"
    wanted = (business_unit_name(unit) if unit else None, users.role_named(role))
    if (existing.unit, existing.role) == wanted:
        return "unchanged"
    users.change(actor, existing.id, platform, {"unit": unit, "role": role})
    return "updated"
