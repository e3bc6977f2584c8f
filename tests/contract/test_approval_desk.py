"""The port ApprovalDesk: the latest question of a request, and its task token."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.conftest import Store
from tests.kit.records import START, request_id

from autoprovision.aws.approvals_table import ApprovalsTable
from autoprovision.aws.kms_signer import KmsSigner
from autoprovision.domain.approval import (
    Approval,
    ApprovalStatus,
    ask_anew,
    cancel,
    delivered,
    void,
)
from autoprovision.domain.errors import ConflictError, UnavailableError
from autoprovision.memory.approvals import MemoryApprovalDesk
from autoprovision.ports import ApprovalDesk

LATER = START + timedelta(hours=1)


@pytest.fixture
def desk(store: Store) -> ApprovalDesk:
    return MemoryApprovalDesk() if store.is_memory else _on_aws(store)


def _on_aws(store: Store) -> ApprovalsTable:
    client, table = store.table("Approvals")
    kms = store.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    return ApprovalsTable(client, table, kms=kms, key_arn=key)


def a_question(number: int = 1, **changes: Any) -> Approval:
    fields: dict[str, Any] = {
        "request_id": request_id(number), "plan_digest": "sha256:1", "approvers_needed": 2,
        "question": "May it?", "opened_at": START, "expires_at": START + timedelta(days=7),
        "submitted_by": "user-ada", "submitted_by_email": "ada@example.edu",
        "business_unit": "ntu-scse",
    }  # fmt: skip
    return Approval(**{**fields, **changes})


def test_a_question_comes_back_as_it_was(desk: ApprovalDesk) -> None:
    question = a_question()
    assert desk.get(question.request_id) is None
    assert desk.token(question.request_id) is None
    assert desk.open(question, "token-1") == question
    assert desk.get(question.request_id) == question
    assert desk.token(question.request_id) == "token-1"


def test_the_same_question_again_only_renews_the_token(desk: ApprovalDesk) -> None:
    question = a_question()
    desk.open(question, "token-1")
    reminded = question.next_version(reminders_sent=1)
    desk.save(reminded, expected_version=1)
    assert desk.open(question, "token-2") == reminded
    assert desk.get(question.request_id) == reminded
    assert desk.token(question.request_id) == "token-2"
    closed = cancel(reminded, "ada@example.edu", LATER)
    desk.save(closed, expected_version=2)
    assert desk.open(question, "token-3") == closed


def test_a_later_question_replaces_and_its_version_only_rises(desk: ApprovalDesk) -> None:
    question = a_question()
    desk.open(question, "token-1")
    voided = void(question, "The price moved.", LATER)
    desk.save(voided, expected_version=1)
    anew = ask_anew(
        voided, plan_digest="sha256:2", question="And now?", approvers_needed=1, now=LATER,
        expires_at=LATER + timedelta(days=7),
    )  # fmt: skip
    assert desk.open(anew, "token-2") == anew
    assert desk.get(question.request_id) == anew
    fresh = a_question(plan_digest="sha256:3")
    assert desk.open(fresh, "token-3") == fresh.with_(version=4)
    with pytest.raises(ConflictError):
        desk.save(voided, expected_version=2)


def test_of_two_moves_one_wins(desk: ApprovalDesk) -> None:
    question = a_question()
    desk.open(question, "token")
    closed = cancel(question, "ada@example.edu", LATER)
    assert desk.save(closed, expected_version=1) == closed
    with pytest.raises(ConflictError) as refused:
        desk.save(question.next_version(reminders_sent=1), expected_version=1)
    assert refused.value.reason == "CHANGED_MEANWHILE"
    assert desk.get(question.request_id) == closed
    with pytest.raises(ConflictError):
        desk.save(a_question(9), expected_version=1)


def test_open_and_undelivered_are_told_apart(desk: ApprovalDesk) -> None:
    questions = [a_question(number) for number in (3, 1, 2, 4)]
    for question in questions:
        desk.open(question, "token")
    for number in (2, 4):
        desk.save(cancel(a_question(number), "a@example.edu", LATER), expected_version=1)
    first = desk.list_open(limit=1)
    assert [one.request_id for one in first.items] == [request_id(1)]
    rest = desk.list_open(limit=5, after=first.next)
    assert [one.request_id for one in rest.items] == [request_id(3)]
    assert rest.next is None
    waiting = desk.undelivered(limit=5)
    assert [one.request_id for one in waiting] == [request_id(2), request_id(4)]
    assert len(desk.undelivered(limit=1)) == 1
    for one in waiting:
        desk.save(delivered(one, LATER), expected_version=one.version)
    assert desk.undelivered(limit=5) == []
    got = desk.get(request_id(2))
    assert got is not None
    assert (got.status, got.delivered_at) == (ApprovalStatus.CANCELLED, LATER)


def test_the_token_is_encrypted_for_its_request(on_aws: Store) -> None:
    desk = _on_aws(on_aws)
    desk.open(a_question(1), "canary-token")
    table = f"{on_aws.prefix}-approvals"
    items = on_aws.client("dynamodb").scan(TableName=table)["Items"]
    assert "canary-token" not in str(items)
    stolen = {**items[0], "id": {"S": request_id(2)}}
    on_aws.client("dynamodb").put_item(TableName=table, Item=stolen)
    with pytest.raises(ClientError):
        desk.token(request_id(2))


def test_a_key_that_is_switched_off_is_no_answer_and_loses_nothing(on_aws: Store) -> None:
    client, table = on_aws.table("Approvals")
    kms = on_aws.client("kms")
    sealing = kms.create_key()["KeyMetadata"]["Arn"]
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    desk = ApprovalsTable(client, table, kms=kms, key_arn=sealing)
    signer = KmsSigner(kms, key_arn=signing)
    desk.open(a_question(), "token-1")
    signature, key_id = signer.sign(b"said")
    for key in (sealing, signing):
        kms.disable_key(KeyId=key)
    for deed in (
        lambda: desk.open(a_question(2), "token-2"),
        lambda: desk.token(request_id(1)),
        lambda: signer.sign(b"said"),
        lambda: signer.verify(b"said", signature, key_id),
    ):
        with pytest.raises(UnavailableError) as refused:
            deed()
        assert refused.value.reason == "KEY_UNAVAILABLE"
    assert desk.get(request_id(2)) is None
    for key in (sealing, signing):
        kms.enable_key(KeyId=key)
    assert desk.token(request_id(1)) == "token-1"
    assert signer.verify(b"said", signature, key_id)
