"""Ways through the workflows. Together they enter every state of every workflow: a test holds that.

A file a workflow. A new workflow joins by being in `workflows/` and by a file here; a new state by a
scenario that enters it.
"""

from tests.certify.scenarios.common import Scenario
from tests.certify.scenarios.operate import OPERATE
from tests.certify.scenarios.provision import PROVISION
from tests.certify.scenarios.terminate import TERMINATE
from tests.certify.scenarios.update import UPDATE

SCENARIOS: tuple[Scenario, ...] = (*PROVISION, *TERMINATE, *UPDATE, *OPERATE)

__all__ = ["SCENARIOS", "Scenario"]
