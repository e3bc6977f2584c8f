"""CodeBuild really builds: phases, sources, artifacts, permissions, limits, events."""

import io
import json
import os
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from autoprovision.embedded import launcher, processes
from autoprovision.embedded.builds.limits import Limits
from autoprovision.embedded.builds.shell import BuildShell

ALL = {
    "Effect": "Allow",
    "Action": ["logs:*", "s3:*", "ssm:*", "secretsmanager:*"],
    "Resource": "*",
}
LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


def buildspec(**phases: Any) -> str:
    """A buildspec from commands by phase."""
    spec = {name: {"commands": commands} for name, commands in phases.items()}
    return json.dumps({"version": "0.2", "phases": spec})


def zipped(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), text)
    return content.getvalue()


class Builder:
    """A CodeBuild project and what is done with it."""

    def __init__(self, workshop: Any, *statements: dict[str, Any], **settings: Any) -> None:
        self.workshop = workshop
        self.client = workshop.client("codebuild")
        self.name = workshop.name("project")
        self.role = workshop.role("codebuild", *(statements or (ALL,)))
        defaults = {
            "source": {"type": "NO_SOURCE", "buildspec": buildspec(build=["true"])},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
        }
        self.client.create_project(
            name=self.name, serviceRole=self.role, **{**defaults, **settings}
        )

    def start(self, spec: str | None = None, **more: Any) -> str:
        more |= {"buildspecOverride": spec} if spec else {}
        return str(self.client.start_build(projectName=self.name, **more)["build"]["id"])

    def seen(self, build_id: str) -> dict[str, Any]:
        return self.client.batch_get_builds(ids=[build_id])["builds"][0]

    def ended(self, build_id: str) -> dict[str, Any]:
        return self.workshop.until(
            lambda: (found := self.seen(build_id))["buildComplete"] and found
        )

    def run(self, spec: str | None = None, **more: Any) -> dict[str, Any]:
        return self.ended(self.start(spec, **more))

    def log(self, build: dict[str, Any]) -> list[str]:
        answer = self.workshop.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"],
            logStreamName=build["logs"]["streamName"],
            startFromHead=True,
        )
        return [event["message"].rstrip("\n") for event in answer["events"]]

    def output(self, build: dict[str, Any]) -> list[str]:
        """What the commands wrote."""
        return [line for line in self.log(build) if not line.startswith("[Container]")]


def phase(build: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in build["phases"] if one["phaseType"] == name)


def statuses(build: dict[str, Any]) -> dict[str, str]:
    return {one["phaseType"]: one.get("phaseStatus", "") for one in build["phases"]}


def processes_of(build: dict[str, Any]) -> list[int]:
    return processes.marked_processes(f"CODEBUILD_BUILD_ARN={build['arn']}")


def test_a_build_runs_its_phases_in_one_shell(workshop):
    builder = Builder(workshop)
    spec = buildspec(
        install=["WORD=kept", "mkdir -p deep && cd deep"],
        build=["echo $WORD in $(basename $PWD)", "set -e; false || true", "echo two\necho lines"],
    )
    build = builder.run(spec)
    assert build["buildStatus"] == "SUCCEEDED"
    assert builder.output(build) == ["kept in deep", "two", "lines"]
    assert [one["phaseType"] for one in build["phases"]] == [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "PRE_BUILD",
        "BUILD",
        "POST_BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
        "COMPLETED",
    ]
    uuid = build["id"].partition(":")[2]
    assert build["logs"]["groupName"] == f"/aws/codebuild/{builder.name}"
    assert build["logs"]["streamName"] == uuid
    assert build["buildNumber"] == 1
    assert not (workshop.aws.data / "builds" / uuid).exists()


def test_ministack_alone_does_not_build(unmended):
    builder = Builder(unmended)
    build_id = builder.start(buildspec(build=["exit 1"]))
    assert builder.seen(build_id)["buildStatus"] == "SUCCEEDED", "MiniStack builds now"


def test_a_failed_command_is_told_in_awss_words(workshop):
    builder = Builder(workshop)
    build = builder.run(
        buildspec(
            build=["echo before", "sh -c 'exit 7'", "echo never"],
            post_build=["echo succeeding=$CODEBUILD_BUILD_SUCCEEDING"],
        )
    )
    assert build["buildStatus"] == "FAILED"
    assert phase(build, "BUILD")["contexts"] == [
        {
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": "Error while executing command: sh -c 'exit 7'. Reason: exit status 7",
        }
    ]
    assert builder.output(build) == ["before", "succeeding=0"]


