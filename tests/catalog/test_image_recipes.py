"""The recipe of applications in containers, run by the embedded AWS's CodeBuild as it is published.

Containers cannot run here: `docker` and `aws` are programs that write down what they were told. What
the images hold is read from the Dockerfile that the recipe writes.
"""

import io
import json
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.catalog.recipes import CATALOG, PROJECTS
from tests.catalog.stacks import Workbench
from tests.catalog.test_folders import FOLDERS

BUCKET, REPOSITORY = "recipes", "1.dkr.ecr.x.amazonaws.com/autoprovision-app/app_1"
COMMIT, REQUEST = "c0ffee0123456789c0ffee0123456789c0ffee01", "req_01jd0000000000000012ab34cd"
IMAGE = f"{REPOSITORY}:c0ffee012345-12ab34cd"
MANIFEST = next(one.manifest for one in FOLDERS if one.manifest.id == "web-service")
STACKS = sorted({stack for one in MANIFEST.serves for stack in one.tech_stacks})
# Every stack whose sample is there, so that new ones join by themselves.
SAMPLES = [
    (stack, folder)
    for stack in STACKS
    if (folder := PROJECTS / re.sub(r"[^a-z]", "", stack.lower())).is_dir()
]
each = pytest.mark.parametrize(("stack", "folder"), SAMPLES, ids=[one for one, _ in SAMPLES])
PROGRAM = """#!{python}
import json, os, pathlib, sys
name, told = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
if name == "aws" and "describe-images" in told and not os.environ.get("IMAGE_IS_THERE"):
    sys.exit(254)
if name == "curl":
    pathlib.Path(told[told.index("--output") + 1]).write_text(os.environ.get("CURL_GIVES", ""))
if name == "aws" and "get-login-password" in told:
    print("a-token")
given = sys.stdin.read() if "--password-stdin" in told else ""
folder = pathlib.Path(".").resolve()
files = {{}}
if told[:1] == ["build"]:
    files = {{file: (folder / file).read_text() for file in ("Dockerfile", ".dockerignore") if (folder / file).exists()}}
with open("{calls}", "a") as calls:
    calls.write(json.dumps([name, told, given, files]) + "\\n")
"""


class Built(NamedTuple):
    """What came of a build."""

    status: str
    said: str
    calls: list[list[Any]]
    output: dict[str, Any]

    @property
    def told(self) -> list[str]:
        return [f"{name} {' '.join(arguments)}" for name, arguments, _, _ in self.calls]

    @property
    def files(self) -> dict[str, str]:
        return dict(next(files for _, arguments, _, files in self.calls if arguments[0] == "build"))

    @property
    def lines(self) -> list[str]:
        """The lines of the Dockerfile."""
        return [line for line in self.files["Dockerfile"].splitlines() if line]

    def words(self, instruction: str) -> list[str]:
        """What comes after an instruction, for each of its kind."""
        return [one.partition(" ")[2] for one in self.lines if one.startswith(instruction + " ")]

    @property
    def command(self) -> str:
        """What the container runs, as its shell reads it."""
        shell, option, command = json.loads(self.words("CMD")[-1])
        assert (shell, option) == ("sh", "-c")
        return str(command)


