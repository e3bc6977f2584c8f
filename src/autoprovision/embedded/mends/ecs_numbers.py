"""CloudFormation gives numbers to ECS as numbers.

AWS: a parameter of type Number is text until a property takes it; where the property's schema says
integer, CloudFormation converts (CloudFormation user guide, "Parameters": "AWS CloudFormation
validates the parameter value as a number but treats it as a string").

MiniStack: hands `DesiredCount` of a service on as the text it was, and fails when it counts.

Mend: it becomes a number first.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from typing import Any

_COUNT = "DesiredCount"


def apply() -> None:
    """Convert the count of services that CloudFormation makes and updates."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"]
    create, update = handlers["create"], handlers["update"]

    def create_counted(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return create(logical_id, _counted(properties), stack_name)

    def update_counted(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str
    ) -> Any:
        return update(physical_id, _counted(old), _counted(new), stack_name)

    handlers["create"], handlers["update"] = create_counted, update_counted


def _counted(properties: dict[str, Any]) -> dict[str, Any]:
    if isinstance(properties.get(_COUNT), str):
        return {**properties, _COUNT: int(properties[_COUNT])}
    return properties
