"""CodeBuild builds what the buildspec says, as processes of this machine.

AWS: StartBuild runs the buildspec's phases with the project's service role, writes the log to
CloudWatch Logs and the artifact to S3, and tells EventBridge of every state and phase; a repeated
`idempotencyToken` gives the same build for five minutes (CodeBuild user guide and API reference).

MiniStack: says SUCCEEDED at once, or needs Docker; forgets `logsConfig` and all overrides.

Mend: builds run in `builds/`, each in a scratch folder and environment of its own. Nothing keeps a
build from the files of this machine's user: run only what you would run yourself.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import copy
import threading
import time
from dataclasses import dataclass
from typing import Any

from autoprovision.embedded.builds.executor import Execution
from autoprovision.embedded.builds.record import BuildRecord, first_record

_TOKEN_SECONDS = 300.0
_STOP_SECONDS = 15.0
_KEPT_OF_PROJECTS = ("logsConfig", "queuedTimeoutInMinutes", "cache", "concurrentBuildLimit")
# Overrides of StartBuild and the settings of the project they replace.
_OF_ENVIRONMENT = {
    "environmentTypeOverride": "type",
    "imageOverride": "image",
    "computeTypeOverride": "computeType",
    "privilegedModeOverride": "privilegedMode",
}
_OF_SOURCE = {
    "sourceTypeOverride": "type",
    "sourceLocationOverride": "location",
    "buildspecOverride": "buildspec",
}
_OF_PROJECT = {
    "artifactsOverride": "artifacts",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
}


@dataclass(frozen=True)
class _Started:
    """What a token started."""

    at: float
    request: dict[str, Any]
    build_id: str


_executions: dict[str, Execution] = {}
_tokens: dict[tuple[str, str], _Started] = {}
_start_lock = threading.Lock()


def apply() -> None:
    """Replace the handlers that start, stop and show builds."""
    from ministack.services import codebuild
    from ministack.services.cloudformation import provisioners

    codebuild._start_build = _start_build
    codebuild._stop_build = _stop_build
    show = codebuild._batch_get_builds
    codebuild._batch_get_builds = lambda data: show({"ids": [*map(_id, data.get("ids", []))]})
    _keep_all_of_projects(codebuild, provisioners)


def _keep_all_of_projects(codebuild: Any, provisioners: Any) -> None:
    create, update, shape = (
        codebuild._create_project,
        codebuild._update_project,
        codebuild._project_shape,
    )

    def keep(data: dict[str, Any]) -> None:
        if project := codebuild._projects.get(data.get("name", "")):
            project |= {key: data[key] for key in _KEPT_OF_PROJECTS if key in data}

    def create_project(data: dict[str, Any]) -> Any:
        answer = create(data)
        if answer[0] == 200:
            keep(data)
        return answer

    def update_project(data: dict[str, Any]) -> Any:
        keep(data)
        return update(data)

    codebuild._create_project, codebuild._update_project = create_project, update_project
    codebuild._project_shape = lambda project: {
        **shape(project),
        **{key: project[key] for key in _KEPT_OF_PROJECTS if key in project},
    }
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]
    for deed in ("create", "update"):
        handlers[deed] = _keeping(handlers[deed], keep, provisioners._pascal_to_camel)


def _keeping(provision: Any, keep: Any, camel: Any) -> Any:
    names = {key[:1].upper() + key[1:]: key for key in _KEPT_OF_PROJECTS}

    def provision_whole(*arguments: Any) -> Any:
        physical_id, attributes = provision(*arguments)
        properties = arguments[-2]
        more = {key: camel(properties[name]) for name, key in names.items() if name in properties}
        keep({"name": physical_id, **more})
        return physical_id, attributes

    return provision_whole


def _id(build: str) -> str:
    """A build's id, from that or its ARN."""
    return build.rpartition(":build/")[2]


