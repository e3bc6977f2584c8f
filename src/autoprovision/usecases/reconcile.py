"""The proof: entries, holds, applications and stacks agree, or what does not is named."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.finding import FindingKind
from autoprovision.domain.quota import ORGANISATION, Balance, Hold, HoldState, user_account
from autoprovision.domain.stack import Stack
from autoprovision.ports import Page, Platform

Item = TypeVar("Item")
_PAGE = 100
_ENTRIES_PAGE = 1000
_PLACES = ("free", "held", "committed")


def prove(actor: Actor, platform: Platform) -> dict[str, Any]:
    """Hold everything that must agree against each other; nothing is changed.

    Work under way may be seen half done, so what is found is looked at again: only what is found
    twice is told.

    Returns:
        `{agrees, checked: {accounts, entries, holds, applications, stacks}, findings: [{kind,
        subject, sentence}]}`.
    """
    units_within(actor, "unit.reconcile")
    checked, findings = _look(platform)
    if findings:
        checked, again = _look(platform)
        findings = [one for one in findings if one in again]
    return {"agrees": not findings, "checked": checked, "findings": findings}


def _look(platform: Platform) -> tuple[dict[str, int], list[dict[str, str]]]:
    """One look at everything: how much was checked, and what does not agree."""
    balances = [platform.records.balance(ORGANISATION), *_all(platform.records.balances)]
    holds = list(_all(platform.records.holds))
    applications = list(
        _all(lambda limit, after: platform.records.applications(None, limit=limit, after=after))
    )
    people = {user_account(one.user_id) for one in holds}
    balances += [platform.records.balance(account) for account in sorted(people)]
    stacks = platform.stacks.ours()
    findings: list[dict[str, str]] = []
    entries = sum(_account(balance, platform, findings) for balance in balances)
    _sums(balances, holds, findings)
    _holds(holds, {one.id: one for one in applications}, platform, findings)
    _stacks(applications, stacks, findings)
    checked = {
        "accounts": len(balances), "entries": entries, "holds": len(holds),
        "applications": len(applications), "stacks": len(stacks),
    }  # fmt: skip
    return checked, findings


def _all(read: Callable[..., Page[Item]]) -> Iterator[Item]:
    after = None
    while True:
        page = read(limit=_PAGE, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _find(findings: list[dict[str, str]], kind: FindingKind, subject: str, sentence: str) -> None:
    findings.append({"kind": kind.value, "subject": subject, "sentence": sentence})


def _account(balance: Balance, platform: Platform, findings: list[dict[str, str]]) -> int:
    """The entries of an account sum to its balance, and its places to its limit."""
    sums = dict.fromkeys(_PLACES, 0)
    count = 0
    for entry in _all(
        lambda limit, after: platform.records.entries(
            balance.account, limit=max(limit, _ENTRIES_PAGE), after=after
        )
    ):
        count += 1
        sums["free"] += entry.free_change
        sums["held"] += entry.held_change
        sums["committed"] += entry.committed_change
    for place in _PLACES:
        if sums[place] != getattr(balance, place):
            _find(findings, FindingKind.ENTRIES_DISAGREE, balance.account,
                  f"The entries sum to {sums[place]} {place}, the account says "
                  f"{getattr(balance, place)}.")  # fmt: skip
    total = balance.free + balance.held + balance.committed
    if balance.limit is not None and total != balance.limit:
        sentence = f"free, held and committed sum to {total}, the limit is {balance.limit}."
        _find(findings, FindingKind.LIMIT_DISAGREES, balance.account, sentence)
    return count


def _sums(balances: list[Balance], holds: list[Hold], findings: list[dict[str, str]]) -> None:
    """The holds of a unit sum to what its account holds and has committed."""
    sums: dict[tuple[str, HoldState], int] = defaultdict(int)
    for hold in holds:
        for account in hold.accounts:
            sums[account, hold.state] += hold.credits
    for balance in balances:
        for state, place in ((HoldState.HELD, "held"), (HoldState.COMMITTED, "committed")):
            found = sums[balance.account, state]
            if found != getattr(balance, place):
                _find(findings, FindingKind.HOLDS_DISAGREE, balance.account,
                      f"The holds sum to {found} {place}, the account says "
                      f"{getattr(balance, place)}.")  # fmt: skip


def _holds(
    holds: list[Hold],
    applications: dict[str, Application],
    platform: Platform,
    findings: list[dict[str, str]],
) -> None:
    """A hold belongs to a request under way, a committed one to a live application."""
    for hold in holds:
        application = applications.get(hold.application_id)
        if hold.state is HoldState.RELEASED:
            continue
        if application is None or application.status in ENDED:
            _find(findings, FindingKind.HOLD_WITHOUT_APPLICATION, hold.id,
                  f"{hold.credits} credits are {hold.state.lower()} for an application that is "
                  "not there.")  # fmt: skip
        elif hold.state is HoldState.HELD and _has_ended(hold.id, platform):
            _find(findings, FindingKind.HOLD_WITHOUT_REQUEST, hold.id,
                  f"{hold.credits} credits are held for a request that has ended.")  # fmt: skip
    live = {hold.application_id for hold in holds if hold.state is not HoldState.RELEASED}
    for application in applications.values():
        if application.status not in ENDED and application.id not in live:
            _find(findings, FindingKind.APPLICATION_WITHOUT_HOLD, application.id,
                  f"{application.application_name} lives and holds no credits.")  # fmt: skip


def _has_ended(request_id: str, platform: Platform) -> bool:
    try:
        return platform.records.request(request_id).is_final
    except NotFoundError:
        return True


def _stacks(
    applications: list[Application], stacks: list[Stack], findings: list[dict[str, str]]
) -> None:
    """Every stack has a live application, and every live application its stack."""
    by_id = {one.id: one for one in applications}
    present = {stack.id for stack in stacks}
    for stack in stacks:
        owner = by_id.get(stack.tags.get("autoprovision:application", ""))
        if owner is None or owner.status in ENDED:
            _find(findings, FindingKind.ORPHAN, stack.id,
                  f"The stack {stack.name} has no live application.")  # fmt: skip
    for application in applications:
        if application.status == "AVAILABLE" and application.stack_id not in present:
            sentence = f"{application.application_name} is AVAILABLE and its stack is not there."
            _find(findings, FindingKind.APPLICATION_WITHOUT_STACK, application.id, sentence)
