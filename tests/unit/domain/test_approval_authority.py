"""Delegation, what a signature covers, and what a launch may rest on."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.approval_cases import END, OPENED, OTHER_PLAN, PLAN, SOON, approval, no, yes

from autoprovision.domain.approval import Approval, ask_anew, decide, void
from autoprovision.domain.approval_authority import (
    FRESH_FOR,
    Delegation,
    authorize_launch,
    check_may_decide,
    delegators_of,
    is_fresh,
    may_decide,
    signing_payload,
)
from autoprovision.domain.approval_errors import (
    ApprovalClosedError,
    NoDelegationError,
    NotAuthorizedToLaunchError,
    OwnRequestError,
    SamePersonError,
)

HOUR = timedelta(hours=1)


def delegation(from_user: str, to_user: str, **changes: Any) -> Delegation:
    span = {"from_at": OPENED, "until": END, **changes}
    return Delegation(from_user=from_user, to_user=to_user, **span)


def test_a_stand_in_has_the_authority_only_while_it_is_given():
    given = [
        delegation("ann", "bob"),
        delegation("cat", "bob", until=SOON),
        delegation("bob", "dan"),
    ]
    assert delegators_of("bob", given, OPENED) == ("ann", "cat")
    assert delegators_of("bob", given, SOON) == ("ann",)
    assert delegators_of("bob", given, END) == ()
    # Authority is not handed on.
    assert delegators_of("dan", given, SOON) == ("bob",)


@pytest.mark.parametrize(
    ("actor", "for_whom", "error"),
    [
        ("bob", "ann", None),
        ("bob", None, None),
        ("cat", "ann", NoDelegationError),
        ("author", None, OwnRequestError),
        ("author", "ann", OwnRequestError),
        ("bob", "author", OwnRequestError),
    ],
)
def test_who_may_decide(actor: str, for_whom: str | None, error: type[Exception] | None):
    given = [delegation("ann", "bob"), delegation("ann", "author"), delegation("author", "bob")]
    assert may_decide(actor, approval(), given, SOON, on_behalf_of=for_whom) is (error is None)
    if error:
        with pytest.raises(error):
            check_may_decide(actor, approval(), given, SOON, on_behalf_of=for_whom)


@pytest.mark.parametrize(
    ("first", "actor", "for_whom", "allowed"),
    [
        (yes("ann"), "bob", "ann", False),  # the stand-in for who has decided
        (yes("ann"), "bob", None, False),  # with a delegation between them, in their own right too
        (yes("bob", on_behalf_of="ann"), "ann", None, False),  # the person stood in for
        (
            yes("bob", on_behalf_of="ann"),
            "cat",
            "ann",
            False,
        ),  # another stand-in of the same person
        (yes("bob", on_behalf_of="ann"), "dan", None, True),
        (yes("ann"), "dan", None, True),
        (yes("ann"), "ann", None, False),
    ],
)
def test_a_person_and_their_stand_in_are_not_two_people(
    first: Any, actor: str, for_whom: str | None, allowed: bool
):
    given = [delegation("ann", "bob"), delegation("ann", "cat")]
    one_of_two = decide(approval(approvers_needed=2), first, SOON)
    assert may_decide(actor, one_of_two, given, SOON, on_behalf_of=for_whom) is allowed
    if not allowed:
        with pytest.raises(SamePersonError):
            check_may_decide(actor, one_of_two, given, SOON, on_behalf_of=for_whom)


def test_a_delegation_that_ended_after_the_first_decision_still_joins_the_two():
    given = [delegation("ann", "bob", until=SOON + HOUR)]
    one_of_two = decide(approval(approvers_needed=2), yes("ann"), SOON)
    assert not may_decide("bob", one_of_two, given, SOON + 2 * HOUR)
    long_ago = [delegation("ann", "bob", from_at=OPENED - 2 * HOUR, until=OPENED)]
    assert may_decide("bob", one_of_two, long_ago, SOON)


def test_nobody_may_decide_on_what_is_closed_or_over():
    assert not may_decide("ann", decide(approval(), no("bob"), SOON), [], SOON)
    assert not may_decide("ann", approval(), [], END)


def test_a_delegation_makes_sense():
    with pytest.raises(ValueError, match="somebody else"):
        delegation("ann", "ann")
    with pytest.raises(ValueError, match="after it begins"):
        delegation("ann", "bob", until=OPENED)


# --- signatures -----------------------------------------------------------------------------------


def test_the_payload_covers_all_that_matters():
    payload = signing_payload(approval(), yes(comment="fine"))
    found = json.loads(payload)
    assert found.pop("comment").startswith("sha256:")
    assert found == {
        "purpose": "autoprovision/decision/1", "requestId": "req_01", "round": 1, "approversNeeded": 1,
        "planDigest": PLAN, "decision": "APPROVED", "by": "ann", "onBehalfOf": None, "at": "2026-11-20T08:00:00.000Z",
    }  # fmt: skip
    assert len(signing_payload(approval(), yes(comment="ü" * 2000))) < 4096


@pytest.mark.parametrize(
    "other",
    [
        (approval(request_id="req_02"), yes()),
        (approval(round=2), yes()),
        (approval(approvers_needed=2), yes()),
        (approval(), yes("bob")),
        (approval(), yes(plan_digest=OTHER_PLAN)),
        (approval(), yes(on_behalf_of="bob")),
        (approval(), yes(at=SOON + timedelta(milliseconds=1))),
        (approval(), yes(comment="x")),
        (approval(), no(comment="")),
    ],
)
def test_another_decision_has_another_payload(other: tuple[Approval, Any]):
    assert signing_payload(*other) != signing_payload(approval(), yes())


def test_the_payload_of_a_stored_decision_is_the_same():
    decision = yes(at=SOON + timedelta(microseconds=999999))
    found = decide(approval(), decision, SOON)
    again = Approval.model_validate_json(found.model_dump_json(by_alias=True))
    assert signing_payload(again, again.decisions[0]) == signing_payload(approval(), decision)


# --- launches -------------------------------------------------------------------------------------


def launch(one: Approval, **changes: Any) -> Any:
    return authorize_launch(
        one, **{"plan_digest": PLAN, "execution": "req_01", "now": SOON, **changes}
    )


def test_a_launch_is_authorized_once_and_the_same_execution_may_come_again():
    used, statements = launch(decide(approval(), yes(), SOON))
    assert (used.used_at, used.used_by) == (SOON, "req_01")
    assert [(one.payload, one.signature, one.key_id) for one in statements] == [
        (signing_payload(approval(), yes()), "c2ln", "key-1")
    ]
    assert launch(used, now=SOON + 2 * FRESH_FOR) == (used, statements)
    with pytest.raises(NotAuthorizedToLaunchError, match="used already"):
        launch(used, execution="req_01-2")


@pytest.mark.parametrize(
    ("tampering", "asked", "why"),
    [
        ({}, {"plan_digest": OTHER_PLAN}, "another plan"),
        ({"plan_digest": OTHER_PLAN}, {"plan_digest": OTHER_PLAN}, "another plan"),
        ({"decisions": (no(),)}, {}, "rejected"),
        ({"decisions": ()}, {}, "too few"),
        ({"approvers_needed": 2}, {}, "too few"),
        ({"approvers_needed": 2, "decisions": (yes(), yes())}, {}, "too few"),
        (
            {"approvers_needed": 2, "decisions": (yes(), yes("bob", on_behalf_of="ann"))},
            {},
            "too few",
        ),
        (
            {"approvers_needed": 2, "decisions": (yes(), yes("bob", by_email="ANN@example.edu"))},
            {},
            "too few",
        ),
        ({"decisions": (yes("author"),)}, {}, "too few"),
        ({"decisions": (yes("x", by_email="author@example.edu"),)}, {}, "too few"),
        ({"decisions": (yes(signature=None),)}, {}, "not signed"),
        ({"decisions": (yes(key_id=None),)}, {}, "not signed"),
        ({"decisions": (yes(at=OPENED - HOUR),)}, {}, "while the question was open"),
        ({"decisions": (yes(at=END),)}, {"now": END}, "while the question was open"),
        ({"decisions": (yes(at=SOON + HOUR),)}, {}, "while the question was open"),
        ({}, {"now": SOON + FRESH_FOR + timedelta(milliseconds=1)}, "too old"),
    ],
)
def test_anything_else_is_not_launched(tampering: dict[str, Any], asked: dict[str, Any], why: str):
    given = decide(approval(), yes(), SOON).with_(**tampering)
    with pytest.raises(NotAuthorizedToLaunchError, match=why):
        launch(given, **asked)


def test_two_people_may_decide_days_apart():
    first = decide(approval(approvers_needed=2), yes("ann"), SOON)
    later = SOON + timedelta(days=4)
    given = decide(first, yes("bob", at=later), later)
    _, statements = launch(given, now=later)
    assert len(statements) == 2


def test_what_is_not_approved_is_not_launched():
    with pytest.raises(ApprovalClosedError):
        launch(approval())
    with pytest.raises(ApprovalClosedError):
        launch(void(decide(approval(), yes(), SOON), "The price has changed.", SOON))


def test_a_decision_of_an_earlier_round_is_not_fresh():
    again = ask_anew(
        void(approval(), "x", SOON),
        plan_digest=PLAN,
        question="?",
        approvers_needed=1,
        now=SOON + HOUR,
        expires_at=END,
    )
    assert not is_fresh(again, yes(), SOON + 2 * HOUR)
    assert is_fresh(approval(), yes(), SOON)
