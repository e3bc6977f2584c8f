"""Samples of stacks that run in containers: the recipe's image, played as a process, answers.

What fetches gems is left out: their registry is none that tests may count on. Debian's gems stand in.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.catalog.images import (
    COMMIT,
    REPOSITORY,
    REQUEST,
    asked,
    installed,
    needs,
    started,
    written,
)
from tests.catalog.recipes import PROJECTS

CHECK = Path(__file__).with_name("check_gemfile_lock.rb")


@pytest.mark.parametrize(
    ("stack", "sample", "health", "said"),
    [
        ("Node.js", "nodejs", "/", '"sample":"nodejs"'),
        ("Socket.IO", "socketio", "/", "is well"),
        ("Django", "django", "/", '"sample": "django"'),
        ("Flask", "flask", "/", '"sample":"flask"'),
        ("FastAPI", "fastapi", "/", '"A101"'),
    ],
)
def test_it_answers_its_health_path(
    stack: str, sample: str, health: str, said: str, tmp_path: Path
):
    image = written(PROJECTS / sample, stack, tmp_path)
    environment = installed(image, tmp_path / "packages")
    with started(image.command, image.folder, environment) as url:
        status, body = asked(url + health)
        assert status == 200
        assert said in body


def test_the_recipe_pushes_one_image_under_the_commit_and_the_request(tmp_path: Path):
    image = written(PROJECTS / "php", "PHP", tmp_path)
    release = f"{COMMIT[:12]}-{REQUEST[-8:]}"
    tag = f"{REPOSITORY}:{release}"
    registry, _, name = REPOSITORY.partition("/")
    assert set(image.calls[:2]) == {  # the two ends of a pipe
        "aws ecr get-login-password",
        f"docker login --username AWS --password-stdin {registry}",
    }
    image_id = f"imageTag={release}"
    assert image.calls[2:] == (
        f"aws ecr describe-images --repository-name {name} --image-ids {image_id}",
        f"docker build --pull --tag {tag} .",
        f"docker push {tag}",
    )


def test_a_php_page_answers(tmp_path: Path):
    needs("php")
    image = written(PROJECTS / "php", "PHP", tmp_path)
    # The image's Apache is its base's own; PHP's server reads the same folder.
    assert image.command == ()
    serve = ("sh", "-c", "exec php -S 127.0.0.1:$PORT")
    with started(serve, image.folder, {"PATH": "/usr/bin:/bin"}) as url:
        assert json.loads(asked(url + "/")[1])["sample"] == "php"


def test_a_rails_application_answers(tmp_path: Path):
    needs("ruby", "bundle", "rails", "puma")
    image = written(PROJECTS / "rubyonrails", "Ruby on Rails", tmp_path)
    assert any("bundle install" in step for step in image.runs)
    gems = tmp_path / "debian"
    gems.mkdir()
    (gems / "Gemfile").write_text('gem "puma"\ngem "railties"\n')
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8",
        "BUNDLE_GEMFILE": str(gems / "Gemfile"), **image.environment,
    }  # fmt: skip
    with started(image.command, image.folder, environment) as url:
        assert asked(url + "/up") == (200, "The tide tables are well.\n")
        assert json.loads(asked(url + "/")[1])["sample"] == "rails"


def test_a_jekyll_site_is_built(tmp_path: Path):
    needs("jekyll")
    shutil.copytree(PROJECTS / "jekyll", tmp_path / "source")
    subprocess.run(
        ["jekyll", "build", "--quiet", "--destination", tmp_path / "site"],
        cwd=tmp_path / "source", check=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(tmp_path), "JEKYLL_NO_BUNDLER_REQUIRE": "1"},
    )  # fmt: skip
    assert "Three books for the autumn" in (tmp_path / "site" / "index.html").read_text()
    assert [one.name for one in (tmp_path / "site").iterdir()] == ["index.html"]


@pytest.mark.parametrize("sample", ["jekyll", "rubyonrails"])
def test_a_gemfile_lock_fits_itself_and_its_gemfile(sample: str):
    needs("ruby", "bundle")
    done = subprocess.run(
        ["ruby", CHECK], cwd=PROJECTS / sample, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.long
def test_a_strapi_project_answers(tmp_path: Path):
    image = written(PROJECTS / "strapi", "Strapi", tmp_path)
    # Where SQLite's module has no download to be had, npm compiles it, with the headers of this Node.js.
    node = Path(str(shutil.which("node"))).resolve().parents[1]
    environment = installed(image, tmp_path / "packages", npm_config_nodedir=str(node))
    with started(image.command, image.folder, environment) as url:
        assert asked(url + "/_health")[0] == 204
        assert json.loads(asked(url + "/api/courses")[1])["data"][0]["title"] == "Tides and moons"
