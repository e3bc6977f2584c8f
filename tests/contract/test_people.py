"""The ports Users, Directory and Signer."""

from typing import Any

import pytest
from tests.contract.conftest import Store
from tests.kit.records import at

from autoprovision.aws.cognito import CognitoDirectory
from autoprovision.aws.kms_signer import KmsSigner
from autoprovision.aws.users_table import UsersTable
from autoprovision.domain.actor import Role
from autoprovision.domain.errors import ConflictError, NotFoundError
from autoprovision.domain.user import User
from autoprovision.memory.people import MemoryDirectory, MemorySigner, MemoryUsers
from autoprovision.ports import Directory, Signer, Users


@pytest.fixture
def users(store: Store) -> Users:
    return MemoryUsers() if store.is_memory else UsersTable(*store.table("Users"))


def a_user(name: str, role: Role = Role.REQUESTER, **changes: Any) -> User:
    fields: dict[str, Any] = {
        "id": f"sub-{name}", "email": f"{name}@example.edu", "role": role, "unit": "cs",
        "created_at": at(), "updated_at": at(),
    }  # fmt: skip
    return User(**{**fields, **changes})


def test_a_user_is_found_by_id_and_address(users: Users) -> None:
    ada = a_user("ada", quota=500, approves_for=("ee",))
    assert users.get(ada.id) is None
    assert users.by_email(ada.email) is None
    users.save(ada)
    assert users.get(ada.id) == ada
    assert users.by_email("Ada@Example.edu") == ada
    moved = ada.with_(unit=None, quota=None)
    users.save(moved)
    assert users.get(ada.id) == moved
    assert users.list("cs", limit=5).items == ()


def test_users_are_listed_by_unit_and_page(users: Users) -> None:
    people = [a_user("a"), a_user("b", Role.ADMIN), a_user("c", Role.APPROVER), a_user("d")]
    for one in (*people, a_user("e", unit="ee")):
        users.save(one)
    first = users.list(None, limit=3)
    assert first.items == tuple(people[:3])
    rest = users.list(None, limit=3, after=first.next)
    assert [one.id for one in rest.items] == ["sub-d", "sub-e"]
    assert rest.next is None
    assert users.list("cs", limit=9).items == tuple(people)


def test_approvers_are_active_and_for_the_unit(users: Users) -> None:
    for one in (
        a_user("own", Role.APPROVER), a_user("for", Role.APPROVER, unit="x", approves_for=("cs",)),
        a_user("root", Role.ADMIN, unit=None), a_user("other", Role.APPROVER, unit="ee"),
        a_user("asks", approves_for=("cs",)), a_user("gone", Role.APPROVER, status="DISABLED"),
    ):  # fmt: skip
        users.save(one)
    assert {one.id for one in users.approvers("cs")} == {"sub-own", "sub-for", "sub-root"}
    users.save(a_user("own", Role.REQUESTER))
    assert {one.id for one in users.approvers("cs")} == {"sub-for", "sub-root"}


def test_a_user_is_added_once_and_changed_by_who_read_them(users: Users) -> None:
    ada = a_user("ada")
    users.add(ada)
    with pytest.raises(ConflictError) as refused:
        users.add(ada.with_(unit="ee"))
    assert refused.value.reason == "USER_EXISTS"
    first = users.replace(ada, ada.with_(unit="ee"))
    assert (first.version, users.get(ada.id)) == (1, first)
    with pytest.raises(ConflictError) as late:
        users.replace(ada, ada.with_(unit="me"))
    assert late.value.reason == "CHANGED_MEANWHILE"
    second = users.replace(first, first.with_(unit="me"))
    assert (second.version, second.unit) == (2, "me")
    with pytest.raises(ConflictError):
        users.replace(a_user("nobody"), a_user("nobody"))


def test_whoever_changes_somebody_is_an_admin_at_that_moment(users: Users) -> None:
    one, two = a_user("one", Role.ADMIN), a_user("two", Role.ADMIN)
    users.save(one)
    users.save(two)
    gone = users.replace(two, two.with_(role=Role.REQUESTER), by_admin=one.id)
    assert gone.role is Role.REQUESTER
    with pytest.raises(ConflictError):
        users.replace(one, one.with_(role=Role.REQUESTER), by_admin=two.id)
    assert users.get(one.id) == one
    own = users.replace(one, one.with_(unit="ee"), by_admin=one.id)
    assert own.unit == "ee"


@pytest.fixture
def directory(store: Store) -> Directory:
    if store.is_memory:
        return MemoryDirectory(store.outside)
    pool = _pool(store)
    return CognitoDirectory(store.client("cognito-idp"), user_pool_id=pool)


def _pool(store: Store) -> str:
    names = ("BusinessUnit", "Quota", "Role")
    return str(
        store.client("cognito-idp").create_user_pool(
            PoolName=store.prefix, UsernameAttributes=["email"],
            Schema=[{"Name": name, "AttributeDataType": "String", "Mutable": True} for name in names],
        )["UserPool"]["Id"]
    )  # fmt: skip


def test_creating_a_person_again_finds_them(directory: Directory) -> None:
    user_id = directory.create("Ada@example.edu", {"BusinessUnit": "cs"}, "Secret-Pass-1")
    assert directory.create("ada@example.edu", {"BusinessUnit": "ee"}, None) == user_id
    assert directory.create("bob@example.edu", {}, None) != user_id
    directory.tag(user_id, {"Quota": "200"})
    directory.set_enabled(user_id, enabled=False)
    directory.set_enabled(user_id, enabled=True)
    with pytest.raises(NotFoundError):
        directory.tag("nobody", {"Quota": "1"})


def test_tags_and_sign_in_are_cognitos(on_aws: Store) -> None:
    cognito, pool = on_aws.client("cognito-idp"), _pool(on_aws)
    directory = CognitoDirectory(cognito, user_pool_id=pool)
    user_id = directory.create("ada@example.edu", {"BusinessUnit": "cs"}, "Secret-Pass-1")
    directory.tag(user_id, {"Quota": "200"})
    directory.set_enabled(user_id, enabled=False)
    seen = cognito.admin_get_user(UserPoolId=pool, Username=user_id)
    attributes = {one["Name"]: one["Value"] for one in seen["UserAttributes"]}
    assert attributes["custom:BusinessUnit"] == "cs"
    assert attributes["custom:Quota"] == "200"
    assert attributes["email_verified"] == "true"
    assert (seen["UserStatus"], seen["Enabled"]) == ("CONFIRMED", False)


@pytest.fixture
def signer(store: Store) -> Signer:
    return MemorySigner() if store.is_memory else _kms(store)


def _kms(store: Store) -> KmsSigner:
    kms = store.client("kms")
    key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["Arn"]
    return KmsSigner(kms, key_arn=key)


def test_only_what_was_signed_verifies(signer: Signer) -> None:
    payload = b"x" * 10_000
    signature, key_id = signer.sign(payload)
    assert signer.verify(payload, signature, key_id)
    assert not signer.verify(payload + b"y", signature, key_id)
    assert not signer.verify(payload, "bm8=", key_id)
    assert not signer.verify(payload, "not base64!", key_id)


def test_another_key_does_not_verify(on_aws: Store) -> None:
    one, other = _kms(on_aws), _kms(on_aws)
    signature, _ = one.sign(b"payload")
    _, other_key = other.sign(b"payload")
    assert not one.verify(b"payload", signature, other_key)
