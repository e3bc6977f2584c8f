"""What runs on machines is what the plan says that was judged, and approved where it has to be."""

import pytest
from tests.workflow.systems_manager import machine_of, operate, with_machines
from tests.workflow.world import World

from autoprovision.steps import operation
from autoprovision.steps.errors import StepRefusedError


@pytest.mark.parametrize(
    "parameters", [{"command": "rm -rf /var\n"}, {"times": "3"}, {"more": "x"}, {}]
)
def test_another_command_than_the_planned_one_is_not_run(world: World, parameters: dict[str, str]):
    with_machines(world)
    request = operate(world, machine_of(world), "run-command", command="true")
    event = {"requestId": request.id}
    assert operation.prepare_runbook(event, world)["run"]["runbook"] == "run-command"
    template = {**request.template, "parameters": {**request.template["parameters"], **parameters}}
    if not parameters:
        template = {}
    world.records.patch_request(request.id, template=template)
    with pytest.raises(StepRefusedError) as refused:
        operation.prepare_runbook(event, world)
    assert refused.value.reason == "PLAN_ALTERED"
