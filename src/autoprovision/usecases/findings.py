"""Findings: kept from pass to pass, told when they are new, closed when they are gone."""

from collections.abc import Collection, Iterator
from typing import Any

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError
from autoprovision.domain.finding import (
    Finding,
    FindingKind,
    FindingStatus,
    Found,
    LeftResource,
    begun,
    gone,
    seen_again,
)
from autoprovision.ports import Page, Platform

_PAGE = 100
_MOST_TOLD = 20


def list_findings(
    actor: Actor, platform: Platform, *, gone_ones: bool, limit: int, after: str | None
) -> Page[Finding]:
    """The findings that stand, or those that have gone; the one that began first comes first."""
    units_within(actor, "finding.list")
    return platform.findings.list(standing=not gone_ones, limit=limit, after=after)


def show(actor: Actor, finding_id: str, platform: Platform) -> Finding:
    """A finding. Raises NotFoundError."""
    units_within(actor, "finding.show")
    return platform.findings.get(finding_id)


def acknowledge(actor: Actor, finding_id: str, platform: Platform, *, comment: str) -> Finding:
    """Say that somebody knows of it; it stays in the list until it is gone.

    Raises:
        ConflictError: code WRONG_STATUS, it is gone.
    """
    units_within(actor, "finding.acknowledge")
    return _said(actor, finding_id, platform, comment, FindingStatus.ACKNOWLEDGED)


def resolve(actor: Actor, finding_id: str, platform: Platform, *, comment: str) -> Finding:
    """Say that it is dealt with; the audit opens it again if it finds it again.

    Raises:
        ConflictError: code WRONG_STATUS, it is gone.
    """
    units_within(actor, "finding.resolve")
    return _said(actor, finding_id, platform, comment, FindingStatus.GONE)


def _said(
    actor: Actor, finding_id: str, platform: Platform, comment: str, status: FindingStatus
) -> Finding:
    if not comment.strip():
        raise InvalidInputError([Fault("/comment", "Say why, in a sentence.", "MISSING")])
    finding = platform.findings.get(finding_id)
    if not finding.is_standing:
        raise ConflictError(
            "The finding is gone.", code="WRONG_STATUS", status=finding.status.value
        )
    at = iso(platform.now())
    changes: dict[str, Any] = {
        "status": status, "acknowledged_by": actor.email, "acknowledged_at": at,
        "comment": comment.strip(), "version": finding.version + 1,
        "gone_at": at if status is FindingStatus.GONE else None,
    }  # fmt: skip
    return platform.findings.save(finding.with_(**changes), expected_version=finding.version)


def standing(platform: Platform) -> Iterator[Finding]:
    """Every finding that stands, page by page."""
    after: str | None = None
    while True:
        page = platform.findings.list(standing=True, limit=_PAGE, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def remember(
    seen: Collection[Found], looked_for: Collection[FindingKind], platform: Platform
) -> list[Finding]:
    """Keep what a pass has seen, and close what it has not.

    Args:
        looked_for: the kinds that this pass has looked for everywhere; only of these not being
            seen means being gone.

    Returns:
        What is new, or has come back: operators were told of it.
    """
    at = iso(platform.now())
    now = _once_each(seen)
    known = {one.id: one for one in platform.findings.find(now)}
    news = [
        kept
        for found in now.values()
        if (kept := _keep(found, known.get(found.id), at, platform)) is not None
    ]
    for finding in list(standing(platform)):
        if finding.kind in looked_for and finding.id not in now:
            _save(gone(finding, at), finding.version, platform)
    _tell(news, platform)
    return news


def _once_each(seen: Collection[Found]) -> dict[str, Found]:
    """What was found of one thing in several places is one finding with several sentences."""
    once: dict[str, Found] = {}
    for one in seen:
        before = once.get(one.id)
        sentence = one.sentence if before is None else f"{before.sentence} {one.sentence}"
        once[one.id] = one._replace(sentence=sentence)
    return once


def _keep(found: Found, known: Finding | None, at: str, platform: Platform) -> Finding | None:
    """The finding, if operators have not heard of it yet."""
    if known is None:
        return begun(found, at) if _save(begun(found, at), 0, platform) else None
    again = seen_again(known, found, at)
    saved = _save(again, known.version, platform)
    return again if saved and not known.is_standing else None


def _save(finding: Finding, before: int, platform: Platform) -> bool:
    try:
        platform.findings.save(finding, expected_version=before)
    except ConflictError:
        return False  # somebody acknowledged it meanwhile; the next pass looks again
    return True


def _tell(news: list[Finding], platform: Platform) -> None:
    if not news:
        return
    lines = [f"{one.kind} {one.subject}: {one.sentence}" for one in news[:_MOST_TOLD]]
    more = len(news) - len(lines)
    lines += [f"and {more} more"] if more else []
    platform.operators.tell(
        f"{len(news)} new findings of the audit",
        "\n".join([*lines, "See: autoprovision finding list"]),
    )


def leave(kind: FindingKind, left: LeftResource, platform: Platform) -> Finding:
    """Record a resource that outlives its stack; recording it again changes nothing."""
    found = Found(
        kind, f"{left.stack_id}#{left.logical_id}#{left.physical_id}", _sentence(kind, left)
    )
    at = iso(platform.now())
    known = platform.findings.find([found.id])
    if known and known[0].is_standing:
        return known[0]
    finding = begun(found, at, left)
    version = known[0].version if known else 0
    return platform.findings.save(finding.with_(version=version + 1), expected_version=version)


def _sentence(kind: FindingKind, left: LeftResource) -> str:
    how = "was left behind" if kind is FindingKind.RETAINED else "is kept, or something of it"
    return f"{left.physical_id} ({left.type}) of {left.application_name} {how}: {left.why}"
