"""Applications that are built are updated: new code answers, and what cannot be built changes nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.e2e.conftest import Person, World
from tests.e2e.test_builds import left_in, lines_of, scripted, started_building

from autoprovision.embedded import git_host, launcher, localhost_names
from autoprovision.embedded.platform import install

# A request's own waits and retries are short here: an address that stays dead is told soon.
QUICK = {"SFN_WAIT_SCALE": "0.02"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    localhost_names.install()
    data = tmp_path_factory.mktemp("platform")
    aws = launcher.start(data, extra_environment=QUICK)
    try:
        yield World(aws, install(aws, say=lambda _: None))
    finally:
        launcher.stop(data)


class Repository:
    """A repository whose code moves on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, ""

    def holds(self, files: dict[str, str]) -> None:
        """Commit these files."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, "utf-8")
        git_host.commit_folder(self.folder)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Callable[..., Repository]]:
    """Gives a function that serves a repository with these files."""
    with ExitStack() as stack:

        def make(files: dict[str, str], token: str | None = None) -> Repository:
            folder = tmp_path / f"git-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            made = Repository(folder)
            made.holds(files)
            made.url = stack.enter_context(git_host.serve({"it": folder}, token=token)) + "/it"
            return made

        yield make


@dataclass
class Live:
    """An application that answers, and whose it is."""

    world: World
    person: Person
    application: dict
    url: str

    @property
    def path(self) -> str:
        return f"/applications/{self.application['id']}"

    def now(self) -> dict:
        return self.person.get(self.path).json()

    def says(self) -> str:
        return httpx.get(self.url).text.strip()

    def publish(self) -> dict:
        answer = self.person.post(f"{self.path}/publish")
        assert answer.status_code == 202, answer.text
        return answer.json()

    def update(self, body: dict) -> dict:
        answer = self.person.http.patch(self.path, json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def done(self, request: dict) -> dict:
        return self.person.wait(request["id"], seconds=150)

    def parameters(self) -> dict[str, str]:
        """Those of its stack."""
        formation = self.world.client("cloudformation")
        (stack,) = formation.describe_stacks(StackName=self.application["stackId"])["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    def mails(self) -> list[str]:
        return [one.subject for one in self.world.mails(self.application["projectEmail"])]


@pytest.fixture
def live(world: World, template) -> Callable[..., Live]:
    """Gives a function that provisions a repository."""

    def make(repository: Repository, **changes: str) -> Live:
        person = world.person(world.unit())
        sent = template(ProjectURL=repository.url, **changes)
        accepted = person.post("/requests", sent)
        assert accepted.status_code == 202, accepted.text
        done = person.wait(accepted.json()["id"], seconds=150)
        assert done["status"] == "SUCCEEDED", lines_of(person, done["id"])
        application = person.get(f"/applications/{done['applicationId']}").json()
        return Live(world, person, application, done["url"])

    return make


def flask(word: str, status: str = "200 OK") -> dict[str, str]:
    """A web application without libraries."""
    code = (
        "def app(environ, start_response):\n"
        f"    start_response({status!r}, [('Content-Type', 'text/plain')])\n"
        f"    return [{word.encode()!r}]\n"
    )
    return {"app.py": code, "requirements.txt": "\n"}


def page(word: str) -> dict[str, str]:
    return scripted(f"mkdir -p dist; echo '{word}' > dist/index.html")


SPA = {"ProjectType": "SPA", "TechStack": "Vue"}
WEB = {"ProjectType": "Dynamic", "TechStack": "Flask"}


def assert_as_before(one: Live, request: dict, *, says: str, before: dict) -> None:
    """What a failed change promises."""
    assert one.says() == says
    now = one.now()
    assert (now["status"], now["operation"]) == ("TAINTED", None)
    assert now["release"] == before["release"]
    assert now["parameters"] == before["parameters"]
    unit = one.person.get(f"/business-units/{now['businessUnit']}").json()
    assert (unit["held"], unit["used"]) == (0, before["monthlyCredits"])
    assert left_in(one.world, request) == []


def test_new_code_of_a_function_is_published_and_a_broken_one_is_not(world, live, repository):
    code = repository(flask("first"))
    one = live(code, **WEB)
    assert one.says() == "first"
    code.holds(flask("second"))
    done = one.done(one.publish())
    assert (done["status"], done["plan"]) == ("SUCCEEDED", None), lines_of(one.person, done["id"])
    assert one.says() == "second"
    told = [step for step, _, _ in lines_of(one.person, done["id"])]
    assert told.index("StageSource") < told.index("AwaitBuild") < told.index("PublishProject")
    before, mails = one.now(), len(one.mails())
    # What cannot be built.
    code.holds({"requirements.txt": "no-such-package-of-ours==1\n"})
    done = one.done(one.publish())
    assert (done["status"], done["reason"]) == ("FAILED", "BUILD_FAILED")
    assert_as_before(one, done, says="second", before=before)
    # What is built and published and then does not answer.
    code.holds(flask("third", status="503 Not now"))
    done = one.done(one.publish())
    assert (done["status"], done["reason"]) == ("FAILED", "URL_NOT_READY")
    assert_as_before(one, done, says="second", before=before)
    assert len(one.mails()) == mails + 2
    # And again behind it: the release before is not the newest one that is kept.
    code.holds(flask("fourth", status="503 Not now"))
    assert one.done(one.publish())["status"] == "FAILED"
    assert one.says() == "second"
    code.holds(flask("fifth"))
    assert one.done(one.publish())["status"] == "SUCCEEDED"
    assert (one.says(), one.now()["status"]) == ("fifth", "AVAILABLE")
    bucket = world.installed.outputs["BuildsBucketName"]
    prefix = f"releases/autoprovision-app-{one.application['id']}/"
    kept = world.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert len(kept) == 2
    assert any(one.now()["release"] in each["Key"] for each in kept)
    assert any(before["release"] in each["Key"] for each in kept)


def test_an_update_of_stack_and_code_comes_whole_or_not_at_all(world, live, repository):
    one = live(repository(flask("first"), "old-token"), **WEB, AccessToken="old-token")
    before, stack, secrets = one.now(), one.parameters(), world.secrets()
    broken = repository({**flask("second"), "requirements.txt": "no-such-package=="}, "new-token")
    wish = {
        "ProjectURL": broken.url,
        "AccessToken": "new-token",
        "Parameters": {"EntryPoint": "app:app"},
    }
    done = one.done(one.update(wish))
    assert (done["status"], done["reason"]) == ("FAILED", "BUILD_FAILED")
    assert_as_before(one, done, says="first", before=before)
    assert one.parameters() == stack
    assert world.secrets() == secrets
    good = repository(flask("second"), "new-token")
    done = one.done(one.update({**wish, "ProjectURL": good.url}))
    assert done["status"] == "SUCCEEDED", lines_of(one.person, done["id"])
    assert (one.says(), one.parameters()["EntryPoint"]) == ("second", "app:app")
    assert one.now()["parameters"]["EntryPoint"] == "app:app"
    assert len(world.secrets()) == len(secrets)
    assert world.secrets() != secrets, "the credential before is forgotten"
    assert len(one.mails()) == 3


def test_a_function_keeps_its_code_when_only_its_stack_changes(world, live, repository):
    one = live(repository(flask("first")), **WEB)
    name = f"autoprovision-app-{one.application['id']}"
    functions, formation = world.client("lambda"), world.client("cloudformation")
    code = functions.get_function_configuration(FunctionName=name)["CodeSha256"]
    values = [
        {"ParameterKey": key, **({"ParameterValue": "22"} if key == "Timeout" else {"UsePreviousValue": True})}
        for key in one.parameters()
    ]  # fmt: skip
    formation.update_stack(
        StackName=one.application["stackId"], UsePreviousTemplate=True, Parameters=values,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )  # fmt: skip
    formation.get_waiter("stack_update_complete").wait(
        StackName=one.application["stackId"], WaiterConfig={"Delay": 1}
    )
    after = functions.get_function_configuration(FunctionName=name)
    assert (after["CodeSha256"], after["Timeout"]) == (code, 22)


def test_a_built_site_is_published_and_what_cannot_be_built_is_not(live, repository):
    code = repository(page("first"))
    one = live(code, **SPA)
    assert one.says() == "first"
    for word in ("second", "third"):
        code.holds(page(word))
        assert one.done(one.publish())["status"] == "SUCCEEDED"
        assert one.says() == word
    before = one.now()
    code.holds(scripted("echo the colour is unknown >&2; exit 3"))
    done = one.done(one.publish())
    assert (done["status"], done["reason"]) == ("FAILED", "BUILD_FAILED")
    assert "the colour is unknown" in done["message"]
    assert_as_before(one, done, says="third", before=before)
    # Its stack does not know which release is live; an update has to tell it and to take that back.
    done = one.done(one.update({"ProjectEmail": "somebody@example.edu"}))
    assert done["reason"] == "BUILD_FAILED"
    assert_as_before(one, done, says="third", before=before)


def test_a_cancel_stops_the_build_of_an_update(live, repository):
    code = repository(page("first"))
    one = live(code, **SPA)
    before = one.now()
    code.holds(scripted("sleep 600"))
    request = one.publish()
    started_building(one.person, request)
    assert one.person.post(f"/requests/{request['id']}/cancel").status_code in {200, 202}
    done = one.done(request)
    assert (done["status"], done["reason"]) == ("CANCELLED", "CANCELLED")
    deadline = time.monotonic() + 20
    while left_in(one.world, done) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_in(one.world, done) == []
    now = one.now()
    assert (now["status"], now["release"], one.says()) == ("AVAILABLE", before["release"], "first")
