"""A change set is the difference between what the stack has and what it would have.

AWS: a resource whose condition is false is not part of the stack (CloudFormation user guide,
"Conditions": AWS CloudFormation creates only entities that are associated with a true condition).
So no change set modifies or removes it, and one that makes the condition true adds it.

MiniStack: compares the resources of both templates whatever their conditions: it lists one that is
not there as modified when it refers to one that changes, and finds no change where a parameter
only turns conditions.

Mend: each side of the comparison has what its conditions leave in.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from typing import Any


def apply() -> None:
    """Leave out of both sides what their conditions leave out."""
    from ministack.services.cloudformation import changesets

    resolve = changesets._resolve_props_for_diff

    def what_is_in(
        template: dict[str, Any], params: dict[str, Any], *more: Any
    ) -> dict[str, dict[str, Any]]:
        resolved: dict[str, dict[str, Any]] = resolve(template, params, *more)
        if not resolved:
            return resolved
        holding = changesets._evaluate_conditions(template, params)
        kept = {
            name: one
            for name, one in resolved["Resources"].items()
            if holding.get(one.get("Condition"), True)
        }
        return {**resolved, "Resources": kept}

    changesets._resolve_props_for_diff = what_is_in