class Builder:
    """CodeBuild with the recipe."""

    def __init__(self, bench: Workbench, programs: Path) -> None:
        self.bench, self.programs = bench, programs
        self.calls = programs / "calls"
        for name in ("docker", "aws", "curl"):
            program = programs / name
            program.write_text(PROGRAM.format(python=os.sys.executable, calls=self.calls))
            program.chmod(0o755)
        self.s3, self.codebuild = bench.client("s3"), bench.client("codebuild")
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": bench.aws.region}
        )
        recipe = (CATALOG / "web-service" / "buildspec.yaml").read_bytes()
        self.s3.put_object(Bucket=BUCKET, Key="recipe", Body=recipe)
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"}]}  # fmt: skip
        iam = bench.client("iam")
        role = iam.create_role(RoleName="recipes", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName="recipes", PolicyName="p", PolicyDocument=json.dumps(allowed))
        self.codebuild.create_project(
            name="recipes", serviceRole=role["Role"]["Arn"],
            source={"type": "S3", "location": f"{BUCKET}/source.zip", "buildspec": f"arn:aws:s3:::{BUCKET}/recipe"},
            artifacts={"type": "S3", "location": BUCKET, "name": "output.zip", "packaging": "ZIP"},
            environment={"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        )  # fmt: skip

    def build(self, stack: str, files: Mapping[str, bytes | str], **more: str) -> Built:
        """Build a project's files."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        self.s3.put_object(Bucket=BUCKET, Key="source.zip", Body=packed.getvalue())
        self.calls.unlink(missing_ok=True)
        variables = {
            "TECH_STACK": stack, "COMMIT": COMMIT, "REQUEST_ID": REQUEST,
            "OUTPUT_RepositoryUri": REPOSITORY, "PATH": f"{self.programs}:/usr/bin:/bin", **more,
        }  # fmt: skip
        started = self.codebuild.start_build(
            projectName="recipes", privilegedModeOverride=True,
            environmentVariablesOverride=[{"name": k, "value": v} for k, v in variables.items()],
        )["build"]["id"]  # fmt: skip
        deadline = time.monotonic() + 60
        while not (seen := self.codebuild.batch_get_builds(ids=[started])["builds"][0])[
            "buildComplete"
        ]:
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        events = self.bench.client("logs").get_log_events(
            logGroupName=seen["logs"]["groupName"], logStreamName=seen["logs"]["streamName"],
            startFromHead=True,
        )["events"]  # fmt: skip
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        succeeded = seen["buildStatus"] == "SUCCEEDED"
        return Built(
            seen["buildStatus"], "".join(one["message"] for one in events),
            [json.loads(line) for line in calls], self._output() if succeeded else {},
        )  # fmt: skip

    def _output(self) -> dict[str, Any]:
        body = self.s3.get_object(Bucket=BUCKET, Key="output.zip")["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.namelist() == ["image.json"]
            return dict(json.loads(archive.read("image.json")))


@pytest.fixture(scope="module")
def builder(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    return Builder(workbench, tmp_path_factory.mktemp("programs"))


def sample(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    }


NODE = {"package.json": "{}", "package-lock.json": "{}"}
PYTHON = {"requirements.txt": "", "main.py": "", "app.py": "", "shelf/wsgi.py": "", "manage.py": ""}
LEAST = {
    "PHP": {"index.php": ""}, "Ruby on Rails": {"Gemfile": "", "Gemfile.lock": ""},
    "Node.js": NODE, "MEAN": NODE, "Socket.IO": NODE, "Strapi": NODE,
    "Django": PYTHON, "Flask": PYTHON, "FastAPI": PYTHON,
}  # fmt: skip


def test_every_stack_is_known():
    assert set(LEAST) == set(STACKS)
    assert len(SAMPLES) >= 6


@each
def test_the_image_of_a_sample_is_built_and_pushed(builder: Builder, stack: str, folder: Path):
    built = builder.build(stack, sample(folder))
    assert built.status == "SUCCEEDED", built.said
    assert built.output == {"image": IMAGE}
    assert sorted(built.told[:2]) == [
        "aws ecr get-login-password",
        "docker login --username AWS --password-stdin 1.dkr.ecr.x.amazonaws.com",
    ]
    assert built.told[2:] == [f"docker build --pull --tag {IMAGE} .", f"docker push {IMAGE}"]
    assert next(given for _, told, given, _ in built.calls if "login" in told) == "a-token\n"
    assert "a-token" not in built.said


@pytest.mark.parametrize("stack", STACKS)
def test_the_image_is_of_arm_and_runs_as_nobody_of_weight(builder: Builder, stack: str):
    built = builder.build(stack, LEAST[stack])
    assert built.status == "SUCCEEDED", built.said
    assert all(one.startswith("public.ecr.aws/docker/library/") for one in built.words("FROM"))
    (user,) = built.words("USER")
    assert user in {"nobody", "node", "www-data"}
    assert "--platform" not in built.files["Dockerfile"]
    assert ".git" in built.files[".dockerignore"].splitlines()
    # Whatever fetches and builds does so before the user changes; what runs, after.
    order = [one.split()[0] for one in built.lines]
    assert order.index("USER") > max(n for n, word in enumerate(order) if word == "RUN")


@pytest.mark.parametrize("stack", [one for one in STACKS if one not in {"PHP", "Node.js", "MEAN", "Socket.IO", "Strapi"}])  # fmt: skip
def test_it_listens_where_the_stack_says_on_every_address(builder: Builder, stack: str):
    command = builder.build(stack, LEAST[stack]).command
    assert "$PORT" in command
    assert "0.0.0.0" in command


def test_apache_takes_its_port_from_the_environment(builder: Builder):
    built = builder.build("PHP", {"index.php": ""})
    (ports,) = [one for one in built.words("RUN") if "ports.conf" in one]
    assert "'s/^Listen 80$/Listen ${PORT}/' /etc/apache2/ports.conf" in ports
    assert "s/:80>/:${PORT}>/" in ports
    assert "DocumentRoot /var/www/html#'" in ports
    framework = builder.build(
        "PHP", {"public/index.php": "", "composer.json": "", "composer.lock": ""}
    )
    assert any("DocumentRoot /var/www/html/public#" in one for one in framework.words("RUN"))
    assert any("composer install --no-dev" in one for one in framework.words("RUN"))


def test_node_runs_what_was_built_without_what_built_it(builder: Builder):
    built = builder.build("Node.js", NODE)
    first, last = built.words("FROM")
    assert first.endswith("node:22 AS build")
    assert last.endswith("node:22-slim")
    assert "npm prune --omit=dev" in built.words("RUN")[1]
    assert "NODE_ENV=production HOST=0.0.0.0" in built.words("ENV")
    assert built.command == "exec npm start"
    # In this order the folder itself is the user's too, who may write into it.
    assert built.lines.index("COPY --from=build --chown=node:node /app /app") < max(
        number for number, line in enumerate(built.lines) if line == "WORKDIR /app"
    )


def test_strapi_gets_a_key_for_each_use_from_the_applications_own(builder: Builder, tmp_path: Path):
    """What the container runs is run here, with an npm that tells its environment."""
    command = builder.build("Strapi", NODE).command
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nenv\n")
    npm.chmod(0o755)
    told = [shell(command, tmp_path, SECRET_KEY=key, DATABASE_ENGINE="postgres", DATABASE_USER="application") for key in ("one", "one", "two")]  # fmt: skip
    names = ("APP_KEYS", "API_TOKEN_SALT", "ADMIN_JWT_SECRET", "TRANSFER_TOKEN_SALT", "ENCRYPTION_KEY", "JWT_SECRET")  # fmt: skip
    assert all(re.fullmatch(r"[0-9a-f]{64}", told[0][name]) for name in names)
    assert len({told[0][name] for name in names}) == len(names)
    assert told[0] == told[1]
    assert not {told[0][name] for name in names} & {told[2][name] for name in names}
    assert (told[0]["DATABASE_CLIENT"], told[0]["DATABASE_USERNAME"]) == ("postgres", "application")
    assert shell(command, tmp_path, SECRET_KEY="one")["DATABASE_CLIENT"] == "sqlite"


@pytest.mark.parametrize(
    ("engine", "url"),
    [
        ("postgres", "postgresql://application:pw@db.internal:5432/application"),
        ("mysql", "mysql2://application:pw@db.internal:5432/application"),
    ],
)
def test_rails_finds_its_database_and_prepares_it(
    builder: Builder, tmp_path: Path, engine: str, url: str
):
    command = builder.build("Ruby on Rails", LEAST["Ruby on Rails"]).command
    bundle = tmp_path / "bundle"
    bundle.write_text('#!/bin/sh\necho "CALL_$3=$*" | tr ": " "__" >> calls; [ "$2" != rails ] || [ "$3" != server ] || env\n')  # fmt: skip
    bundle.chmod(0o755)
    database = {"DATABASE_ENGINE": engine, "DATABASE_HOST": "db.internal", "DATABASE_PORT": "5432", "DATABASE_NAME": "application", "DATABASE_USER": "application", "DATABASE_PASSWORD": "pw"}  # fmt: skip
    assert shell(command, tmp_path, PORT="8080", **database)["DATABASE_URL"] == url
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [one.partition("=")[0] for one in calls] == ["CALL_db_prepare", "CALL_server"]
    (tmp_path / "calls").unlink()
    assert "DATABASE_URL" not in shell(command, tmp_path, PORT="8080")
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_django_migrates_before_it_answers_where_there_is_a_database(
    builder: Builder, tmp_path: Path
):
    built = builder.build("Django", LEAST["Django"])
    assert any("collectstatic --noinput" in one for one in built.words("RUN"))
    (tmp_path / "python").write_text('#!/bin/sh\necho python "$*" >> calls\n')
    (tmp_path / "python").chmod(0o755)
    shell(built.command, tmp_path, PORT="8080", DATABASE_HOST="db.internal")
    migrated, served = (tmp_path / "calls").read_text().splitlines()
    assert migrated == "python manage.py migrate --noinput"
    assert served.startswith("python -m gunicorn shelf.wsgi:application --bind 0.0.0.0:8080")
    (tmp_path / "calls").unlink()
    shell(built.command, tmp_path, PORT="8080")
    assert "migrate" not in (tmp_path / "calls").read_text()


def shell(command: str, programs: Path, **environment: str) -> dict[str, str]:
    """Run a container's command; the environment that its last program tells."""
    import subprocess

    done = subprocess.run(
        ["sh", "-c", command], cwd=programs, capture_output=True, text=True, timeout=20, check=True,
        env={"PATH": f"{programs}:/usr/bin:/bin", **environment},
    )  # fmt: skip
    return dict(one.split("=", 1) for one in done.stdout.splitlines() if "=" in one)


@each
def test_a_projects_own_dockerfile_wins(builder: Builder, stack: str, folder: Path):
    own = "FROM scratch\nCOPY . /\n"
    built = builder.build(stack, {**sample(folder), "Dockerfile": own})
    assert built.status == "SUCCEEDED", built.said
    assert built.files == {"Dockerfile": own}
    assert "The project's own Dockerfile is used." in built.said


@pytest.mark.parametrize(
    ("stack", "files", "missing"),
    [
        ("Node.js", {"package.json": "{}"}, "package-lock.json"),
        ("Strapi", {}, "package.json"),
        ("Ruby on Rails", {"Gemfile": ""}, "Gemfile.lock"),
        ("PHP", {"composer.json": "{}"}, "composer.lock"),
        ("Flask", {"app.py": ""}, "requirements.txt"),
        ("Django", {"requirements.txt": ""}, "<name>/wsgi.py"),
        ("FastAPI", {"requirements.txt": "", "api.py": ""}, "main:app app:app"),
        ("COBOL", {}, "There is no recipe for COBOL"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_built(
    builder: Builder, stack: str, files: dict[str, str], missing: str
):
    built = builder.build(stack, files)
    assert built.status == "FAILED"
    assert missing in built.said
    assert "add a Dockerfile" in built.said
    assert built.calls == []


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("Django", "shelf; touch HACKED #/wsgi.py"),
        ("Django", "$(touch HACKED)/wsgi.py"),
        ("Django", 'shelf" RUN touch HACKED/wsgi.py'),
        ("Ruby on Rails", ".ruby-version"),
    ],
)
def test_names_of_the_project_are_never_run(builder: Builder, stack: str, name: str):
    """A build fails or goes on without them; nothing of them is in a line of the Dockerfile."""
    files = {**LEAST[stack], name: "3.4-slim\nRUN touch HACKED; $(touch HACKED)\n"}
    files.pop("shelf/wsgi.py", None)
    built = builder.build(stack, files, OUTPUT_Evil="$(touch HACKED)")
    if stack == "Django":
        assert built.status == "FAILED"
        assert "<name>/wsgi.py" in built.said
        assert built.calls == []
    else:
        assert built.words("FROM") == ["public.ecr.aws/docker/library/ruby:3.4-slim"]
        assert "HACKED" not in built.files["Dockerfile"]


def test_a_projects_ruby_is_the_images(builder: Builder):
    for written, taken in (("3.3.6\n", "3.3.6"), ("ruby-3.2", "3.2"), ("truffleruby\n", "3.4")):
        built = builder.build("Ruby on Rails", {**LEAST["Ruby on Rails"], ".ruby-version": written})
        assert built.words("FROM") == [f"public.ecr.aws/docker/library/ruby:{taken}-slim"]


def test_an_image_that_is_there_is_not_built_again(builder: Builder):
    built = builder.build("PHP", {"index.php": ""}, IMAGE_IS_THERE="yes")
    assert built.status == "SUCCEEDED"
    assert not any("docker build" in one or "docker push" in one for one in built.told)
    assert built.output == {"image": IMAGE}
