"""CloudFormation makes and removes the types of a network that MiniStack does not know."""

import json
from typing import Any

import pytest

VPC = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
    "Subnet": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.1.0/24"},
    },
    "Group": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "GroupDescription": "tried"},
    },
}
TAGS = [{"Key": "Name", "Value": "tried"}]
TYPES: dict[str, dict[str, Any]] = {
    "AWS::EC2::EIP": {"Domain": "vpc", "Tags": TAGS},
    "AWS::EC2::NatGateway": {
        "SubnetId": {"Ref": "Subnet"},
        "ConnectivityType": "private",
        "Tags": TAGS,
    },
    "AWS::EC2::FlowLog": {
        "ResourceId": {"Ref": "Vpc"},
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogGroupName": "flow",
        "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/flow",
        "MaxAggregationInterval": "60",
        "Tags": TAGS,
    },
    "AWS::EC2::SecurityGroupIngress": {
        "GroupId": {"Ref": "Group"},
        "IpProtocol": "tcp",
        "FromPort": "443",
        "ToPort": 443,
        "CidrIp": "10.1.0.0/16",
    },
    "AWS::EC2::SecurityGroupEgress": {
        "GroupId": {"Ref": "Group"},
        "IpProtocol": "tcp",
        "FromPort": 5432,
        "ToPort": 5432,
        "DestinationSecurityGroupId": {"Ref": "Group"},
    },
    "AWS::EC2::Instance": {
        "ImageId": "ami-12345678",
        "InstanceType": "t4g.nano",
        "UserData": {"Fn::Base64": "#!/bin/sh\ntrue"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": "1"},
        "NetworkInterfaces": [
            {
                "DeviceIndex": "0",
                "AssociatePublicIpAddress": "false",
                "SubnetId": {"Ref": "Subnet"},
                "GroupSet": [{"Fn::GetAtt": "Group.GroupId"}],
            }
        ],
        "Tags": TAGS,
    },
}
# Attributes that a stack may ask for, and what Ref is.
ATTRIBUTES = {
    "AWS::EC2::EIP": ("AllocationId", "PublicIp"),
    "AWS::EC2::NatGateway": ("NatGatewayId",),
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::SecurityGroupIngress": ("Id",),
    "AWS::EC2::SecurityGroupEgress": ("Id",),
    "AWS::EC2::Instance": ("InstanceId", "PrivateIp", "AvailabilityZone", "VpcId"),
}
REF = {name: attributes[0] for name, attributes in ATTRIBUTES.items()} | {
    "AWS::EC2::EIP": "PublicIp"
}


def living(ec2: Any, resource_type: str, identifier: str, group: str) -> list[dict[str, Any]]:
    """What EC2 itself knows of a resource."""
    if resource_type == "AWS::EC2::EIP":
        return [a for a in ec2.describe_addresses()["Addresses"] if a["PublicIp"] == identifier]
    if resource_type == "AWS::EC2::NatGateway":
        found = ec2.describe_nat_gateways(NatGatewayIds=[identifier])["NatGateways"]
        return [gateway for gateway in found if gateway["State"] == "available"]
    if resource_type == "AWS::EC2::FlowLog":
        return ec2.describe_flow_logs(FlowLogIds=[identifier])["FlowLogs"]
    if resource_type == "AWS::EC2::Instance":
        found = ec2.describe_instances(InstanceIds=[identifier])["Reservations"]
        return [
            one for r in found for one in r["Instances"] if one["State"]["Name"] != "terminated"
        ]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])[
        "SecurityGroupRules"
    ]
    return [rule for rule in rules if rule["SecurityGroupRuleId"] == identifier]


def template(resource_type: str, properties: dict[str, Any]) -> str:
    attributes = {
        name: {"Value": {"Fn::GetAtt": ["Tried", name]}} for name in ATTRIBUTES[resource_type]
    }
    return json.dumps(
        {
            "Resources": {**VPC, "Tried": {"Type": resource_type, "Properties": properties}},
            "Outputs": {
                **attributes,
                "Ref": {"Value": {"Ref": "Tried"}},
                "Group": {"Value": {"Fn::GetAtt": "Group.GroupId"}},
            },
        }
    )


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


