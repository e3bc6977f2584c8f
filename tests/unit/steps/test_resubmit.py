"""Only a first request is submitted again: what a change is of has an application already."""

import pytest
from tests.unit.steps.test_twice import ending, operating, updating
from tests.workflow.world import ADA, World

from autoprovision.domain.errors import ConflictError
from autoprovision.usecases import submission


@pytest.mark.parametrize("ready", [updating, ending, operating])
def test_a_change_is_asked_for_again_instead(world: World, ready):
    request, _ = ready(world)
    known = len(world.records.requests(None, limit=100).items)
    ada = world.users.by_email(ADA).actor()
    with pytest.raises(ConflictError, match="Ask for the change again") as refused:
        submission.resubmit(
            ada, request.id, {}, world, new_request_id="req_01jz0000000000000000000000"
        )
    assert refused.value.reason == "NOT_RESUBMITTED"
    assert request.application_id in refused.value.extras["advice"]
    assert len(world.records.requests(None, limit=100).items) == known
