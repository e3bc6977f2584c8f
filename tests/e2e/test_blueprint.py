"""A template from elsewhere becomes something to order, without a line of Python."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
GREETING = EXAMPLES / "blueprints" / "greeting"
NOTES = EXAMPLES / "templates" / "notes-api.yaml"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(GREETING, tmp_path / "greeting"))


def test_a_third_party_template_is_validated_published_ordered_and_ended(world, template, folder):
    valid = world.command("blueprint", "validate", str(folder), "--json")
    assert (valid.returncode, json.loads(valid.stdout)["errors"]) == (0, [])
    published = world.command("blueprint", "publish", str(folder), "--yes", "--json")
    assert published.returncode == 0, published.stderr
    assert json.loads(published.stdout)["version"] == "1.0.0"
    again = world.command("blueprint", "publish", str(folder), "--yes")
    assert again.returncode == 0, again.stderr
    ada = world.person(world.unit())
    sent = template(ProjectType="Greeting", Parameters={"Greeting": "Good day"})
    del sent["ProjectURL"]
    # Functions read the catalog some seconds long before they ask for it again.
    request = accepted(world, ada, sent)
    done = ada.wait(request["id"])
    assert done["status"] == "SUCCEEDED", done
    assert httpx.get(done["url"] + "/anybody").text == "Good day, world"
    manifest = folder / "blueprint.yaml"
    manifest.write_text(manifest.read_text().replace("title: Greeting", "title: Another"))
    refused = world.command("blueprint", "publish", str(folder), "--yes")
    assert refused.returncode == 1
    assert "immutable" in refused.stderr
    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"
    assert not [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]


def test_the_how_to_makes_a_sample_from_elsewhere_orderable(world, tmp_path):
    """docs/how-to-blueprint.md, followed with the command line alone."""
    folder = tmp_path / "notes"
    started = world.command("blueprint", "new", str(folder), "--from", str(NOTES), "--json")
    assert started.returncode == 0, started.stderr
    assert len(json.loads(started.stdout)["decisions"]) == 3
    text = (folder / "template.yaml").read_text()
    known = "          - id: CKV_AWS_119\n"
    why = "          - {id: CKV_AWS_28, comment: What lives in dev has no backup.}\n"
    (folder / "template.yaml").write_text(text.replace(known, why + known, 1))
    valid = world.command("blueprint", "validate", str(folder), "--json")
    assert (valid.returncode, json.loads(valid.stdout)["errors"]) == (0, [])
    published = world.command("blueprint", "publish", str(folder), "--yes")
    assert published.returncode == 0, published.stderr
    ada = world.person(world.unit())
    sent = json.loads((folder / "examples" / "dev.json").read_text())
    sent |= {"ProjectEmail": ada.email, "Parameters": {"StageName": "first"}}
    done = ada.wait(accepted(world, ada, sent)["id"])
    assert done["status"] == "SUCCEEDED", done
    text = {"content-type": "text/plain"}
    answer = httpx.post(done["url"], content="buy milk", headers=text).json()
    assert answer == {"stage": "first", "notes": ["buy milk"]}
    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"
    assert not [one for one in world.stacks() if "-notes-" in one["StackName"]]


def accepted(world, person, sent):
    """The request, once every function has seen the new catalog."""
    import time

    deadline = time.monotonic() + 60
    while (answer := person.post("/requests", sent)).status_code != 202:
        assert "no project type" in answer.text, answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)
    return answer.json()


def test_what_is_started_is_valid_and_what_takes_others_orders_is_refused(world, tmp_path):
    started = world.command("blueprint", "new", str(tmp_path / "notebook"))
    assert started.returncode == 0, started.stderr
    valid = world.command("blueprint", "validate", str(tmp_path / "notebook"))
    assert valid.returncode == 0, valid.stderr + valid.stdout
    twice = world.command("blueprint", "new", str(tmp_path / "notebook"))
    assert twice.returncode == 2
    manifest = tmp_path / "notebook" / "blueprint.yaml"
    manifest.write_text(
        manifest.read_text().replace("projectType: notebook", "projectType: Static")
    )
    for example in (tmp_path / "notebook" / "examples").glob("*.json"):
        example.write_text(example.read_text().replace('"notebook"', '"Static"'))
    rendered = world.command("blueprint", "render", str(tmp_path / "notebook"))
    assert rendered.returncode == 0, rendered.stderr
    taken = world.command("blueprint", "publish", str(tmp_path / "notebook"), "--yes")
    assert taken.returncode == 1
    assert "taken by static-site" in taken.stderr


def test_a_template_that_asks_for_what_its_role_may_not_make_is_named_and_undone(
    world, template, folder
):
    """What `validate` cannot know: a role that has less than its file said when it was published."""
    folder = folder.rename(folder.with_name("forbidden"))
    for name in ("blueprint.yaml", "role.yaml", "template.yaml"):
        text = (folder / name).read_text()
        text = text.replace("blueprint-greeting", "blueprint-forbidden")
        text = text.replace("id: greeting", "id: forbidden").replace(
            "projectType: Greeting", "projectType: Forbidden"
        )
        (folder / name).write_text(text)
    for example in (folder / "examples").glob("*.json"):
        example.write_text(example.read_text().replace('"Greeting"', '"Forbidden"', 1))
    for words in (("render", str(folder)), ("publish", str(folder), "--yes", "--json")):
        done = world.command("blueprint", *words)
        assert done.returncode == 0, done.stderr
    denied = {"Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*"}
    world.client("iam").put_role_policy(
        RoleName="autoprovision-blueprint-forbidden", PolicyName="less",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}),
    )  # fmt: skip
    unit = world.unit()
    ada = world.person(unit)
    sent = template(ProjectType="Forbidden")
    del sent["ProjectURL"]
    request = accepted(world, ada, sent)
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("FAILED", "STACK_FAILED")
    assert "Greeter" in done["message"]
    assert "lambda:CreateFunction" in done["message"]
    assert not [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]
    assert not [
        one for one in world.client("iam").list_roles()["Roles"]
        if done["applicationId"] in one["RoleName"]
    ]  # fmt: skip
    assert ada.get(f"/applications/{done['applicationId']}").json()["status"] == "TERMINATED"
    balance = world.admin.get(f"/business-units/{unit}").json()
    assert (balance["held"], balance["used"]) == (0, 0)
    (mail,) = world.mailed(sent["ProjectEmail"])
    assert "lambda:CreateFunction" in mail.text
