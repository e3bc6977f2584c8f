"""Functions that CloudFormation makes are in the network that their template names."""

import json
from typing import Any

INTERFACES = [
    f"ec2:{one}NetworkInterface{end}"
    for one, end in (("Create", ""), ("Delete", ""), ("Describe", "s"))
]


def template(role: str, *, attached: bool) -> str:
    network = {
        "VpcConfig": {
            "SubnetIds": [{"Ref": "Subnet"}],
            "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
        }
    }
    return json.dumps({
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
            "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/24"}},
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "x", "VpcId": {"Ref": "Vpc"}}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.13", "Handler": "index.handler", "Role": role,
                    "Code": {"ZipFile": "def handler(event, context): return 'well'"},
                    **(network if attached else {}),
                },
            },
        },
        "Outputs": {"Function": {"Value": {"Ref": "Function"}}, "Vpc": {"Value": {"Ref": "Vpc"}}},
    })  # fmt: skip


def made(workshop: Any, role: str) -> dict[str, Any]:
    formation, name = workshop.client("cloudformation"), workshop.name("attached")
    formation.create_stack(StackName=name, TemplateBody=template(role, attached=True))
    return workshop.stack_settled(name)


def network(workshop: Any, stack: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    found = workshop.client("lambda").get_function_configuration(FunctionName=outputs["Function"])
    return found.get("VpcConfig") or {}, outputs


def test_it_is_attached_runs_and_is_taken_out_again(workshop: Any):
    role = workshop.role("lambda", {"Effect": "Allow", "Action": INTERFACES, "Resource": "*"})
    stack = made(workshop, role)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    joined, outputs = network(workshop, stack)
    assert joined["VpcId"] == outputs["Vpc"]
    assert (len(joined["SubnetIds"]), len(joined["SecurityGroupIds"])) == (1, 1)
    answer = workshop.client("lambda").invoke(FunctionName=outputs["Function"])
    assert json.loads(answer["Payload"].read()) == "well"
    workshop.client("cloudformation").update_stack(
        StackName=stack["StackName"], TemplateBody=template(role, attached=False)
    )
    left, _ = network(workshop, workshop.stack_settled(stack["StackName"]))
    assert not left.get("SubnetIds")


def test_a_role_without_the_rights_is_refused(workshop: Any):
    stack = made(workshop, workshop.role("lambda"))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = workshop.client("cloudformation").describe_stack_events(StackName=stack["StackName"])
    said = [one.get("ResourceStatusReason", "") for one in events["StackEvents"]]
    assert any("does not have permissions to call CreateNetworkInterface on EC2" in one for one in said)  # fmt: skip


def test_ministack_alone_drops_the_network(unmended: Any):
    stack = made(unmended, unmended.role("lambda"))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert not network(unmended, stack)[0].get("SubnetIds")
