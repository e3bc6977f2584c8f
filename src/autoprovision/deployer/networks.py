"""The networks of the environments: a stack each, made where somebody asked for it.

A load balancer and gateways cost money while nobody uses them, so none is made unasked; one that
stands is brought up to date with the rest.
"""

from collections.abc import Mapping
from typing import Any

from autoprovision.deployer.errors import DeployError
from autoprovision.deployer.stacks import Confirm, Say, StackPlan, deploy_stack, describe
from autoprovision.deployer.templates import read_template
from autoprovision.domain.request import TargetEnvironment

# What a new network starts with; only prod pays for gateways, three zones and protection.
_FIRST: dict[TargetEnvironment, dict[str, str]] = {
    TargetEnvironment.DEV: {"AddressPrefix": "10.20"},
    TargetEnvironment.STAG: {"AddressPrefix": "10.21"},
    TargetEnvironment.PROD: {
        "AddressPrefix": "10.22",
        "Zones": "3",
        "NatGateways": "zone",
        "DeletionProtection": "true",
    },
}
# The output that a network has when functions can join it.
_FOR_FUNCTIONS = "FunctionSubnets"
# The deployer gives these itself.
_FILLED_IN_HERE = frozenset({"PlatformName", "TargetEnvironment", "CertificateArn"})


def parameter_names(template: bytes) -> frozenset[str]:
    """What may be set of networks: `<environment>.<Parameter>`."""
    declared = read_template(template).parameter_names - _FILLED_IN_HERE
    return frozenset(f"{env.value}.{name}" for env in TargetEnvironment for name in declared)


def check_environments(asked: tuple[str, ...]) -> None:
    """Find an environment that there is not.

    Raises:
        DeployError: naming it.
    """
    known = [one.value for one in TargetEnvironment]
    if unknown := [one for one in asked if one not in known]:
        raise DeployError(
            f"There is no environment {', '.join(unknown)} to make a network for.",
            f"There are {', '.join(known)}.",
        )


def deploy_networks(
    cloudformation: Any,
    template: bytes,
    asked: tuple[str, ...],
    *,
    platform_name: str,
    parameters: Mapping[str, str],
    say: Say,
    confirm: Confirm,
) -> tuple[TargetEnvironment, ...]:
    """Make the networks that were asked for, and bring those that stand up to date.

    Args:
        template: the text of infra/network.yaml.
        parameters: those of the platform; `prod.Zones` is the parameter Zones of prod's network.

    Returns:
        The environments that have a network now.
    """
    declared = read_template(template).parameter_names
    standing = []
    for environment in TargetEnvironment:
        name = f"{platform_name}-network-{environment.value}"
        is_new = describe(cloudformation, name) is None
        if is_new and environment not in asked:
            continue
        plan = StackPlan(
            name=name,
            template=template,
            parameters={
                **(_FIRST[environment] if is_new else {}),
                **_given(environment, parameters),
                "PlatformName": platform_name,
                "TargetEnvironment": environment.value,
            },
            capabilities=("CAPABILITY_NAMED_IAM",),
            tags={
                "autoprovision:platform": platform_name,
                "autoprovision:environment": environment.value,
            },
        )
        deploy_stack(cloudformation, plan, declared=declared, say=say, confirm=confirm)
        standing.append(environment)
    return tuple(standing)


def check_function_network(
    cloudformation: Any, environment: str | None, *, platform_name: str
) -> None:
    """See that the platform's functions can join the network that they shall.

    Args:
        environment: the value of the parameter FunctionNetwork; None or empty: they stay outside.

    Raises:
        DeployError: there is no such network, or it has no way to AWS and the Internet.
    """
    if not environment:
        return
    stack = describe(cloudformation, f"{platform_name}-network-{environment}")
    if stack is None:
        raise DeployError(
            f"Functions cannot join the network of {environment}: there is none.",
            f"Deploy again with `--network {environment}`.",
        )
    if not any(one["OutputKey"] == _FOR_FUNCTIONS for one in stack.get("Outputs", [])):
        raise DeployError(
            f"Functions cannot join the network of {environment}: it has no NAT gateway, and they "
            "need AWS and the Internet too.",
            f"Deploy again with `--parameter {environment}.NatGateways=one` (about $43 a month).",
        )


def _given(environment: TargetEnvironment, parameters: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{environment.value}."
    given = {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }
    certificate = f"RegionalCertificateArn{environment.value.capitalize()}"
    if certificate in parameters:
        given["CertificateArn"] = parameters[certificate]
    return given
