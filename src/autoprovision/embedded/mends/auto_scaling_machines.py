"""An auto scaling group has instances that EC2 knows, and looks after them only if it may.

AWS: a group launches its instances from its launch template, with the template's tags and those
that propagate, and registers them with its target groups; a deleted group terminates them.
SuspendProcesses and ResumeProcesses stop and start what it does by itself (EC2 Auto Scaling user
guide). DescribeAutoScalingGroups filters by tags, and gives pages (its API reference).

MiniStack: a group that CloudFormation made has no instances, another has some that EC2 does not
know; processes cannot be suspended; a group's tags are no condition of a policy; all groups come in
one page, whatever their tags.

Mend: instances are launched in EC2, where nothing of them runs; suspended processes are kept and
shown; groups are chosen and paged before MiniStack writes them.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import time
from collections.abc import Iterator
from typing import Any

from autoprovision.embedded.runbooks import machine

_TYPE = "AWS::AutoScaling::AutoScalingGroup"
_PROCESSES = (
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck",
    "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions",
)  # fmt: skip
# API reference of DescribeAutoScalingGroups, "MaxRecords".
_USUAL_PAGE, _MOST_OF_A_PAGE = 50, 100
_NOBODY = " "
_OWN_TAG = "aws:autoscaling:groupName"


def apply() -> None:
    """Launch a group's instances, and keep which of its processes are suspended."""
    from ministack.services import autoscaling, tagging
    from ministack.services.cloudformation import provisioners

    autoscaling._reconcile_instances = _reconcile
    delete_group = autoscaling._delete_asg
    autoscaling._ACTION_MAP["DeleteAutoScalingGroup"] = lambda p: _deleting(p, delete_group)
    autoscaling._ACTION_MAP["SuspendProcesses"] = lambda p: _switch(p, suspended=True)
    autoscaling._ACTION_MAP["ResumeProcesses"] = lambda p: _switch(p, suspended=False)
    _show_suspended(autoscaling)
    autoscaling._ACTION_MAP["DescribeAutoScalingGroups"] = _describing(autoscaling._describe_asgs)
    _take_by_cloudformation(provisioners._RESOURCE_HANDLERS[_TYPE])
    tagging._RESOURCE_TAG_COLLECTORS["autoscaling"] = _tagged_groups


