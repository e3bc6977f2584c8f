"""Writes the manifest of a blueprint that a template became: dev alone, with first prices."""

import re
from collections.abc import Mapping
from typing import Any

from autoprovision.deployer.needs.registry import registered
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.deployer.rules.forbidden import forbidden_kind
from autoprovision.deployer.rules.prices import KNOWN_FREE
from autoprovision.deployer.starting.template import PLATFORM_PARAMETERS, Fitting
from autoprovision.domain.held_data import MACHINES, LostBy

_SOURCES = {
    "ApplicationName": "request.ApplicationName", "TargetEnvironment": "request.TargetEnvironment",
    "ApplicationId": "application.id", "BusinessUnit": "request.BusinessUnit",
    "Owner": "application.owner", "PlatformName": "platform.name", "BlueprintId": "blueprint.id",
    "BlueprintVersion": "blueprint.version",
}  # fmt: skip
# First quantities: what a small application of dev uses. An author knows better.
_PRICES: dict[str, tuple[tuple[str, float, str], ...]] = {
    "AWS::Lambda::Function": (("lambda.requests", 0.02, "20,000 requests"), ("lambda.duration", 2, "20,000 requests of 0.2 s at 512 MB")),
    "AWS::ApiGatewayV2::Api": (("apigateway.http.requests", 0.02, "20,000 requests"), ("transfer.out", 0.2, "20,000 answers of 10 KB")),
    "AWS::S3::Bucket": (("s3.standard.storage", 1, "1 GB of files"),),
    "AWS::DynamoDB::Table": (("dynamodb.writes", 0.02, "20,000 writes"), ("dynamodb.reads", 0.05, "50,000 reads")),
    "AWS::Logs::LogGroup": (("logs.ingest", 0.02, "20 MB of logs"),),
    "AWS::SecretsManager::Secret": (("secrets.secret", 1, "1, all month"),),
    "AWS::ECR::Repository": (("ecr.storage", 1, "1 GB of images"),),
    "AWS::CloudFront::Distribution": (("cloudfront.requests.ap", 0.01, "10,000 requests"), ("cloudfront.transfer.ap", 0.1, "10,000 files of 10 KB")),
}  # fmt: skip
_SERVERS = ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup", "AWS::ECS::Service")
_DATABASES = {
    "AWS::DynamoDB::Table": "DynamoDB", "AWS::RDS::DBInstance": "RDS, one zone",
    "AWS::RDS::DBCluster": "Aurora", "AWS::DocDB::DBCluster": "DocumentDB",
}  # fmt: skip


def manifest_document(name: str, fitting: Fitting) -> dict[str, Any]:
    """The manifest of a fitted template; what is left open joins the fitting's decisions."""
    kinds = {logical: one["Type"] for logical, one in fitting.resources.items()}
    declared: dict[str, dict[str, Any]] = fitting.document["Parameters"]
    asked = {
        one: _parameter(declared[one])
        for one in fitting.own
        if declared[one].get("Type", "String") in {"String", "Number"}
        and not declared[one].get("NoEcho")
    }
    stack = {key: _SOURCES[key] for key in PLATFORM_PARAMETERS if key in declared}
    if "BucketName" in declared and "BucketName" not in fitting.own:
        stack["BucketName"] = "application.bucket"
    unknown = sorted(
        {one for one in kinds.values() if one not in NEEDS and not forbidden_kind(one)}
    )
    document = {
        "id": name, "version": "1.0.0", "title": name.replace("-", " ").capitalize(),
        "description": str(fitting.document.get("Description") or "Made of a template.").strip(),
        "serves": [{"projectType": _type(name), "techStackNeeded": False, "environments": ["dev"]}],
        "publish": {"method": "none"},
        "parameters": asked,
        "stackParameters": {**stack, **{one: f"parameters.{one}" for one in asked}},
        "topologies": {
            "dev": {
                "defaultExpiry": "7d", "longestExpiry": "60d", "facts": _facts(kinds),
                "prices": _prices(kinds, fitting.decisions),
            }
        },
        "data": _data(kinds, fitting.decisions),
        "capabilities": ["CAPABILITY_NAMED_IAM"],
        "needs": _needs(unknown, fitting),
        "needsNetwork": "ImportValue" in str(fitting.document),
        "provenOn": "embedded",
    }  # fmt: skip
    return {key: value for key, value in document.items() if value not in ({}, False)}


def _type(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _parameter(declared: Mapping[str, Any]) -> dict[str, Any]:
    default = declared.get("Default")
    made: dict[str, Any] = {
        "type": "text", "description": declared.get("Description") or "As the template takes it.",
    }  # fmt: skip
    if values := declared.get("AllowedValues"):
        made |= {"type": "choice", "choices": [str(one) for one in values]}
    elif declared.get("Type") == "Number":
        made["type"] = "integer"
        bounds = {"minimum": declared.get("MinValue"), "maximum": declared.get("MaxValue")}
        made |= {key: int(one) for key, one in bounds.items() if one is not None}
        default = None if default is None else int(default)
    elif pattern := declared.get("AllowedPattern"):
        made["pattern"] = pattern
    if default is not None:
        made["default"] = default if made["type"] == "integer" else str(default)
    return made


def _facts(kinds: Mapping[str, str]) -> dict[str, str]:
    every = list(kinds.values())
    servers = sum(every.count(kind) for kind in _SERVERS)
    stores = dict.fromkeys(_DATABASES[kind] for kind in every if kind in _DATABASES)
    return {
        "nodes": str(servers) if servers else "as many as are called",
        "zones": "one" if servers else "all",
        "database": ", ".join(stores) or "none",
        "backup": "none",
        "protection": "none",
        "logs": "7 days" if "AWS::Logs::LogGroup" in every else "none",
    }


def _prices(kinds: Mapping[str, str], decisions: list[str]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for name, kind in kinds.items():
        for price, quantity, why in _PRICES.get(kind, ()):
            lines.append({"resource": name, "price": price, "quantity": quantity, "why": why})
        if kind in KNOWN_FREE:
            lines.append({"resource": name, "price": "free", "why": f"{_noun(kind)} cost nothing"})
        elif kind not in _PRICES:
            decisions.append(f"What does {name} ({kind}) cost a month? Add its price lines.")
    return lines


def _data(kinds: Mapping[str, str], decisions: list[str]) -> dict[str, dict[str, Any]]:
    """Of machines it is taken that changes lose their disks, until the author says otherwise."""
    machines = [name for name, kind in kinds.items() if kind in MACHINES]
    decisions += [
        f"What is on the disks of {name}, and what loses it? `data` takes it that any change does."
        for name in machines
    ]
    return {
        name: {"what": f"what is on the disks of {name}", "lostBy": LostBy.MODIFICATION.value}
        for name in machines
    }


def _noun(kind: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.rpartition("::")[2])
    plural = f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"
    return plural.capitalize()


def _needs(unknown: list[str], fitting: Fitting) -> dict[str, list[str]]:
    needs = {}
    for kind in unknown:
        said = registered(kind, fitting.region)
        if said is not None and said.actions:
            needs[kind] = list(said.actions)
            fitting.decisions.append(
                f"{kind}: the registry's actions stand under `needs` and in role.yaml, for all that it "
                "can have; drop what this template does not use."
            )
        else:
            fitting.decisions.append(f"Nobody knows what {kind} needs: say it under `needs`.")
    return needs
