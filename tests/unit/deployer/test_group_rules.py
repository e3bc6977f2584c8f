"""Which security groups let anybody in, and how machines keep what they hold."""

import pytest

from autoprovision.deployer.rules.access import is_open_block
from autoprovision.deployer.rules.forbidden import FORBIDDEN
from autoprovision.deployer.rules.values import settled

FROM_A_MAP = {"Fn::FindInMap": ["Map", "all", "value"]}


@pytest.mark.parametrize(
    ("block", "open_"),
    [
        ("0.0.0.0/0", True), ("::/0", True), ("0.0.0.0/1", True), ("128.0.0.0/1", True), ("2000::/3", True),
        ("52.0.0.0/8", True), ("10.0.0.0/8", False), ("192.0.2.0/24", False), ("203.0.113.7/32", False), ("no block", False),
    ],
)  # fmt: skip
def test_a_block_that_anybody_is_in(block, open_):
    assert is_open_block(block) is open_


@pytest.mark.parametrize(
    "properties",
    [
        {"SecurityGroupIngress": [{"CidrIp": "128.0.0.0/1"}]}, {"CidrIpv6": "::/0"}, {"CidrIp": {"Ref": "From"}},
        {"SecurityGroupIngress": [{"Fn::If": ["Open", {"CidrIp": {"Ref": "From"}}, {"Ref": "AWS::NoValue"}]}]},
    ],
)  # fmt: skip
def test_a_group_that_anybody_may_reach(properties):
    assert FORBIDDEN["forbidden-open-group"].has("AWS::EC2::SecurityGroup", properties)


def test_a_group_that_another_group_reaches():
    ways = [{"SourceSecurityGroupId": {"Fn::ImportValue": "x"}}, {"CidrIp": "10.1.0.0/16"}]
    properties = {"SecurityGroupIngress": ways, "SecurityGroupEgress": [{"CidrIp": "0.0.0.0/0"}]}
    assert not FORBIDDEN["forbidden-open-group"].has("AWS::EC2::SecurityGroup", properties)


@pytest.mark.parametrize(
    ("block", "open_"),
    [
        (FROM_A_MAP, True), ({"Fn::ImportValue": "from"}, True), ({"Fn::Join": ["/", ["0.0.0.0", "0"]]}, True),
        ({"Fn::Join": ["/", [{"Ref": "From"}, "0"]]}, True), ({"Fn::Sub": "${From}/0"}, True), ({"Fn::Sub": "0.0.0.0/0"}, True),
        ({"Fn::Select": [0, ["0.0.0.0/0"]]}, True), ({"Fn::If": ["A", "10.0.0.0/8", FROM_A_MAP]}, True),
        ("{{resolve:ssm:/from}}", True), (" 0.0.0.0/0 ", True), ({"Ref": "AWS::NoValue"}, False),
        ({"Fn::GetAtt": ["Vpc", "CidrBlock"]}, False), ({"Fn::Sub": "10.0.0.0/8"}, False), ({"Fn::If": ["A", "10.0.0.0/8", {"Ref": "AWS::NoValue"}]}, False),
    ],
)  # fmt: skip
def test_a_block_that_is_not_written_out(block, open_):
    rule = FORBIDDEN["forbidden-open-group"]
    assert (
        rule.has("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": [{"CidrIp": block}]}) is open_
    )
    assert rule.has("AWS::EC2::SecurityGroupIngress", {"CidrIpv6": block}) is open_
    assert (
        rule.has("AWS::RDS::DBSecurityGroup", {"DBSecurityGroupIngress": [{"CIDRIP": block}]})
        is open_
    )


def test_a_rule_on_a_group_that_a_parameter_names():
    rule = FORBIDDEN["forbidden-foreign-group"]
    kind, group = "AWS::EC2::SecurityGroupIngress", {"GroupId": {"Ref": "HealthPath"}}
    assert rule.has(kind, settled(group, {"HealthPath": "*"}))
    assert not rule.has(kind, settled({"GroupId": {"Ref": "Door"}}, {"HealthPath": "*"}))


@pytest.mark.parametrize(
    ("rule", "kind", "properties", "found"),
    [
        ("forbidden-plain-database", "AWS::DocDB::DBCluster", {}, True),
        ("forbidden-plain-database", "AWS::EC2::Volume", {"Encrypted": "false"}, True),
        ("forbidden-plain-database", "AWS::Neptune::DBCluster", {"StorageEncrypted": True}, False),
        ("forbidden-plain-database", "AWS::RDS::DBInstance", {"DBClusterIdentifier": "c"}, False),
        ("forbidden-plain-disk", "AWS::EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}, True),
        ("forbidden-plain-disk", "AWS::EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"Encrypted": True}}]}, False),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {}, True),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {"LaunchTemplate": {"Version": "1"}}, False),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {"MetadataOptions": {"HttpTokens": "optional"}}, True),
        ("forbidden-old-metadata", "AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required"}}}, False),
    ],
)  # fmt: skip
def test_machines_and_their_disks(rule, kind, properties, found):
    assert FORBIDDEN[rule].has(kind, properties) is found