def _take_by_cloudformation(handlers: dict[str, Any]) -> None:
    create, update, delete = (handlers[deed] for deed in ("create", "update", "delete"))

    def create_group(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        made = create(logical_id, properties, stack)
        _provisioned(made[0], properties)
        return made

    def update_group(name: str, old: dict[str, Any], new: dict[str, Any], *more: Any) -> Any:
        made = update(name, old, new, *more)
        _provisioned(made[0], new)
        return made

    def delete_group(name: str, properties: dict[str, Any]) -> None:
        _end_all(name)
        delete(name, properties)

    handlers |= {"create": create_group, "update": update_group, "delete": delete_group}


def _provisioned(name: str, properties: dict[str, Any]) -> None:
    from ministack.services import autoscaling

    group = autoscaling._asgs[name]
    group["TargetGroupARNs"] = list(properties.get("TargetGroupARNs") or [])
    _reconcile(group)


def _deleting(parameters: dict[str, Any], delete: Any) -> Any:
    from ministack.services import autoscaling

    _end_all(autoscaling._p(parameters, "AutoScalingGroupName"))
    return delete(parameters)


def _reconcile(group: dict[str, Any]) -> None:
    """Launch or end instances until there are as many as wanted."""
    wanted = int(group["DesiredCapacity"])
    instances = group["Instances"]
    for gone in instances[wanted:]:
        _end(gone["InstanceId"])
    del instances[wanted:]
    while len(instances) < wanted:
        instances.append(_launched(group, len(instances)))


def _launched(group: dict[str, Any], number: int) -> dict[str, Any]:
    from ministack.services import alb, ec2

    zones = group["AvailabilityZones"]
    subnets = [one for one in str(group.get("VPCZoneIdentifier") or "").split(",") if one]
    subnet = subnets[number % len(subnets)] if subnets else ec2._DEFAULT_SUBNET_ID
    data = _template_data(group)
    profile = data.get("IamInstanceProfile") or {}
    found, _ = ec2._resolve_iam_instance_profile(
        iam_arn=profile.get("Arn", ""), iam_name=profile.get("Name", ""), allow_missing=True
    )
    (made,) = ec2._launch_instances_internal(
        image_id=str(data.get("ImageId") or "ami-00000000"),
        instance_type=str(data.get("InstanceType") or "t2.micro"), subnet_id=subnet, count=1,
        sg_ids=_security_groups(data), iam_profile=found,
    )  # fmt: skip
    ec2._tags[made["InstanceId"]] = _tags(group, data)
    for target_group in group.get("TargetGroupARNs") or []:
        alb._targets.setdefault(target_group, []).append({"Id": made["InstanceId"]})
    return {
        "InstanceId": made["InstanceId"], "LifecycleState": "InService", "HealthStatus": "Healthy",
        "AvailabilityZone": zones[number % len(zones)],
        "ProtectedFromScaleIn": group["NewInstancesProtectedFromScaleIn"],
        "LaunchTemplate": group.get("LaunchTemplate") or {},
        "LaunchConfigurationName": group.get("LaunchConfigurationName", ""),
    }  # fmt: skip


def _template_data(group: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import ec2

    named = group.get("LaunchTemplate") or {}
    template = ec2._launch_templates.get(named.get("LaunchTemplateId", ""))
    if template is None:
        return {}
    wanted = {
        "$Latest": template["LatestVersionNumber"], "$Default": template["DefaultVersionNumber"],
    }.get(str(named.get("Version")), named.get("Version"))  # fmt: skip
    found = [one for one in template["Versions"] if str(one["VersionNumber"]) == str(wanted)]
    data: dict[str, Any] = found[0]["LaunchTemplateData"] if found else {}
    return data


def _security_groups(data: dict[str, Any]) -> list[str]:
    interfaces = data.get("NetworkInterfaces") or []
    groups = [group for one in interfaces for group in one.get("Groups") or []]
    return [str(one) for one in data.get("SecurityGroupIds") or groups]


def _tags(group: dict[str, Any], data: dict[str, Any]) -> list[dict[str, str]]:
    """The template's, above them the group's that propagate, and the group's own."""
    tags = {
        tag["Key"]: str(tag["Value"])
        for one in data.get("TagSpecifications") or []
        if one.get("ResourceType") == "instance"
        for tag in one.get("Tags") or []
    }
    tags |= {tag["Key"]: str(tag["Value"]) for tag in group["Tags"] if tag["PropagateAtLaunch"]}
    tags[_OWN_TAG] = group["AutoScalingGroupName"]
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _end_all(name: str) -> None:
    from ministack.services import autoscaling

    group = autoscaling._asgs.get(name)
    for one in group["Instances"] if group else ():
        _end(one["InstanceId"])


def _end(instance_id: str) -> None:
    from ministack.services import alb, ec2

    for targets in alb._targets.values():
        targets[:] = [one for one in targets if one["Id"] != instance_id]
    if instance_id in ec2._instances:
        ec2._terminate_instances({"InstanceId.1": [instance_id]})
    machine.forget(instance_id)


def _switch(parameters: dict[str, Any], *, suspended: bool) -> Any:
    from ministack.services import autoscaling

    group = autoscaling._asgs.get(autoscaling._p(parameters, "AutoScalingGroupName"))
    if group is None:
        return autoscaling._error("ValidationError", "AutoScalingGroup name not found")
    named = autoscaling._parse_member_list(parameters, "ScalingProcesses") or list(_PROCESSES)
    if unknown := sorted(set(named) - set(_PROCESSES)):
        return autoscaling._error("ValidationError", f"{unknown} are no scaling processes")
    before: dict[str, str] = group.get("SuspendedProcesses") or {}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    kept = {name: at for name, at in before.items() if suspended or name not in named}
    group["SuspendedProcesses"] = (dict.fromkeys(named, now) | kept) if suspended else kept
    operation = "SuspendProcesses" if suspended else "ResumeProcesses"
    return autoscaling._xml(200, f"{operation}Response", "")


def _show_suspended(autoscaling: Any) -> None:
    shown = autoscaling._instances_xml

    def instances_and_processes(group: dict[str, Any]) -> str:
        processes = "".join(
            f"<member><ProcessName>{name}</ProcessName><SuspensionReason>User suspended at {at}"
            "</SuspensionReason></member>"
            for name, at in sorted((group.get("SuspendedProcesses") or {}).items())
        )
        return f"{shown(group)}<SuspendedProcesses>{processes}</SuspendedProcesses>"

    autoscaling._instances_xml = instances_and_processes


def _describing(describe: Any) -> Any:
    def describe_groups(parameters: dict[str, Any]) -> Any:
        from ministack.services import autoscaling

        named = autoscaling._parse_member_list(parameters, "AutoScalingGroupNames")
        wanted = [
            name
            for name, group in sorted(autoscaling._asgs.items())
            if (not named or name in named) and _has_tags(group, parameters)
        ]
        size = int(autoscaling._p(parameters, "MaxRecords") or _USUAL_PAGE)
        if not 1 <= size <= _MOST_OF_A_PAGE:
            return autoscaling._error("ValidationError", f"MaxRecords is 1 to {_MOST_OF_A_PAGE}")
        start = int(autoscaling._p(parameters, "NextToken") or 0)
        page, rest = wanted[start : start + size], wanted[start + size :]
        # A name that no group has: none are shown where no names would mean all.
        shown = {
            f"AutoScalingGroupNames.member.{number + 1}": name
            for number, name in enumerate(page or [_NOBODY])
        }
        status, headers, body = describe(shown)
        if rest:
            token = f"<NextToken>{start + size}</NextToken></DescribeAutoScalingGroupsResult>"
            body = body.replace(b"</DescribeAutoScalingGroupsResult>", token.encode())
        return status, headers, body

    return describe_groups


def _has_tags(group: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """Whether it passes every filter of the request."""
    from ministack.services import autoscaling

    tags = {one["Key"]: one["Value"] for one in group["Tags"]}
    for number in range(1, 1 + len(parameters)):
        name = autoscaling._p(parameters, f"Filters.member.{number}.Name")
        if not name:
            return True
        among = {
            "tag-key": set(tags), "tag-value": set(tags.values()),
        }.get(name, {tags.get(name.removeprefix("tag:"))})  # fmt: skip
        values = autoscaling._parse_member_list(parameters, f"Filters.member.{number}.Values")
        if among.isdisjoint(values):
            return False
    return True


def _tagged_groups() -> Iterator[tuple[str, list[dict[str, str]]]]:
    from ministack.services import autoscaling

    for group in autoscaling._asgs.values():
        yield group["AutoScalingGroupARN"], group["Tags"]
