"""The samples of stacks that the embedded AWS really runs: ordered, built by their recipe, asked."""

from typing import Any

import httpx
import pytest
from tests.e2e.conftest import Person, World
from tests.e2e.test_builds import left_in, lines_of, project

ORDERS = {
    "Angular": ("SPA", "angular"),
    "Vue": ("SPA", "vue"),
    "Flask": ("Dynamic", "flask"),
    "Django": ("Dynamic", "django"),
    "Node.js": ("Dynamic", "nodejs"),
}


@pytest.fixture(scope="module")
def ordered(world: World, git: Any) -> tuple[Person, dict[str, dict[str, Any]]]:
    """All of them ordered at once; the builds run side by side."""
    person = world.person(world.unit())
    requests = {}
    for stack, (kind, folder) in ORDERS.items():
        body = {
            "ApplicationName": f"sample-{folder}", "TargetEnvironment": "dev", "ProjectType": kind,
            "TechStack": stack, "ProjectURL": git(project(folder)),
            "ProjectEmail": "ada@example.edu",
        }  # fmt: skip
        answer = person.post("/requests", body)
        assert answer.status_code == 202, answer.text
        requests[stack] = answer.json()
    return person, requests


@pytest.fixture
def url(request: pytest.FixtureRequest, ordered: tuple[Person, dict[str, dict[str, Any]]]) -> str:
    """Where a stack's sample answers."""
    person, requests = ordered
    done = person.wait(requests[request.param]["id"], seconds=200)
    told = "\n".join(map(str, lines_of(person, done["id"])))
    assert done["status"] == "SUCCEEDED", told
    return str(done["url"])


@pytest.mark.parametrize("url", ["Angular", "Vue"], indirect=True)
def test_a_single_page_application_is_built_and_has_its_settings(url: str):
    page = httpx.get(url).text
    scripts = [part.partition('"')[0] for part in page.split('src="')[1:]]
    assert scripts
    code = "".join(httpx.get(f"{url}/{script.lstrip('/')}").text for script in scripts)
    assert "/config.json" in code
    assert httpx.get(f"{url}/any/route").text == page
    assert httpx.get(f"{url}/config.json").json()["environment"] == "dev"


@pytest.mark.parametrize(
    ("url", "path", "said"),
    [
        ("Flask", "/", {"sample": "flask"}),
        ("Django", "/", {"sample": "django", "books": ["Emma", "Persuasion"]}),
        ("Node.js", "/celsius/100", {"celsius": 100, "fahrenheit": 212}),
    ],
    indirect=["url"],
)
def test_a_service_answers(url: str, path: str, said: dict[str, Any]):
    answer = httpx.get(url + path)
    assert answer.status_code == 200
    assert said.items() <= answer.json().items()


# One for each blueprint that builds, and what its repository lacks.
MISFITS = {
    "Angular": ("SPA", {"package.json": "{}", "package-lock.json": "{}"}, "no angular.json"),
    "Hugo": ("Static", {"index.html": "hi"}, "no hugo.toml or hugo.yaml"),
    "Jekyll": ("Static", {"Gemfile": ""}, "no Gemfile.lock"),
    "HTML": ("Dapp", {"app.js": ""}, "no index.html or public/index.html"),
    "FastAPI": ("Dynamic", {"main.py": ""}, "no requirements.txt"),
    "Node.js": ("Dynamic", {"server.js": ""}, "no package.json and no package-lock.json"),
    "WebSocket": ("RealTime", {"main.py": ""}, "no index.py or index.js"),
}


@pytest.fixture(scope="module")
def misfits(world: World, git: Any) -> tuple[Person, dict[str, dict[str, Any]]]:
    """All of them ordered at once."""
    person, requests = world.person(world.unit()), {}
    for number, (stack, (kind, files, _)) in enumerate(MISFITS.items()):
        body = {
            "ApplicationName": f"misfit-{number}", "TargetEnvironment": "dev", "ProjectType": kind,
            "TechStack": stack, "ProjectURL": git(files), "ProjectEmail": "ada@example.edu",
        }  # fmt: skip
        answer = person.post("/requests", body)
        assert answer.status_code == 202, answer.text
        requests[stack] = answer.json()
    return person, requests


@pytest.mark.parametrize("stack", MISFITS)
def test_a_repository_of_another_stack_is_named_and_undone(
    world: World, misfits: tuple[Person, dict[str, dict[str, Any]]], stack: str
):
    person, requests = misfits
    done = person.wait(requests[stack]["id"], seconds=200)
    assert (done["status"], done["reason"]) == ("FAILED", "SOURCE_INCOMPLETE")
    assert f"does not fit {stack}: there is {MISFITS[stack][2]}" in done["message"]
    assert left_in(world, done) == []
    assert person.get(f"/applications/{done['applicationId']}").json()["status"] == "TERMINATED"