@pytest.mark.parametrize("resource_type", TYPES)
def test_it_is_made_and_removed(workshop, resource_type):
    cloudformation, ec2 = workshop.client("cloudformation"), workshop.client("ec2")
    name = workshop.name("stack")
    cloudformation.create_stack(
        StackName=name, TemplateBody=template(resource_type, TYPES[resource_type])
    )
    stack = workshop.stack_settled(name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    seen = outputs(stack)
    assert all(seen.values())
    assert seen["Ref"] == seen[REF[resource_type]]
    [found] = living(ec2, resource_type, seen["Ref"], seen["Group"])
    if "Tags" in TYPES[resource_type]:
        own = [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")]
        assert own == TAGS
    cloudformation.delete_stack(StackName=name)
    workshop.until(
        lambda: (
            cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"][0]["StackStatus"]
            == "DELETE_COMPLETE"
        )
    )
    assert living(ec2, resource_type, seen["Ref"], seen["Group"]) == []


@pytest.mark.parametrize("resource_type", [*TYPES, "AWS::EC2::EIPAssociation"])
def test_ministack_alone_refuses_it(unmended, resource_type):
    properties = TYPES.get(resource_type, {"EIP": "1.2.3.4", "InstanceId": "i-1"})
    ministack, name = unmended.client("cloudformation"), unmended.name("stack")
    body = json.dumps(
        {"Resources": {**VPC, "Tried": {"Type": resource_type, "Properties": properties}}}
    )
    try:
        ministack.create_stack(StackName=name, TemplateBody=body)
    except ministack.exceptions.ClientError as problem:
        assert "nsupported" in str(problem) or "Unrecognized" in str(problem)
        return
    assert unmended.stack_settled(name)["StackStatus"] != "CREATE_COMPLETE", "no longer needed"


def test_an_update_replaces_or_retags(workshop):
    cloudformation, ec2 = workshop.client("cloudformation"), workshop.client("ec2")
    name, kind = workshop.name("stack"), "AWS::EC2::FlowLog"
    cloudformation.create_stack(StackName=name, TemplateBody=template(kind, TYPES[kind]))
    first = outputs(workshop.stack_settled(name))

    def update(**properties: Any) -> dict[str, str]:
        body = template(kind, {**TYPES[kind], **properties})
        cloudformation.update_stack(StackName=name, TemplateBody=body)
        stack = workshop.stack_settled(name)
        assert stack["StackStatus"] == "UPDATE_COMPLETE"
        return outputs(stack)

    changed = [{"Key": "Name", "Value": "changed"}]
    tagged = update(Tags=changed)
    assert tagged["Ref"] == first["Ref"]
    [found] = living(ec2, kind, first["Ref"], "")
    assert [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")] == changed
    replaced = update(TrafficType="REJECT")
    assert replaced["Ref"] != first["Ref"]
    assert living(ec2, kind, first["Ref"], "") == []
    assert len(living(ec2, kind, replaced["Ref"], "")) == 1


def test_an_address_is_associated_with_an_instance(workshop):
    cloudformation, ec2 = workshop.client("cloudformation"), workshop.client("ec2")
    name = workshop.name("stack")
    machine = {"Type": "AWS::EC2::Instance", "Properties": TYPES["AWS::EC2::Instance"]}
    association = {"EIP": {"Ref": "Address"}, "InstanceId": {"Ref": "Machine"}}
    body = {
        "Resources": {
            **VPC,
            "Machine": machine,
            "Address": {"Type": "AWS::EC2::EIP"},
            "Association": {"Type": "AWS::EC2::EIPAssociation", "Properties": association},
        },
        "Outputs": {
            "Address": {"Value": {"Ref": "Address"}},
            "Machine": {"Value": {"Ref": "Machine"}},
        },
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    stack = workshop.stack_settled(name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    seen = outputs(stack)
    [address] = living(ec2, "AWS::EC2::EIP", seen["Address"], "")
    assert address["InstanceId"] == seen["Machine"]


ARM = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


def test_the_newest_image_for_arm_has_a_parameter(workshop):
    image = workshop.client("ssm").get_parameter(Name=ARM)["Parameter"]["Value"]
    [found] = workshop.client("ec2").describe_images(ImageIds=[image])["Images"]
    assert "arm64" in found["Name"]


def test_ministack_alone_has_none_for_arm(unmended):
    ssm = unmended.client("ssm")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=ARM)
