"""Write the table of the default policy into policy.md: `python docs/policy_table.py`."""  # noqa: INP001

from pathlib import Path

import yaml

from autoprovision.domain.policy import parse_policy
from autoprovision.domain.policy_table import rules_table

PAGE = Path(__file__).with_name("policy.md")
POLICY = PAGE.parent.parent / "catalog" / "policy.yaml"
BEGIN = "<!-- begin of the table, written by docs/policy_table.py -->\n"
END = "<!-- end of the table -->\n"


def page_with_table(page: str, policy_yaml: str) -> str:
    """The page with the table of a policy between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    table = rules_table(parse_policy(yaml.safe_load(policy_yaml)))
    return f"{before}{BEGIN}{table}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8"), POLICY.read_text("utf-8")), "utf-8")
