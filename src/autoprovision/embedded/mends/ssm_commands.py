"""Systems Manager runs commands on instances.

AWS: an instance whose agent reports is managed; SendCommand runs a document there, which needs the
document and each instance to be allowed, so many at once and until so many have failed (Systems
Manager user guide, "AWS Systems Manager Run Command"; Service Authorization Reference).

MiniStack: manages instances in Docker only, ignores filters, concurrency and errors, and says
Success at once of documents that it does not know.

Mend: every instance that runs and whose role lets its agent report is managed. A document runs as a
process of this machine in a folder of the instance, and its output says so; nothing of this machine
is patched.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import time
from collections.abc import Callable
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.mends.cloudformation_roles import caller_key
from autoprovision.embedded.runbooks import commands, machine
from autoprovision.embedded.runbooks.commands import Command
from autoprovision.embedded.runbooks.machine import Order
from autoprovision.embedded.runbooks.operations import Refused, answer_also

_MOST_IDS = 50
_commands: dict[str, Command] = {}


def apply() -> None:
    """Answer the operations."""
    answer_also(_OPERATIONS)


def _send(request: dict[str, Any]) -> dict[str, Any]:
    from ministack.core.responses import new_uuid

    # Asked before anything else is: looking at machines asks IAM too.
    caller = caller_key()
    document = str(request.get("DocumentName", ""))
    if document not in machine.KNOWN:
        raise Refused("InvalidDocument", f"Document {document} does not exist")
    ids = [str(one) for one in request.get("InstanceIds") or []]
    if not 0 < len(ids) <= _MOST_IDS:
        raise Refused("ValidationException", f"InstanceIds takes 1 to {_MOST_IDS} instances")
    command = Command(new_uuid(), request, [], commands.now())
    for instance_id in ids:
        _must_reach(instance_id, caller)
        command.orders.append(_order(command.id, instance_id, document, request))
    _commands[command.id] = command
    commands.run(command)
    return {"Command": commands.shown(command)}


def _order(command_id: str, instance_id: str, document: str, request: dict[str, Any]) -> Order:
    parameters: dict[str, list[str]] = request.get("Parameters") or {}
    return Order(
        command_id=command_id, instance_id=instance_id, document=document, parameters=parameters,
        role_arn=_role_of(instance_id), seconds=commands.seconds_of(document, parameters),
        output_bucket=str(request.get("OutputS3BucketName") or ""),
        output_prefix=str(request.get("OutputS3KeyPrefix") or ""),
    )  # fmt: skip


def _must_reach(instance_id: str, caller: str) -> None:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import ec2

    if not _is_managed(instance_id):
        raise Refused(
            "InvalidInstanceId", f"Instances [[{instance_id}]] not in a valid state for account"
        )
    arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance_id}"
    tags = {tag["Key"]: tag["Value"] for tag in ec2._tags.get(instance_id, [])}
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    denied = iam_evaluator.enforce(
        caller, "ssm:SendCommand", "ssm", get_region(), resource_arn=arn,
        service_context={**context, **{f"ssm:resourceTag/{k}": v for k, v in tags.items()}},
    )  # fmt: skip
    if denied is not None:
        raise Refused(
            "AccessDeniedException",
            f"User: {getattr(denied, 'principal_arn', '')} is not authorized to perform: "
            f"ssm:SendCommand on resource: {arn}",
        )


def _role_of(instance_id: str) -> str:
    """The role that an instance's profile gives it."""
    from ministack.core.responses import get_account_id
    from ministack.services import ec2, iam

    profile = (ec2._instances[instance_id].get("IamInstanceProfile") or {}).get("Arn", "")
    found = iam._lookup_instance_profile(name="", arn=profile) if profile else None
    names = (found or {}).get("Roles") or [""]
    role = iam._roles.get(names[0])
    return str(role["Arn"]) if role else f"arn:aws:iam::{get_account_id()}:role/{names[0]}"


def _is_managed(instance_id: str) -> bool:
    """Whether its agent could report: it runs, and its role lets it."""
    from ministack.core.responses import get_region
    from ministack.services import ec2

    instance = ec2._instances.get(instance_id)
    if instance is None or instance["State"]["Name"] != "running":
        return False
    if not (instance.get("IamInstanceProfile") or {}).get("Arn"):
        return False
    try:
        session = roles.assume(_role_of(instance_id), machine.SERVICE, instance_id)
    except roles.RoleNotAssumable:
        return False
    return roles.denial(session, "ssm:UpdateInstanceInformation", "*", get_region()) is None


def _describe_machines(request: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import ec2

    found = [one for one in sorted(ec2._instances) if _is_managed(one)]
    for one in request.get("Filters") or []:
        key, wanted = str(one["Key"]), set(one["Values"])
        if key == "InstanceIds":
            found = [name for name in found if name in wanted]
        elif key.startswith("tag:"):
            found = [name for name in found if wanted & _tag_values(name, key[4:])]
        else:
            raise Refused("InvalidInstanceInformationFilterValue", f"No filter {key} here")
    return {"InstanceInformationList": [_machine(name) for name in found]}


def _tag_values(instance_id: str, key: str) -> set[str]:
    from ministack.services import ec2

    return {tag["Value"] for tag in ec2._tags.get(instance_id, []) if tag["Key"] == key}


def _machine(instance_id: str) -> dict[str, Any]:
    return {
        "InstanceId": instance_id, "PingStatus": "Online", "LastPingDateTime": time.time(),
        "AgentVersion": "3.3.0.0", "PlatformType": "Linux", "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023", "ResourceType": "EC2Instance",
    }  # fmt: skip


def _command(request: dict[str, Any]) -> Command:
    name = str(request.get("CommandId") or "")
    if name not in _commands:
        raise Refused("InvalidCommandId", f"There is no command {name}")
    return _commands[name]


def _invocation(request: dict[str, Any]) -> dict[str, Any]:
    instance_id = str(request.get("InstanceId") or "")
    found = _commands.get(str(request.get("CommandId") or ""))
    if found is None or instance_id not in found.results:
        raise Refused("InvocationDoesNotExist", f"There is no invocation on {instance_id}")
    return commands.invocation(found, instance_id)


def _invocations(request: dict[str, Any]) -> dict[str, Any]:
    found = _commands.get(str(request.get("CommandId") or ""))
    ids = [one.instance_id for one in found.orders] if found else []
    return {"CommandInvocations": [commands.invocation(found, one) for one in ids if found]}


def _list_commands(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("CommandId")
    found = [one for one in _commands.values() if wanted in (None, one.id)]
    return {"Commands": [commands.shown(one) for one in found]}


def _cancel(request: dict[str, Any]) -> dict[str, Any]:
    _command(request).stop.set()
    return {}


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "SendCommand": _send,
    "GetCommandInvocation": _invocation,
    "ListCommandInvocations": _invocations,
    "ListCommands": _list_commands,
    "CancelCommand": _cancel,
    "DescribeInstanceInformation": _describe_machines,
}
