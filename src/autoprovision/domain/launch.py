"""What LaunchStack hands to CloudFormation: exactly the plan, for exactly this application."""

import hashlib
from typing import Any

from autoprovision.domain.application import Application
from autoprovision.domain.identifiers import stack_name
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request

SITE_BUCKET_PREFIX = "autoprovision-site-"


def site_bucket(application_id: str) -> str:
    """The bucket of an application; the publishing function's role names the prefix."""
    return SITE_BUCKET_PREFIX + application_id.removeprefix("app_")


def application_number(application_id: str) -> int:
    """A number from 1 to 50000 that follows from the id: the priority of a listener's rule.

    A load balancer takes 100 rules, each with a priority of its own. Two of a full one's
    applications meet with a chance of one in ten; CloudFormation then refuses the second, and a
    new request gets another number.
    """
    return int(hashlib.sha256(application_id.encode()).hexdigest(), 16) % 50_000 + 1


def stack_parameters(plan: Plan, application: Application) -> dict[str, str]:
    """The plan's parameters and those that belong to the application."""
    known = {
        "application.id": application.id,
        "application.bucket": site_bucket(application.id),
        "application.number": str(application_number(application.id)),
        "application.owner": application.owner_id,
        "secret.arn": application.secret_arn or "",
    }
    return {**plan.parameters, **{name: known[source] for name, source in plan.assigned.items()}}


def stack_tags(request: Request, application: Application) -> dict[str, str]:
    """The tags by which a stack and its resources are known as ours."""
    tags = {
        "autoprovision:request": request.id,
        "autoprovision:application": application.id,
        "autoprovision:unit": application.business_unit,
        "autoprovision:owner": application.owner_id,
        "autoprovision:environment": application.target_environment,
    }
    return tags | (
        {"autoprovision:expires": application.expires_at} if application.expires_at else {}
    )


def launch(request: Request, application: Application, *, minutes: int) -> dict[str, Any]:
    """The arguments of CreateStack.

    Args:
        minutes: how long CloudFormation may take.
    """
    plan = request.plan
    assert plan is not None, "only a request with a plan is launched"  # noqa: S101
    parameters = stack_parameters(plan, application)
    tags = stack_tags(request, application)
    return {
        "stackName": stack_name(
            application.target_environment, application.application_name, request.id
        ),
        "templateUrl": plan.template_url,
        "roleArn": plan.role_arn,
        "capabilities": list(plan.capabilities),
        "parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(parameters.items())
        ],
        "tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
        "timeoutMinutes": minutes,
        "clientRequestToken": request.id.replace("_", "-"),
    }
