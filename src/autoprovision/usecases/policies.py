"""The approval policy: shown, tried on the past, and put in force by an admin."""

from typing import Any

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.clock import iso
from autoprovision.domain.policy import Policy, parse_policy
from autoprovision.domain.policy_facts import PolicyFacts
from autoprovision.domain.policy_replay import PastRequest, Replay, replay
from autoprovision.ports import Platform

# A proposed policy is tried on this many of the newest requests.
MOST_PAST_REQUESTS = 1000
_PAGE = 100


def show(actor: Actor, platform: Platform) -> dict[str, Any]:
    """The policy in force with its digest."""
    units_within(actor, "policy.show")
    return _shown(platform.catalog.policy())


def _shown(policy: Policy) -> dict[str, Any]:
    return {"digest": policy.digest, "policy": policy.document()}


def test(actor: Actor, document: dict[str, Any], platform: Platform) -> Replay:
    """What a proposed policy would have said of past requests; nothing is changed.

    Raises:
        InvalidInputError: naming every fault of the proposed policy.
    """
    units_within(actor, "policy.test")
    proposed = parse_policy(document)
    return replay(proposed, platform.catalog.policy(), _past(platform))


def _past(platform: Platform) -> list[PastRequest]:
    past: list[PastRequest] = []
    after = None
    while len(past) < MOST_PAST_REQUESTS:
        page = platform.records.requests(None, limit=_PAGE, after=after)
        past += [
            PastRequest(request_id=one.id, facts=PolicyFacts.model_validate(one.facts))
            for one in page.items
            if one.facts
        ]
        after = page.next
        if after is None:
            break
    return past


def publish(actor: Actor, document: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Put a policy in force; open questions that rest on the one before are asked anew.

    Raises:
        InvalidInputError: naming every fault.
        ConflictError: another version was published meanwhile, or this version already.
    """
    units_within(actor, "policy.publish")
    policy = parse_policy(document)
    at = iso(platform.now())
    platform.catalog.publish_policy(policy, by=actor.email, at=at)
    platform.operators.tell(
        f"Approval policy {policy.version} is in force",
        f"{actor.email} published {policy.name} {policy.version} ({policy.digest}) at {at}.",
    )
    return _shown(policy)
