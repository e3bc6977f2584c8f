"""CloudFormation makes addresses, NAT gateways, flow logs, rules of security groups, and machines.

AWS: `AWS::EC2::EIP`, `EIPAssociation`, `NatGateway`, `FlowLog`, `SecurityGroupIngress`,
`SecurityGroupEgress` and `Instance` with the values of `Ref` and `Fn::GetAtt` that the template
reference names.

MiniStack: has the calls of EC2, and refuses the types.

Mend: the types are made by those calls. Nothing runs on an instance, and no packet moves: what is
told of them is true, what they would do is not played.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoprovision.embedded import roles

_Made = tuple[str, dict[str, Any]]
# Properties of an instance that RunInstances takes by the same name and in the same shape.
_OF_INSTANCE = (
    "BlockDeviceMappings",
    "DisableApiTermination",
    "EbsOptimized",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceType",
    "KeyName",
    "LaunchTemplate",
    "MetadataOptions",
    "PrivateIpAddress",
    "SecurityGroupIds",
    "SubnetId",
)
_OF_FLOW_LOG = (
    "DeliverLogsPermissionArn",
    "LogDestination",
    "LogDestinationType",
    "LogFormat",
    "LogGroupName",
    "MaxAggregationInterval",
    "ResourceType",
    "TrafficType",
)
_OF_NAT_GATEWAY = ("AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId")
_OF_ASSOCIATION = ("AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress")


@dataclass(frozen=True)
class _Kind:
    """One resource type; every other change of a property makes a new resource.

    Attributes:
        in_place: properties that change without a new resource.
        update: makes such a change.
    """

    create: Callable[[Any, dict[str, Any]], _Made]
    delete: Callable[[Any, str, dict[str, Any]], None]
    in_place: frozenset[str] = frozenset()
    update: Callable[[Any, str, dict[str, Any]], _Made] | None = None


def apply() -> None:
    """Register the types."""
    from ministack.services.cloudformation import provisioners, stacks

    for name, kind in _KINDS.items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(kind)
        if "Tags" in kind.in_place:
            provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
    on_worker = stacks._runs_on_worker_thread
    # These call the server itself, which cannot answer while its own loop waits.
    stacks._runs_on_worker_thread = lambda name: name in _KINDS or on_worker(name)


def _handlers(kind: _Kind) -> dict[str, Any]:
    def create(_logical_id: str, properties: dict[str, Any], _stack_name: str) -> _Made:
        with roles.acting_as(_root()):
            return kind.create(_ec2(), properties)

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        with roles.acting_as(_root()):
            kind.delete(_ec2(), physical_id, properties)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], _stack: str) -> _Made:
        changed = {name for name in old | new if old.get(name) != new.get(name)}
        with roles.acting_as(_root()):
            if kind.update is not None and changed <= kind.in_place:
                return kind.update(_ec2(), physical_id, new)
            # CloudFormation deletes what has another id now when the stack is updated.
            return kind.create(_ec2(), new)

    return {"create": create, "delete": delete, "update": update}


def _root() -> roles.RoleSession:
    """The server's own credentials: what the stack's role may is checked before."""
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    return roles.RoleSession(f"arn:aws:iam::{key}:root", key, secret, "")


def _ec2() -> Any:
    return roles.client("ec2", os.environ["AWS_REGION"])


def _picked(properties: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: properties[name] for name in names if properties.get(name) not in (None, "")}


def _typed(client: Any, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """Values as the call wants them: a template may write numbers and booleans as texts.

    Raises:
        ValueError: A property that the call does not know.
    """
    typed: dict[str, Any] = _value(
        values, client.meta.service_model.operation_model(operation).input_shape
    )
    return typed


def _value(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure":
        if unknown := sorted(set(value) - set(shape.members)):
            raise ValueError(f"Properties validation failed: {', '.join(unknown)} is not permitted")
        return {name: _value(item, shape.members[name]) for name, item in value.items()}
    if shape.type_name == "list":
        return [_value(item, shape.member) for item in value]
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    if shape.type_name in {"integer", "long"}:
        return int(value)
    return str(value) if shape.type_name == "string" else value


def _tags(properties: dict[str, Any], kind: str) -> dict[str, Any]:
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def _retag(ec2: Any, resource: str, properties: dict[str, Any]) -> None:
    ec2.delete_tags(Resources=[resource])
    if tags := properties.get("Tags"):
        ec2.create_tags(
            Resources=[resource],
            Tags=[{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in tags],
        )


# Elastic addresses: Ref is the address itself.


def _create_address(ec2: Any, properties: dict[str, Any]) -> _Made:
    made = ec2.allocate_address(
        Domain=properties.get("Domain", "vpc"), **_tags(properties, "elastic-ip")
    )
    if instance := properties.get("InstanceId"):
        ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance)
    return _address(made)


def _update_address(ec2: Any, public_ip: str, properties: dict[str, Any]) -> _Made:
    found = _addresses(ec2, "PublicIp", public_ip)[0]
    if found.get("AssociationId"):
        ec2.disassociate_address(AssociationId=found["AssociationId"])
    if instance := properties.get("InstanceId"):
        ec2.associate_address(AllocationId=found["AllocationId"], InstanceId=instance)
    _retag(ec2, found["AllocationId"], properties)
    return _address(found)


def _delete_address(ec2: Any, public_ip: str, _properties: dict[str, Any]) -> None:
    for found in _addresses(ec2, "PublicIp", public_ip):
        ec2.release_address(AllocationId=found["AllocationId"])


def _address(found: dict[str, Any]) -> _Made:
    return found["PublicIp"], {
        "AllocationId": found["AllocationId"],
        "PublicIp": found["PublicIp"],
    }


def _addresses(ec2: Any, key: str, value: str) -> list[dict[str, Any]]:
    return [one for one in ec2.describe_addresses()["Addresses"] if one.get(key) == value]


def _create_association(ec2: Any, properties: dict[str, Any]) -> _Made:
    wanted = _picked(properties, _OF_ASSOCIATION)
    if "AllocationId" not in wanted:
        address = str(properties.get("EIP") or "")
        found = _addresses(ec2, "PublicIp", address)
        if not found:
            raise ValueError(f"The address '{address}' does not exist")
        wanted["AllocationId"] = found[0]["AllocationId"]
    made = ec2.associate_address(**_typed(ec2, "AssociateAddress", wanted))["AssociationId"]
    return made, {"Id": made}


def _delete_association(ec2: Any, association: str, _properties: dict[str, Any]) -> None:
    ec2.disassociate_address(AssociationId=association)


# NAT gateways


def _create_nat_gateway(ec2: Any, properties: dict[str, Any]) -> _Made:
    wanted = _typed(ec2, "CreateNatGateway", _picked(properties, _OF_NAT_GATEWAY))
    made = ec2.create_nat_gateway(**wanted, **_tags(properties, "natgateway"))
    gateway = made["NatGateway"]["NatGatewayId"]
    return gateway, {"NatGatewayId": gateway}


def _update_nat_gateway(ec2: Any, gateway: str, properties: dict[str, Any]) -> _Made:
    _retag(ec2, gateway, properties)
    return gateway, {"NatGatewayId": gateway}


def _delete_nat_gateway(ec2: Any, gateway: str, _properties: dict[str, Any]) -> None:
    ec2.delete_nat_gateway(NatGatewayId=gateway)


# Flow logs


def _create_flow_log(ec2: Any, properties: dict[str, Any]) -> _Made:
    wanted = _typed(
        ec2,
        "CreateFlowLogs",
        {**_picked(properties, _OF_FLOW_LOG), "ResourceIds": [properties["ResourceId"]]},
    )
    made = ec2.create_flow_logs(**wanted)["FlowLogIds"][0]
    # MiniStack does not know the name that AWS gives to flow logs in TagSpecifications.
    return _update_flow_log(ec2, made, properties)


def _update_flow_log(ec2: Any, flow_log: str, properties: dict[str, Any]) -> _Made:
    _retag(ec2, flow_log, properties)
    return flow_log, {"Id": flow_log}


def _delete_flow_log(ec2: Any, flow_log: str, _properties: dict[str, Any]) -> None:
    ec2.delete_flow_logs(FlowLogIds=[flow_log])


# Rules of security groups


def _rule(ec2: Any, properties: dict[str, Any]) -> dict[str, Any]:
    described = {"Description": text} if (text := properties.get("Description")) else {}
    permission = _picked(properties, ("IpProtocol", "FromPort", "ToPort"))
    for name, target, key in (
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("SourcePrefixListId", "PrefixListIds", "PrefixListId"),
        ("DestinationPrefixListId", "PrefixListIds", "PrefixListId"),
    ):
        if value := properties.get(name):
            permission[target] = [{key: value, **described}]
    wanted = {"GroupId": properties.get("GroupId"), "IpPermissions": [permission]}
    return _typed(ec2, "AuthorizeSecurityGroupIngress", wanted)


def _create_ingress(ec2: Any, properties: dict[str, Any]) -> _Made:
    made = ec2.authorize_security_group_ingress(**_rule(ec2, properties))
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return rule, {"Id": rule}


def _delete_ingress(ec2: Any, rule: str, properties: dict[str, Any]) -> None:
    ec2.revoke_security_group_ingress(GroupId=properties["GroupId"], SecurityGroupRuleIds=[rule])


def _create_egress(ec2: Any, properties: dict[str, Any]) -> _Made:
    made = ec2.authorize_security_group_egress(**_rule(ec2, properties))
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return rule, {"Id": rule}


def _delete_egress(ec2: Any, rule: str, properties: dict[str, Any]) -> None:
    ec2.revoke_security_group_egress(GroupId=properties["GroupId"], SecurityGroupRuleIds=[rule])


# Instances


def _create_instance(ec2: Any, properties: dict[str, Any]) -> _Made:
    wanted = _picked(properties, _OF_INSTANCE) | {"MinCount": 1, "MaxCount": 1}
    if profile := properties.get("IamInstanceProfile"):
        wanted["IamInstanceProfile"] = {"Name": profile}
    if zone := properties.get("AvailabilityZone"):
        wanted["Placement"] = {"AvailabilityZone": zone}
    if "Monitoring" in properties:
        wanted["Monitoring"] = {"Enabled": properties["Monitoring"]}
    for interface in properties.get("NetworkInterfaces") or []:
        # MiniStack reads the subnet and the groups of the first interface beside it only.
        if str(interface.get("DeviceIndex")) == "0":
            wanted |= {
                target: interface[name]
                for name, target in (("SubnetId", "SubnetId"), ("GroupSet", "SecurityGroupIds"))
                if interface.get(name)
            }
    typed = _typed(ec2, "RunInstances", wanted)
    if script := properties.get("UserData"):
        typed["UserData"] = _decoded(script)  # boto3 encodes it again
    made = ec2.run_instances(**typed, **_tags(properties, "instance"))["Instances"][0]
    return _instance(ec2, made["InstanceId"])


def _decoded(script: str) -> str:
    try:
        return base64.b64decode(script, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise ValueError("Invalid BASE64 encoding of user data") from problem


def _instance(ec2: Any, instance: str) -> _Made:
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return instance, {
        "InstanceId": instance,
        "AvailabilityZone": found.get("Placement", {}).get("AvailabilityZone", ""),
        "PrivateDnsName": found.get("PrivateDnsName", ""),
        "PrivateIp": found.get("PrivateIpAddress", ""),
        "PublicDnsName": found.get("PublicDnsName", ""),
        "PublicIp": found.get("PublicIpAddress", ""),
        "VpcId": found.get("VpcId", ""),
    }


def _update_instance(ec2: Any, instance: str, properties: dict[str, Any]) -> _Made:
    _retag(ec2, instance, properties)
    if groups := properties.get("SecurityGroupIds"):
        ec2.modify_instance_attribute(InstanceId=instance, Groups=groups)
    return _instance(ec2, instance)


def _delete_instance(ec2: Any, instance: str, _properties: dict[str, Any]) -> None:
    ec2.terminate_instances(InstanceIds=[instance])


_KINDS = {
    "AWS::EC2::EIP": _Kind(
        _create_address,
        _delete_address,
        frozenset({"InstanceId", "Tags"}),
        _update_address,
    ),
    "AWS::EC2::EIPAssociation": _Kind(_create_association, _delete_association),
    "AWS::EC2::NatGateway": _Kind(
        _create_nat_gateway, _delete_nat_gateway, frozenset({"Tags"}), _update_nat_gateway
    ),
    "AWS::EC2::FlowLog": _Kind(
        _create_flow_log, _delete_flow_log, frozenset({"Tags"}), _update_flow_log
    ),
    "AWS::EC2::SecurityGroupIngress": _Kind(_create_ingress, _delete_ingress),
    "AWS::EC2::SecurityGroupEgress": _Kind(_create_egress, _delete_egress),
    "AWS::EC2::Instance": _Kind(
        _create_instance,
        _delete_instance,
        frozenset({"Tags", "SecurityGroupIds", "Monitoring", "DisableApiTermination"}),
        _update_instance,
    ),
}