def _start_build(request: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json, get_account_id, json_response
    from ministack.services import codebuild

    name = str(request.get("projectName", "")).rpartition(":project/")[2]
    if name not in codebuild._projects:
        return error_response_json(
            "ResourceNotFoundException", f"Project cannot be found: {name}", 400
        )
    project = _overridden(codebuild._projects[name], request)
    if problem := _refusal(project):
        return error_response_json("InvalidInputException", problem, 400)
    token = (get_account_id(), str(request.get("idempotencyToken") or ""))
    with _start_lock:
        earlier = _tokens.get(token) if token[1] else None
        if earlier and time.monotonic() - earlier.at < _TOKEN_SECONDS:
            if earlier.request != request:
                return error_response_json(
                    "InvalidInputException",
                    "The idempotency token was used for a build with other parameters",
                    400,
                )
            if known := codebuild._builds.get(earlier.build_id):
                return json_response({"build": known})
        build = _new_build(project, request)
        codebuild._builds[build["id"]] = copy.deepcopy(build)
        if token[1]:
            _tokens[token] = _Started(time.monotonic(), copy.deepcopy(request), build["id"])
    _run(build, project)
    return json_response({"build": copy.deepcopy(build)})


def _overridden(project: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = copy.deepcopy(dict(project))
    for overrides, target in (
        (_OF_PROJECT, chosen),
        (_OF_SOURCE, chosen["source"]),
        (_OF_ENVIRONMENT, chosen["environment"]),
    ):
        target |= {key: request[name] for name, key in overrides.items() if name in request}
    variables = {
        variable["name"]: variable
        for variable in [
            *chosen["environment"].get("environmentVariables", []),
            *request.get("environmentVariablesOverride", []),
        ]
    }
    chosen["environment"]["environmentVariables"] = list(variables.values())
    return chosen


def _refusal(project: dict[str, Any]) -> str | None:
    source, artifacts = project["source"], project["artifacts"]
    if source.get("type") == "NO_SOURCE" and not source.get("buildspec"):
        return "A buildspec is required for the source type NO_SOURCE"
    if artifacts.get("type") == "S3" and not artifacts.get("location"):
        return "A location is required for artifacts of type S3"
    if not 5 <= int(project["timeoutInMinutes"]) <= 2160:
        return "Invalid timeoutInMinutes: it is from 5 to 2160"
    return None


def _new_build(project: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    from ministack.core.responses import get_account_id, new_uuid
    from ministack.services import codebuild

    uuid = new_uuid()
    build_id = f"{project['name']}:{uuid}"
    numbers = [
        one.get("buildNumber", 0)
        for one in codebuild._builds.values()
        if one["projectName"] == project["name"]
    ]
    facts = {
        "id": build_id,
        "arn": codebuild._build_arn(build_id),
        "buildNumber": max(numbers, default=0) + 1,
        "initiator": f"{get_account_id()}/user",
        "logs": _logs(project, uuid),
    }
    build: dict[str, Any] = first_record(project, request, facts)
    return build


def _logs(project: dict[str, Any], uuid: str) -> dict[str, Any]:
    from ministack.core.responses import get_account_id, get_region

    wanted = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {"status": "ENABLED"}
    if wanted.get("status") == "DISABLED":
        return {"cloudWatchLogs": wanted}
    group = wanted.get("groupName") or f"/aws/codebuild/{project['name']}"
    stream = "/".join(filter(None, [wanted.get("streamName"), uuid]))
    region = get_region()
    return {
        "groupName": group,
        "streamName": stream,
        "cloudWatchLogs": wanted,
        "cloudWatchLogsArn": f"arn:aws:logs:{region}:{get_account_id()}:log-group:{group}"
        f":log-stream:{stream}",
        "deepLink": f"https://console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{group.replace('/', '$252F')}"
        f"/log-events/{stream.replace('/', '$252F')}",
    }


def _run(build: dict[str, Any], project: dict[str, Any]) -> None:
    execution = Execution(BuildRecord(copy.deepcopy(build)), project["artifacts"])
    _executions[build["id"]] = execution
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(execution.run)
        finally:
            _executions.pop(build["id"], None)

    threading.Thread(target=run, name=f"embedded-build-{build['id']}", daemon=True).start()


def _stop_build(request: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import codebuild

    build_id = _id(str(request.get("id", "")))
    if build_id not in codebuild._builds:
        return error_response_json(
            "ResourceNotFoundException", f"Build cannot be found: {build_id}", 400
        )
    if execution := _executions.get(build_id):
        execution.stop()
        execution.ended.wait(_STOP_SECONDS)
    return json_response({"build": codebuild._builds[build_id]})
