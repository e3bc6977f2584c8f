"""The matrix of docs/security.md is the one the platform decides by."""

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "security_page.py"


def test_the_page_holds_today_s_matrix():
    spec = importlib.util.spec_from_file_location("security_page", TOOL)
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = tool.PAGE.read_text("utf-8")
    assert text == tool.page(text), "run: python tools/security_page.py"
