"""What units may spend: tagging, rosters, limits at every level, moves, races, the ledger's proof."""

import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

UNREACHABLE = "http://127.0.0.1:9/acme/site"


def order(**changes):
    """A request that waits for approval, and holds its credits as long."""
    return {
        "ApplicationName": f"app-{uuid.uuid4().hex[:8]}", "TargetEnvironment": "prod",
        "ProjectType": "Static", "ProjectURL": UNREACHABLE, "ProjectEmail": "a@example.edu",
        **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def price(world):
    """Credits of such a request."""
    ada = world.person(world.unit())
    return ada.post("/plans", order()).json()["monthlyCredits"]


def unit_of(world, name):
    return world.admin.get(f"/business-units/{name}").json()


def attributes(world, user_id):
    found = world.client("cognito-idp").admin_get_user(
        UserPoolId=world.installed.user_pool_id, Username=user_id
    )
    return {one["Name"]: one["Value"] for one in found["UserAttributes"]}


def test_tags_are_shown_in_cognito_and_count_at_once(world, price):
    unit, other = world.unit(20000), world.unit(price)
    ada = world.person(unit)
    shown = attributes(world, ada.id)
    assert (shown["custom:BusinessUnit"], shown["custom:Quota"]) == (unit, "20000")
    world.admin.http.put(f"/business-units/{unit}", json={"quota": 777})
    assert attributes(world, ada.id)["custom:Quota"] == "777"
    world.admin.http.patch(f"/users/{ada.id}", json={"unit": other, "role": "approver"})
    shown = attributes(world, ada.id)
    assert [shown[f"custom:{name}"] for name in ("BusinessUnit", "Quota", "Role")] == [
        other, str(price), "approver",
    ]  # fmt: skip
    me = ada.get("/me").json()
    assert (me["unit"], me["role"]) == (other, "approver"), "with the token from before"
    assert ada.get("/policy").status_code == 200
    assert ada.get(f"/business-units/{unit}").status_code == 404


@pytest.mark.parametrize("quota", [-1, 1.5, 10**15 + 1, "20", True, None])
def test_a_quota_is_a_whole_number_of_credits(world, quota):
    unit = world.unit(5)
    for body in ({"quota": quota}, {}):
        answer = world.admin.http.put(f"/business-units/{unit}", json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/quota"
    assert unit_of(world, unit)["quota"] == 5


def test_a_roster_makes_a_class_or_nothing(world, tmp_path):
    unit, mark = world.unit(), uuid.uuid4().hex[:6]
    emails = [f"s{number}-{mark}@example.edu" for number in range(12)]
    good = "".join(f"{email},{unit},requester\n" for email in emails)
    file = tmp_path / "roster.csv"
    file.write_text("email,unit,role\n" + good + "nobody,no-such-unit,requester\n")
    answer = roster(world, file.read_text(), "all-or-nothing")
    assert answer.status_code == 400
    pointers = [one["pointer"] for one in answer.json()["errors"]]
    assert pointers == ["/rows/12/email"]
    assert "Nothing was done: 1 of 13 lines" in answer.json()["detail"]
    assert world.admin.get("/users", unit=unit).json()["items"] == []
    partly = roster(world, file.read_text(), "best-effort").json()
    assert (partly["created"], partly["failed"]) == (12, 1)
    assert [one["email"] for one in partly["lines"] if one["result"] == "failed"] == ["nobody"]
    again = roster(world, "email,unit,role\n" + good, "all-or-nothing").json()
    assert (again["created"], again["unchanged"]) == (0, 12)
    changed = roster(world, f"email,unit,role\n{emails[0]},{unit},approver\n", "all-or-nothing")
    assert changed.json()["updated"] == 1
    found = world.admin.get("/users", unit=unit, limit=100).json()["items"]
    assert {one["email"] for one in found} == set(emails)
    assert sorted(Counter(one["role"] for one in found).items()) == [
        ("approver", 1),
        ("requester", 11),
    ]
    assert (
        world.admin.get("/users", email=emails[3].upper()).json()["items"][0]["email"] == emails[3]
    )


def roster(world, text, mode):
    header, *lines = text.strip().split("\n")
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    return world.admin.post("/users/import", {"rows": rows, "mode": mode})


def test_a_weak_password_leaves_nobody_half_made(world):
    email = f"weak-{uuid.uuid4().hex[:6]}@example.edu"
    refused = world.admin.post("/users", {"email": email, "unit": world.unit(), "password": "x"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/password"
    listed = world.client("cognito-idp").list_users(
        UserPoolId=world.installed.user_pool_id, Filter=f'email = "{email}"'
    )
    assert listed["Users"] == []
    assert world.admin.get("/users", email=email).json()["items"] == []


def test_the_smallest_limit_wins(world, price):
    unit = world.unit(10 * price)
    ada = world.person(unit, quota=price)
    assert ada.post("/plans", order()).json()["quota"]["fits"] is True
    assert ada.post("/requests", order()).status_code == 202
    plan = ada.post("/plans", order()).json()["quota"]
    assert (plan["fits"], plan["limitedBy"], plan["shortBy"]) == (False, "person", price)
    refused = ada.post("/requests", order())
    assert (refused.status_code, refused.json()["account"]) == (409, f"USER#{ada.id}")
    assert refused.json()["shortBy"] == price
    bob = world.person(unit)
    whole = world.admin.get("/business-units/organisation").json()
    used = whole["used"] + whole["held"]
    try:
        world.admin.http.put("/business-units/organisation", json={"quota": used + price - 1})
        refused = bob.post("/requests", order())
        assert (refused.status_code, refused.json()["account"]) == (409, "ORG")
        assert refused.json()["shortBy"] == 1
    finally:
        world.admin.http.put("/business-units/organisation", json={"quota": None})
    assert bob.post("/requests", order()).status_code == 202


def test_a_plan_that_does_not_fit_says_what_would(world, price):
    unit = world.unit(2 * price)
    ada = world.person(unit)
    name = order()["ApplicationName"]
    assert ada.post("/requests", order(ApplicationName=name)).status_code == 202
    world.admin.http.put(f"/business-units/{unit}", json={"quota": price + price // 2})
    quota = ada.post("/plans", order()).json()["quota"]
    missing = price - price // 2
    assert (quota["held"], quota["left"], quota["leftAfter"]) == (price, price // 2, -missing)
    assert (quota["fits"], quota["shortBy"], quota["limitedBy"]) == (
        False,
        missing,
        "business unit",
    )
    assert f"Terminating {name} in prod" in quota["advice"]
    dev = ada.post("/plans", order(TargetEnvironment="dev")).json()
    if dev["quota"]["fits"]:
        assert "it costs" in quota["advice"]
    refused = ada.post("/requests", order()).json()
    assert refused["advice"] == quota["advice"]


def test_a_race_accepts_exactly_what_fits(world, price):
    unit = world.unit(3 * price + 1)
    ada = world.person(unit)
    barrier = threading.Barrier(10)

    def ask(_):
        body = order()
        barrier.wait()
        while True:
            answer = ada.post("/requests", body)
            if answer.status_code != 429:
                return answer.json().get("code", "accepted")
            assert answer.json()["code"] == "TRY_AGAIN"

    with ThreadPoolExecutor(10) as pool:
        outcomes = Counter(pool.map(ask, range(10)))
    assert outcomes == {"accepted": 3, "OVER_QUOTA": 7}
    assert (unit_of(world, unit)["held"], unit_of(world, unit)["left"]) == (3 * price, 1)


def test_a_lowered_quota_stops_new_requests_only(world, price):
    unit = world.unit(5 * price)
    ada = world.person(unit)
    held = ada.post("/requests", order()).json()
    lowered = world.admin.http.put(f"/business-units/{unit}", json={"quota": 0}).json()
    assert (lowered["over"], lowered["left"]) == (True, -price)
    assert ada.post("/requests", order()).json()["code"] == "OVER_QUOTA"
    assert ada.get(f"/requests/{held['id']}").json()["status"] in {"SUBMITTED", "AWAITING_APPROVAL"}
    assert ada.get("/me").json()["quota"]["left"] == -price


def live(world, person, template):
    """A live application of somebody."""
    request = person.wait(person.post("/requests", template()).json()["id"])
    assert request["status"] == "SUCCEEDED", request
    return person.get(f"/applications/{request['applicationId']}").json()


def test_an_application_moves_with_its_credits_or_not_at_all(world, template):
    old, new, poor = world.unit(), world.unit(), world.unit(0)
    ada, eve = world.person(old), world.person(new)
    mine = live(world, ada, template)
    path = f"/applications/{mine['id']}/business-unit"
    assert ada.http.put(path, json={"businessUnit": new}).status_code == 403
    for body, status in (
        ({"businessUnit": "never-heard"}, 400), ({"businessUnit": "No!"}, 400), ({}, 400),
        ({"businessUnit": poor}, 409),
    ):  # fmt: skip
        answer = world.admin.http.put(path, json=body)
        assert answer.status_code == status, answer.text
    assert unit_of(world, old)["used"] == mine["monthlyCredits"]
    assert eve.get(f"/applications/{mine['id']}").status_code == 404
    for _ in range(2):
        moved = world.admin.http.put(path, json={"businessUnit": new})
        assert (moved.status_code, moved.json()["businessUnit"]) == (200, new)
    assert (unit_of(world, old)["used"], unit_of(world, new)["used"]) == (0, mine["monthlyCredits"])
    assert ada.get(f"/applications/{mine['id']}").status_code == 404
    assert eve.get(f"/applications/{mine['id']}").json()["status"] == "AVAILABLE"
    assert proof(world)["agrees"] is True
    done = eve.wait(eve.http.delete(f"/applications/{mine['id']}").json()["id"])
    assert done["status"] == "SUCCEEDED"
    assert unit_of(world, new)["used"] == 0


def test_a_person_moves_with_their_applications_or_not_at_all(world, template):
    old, new, poor = world.unit(), world.unit(), world.unit(1)
    ada = world.person(old)
    mine = [live(world, ada, template)["id"] for _ in range(2)]
    path, credits_ = f"/users/{ada.id}", unit_of(world, old)["used"]
    refused = world.admin.http.patch(path, json={"unit": poor, "moveApplications": True})
    if credits_ > 1:
        assert (refused.status_code, refused.json()["code"]) == (409, "OVER_QUOTA")
        assert ada.get("/me").json()["unit"] == old
    moved = world.admin.http.patch(path, json={"unit": new, "moveApplications": True}).json()
    assert sorted(moved["movedApplications"]) == sorted(mine)
    assert (unit_of(world, old)["used"], unit_of(world, new)["used"]) == (0, credits_)
    assert {one["id"] for one in ada.get("/applications").json()["items"]} == set(mine)
    staying = world.admin.http.patch(path, json={"unit": old}).json()
    assert sorted(staying["liveApplications"]) == sorted(mine)
    assert staying["movedApplications"] == []
    assert ada.get("/applications").json()["items"] == []
    assert unit_of(world, new)["used"] == credits_


def test_somebody_disabled_may_nothing_and_their_applications_are_told(world, template):
    unit = world.unit()
    ada, bob = world.person(unit), world.person(unit)
    mine = live(world, ada, template)
    disabled = world.admin.http.patch(f"/users/{ada.id}", json={"status": "DISABLED"}).json()
    assert disabled["liveApplications"] == [mine["id"]]
    assert ada.get("/me").status_code == 401
    with pytest.raises(world.client("cognito-idp").exceptions.ClientError):
        world.sign_in(ada.email)
    assert bob.get(f"/applications/{mine['id']}").json()["status"] == "AVAILABLE"
    ended = bob.wait(bob.http.delete(f"/applications/{mine['id']}").json()["id"])
    assert ended["status"] == "SUCCEEDED", "whoever belongs to the unit may end it"
    world.client("cognito-idp").admin_delete_user(
        UserPoolId=world.installed.user_pool_id, Username=ada.id
    )
    again = world.admin.http.patch(f"/users/{ada.id}", json={"unit": None})
    assert again.status_code == 200, "whom Cognito lost can still be tagged"
    assert world.admin.http.put(f"/business-units/{unit}", json={"quota": 9}).status_code == 200


def test_two_admins_who_make_the_same_person_at_once_make_one(world):
    unit, other = world.unit(), world.unit()
    email = f"twin-{uuid.uuid4().hex[:6]}@example.edu"
    bodies = [{"email": email, "unit": one} for one in (unit, other, unit, other)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: world.admin.post("/users", body), bodies))
    assert {answer.status_code for answer in answers} == {201, 409}
    (found,) = world.admin.get("/users", email=email).json()["items"]
    tagged = {answer.json()["unit"] for answer in answers if answer.status_code == 201}
    assert tagged == {found["unit"]}
    assert attributes(world, found["id"])["custom:BusinessUnit"] == found["unit"]


def test_the_ledger_runs_and_is_proved(world, template):
    unit = world.unit(5000)
    ada = world.person(unit)
    mine = live(world, ada, template)
    ada.wait(ada.http.delete(f"/applications/{mine['id']}").json()["id"])
    pages, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = ada.get(f"/business-units/{unit}/ledger", **query).json()
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [one["movement"] for one in pages] == ["RELEASE", "COMMIT", "RESERVE", "LIMIT"]
    credits_ = mine["monthlyCredits"]
    assert [tuple(one["balanceAfter"].values()) for one in pages] == [
        (0, 0, 5000), (credits_, 0, 5000 - credits_), (0, credits_, 5000 - credits_), (0, 0, 5000),
    ]  # fmt: skip
    assert all(one["cause"] and one["by"] for one in pages)
    assert pages[2]["by"] == ada.email
    shown = world.command("--profile", "x", "unit", "ledger", unit)
    assert shown.returncode == 1, "nobody is signed in with this profile"
    found = proof(world)
    assert found["agrees"] is True, found["findings"]
    assert min(found["checked"].values()) >= 1 or found["checked"]["stacks"] == 0
    spoil(world, unit)
    try:
        found = proof(world)
        assert found["agrees"] is False
        assert {(one["kind"], one["subject"]) for one in found["findings"]} == {
            ("ENTRIES_DISAGREE", f"UNIT#{unit}"), ("LIMIT_DISAGREES", f"UNIT#{unit}"),
        }  # fmt: skip
    finally:
        spoil(world, unit, by=-7)


def spoil(world, unit, by=7):
    """Somebody with the account's own rights puts credits into an account by hand."""
    world.client("dynamodb").update_item(
        TableName="autoprovision-ledger",
        Key={"account": {"S": f"UNIT#{unit}"}, "sort": {"S": "BALANCE"}},
        UpdateExpression="ADD #f :by", ExpressionAttributeNames={"#f": "free"},
        ExpressionAttributeValues={":by": {"N": str(by)}},
    )  # fmt: skip


def proof(world):
    """The proof once nothing is on its way any more that it may see half done."""
    deadline = time.monotonic() + 20
    while True:
        answer = world.admin.post("/business-units/reconcile")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        kinds = {one["kind"] for one in found["findings"]}
        if not kinds & {"ORPHAN", "APPLICATION_WITHOUT_STACK"} or time.monotonic() > deadline:
            return found
