"""Code that is built first: four kinds of application answer, and what cannot be built is undone."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.catalog.sockets import WebSocket
from tests.e2e.conftest import Person, World

from autoprovision.embedded import launcher
from autoprovision.embedded.platform import install

PROJECTS = Path(__file__).parents[2] / "examples" / "projects"
LOCK = json.dumps({"name": "x", "lockfileVersion": 3, "requires": True, "packages": {"": {}}})


def project(name: str) -> dict[str, str]:
    folder = PROJECTS / name
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in folder.rglob("*")
        if file.is_file() and "node_modules" not in file.parts
    }


def scripted(build: str) -> dict[str, str]:
    """A project without libraries whose build is this command."""
    package = {"name": "x", "private": True, "scripts": {"build": build}}
    return {"package.json": json.dumps(package), "package-lock.json": LOCK}


def lines_of(person: Person, request_id: str) -> list[tuple[str, str, str]]:
    events = person.get(f"/requests/{request_id}/events", limit=100).json()["items"]
    return [(one["step"], one["status"], one["message"]) for one in events]


def left_in(world: World, request: dict) -> list[str]:
    """Everything that a request may have left behind."""
    bucket = world.installed.outputs["BuildsBucketName"]
    keys = world.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    left = [one["Key"] for one in keys if request["id"] in one["Key"]]
    left += [one["StackName"] for one in world.stacks() if one["StackName"].endswith(request["id"][-10:])]  # fmt: skip
    codebuild = world.client("codebuild")
    for build in codebuild.list_builds()["ids"]:
        (one,) = codebuild.batch_get_builds(ids=[build])["builds"]
        variables = {v["name"]: v["value"] for v in one["environment"]["environmentVariables"]}
        if variables.get("REQUEST_ID") == request["id"] and one["buildStatus"] == "IN_PROGRESS":
            left.append(build)
    return left


@pytest.fixture
def order(world: World, template, git) -> Callable[..., tuple[Person, dict]]:
    """Orders a project of files; gives the person and the accepted request."""

    def place(files: dict[str, str], **changes: str) -> tuple[Person, dict]:
        person = world.person(world.unit())
        answer = person.post("/requests", template(ProjectURL=git(files), **changes))
        assert answer.status_code == 202, answer.text
        return person, answer.json()

    return place


def succeeded(person: Person, request: dict) -> dict:
    done = person.wait(request["id"], seconds=150)
    told = "\n".join(map(str, lines_of(person, request["id"])))
    assert done["status"] == "SUCCEEDED", told
    return done


def test_a_vite_built_react_application_answers_on_every_path(world, order):
    ada, request = order(project("react"), ProjectType="SPA", TechStack="React")
    done = succeeded(ada, request)
    page = httpx.get(done["url"])
    assert 'type="module"' in page.text
    script = page.text.partition('src="')[2].partition('"')[0]
    built = httpx.get(done["url"] + script)
    assert built.headers["content-type"].startswith("text/javascript")
    assert len(built.text) > 50_000, "React itself is in it"
    assert httpx.get(done["url"] + "/any/route").text == page.text
    settings = httpx.get(done["url"] + "/config.json").json()
    assert settings["environment"] == "dev"
    told = lines_of(ada, request["id"])
    steps = [step for step, _, _ in told]
    assert steps.index("StageSource") < steps.index("AwaitBuild") < steps.index("PublishProject")
    assert any(m.startswith("install is done after") for s, _, m in told if s == "AwaitBuild")
    (end,) = [m for s, status, m in told if s == "AwaitBuild" and status == "SUCCEEDED"]
    assert "built in" in end
    assert len(end.splitlines()) <= 21
    assert not [key for key in left_in(world, request) if key.endswith("source.zip")]


def test_a_fastapi_service_answers_and_leaves_nothing(world, order):
    ada, request = order(project("fastapi"), ProjectType="Dynamic", TechStack="fastapi")
    done = succeeded(ada, request)
    assert done["plan"]["blueprint"] == "serverless-web"
    assert httpx.get(done["url"]).json()[0] == {"name": "A101", "seats": 12}
    assert httpx.get(done["url"] + "/rooms/A102").json()["seats"] == 30
    assert httpx.get(done["url"] + "/rooms/nowhere").status_code == 404
    bucket = world.installed.outputs["BuildsBucketName"]
    function = f"releases/autoprovision-app-{done['applicationId']}/"
    kept = world.client("s3").list_objects_v2(Bucket=bucket, Prefix=function)["Contents"]
    assert len(kept) == 1
    application = ada.get(f"/applications/{done['applicationId']}").json()
    assert application["release"] in kept[0]["Key"]
    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"
    assert "Contents" not in world.client("s3").list_objects_v2(Bucket=bucket, Prefix=function)


def test_a_hugo_site_answers(order):
    ada, request = order(project("hugo"), ProjectType="Static", TechStack="Hugo")
    done = succeeded(ada, request)
    assert "between the paving stones" in httpx.get(done["url"]).text
    assert httpx.get(done["url"] + "/moss/").status_code == 200


def test_people_chat_over_a_websocket(order):
    ada, request = order(project("websocket"), ProjectType="RealTime", TechStack="WebSocket")
    done = succeeded(ada, request)
    outputs = ada.get(f"/applications/{done['applicationId']}").json()["outputs"]
    assert outputs["SocketUrl"] in httpx.get(done["url"]).text
    one, two = (WebSocket(f"{outputs['SocketUrl']}?room=blue") for _ in range(2))
    one.send({"action": "say", "text": "hello"})
    assert one.receive() == two.receive() == {"text": "hello"}
    one.close()
    two.close()


@pytest.mark.parametrize(
    ("files", "reason", "said"),
    [
        (scripted("echo the colour is unknown >&2; exit 3"), "BUILD_FAILED", "the colour is unknown"),
        (scripted("true"), "BUILD_FAILED", "made no index.html"),
        (scripted("frobnicate"), "BUILD_FAILED", "frobnicate: not found"),
        (
            scripted("mkdir dist; echo x > dist/index.html; truncate -s 300M dist/big"),
            "BUILD_OUTPUT_TOO_LARGE",
            "it may have 250 MB",
        ),
        (scripted("truncate -s 3G gigabytes"), "BUILD_FAILED", "File size limit exceeded"),
        ({"package.json": "{}"}, "SOURCE_INCOMPLETE", "no package-lock.json"),
        ({"index.html": "hi"}, "SOURCE_INCOMPLETE", "no package.json and no package-lock.json"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_named_and_undone(world, order, files, reason, said):
    ada, request = order(files, ProjectType="SPA", TechStack="Vue")
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("FAILED", reason)
    assert said in done["message"]
    assert left_in(world, request) == []
    assert ada.get(f"/applications/{done['applicationId']}").json()["status"] == "TERMINATED"
    if reason == "BUILD_FAILED":
        assert any(said in m for s, status, m in lines_of(ada, request["id"]) if status == "FAILED")


HOSTILE = """
aws() { python3 -c 'import boto3, sys
service, call, *rest = sys.argv[1:]
print(getattr(boto3.client(service), call)(**eval(rest[0])))' "$@" && echo "REACHED $*"; }
aws secretsmanager list_secrets '{}'
aws dynamodb scan '{"TableName": "autoprovision-ledger"}'
aws s3 list_objects_v2 "{'Bucket': '$BUCKET'}"
aws s3 put_object "{'Bucket': '$CATALOG', 'Key': 'index.json', 'Body': b'x'}"
aws s3 get_object "{'Bucket': '$CATALOG', 'Key': 'index.json'}"
aws codebuild batch_get_builds "{'ids': ['$CODEBUILD_BUILD_ID']}"
aws lambda list_functions '{}'
aws iam list_roles '{}'
aws stepfunctions list_state_machines '{}'
env | grep -c -i -E 'canary|AccessToken|PRIVATE' && echo "REACHED a secret"
mkdir -p dist; echo '<p>harmless</p>' > dist/index.html; echo ALL TRIED
"""


def test_a_hostile_build_reaches_nothing(world, template, git):
    ada = world.person(world.unit())
    outputs = world.installed.outputs
    script = HOSTILE.replace("$BUCKET", outputs["BuildsBucketName"])
    script = script.replace("$CATALOG", outputs["CatalogBucketName"])
    files = {**scripted("bash hostile.sh"), "hostile.sh": script}
    url = git(files, "canary-access-token-4711")
    sent = template(
        ProjectURL=url, ProjectType="SPA", TechStack="Vue", AccessToken="canary-access-token-4711"
    )
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    assert done["status"] == "SUCCEEDED", lines_of(ada, request["id"])
    logs = world.client("logs").filter_log_events(logGroupName="/aws/codebuild/autoprovision-build")
    said = "".join(one["message"] for one in logs["events"])
    assert "ALL TRIED" in said
    assert said.count("AccessDenied") >= 9
    assert "\nREACHED" not in said
    assert "canary-access-token-4711" not in said


def started_building(person: Person, request: dict) -> None:
    deadline = time.monotonic() + 60
    while not any(s == "AwaitBuild" for s, _, _ in lines_of(person, request["id"])):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_build_is_stopped_when_its_request_is_cancelled(world, order):
    ada, request = order(scripted("sleep 600"), ProjectType="SPA", TechStack="React")
    started_building(ada, request)
    assert ada.post(f"/requests/{request['id']}/cancel").status_code in {200, 202}
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("CANCELLED", "CANCELLED")
    assert left_in(world, request) == []


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[World]:
    """A platform whose builds have minutes of half a second."""
    aws = launcher.start(tmp_path, extra_environment={"CODEBUILD_MINUTE_SECONDS": "0.5"})
    try:
        yield World(aws, install(aws, say=lambda _: None))
    finally:
        launcher.stop(tmp_path)


def test_a_build_that_never_ends_is_ended(hasty, template, git):
    ada = hasty.person(hasty.unit())
    sent = template(ProjectURL=git(scripted("sleep 600")), ProjectType="SPA", TechStack="React")
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("FAILED", "BUILD_TIMED_OUT")
    assert done["message"] == "The build took longer than the 15 minutes that it has in its phase build."  # fmt: skip
    assert left_in(hasty, request) == []
