"""A function that CloudFormation makes is in the network that its template names.

AWS: `VpcConfig` of AWS::Lambda::Function attaches the function, and a role that may not create
network interfaces is refused: "The provided execution role does not have permissions to call
CreateNetworkInterface on EC2" (Lambda developer guide, "Giving Lambda functions access to resources
in an Amazon VPC").

MiniStack: CloudFormation drops the property; only Lambda's own API keeps it, for any role.

Mend: it is kept and taken away as the template says, and the role is asked. Nothing else changes: a
function of the embedded AWS runs on this machine whatever its network.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import os
from typing import Any

from autoprovision.embedded import roles

_SERVICE = "lambda.amazonaws.com"
_NEEDED = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")


def apply() -> None:
    """Keep the network of functions that CloudFormation makes and updates."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handlers["create"], handlers["update"]

    def create_attached(logical_id: str, properties: dict[str, Any], *more: Any) -> Any:
        _check_role(properties)
        made = create(logical_id, properties, *more)
        _attach(made[0], properties)
        return made

    def update_attached(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any, **named: Any
    ) -> Any:
        _check_role(new)
        made = update(physical_id, old, new, *more, **named)
        _attach(made[0], new)
        return made

    handlers["create"], handlers["update"] = create_attached, update_attached


def _attach(name: str, properties: dict[str, Any]) -> None:
    from ministack.services import lambda_svc

    network = lambda_svc._vpc_config_with_id(properties.get("VpcConfig"))
    lambda_svc._functions[name]["config"]["VpcConfig"] = network


def _check_role(properties: dict[str, Any]) -> None:
    if not properties.get("VpcConfig", {}).get("SubnetIds"):
        return
    region = os.environ["AWS_REGION"]
    session = roles.assume(properties["Role"], _SERVICE, "lambda-network")
    for action in _NEEDED:
        if roles.denial(session, f"ec2:{action}", "*", region):
            raise ValueError(
                f"The provided execution role does not have permissions to call {action} on EC2"
            )
