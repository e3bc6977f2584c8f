"""An upgrade that rolls the machines of a virtual machine in prod: told, asked about, carried out."""

import json
import shutil
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import PASSWORD
from tests.e2e.test_approvals import decide, opened

CATALOG = Path(__file__).parents[2] / "catalog"
DISKS = "the databases and files on the machines' disks (Machines)"


@pytest.fixture
def newer(world, tmp_path):
    """Publishes a version of the virtual machine that starts its machines with one package more."""
    folder = tmp_path / "virtual-machine"
    shutil.copytree(CATALOG / "virtual-machine", folder)
    shutil.copy(CATALOG / "prices.yaml", folder)

    def change(name, old, new):
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), "utf-8")

    def publish(version):
        lines = (folder / "blueprint.yaml").read_text("utf-8").splitlines()
        before = next(line for line in lines if line.startswith("version: "))
        change("blueprint.yaml", before, f"version: {version}")
        change("template.yaml", "httpd php-fpm", "httpd php-fpm php-gd")
        for words in (("render", str(folder)), ("publish", str(folder), "--yes")):
            done = world.command("blueprint", *words)
            assert done.returncode == 0, done.stderr + done.stdout

    return publish


def seen_by(bob, world, request_id):
    """What the command line shows bob of an approval."""
    home = world.installed
    signed_in = world.command(
        *("--profile", "bob", "login", bob.email, "--password-stdin"),
        *("--api-url", home.api_url, "--region", home.region),
        *("--cognito-endpoint", home.cognito_endpoint),
        stdin=PASSWORD + "\n",
    )
    assert signed_in.returncode == 0, signed_in.stderr
    return world.command("--profile", "bob", "approval", "show", request_id).stdout


def approve(world, unit, question):
    people = [world.person(unit, "approver"), world.admin]
    for person in people[: question["approversNeeded"]]:
        assert decide(person, question).status_code < 300


def previewed(person, where, version, seconds=60):
    """The preview of an upgrade, once functions have read the catalog that has the version."""
    deadline = time.monotonic() + seconds
    while True:
        answer = person.post(f"{where}/plans", {"upgrade": True})
        assert answer.status_code in {200, 202}, answer.text
        if answer.status_code == 200 and answer.json()["plan"]["version"] == version:
            return answer.json()
        assert time.monotonic() < deadline, answer.text
        time.sleep(1)


def test_a_person_decides_on_an_upgrade_that_loses_what_is_on_the_machines(world, newer):
    unit = world.unit(100_000)
    ada, bob = world.person(unit, quota=None), world.person(unit, "approver")
    sent = json.loads((CATALOG / "virtual-machine" / "examples" / "prod.json").read_text("utf-8"))
    request = ada.post("/requests", sent | {"ApplicationName": "lossy"}).json()
    first = opened(ada, world, request["id"])
    approve(world, unit, first)
    done = ada.wait(request["id"], seconds=150)
    assert done["status"] == "SUCCEEDED", done
    where = f"/applications/{done['applicationId']}"
    goes = ada.http.delete(f"{where}?dryRun=true").json()["lost"]
    assert {"resource": "Machines", "what": DISKS.removesuffix(" (Machines)")} in goes

    newer("1.99.0")
    shown = previewed(ada, where, "1.99.0")["preview"]
    assert shown["losesData"] == [DISKS]
    lost = {one["logicalId"]: one["lost"] for one in shown["changes"] if one["lost"]}
    assert lost == {"Machines": DISKS.removesuffix(" (Machines)")}
    # In prod one person always decides; that data goes takes a second one.
    assert (first["approversNeeded"], shown["approval"]["verdict"]) == (1, "TWO_APPROVERS")
    assert f"The update loses data: {DISKS}." in shown["approval"]["reasons"]

    updating = ada.http.patch(where, json={"upgrade": True, "planDigest": shown["planDigest"]})
    assert updating.status_code == 202, updating.text
    question = opened(ada, world, updating.json()["id"])
    assert question["approversNeeded"] == 2
    assert DISKS in question["question"]
    assert question["preview"]["losesData"] == [DISKS]
    assert question["preview"]["changes"] == shown["changes"]
    assert question["preview"]["changeSet"] == shown["changeSet"]
    told = seen_by(bob, world, question["requestId"])
    assert "LaunchTemplate" in told
    assert "the databases and files" in told
    approve(world, unit, question)
    after = ada.wait(question["requestId"], seconds=150)
    assert after["status"] == "SUCCEEDED", after
    assert ada.get(where).json()["version"] == "1.99.0"
    (mail,) = [one for one in world.mailed(bob.email) if "update" in one.text]
    assert f"It loses data for good: {DISKS}." in mail.text
