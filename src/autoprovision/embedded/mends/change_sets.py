"""A change set speaks of resources that the stack has, or would have.

AWS: a resource whose condition is false is not part of the stack, so no change set modifies or
removes it (CloudFormation user guide, "Conditions": AWS CloudFormation creates only entities that
are associated with a true condition).

MiniStack: lists such a resource as modified when it refers to one that changes.

Mend: what is not in the stack is neither modified nor removed.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from typing import Any


def apply() -> None:
    """Leave out changes of resources that the stack does not have."""
    from ministack.services.cloudformation import changesets

    diff = changesets._diff_resources

    def diff_of_the_stack(
        old: dict[str, Any], new: dict[str, Any], resources: Any = None, *more: Any
    ) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = diff(old, new, resources, *more)
        if resources is None:
            return changes
        return [one for one in changes if _is_there(one["ResourceChange"], resources)]

    changesets._diff_resources = diff_of_the_stack


def _is_there(change: dict[str, Any], resources: dict[str, Any]) -> bool:
    return change["Action"] not in {"Modify", "Remove"} or change["LogicalResourceId"] in resources
