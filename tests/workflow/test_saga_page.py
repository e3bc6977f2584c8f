"""docs/saga.md tells the state machines as they are."""

import importlib.util
from pathlib import Path

from tests.workflow.definitions import ROOT, WORKFLOWS, states_of


def test_the_page_is_what_the_workflows_say():
    path = ROOT / "tools" / "saga_page.py"
    spec = importlib.util.spec_from_file_location("saga_page", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = Path(ROOT / "docs" / "saga.md").read_text("utf-8")
    assert tool.page() == text, "run python tools/saga_page.py"
    for workflow in WORKFLOWS:
        for name in states_of(workflow):
            assert name in text