def test_a_failed_install_ends_the_build_and_finally_still_runs(workshop):
    builder = Builder(workshop)
    spec = {
        "version": "0.2",
        "phases": {
            "install": {"commands": ["false"], "finally": ["echo tidied"]},
            "build": {"commands": ["echo never"]},
        },
    }
    build = builder.run(json.dumps(spec))
    assert builder.output(build) == ["tidied"]
    assert "BUILD" not in statuses(build)
    spec["phases"]["install"]["on-failure"] = "CONTINUE"
    build = builder.run(json.dumps(spec))
    assert builder.output(build) == ["tidied", "never"]
    assert build["buildStatus"] == "FAILED"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_missing_tool_is_named(workshop, shell):
    builder = Builder(workshop)
    spec = {
        "version": "0.2",
        "env": {"shell": shell},
        "phases": {"build": {"commands": ["set -eu\nno-such-tool --version\necho never"]}},
    }
    build = builder.run(json.dumps(spec))
    assert "exit status 127" in phase(build, "BUILD")["contexts"][0]["message"]
    named = [line for line in builder.log(build) if "no program named no-such-tool" in line]
    assert len(named) == 1


def test_a_build_sees_little_of_this_machine(workshop):
    builder = Builder(workshop)
    build = builder.run(buildspec(build=["env", "touch $HOME/x $TMPDIR/y && pwd"]))
    seen = dict(line.split("=", 1) for line in builder.output(build) if "=" in line)
    secret = workshop.aws.secret_access_key
    assert secret not in "\n".join(builder.log(build))
    assert not {"GATEWAY_PORT", "AUTH", "PYTHONPATH", "S3_DATA_DIR"} & set(seen)
    assert seen["CODEBUILD_BUILD_ID"] == build["id"]
    assert seen["AWS_ENDPOINT_URL"] == workshop.aws.endpoint_url
    data = str(workshop.aws.data)
    assert seen["HOME"].startswith(data)
    assert seen["TMPDIR"].startswith(data)


def test_variables_come_from_all_their_places_and_secrets_stay_out_of_the_log(workshop):
    ssm, secrets = workshop.client("ssm"), workshop.client("secretsmanager")
    ssm.put_parameter(Name="/build/word", Value="parameter-value", Type="SecureString")
    secrets.create_secret(Name="build/key", SecretString='{"token": "secret-value"}')
    builder = Builder(
        workshop,
        environment={
            "type": "LINUX_CONTAINER",
            "image": "x",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "B", "value": "project"}],
        },
    )
    spec = {
        "version": "0.2",
        "env": {
            "variables": {"A": "spec", "B": "spec", "C": "spec"},
            "parameter-store": {"P": "/build/word"},
            "secrets-manager": {"S": "build/key:token"},
            "exported-variables": ["MADE"],
        },
        "phases": {
            "build": {"commands": ["echo $A $B $C", "echo $P $S", "echo ${#P} ${#S}", "MADE=here"]}
        },
    }
    build = builder.run(
        json.dumps(spec), environmentVariablesOverride=[{"name": "C", "value": "start"}]
    )
    assert builder.output(build) == ["spec project start", "*** ***", "15 12"]
    assert build["exportedEnvironmentVariables"] == [{"name": "MADE", "value": "here"}]


def test_the_role_lacks_a_permission(workshop):
    ssm = workshop.client("ssm")
    ssm.put_parameter(Name="/closed/word", Value="x", Type="String")
    spec = {
        "version": "0.2",
        "env": {"parameter-store": {"P": "/closed/word"}},
        "phases": {"build": {"commands": ["echo $P"]}},
    }
    build = Builder(workshop, LOGS).run(json.dumps(spec))
    assert build["buildStatus"] == "FAILED"
    context = phase(build, "DOWNLOAD_SOURCE")["contexts"][0]
    assert context["statusCode"] == "Decrypted Variables Error"
    assert "AccessDenied" in context["message"]
    assert "ssm:GetParameters" in context["message"]

    mute = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    build = Builder(workshop, mute).run(buildspec(build=["true"]))
    context = phase(build, "PROVISIONING")["contexts"][0]
    assert context["statusCode"] == "ACCESS_DENIED"
    assert "logs:CreateLogGroup" in context["message"]


