"""A number parameter reaches ECS as a number."""

import json

from tests.integration.embedded.conftest import Workshop

TEMPLATE = {
    "Parameters": {"Nodes": {"Type": "Number"}},
    "Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Family": "counted", "ContainerDefinitions": [{"Name": "app", "Image": "x", "Memory": 64}]},
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "ServiceName": "counted", "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "Task"}, "DesiredCount": {"Ref": "Nodes"},
            },
        },
    },
}  # fmt: skip


def _create(workshop: Workshop) -> str:
    name = workshop.name("counted")
    workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": "Nodes", "ParameterValue": "2"}],
    )  # fmt: skip
    return str(workshop.stack_settled(name)["StackStatus"])


def test_a_service_takes_its_count_from_a_parameter(workshop: Workshop):
    assert _create(workshop) == "CREATE_COMPLETE"


def test_the_mend_is_still_needed(unmended: Workshop):
    assert _create(unmended) == "ROLLBACK_COMPLETE"
