"""Which resources an environment makes: a template's conditions under a topology's parameters.

A parameter that only a request fills is unknown, and what hangs on it may be made.
"""

from typing import Any

from autoprovision.deployer.templates import Template
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.request import TargetEnvironment

_DEEPEST = 40


def made_in(
    template: Template, manifest: Blueprint, environment: TargetEnvironment
) -> frozenset[str]:
    """Logical ids of what is, or may be, made in an environment."""
    conditions = _Conditions(template, _known(template, manifest, environment))
    return frozenset(
        name
        for name, resource in template.section("Resources").items()
        if conditions.holds(resource.get("Condition")) is not False
    )


def _known(
    template: Template, manifest: Blueprint, environment: TargetEnvironment
) -> dict[str, str]:
    """Parameters whose value is certain in an environment."""
    known = {
        name: str(declared["Default"])
        for name, declared in template.section("Parameters").items()
        if "Default" in declared
    }
    for name, source in manifest.stack_parameters.items():
        known.pop(name, None)
        if source == "request.TargetEnvironment":
            known[name] = environment.value
    return {**known, **manifest.topologies[environment].parameters}


class _Conditions:
    def __init__(self, template: Template, known: dict[str, str]) -> None:
        declared = template.file.value.get("Conditions")
        self._declared = declared if isinstance(declared, dict) else {}
        self._known = known

    def holds(self, name: Any, depth: int = 0) -> bool | None:
        """True, False, or None where it depends on the request."""
        if name is None:
            return True
        if depth > _DEEPEST or not isinstance(name, str) or name not in self._declared:
            return None
        return self._value(self._declared[name], depth + 1)

    def _value(self, node: Any, depth: int) -> bool | None:
        if not isinstance(node, dict) or len(node) != 1 or depth > _DEEPEST:
            return None
        ((form, inner),) = node.items()
        if form == "Condition":
            return self.holds(inner, depth)
        parts = inner if isinstance(inner, list) else [inner]
        if form == "Fn::Equals" and len(parts) == 2:
            one, other = map(self._text, parts)
            return None if one is None or other is None else one == other
        values = [self._value(part, depth + 1) for part in parts]
        return _combined(form, values)

    def _text(self, node: Any) -> str | None:
        if isinstance(node, dict):
            return self._known.get(str(node.get("Ref")))
        if isinstance(node, bool):
            return "true" if node else "false"
        return str(node)


def _combined(form: str, values: list[bool | None]) -> bool | None:
    if form == "Fn::Not" and len(values) == 1:
        return None if values[0] is None else not values[0]
    if form == "Fn::And":
        return False if False in values else None if None in values else True
    if form == "Fn::Or":
        return True if True in values else None if None in values else False
    return None