def test_the_role_does_not_trust_codebuild(workshop):
    builder = Builder(workshop)
    build = builder.run(serviceRoleOverride=workshop.role("lambda", ALL))
    assert build["buildStatus"] == "FAILED"
    assert "sts:AssumeRole" in phase(build, "PROVISIONING")["contexts"][0]["message"]


def test_source_and_artifact_lie_in_s3(workshop):
    s3, bucket = workshop.client("s3"), workshop.name("build-bucket")
    s3.create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": workshop.aws.region},
    )
    s3.put_object(Bucket=bucket, Key="in/src.zip", Body=zipped(index_DOT_txt="hello", sub__a="1"))
    spec = {
        "version": "0.2",
        "phases": {
            "build": {
                "commands": [
                    "mkdir -p out/deep",
                    "tr a-z A-Z <index.txt >out/index.html",
                    "cp sub/a out/deep/.hidden; echo no >out/skip.map; ln -s /etc/passwd out/leak",
                ]
            }
        },
        "artifacts": {
            "base-directory": "out",
            "files": ["**/*"],
            "exclude-paths": ["**/*.map"],
        },
    }
    s3.put_object(Bucket=bucket, Key="specs/spec.yml", Body=json.dumps(spec).encode())
    narrow = [
        LOGS,
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{bucket}/in/*", f"arn:aws:s3:::{bucket}/specs/*"],
        },
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/out/*"},
    ]
    builder = Builder(workshop, *narrow)
    how = {
        "buildspecOverride": f"arn:aws:s3:::{bucket}/specs/spec.yml",
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": f"{bucket}/in/src.zip",
    }
    artifacts = {"type": "S3", "location": bucket, "packaging": "ZIP", "path": "out"}
    build = builder.run(artifactsOverride={**artifacts, "name": "site.zip"}, **how)
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{bucket}/out/site.zip"
    body = s3.get_object(Bucket=bucket, Key="out/site.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert sorted(archive.namelist()) == ["deep/.hidden", "index.html"]
        assert archive.read("index.html") == b"HELLO"

    elsewhere = {**artifacts, "path": "closed", "name": "site.zip"}
    build = builder.run(artifactsOverride=elsewhere, **how)
    assert build["buildStatus"] == "FAILED"
    assert "AccessDenied" in phase(build, "UPLOAD_ARTIFACTS")["contexts"][0]["message"]

    build = builder.run(**{**how, "sourceLocationOverride": f"{bucket}/specs/none.zip"})
    assert statuses(build)["DOWNLOAD_SOURCE"] == "FAILED"


def test_a_token_starts_one_build(workshop):
    builder = Builder(workshop)
    token = workshop.name("token")
    first = builder.start(buildspec(build=["true"]), idempotencyToken=token)
    assert builder.start(buildspec(build=["true"]), idempotencyToken=token) == first
    with pytest.raises(ClientError, match="InvalidInputException"):
        builder.start(buildspec(build=["false"]), idempotencyToken=token)
    assert builder.start(buildspec(build=["true"])) != first


def test_stop_ends_every_process(workshop):
    builder = Builder(workshop)
    build_id = builder.start(
        buildspec(build=["setsid sleep 600 & sleep 600 & echo started; sleep 600"])
    )
    workshop.until(lambda: "started" in builder.log(builder.seen(build_id)))
    assert processes_of(builder.seen(build_id))
    assert builder.client.stop_build(id=build_id)["build"]["buildStatus"] == "STOPPED"
    build = builder.seen(build_id)
    assert statuses(build)["BUILD"] == "STOPPED"
    assert build["buildComplete"]
    assert processes_of(build) == []
    again = builder.client.stop_build(id=build["arn"])["build"]
    assert again["buildStatus"] == "STOPPED"


def test_eventbridge_hears_of_builds(workshop):
    url, arn = workshop.queue()
    builder = Builder(workshop)
    events, rule = workshop.client("events"), workshop.name("rule")
    pattern = {"source": ["aws.codebuild"], "detail": {"project-name": [builder.name]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    build = builder.run(buildspec(install=["false"]))
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["detail"].get("build-status") != "FAILED":
        heard.append(workshop.message(url))
    states = [one for one in heard if one["detail-type"] == "CodeBuild Build State Change"]
    assert [one["detail"]["build-status"] for one in states] == ["IN_PROGRESS", "FAILED"]
    last = states[-1]
    assert last["resources"] == [build["arn"]]
    assert last["detail"]["build-id"] == build["arn"]
    information = last["detail"]["additional-information"]
    assert information["build-complete"] is True
    assert information["logs"]["stream-name"] == build["logs"]["streamName"]
    ended = {
        one["detail"]["completed-phase"]: one["detail"]["completed-phase-status"]
        for one in heard
        if one["detail-type"] == "CodeBuild Build Phase Change"
    }
    assert ended["INSTALL"] == "FAILED"
    assert ended["DOWNLOAD_SOURCE"] == "SUCCEEDED"


@pytest.mark.parametrize(("command", "outcome"), [("true", "SUCCEEDED"), ("exit 3", "FAILED")])
def test_step_functions_wait_for_the_build(workshop, command, outcome):
    builder = Builder(workshop)
    calls = {"Effect": "Allow", "Action": "codebuild:*", "Resource": "*"}
    states = {
        "Build": {
            "Type": "Task",
            "Resource": "arn:aws:states:::codebuild:startBuild.sync",
            "Arguments": {
                "ProjectName": builder.name,
                "BuildspecOverride": buildspec(build=[command]),
            },
            "End": True,
        }
    }
    done = workshop.run(workshop.state_machine(workshop.role("states", calls), states))
    assert done["status"] == outcome
    if outcome == "SUCCEEDED":
        assert json.loads(done["output"])["Build"]["BuildStatus"] == "SUCCEEDED"
    else:
        assert done["error"] == "States.TaskFailed"
        assert "exit status 3" in done["cause"]


def test_npm_builds_from_its_lock_file(workshop):
    s3, bucket = workshop.client("s3"), workshop.name("npm-bucket")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    package = {
        "name": "site",
        "version": "1.0.0",
        "scripts": {"build": "node build.js"},
        "dependencies": {"words": "file:words"},
    }
    lock = {
        "name": "site",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "site", "version": "1.0.0", "dependencies": {"words": "file:words"}},
            "node_modules/words": {"resolved": "words", "link": True},
            "words": {"version": "1.0.0"},
        },
    }
    body = zipped(
        **{
            "package.json": json.dumps(package),
            "package-lock.json": json.dumps(lock),
            "words__package.json": json.dumps({"name": "words", "version": "1.0.0"}),
            "words__index.js": "module.exports = 'from a package';",
            "build.js": "require('fs').mkdirSync('dist');"
            "require('fs').writeFileSync('dist/index.html', require('words'));",
        }
    )
    s3.put_object(Bucket=bucket, Key="src.zip", Body=body)
    builder = Builder(workshop)
    build = builder.run(
        buildspec(
            install=["npm ci --no-audit --no-fund"],
            build=["npm run build", "cat dist/index.html"],
        ),
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{bucket}/src.zip",
    )
    assert build["buildStatus"] == "SUCCEEDED", builder.log(build)
    assert builder.output(build)[-1] == "from a package"


def test_pip_installs_into_a_folder(workshop):
    wheel = zipped(
        **{
            "word.py": "WORD = 'from a wheel'",
            "word-1.0.dist-info__METADATA": "Metadata-Version: 2.1\nName: word\nVersion: 1.0\n",
            "word-1.0.dist-info__WHEEL": "Wheel-Version: 1.0\nGenerator: t\n"
            "Root-Is-Purelib: true\nTag: py3-none-any\n",
            "word-1.0.dist-info__RECORD": "",
        }
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word-1.0-py3-none-any.whl", wheel)
    s3, bucket = workshop.client("s3"), workshop.name("pip-bucket")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    s3.put_object(Bucket=bucket, Key="src.zip", Body=content.getvalue())
    builder = Builder(workshop)
    build = builder.run(
        buildspec(
            install=["python3 -m pip install --no-index --no-deps -t out ./word-*.whl"],
            build=["PYTHONPATH=out python3 -c 'import word; print(word.WORD)'"],
        ),
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{bucket}/src.zip",
    )
    assert build["buildStatus"] == "SUCCEEDED", builder.log(build)
    assert builder.output(build)[-1] == "from a wheel"


def test_a_project_of_a_stack_keeps_its_log_group(workshop):
    role = workshop.role("codebuild", LOGS)
    name = workshop.name("stack")
    project = {
        "Type": "AWS::CodeBuild::Project",
        "Properties": {
            "ServiceRole": role,
            "Source": {"Type": "NO_SOURCE", "BuildSpec": buildspec(build=["echo hello"])},
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Environment": {
                "Type": "ARM_CONTAINER",
                "Image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
                "ComputeType": "BUILD_GENERAL1_SMALL",
            },
            "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": f"/{name}"}},
        },
    }
    template = {"Resources": {"Project": project}, "Outputs": {"P": {"Value": {"Ref": "Project"}}}}
    workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(template)
    )
    stack = workshop.stack_settled(name)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    builder = Builder(workshop)
    builder.name = stack["Outputs"][0]["OutputValue"]
    build = builder.run()
    assert build["logs"]["groupName"] == f"/{name}"
    assert builder.output(build) == ["hello"]


@pytest.fixture
def short_minutes(tmp_path: Path):
    """An embedded AWS whose builds have minutes of a twentieth of a second."""
    from tests.integration.embedded.conftest import Workshop

    aws = launcher.start(tmp_path, extra_environment={"CODEBUILD_MINUTE_SECONDS": "0.05"})
    try:
        yield Workshop(aws)
    finally:
        launcher.stop(tmp_path)


def test_time_is_limited(short_minutes):
    builder = Builder(short_minutes)
    build = builder.run(buildspec(build=["sleep 600 & sleep 600"]), timeoutInMinutesOverride=40)
    assert build["buildStatus"] == "TIMED_OUT"
    assert statuses(build)["BUILD"] == "TIMED_OUT"
    assert processes_of(build) == []


def test_the_end_of_the_server_is_the_end_of_its_builds(short_minutes):
    builder = Builder(short_minutes)
    build_id = builder.start(
        buildspec(build=["setsid sleep 600 & echo started; sleep 600"]),
        timeoutInMinutesOverride=2160,
    )
    short_minutes.until(lambda: "started" in builder.log(builder.seen(build_id)))
    build = builder.seen(build_id)
    assert processes_of(build)
    launcher.stop(short_minutes.aws.data)
    assert processes_of(build) == []


def test_one_file_is_limited(workshop):
    builder = Builder(workshop)
    build = builder.run(
        buildspec(build=["dd if=/dev/zero of=big bs=1M seek=2100 count=1 2>/dev/null || exit 9"])
    )
    assert "exit status 9" in phase(build, "BUILD")["contexts"][0]["message"]


@pytest.mark.parametrize(
    ("limits", "command", "reason"),
    [
        (
            Limits(folder=1_000_000),
            "dd if=/dev/zero of=a bs=1M count=2 2>&-; sleep 600",
            "of disk",
        ),
        (
            Limits(folder=1_000_000),
            "trap 'echo late; exit' TERM; dd if=/dev/zero of=a bs=1M count=2 2>&-; sleep 99 & wait",
            "of disk",
        ),
        (
            Limits(memory=50_000_000),
            "python3 -c 'x = bytearray(90_000_000); input()' < /dev/zero",
            "of memory",
        ),
        (Limits(processes=3), "for i in 1 2 3 4; do sleep 600 & done; wait", "processes"),
    ],
)
def test_disk_memory_and_processes_are_limited(tmp_path, limits, command, reason):
    for name in ("src", "home", "tmp"):
        (tmp_path / name).mkdir()
    said: list[str] = []
    mark = f"CODEBUILD_BUILD_ARN={tmp_path}"
    shell = BuildShell(
        tmp_path,
        "sh",
        {"PATH": os.environ["PATH"], "CODEBUILD_BUILD_ARN": str(tmp_path)},
        marker=mark,
        say=said.extend,
        stop=threading.Event(),
        deadline=time.monotonic() + 60,
        limits=limits,
    )
    try:
        assert shell.run(command, succeeding=True) == 137
    finally:
        shell.close()
    assert reason in said[-1]
    assert processes.marked_processes(mark) == []
