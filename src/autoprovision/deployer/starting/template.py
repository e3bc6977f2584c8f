"""Gives a template from elsewhere what the platform needs of it."""

import re
from collections.abc import Callable
from typing import Any

from autoprovision.deployer.needs.registry import registered
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.deployer.rules.template import (
    BOUNDARY,
    NOT_NAMED,
    OUTPUTS,
    references,
    takes_tags,
)
from autoprovision.deployer.starting.yaml_text import Flow

PLATFORM_PARAMETERS: dict[str, dict[str, Any]] = {
    "ApplicationName": {"Type": "String", "AllowedPattern": "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])", "Description": "Name of the application, a DNS label."},
    "TargetEnvironment": {"Type": "String", "AllowedValues": ["dev", "stag", "prod"], "Description": "Environment of the application."},
    "ApplicationId": {"Type": "String", "AllowedPattern": "app_[0-9a-z]{26}", "Description": "Identifier of the application at the platform."},
    "BusinessUnit": {"Type": "String", "Description": "Who pays."},
    "Owner": {"Type": "String", "Description": "Who asked for it."},
    "PlatformName": {"Type": "String", "AllowedPattern": "[a-z][a-z0-9-]{1,18}[a-z0-9]", "Description": "Prefix of the platform's names."},
    "BlueprintId": {"Type": "String", "Description": "The blueprint that the stack is made from."},
    "BlueprintVersion": {"Type": "String", "Description": "Its version."},
}  # fmt: skip
BUCKET = {"Type": "String", "Description": "A bucket name of the application's own."}
SAFE_TEXT = "[A-Za-z0-9._/:@-]{1,100}"
_TAGS = {
    "autoprovision:application": "ApplicationId", "autoprovision:unit": "BusinessUnit",
    "autoprovision:owner": "Owner", "autoprovision:environment": "TargetEnvironment",
}  # fmt: skip
_MAPS = ("AWS::ApiGatewayV2::", "AWS::SSM::Parameter")
_LOGS_POLICY = "AWSLambdaBasicExecutionRole"
_LOG_DAYS = 7
_ORDER = ("Type", "Metadata", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy")
# What checkov asks of every one of a type, and why a small application does without.
STANDING: dict[str, dict[str, str]] = {
    "AWS::ApiGatewayV2::Stage": {"CKV_AWS_95": "The function logs what it does; a second log of the same requests would double the cost."},
    "AWS::DynamoDB::Table": {"CKV_AWS_119": "AWS's own key encrypts it; a key for each application costs more than its table."},
    "AWS::Lambda::Function": {
        "CKV_AWS_115": "The account's concurrency is shared, and a reservation for each would soon use it up.",
        "CKV_AWS_116": "It is called and answers; its caller gets the fault.",
        "CKV_AWS_117": "It reaches public endpoints only; a VPC would need a NAT gateway.",
        "CKV_AWS_173": "Its environment holds names, no secrets.",
    },
    "AWS::Logs::LogGroup": {"CKV_AWS_158": "CloudWatch's own key encrypts it; a key for each application costs more than its log."},
    "AWS::S3::Bucket": {"CKV_AWS_18": "A log of every access costs more than a small bucket."},
    "AWS::SecretsManager::Secret": {"CKV_AWS_149": "Secrets Manager's own key encrypts it; a key for each application costs more than the secret."},
}  # fmt: skip
_SHUT = {
    "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}  # fmt: skip


class Fitting:
    """A template on its way into the platform.

    Attributes:
        document: the template, changed in place.
        decisions: what only its author can decide, a sentence each.
        own: names of the parameters that it came with.
    """

    def __init__(self, document: dict[str, Any], region: str) -> None:
        self.document = document
        self.region = region
        self.decisions: list[str] = []
        self.own = [
            name for name in document.get("Parameters") or {} if name not in PLATFORM_PARAMETERS
        ]
        self.excepted: list[str] = []
        self._named: dict[str, int] = {}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The template's resources."""
        found: dict[str, dict[str, Any]] = self.document["Resources"]
        return found

    def fit(self) -> None:
        """Give it all that it needs."""
        for name, resource in list(self.resources.items()):
            resource.setdefault("Properties", {})
            _FITS.get(resource["Type"], Fitting._nothing)(self, name, resource["Properties"])
        for name, resource in self.resources.items():
            self._describe(name, resource)
            self._name(name, resource)
            self._tag(resource)
        self._parameters()
        self._outputs()
        if self.excepted:
            self.decisions.append(
                f"Exceptions from checkov stand at {', '.join(self.excepted)}, each with a reason: "
                "drop those that do not hold here."
            )
        self.document["Resources"] = {
            name: {key: one[key] for key in (*_ORDER, *one) if key in one}
            for name, one in self.resources.items()
        }

    def _nothing(self, _name: str, _properties: dict[str, Any]) -> None:
        """Nothing is special about the type."""

    def _role(self, name: str, properties: dict[str, Any]) -> None:
        arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{BOUNDARY}"
        properties["PermissionsBoundary"] = {"Fn::Sub": arn}
        kept = [
            one for one in properties.get("ManagedPolicyArns", []) if _LOGS_POLICY not in str(one)
        ]
        if len(kept) < len(properties.get("ManagedPolicyArns", [])):
            self._may_log(properties)
        properties.pop("ManagedPolicyArns", None)
        if kept:
            properties["ManagedPolicyArns"] = kept
            listed = ", ".join(str(one).rpartition("/")[2].rstrip("'}") for one in kept)
            self.decisions.append(
                f"{name} has managed policies ({listed}): write the few actions that it needs under "
                "its Policies, and drop ManagedPolicyArns."
            )

    def _may_log(self, properties: dict[str, Any]) -> None:
        group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/${PlatformName}/${ApplicationId}/*"
        statement = {
            "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::Sub": group},
        }  # fmt: skip
        document = {"Version": "2012-10-17", "Statement": [statement]}
        policies = properties.setdefault("Policies", [])
        policies.append({"PolicyName": "logs", "PolicyDocument": document})

    def _function(self, name: str, properties: dict[str, Any]) -> None:
        if "LoggingConfig" in properties:
            return
        group = f"{name}Logs"
        self.resources[group] = {
            "Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": _LOG_DAYS},
        }  # fmt: skip
        properties["LoggingConfig"] = {"LogGroup": {"Ref": group}}

    def _bucket(self, name: str, properties: dict[str, Any]) -> None:
        properties.setdefault("PublicAccessBlockConfiguration", dict(_SHUT))
        if properties["PublicAccessBlockConfiguration"] != _SHUT or "AccessControl" in properties:
            self.decisions.append(
                f"The public may reach the bucket {name}: shut it, and serve it by CloudFront with an "
                "origin access control, as catalog/static-site does."
            )

    def _describe(self, name: str, resource: dict[str, Any]) -> None:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower().capitalize()
        metadata = {"Description": words, **(resource.get("Metadata") or {})}
        if known := STANDING.get(resource["Type"]):
            skip = [{"id": key, "comment": comment} for key, comment in known.items()]
            metadata.setdefault("checkov", {"skip": skip})
            self.excepted.append(name)
        resource["Metadata"] = metadata
        if resource.get("DeletionPolicy", "Delete") != "Delete":
            self.decisions.append(
                f"{name} is kept when its stack is deleted ({resource['DeletionPolicy']}): is it meant "
                "to outlive the application? Name it under keptOnTerminate, or say Delete."
            )

    def _name(self, name: str, resource: dict[str, Any]) -> None:
        kind = resource["Type"]
        need = NEEDS.get(kind)
        if need is None or not need.name_property or kind in NOT_NAMED:
            return
        number = self._named[kind] = self._named.get(kind, 0) + 1
        ending = f"-{number}" if number > 1 else ""
        text = f"${{PlatformName}}-app-${{ApplicationId}}{ending}"
        if kind == "AWS::S3::Bucket":
            self.document.setdefault("Parameters", {})["BucketName"] = dict(BUCKET)
            text = f"${{BucketName}}{ending}"
        if kind == "AWS::Logs::LogGroup":
            text = f"/${{PlatformName}}/${{ApplicationId}}/{name}"
        resource["Properties"][need.name_property] = {"Fn::Sub": text}

    def _tag(self, resource: dict[str, Any]) -> None:
        kind, properties = resource["Type"], resource["Properties"]
        if not takes_tags(kind, self.region):
            return
        said = registered(kind, self.region)
        as_map = said.tags == "map" if said is not None else kind.startswith(_MAPS)
        ours = {key: {"Ref": parameter} for key, parameter in _TAGS.items()}
        tags = properties.pop("Tags", None)
        if as_map:
            properties["Tags"] = {**(tags if isinstance(tags, dict) else {}), **ours}
        else:
            own = tags if isinstance(tags, list) else []
            properties["Tags"] = [*own, *(Flow(Key=key, Value=one) for key, one in ours.items())]

    def _parameters(self) -> None:
        declared = self.document.get("Parameters") or {}
        for name in self.own:
            if declared[name].get("Type", "String") not in {"String", "Number"}:
                if "Default" not in declared[name]:
                    self.decisions.append(
                        f"{name} is a {declared[name]['Type']}: take it from the environment's network "
                        "(!ImportValue ${PlatformName}-${TargetEnvironment}-…), or fix it per environment."
                    )
            elif declared[name].get("NoEcho"):
                self.decisions.append(
                    f"{name} is a secret: let Secrets Manager make it (GenerateSecretString) and refer "
                    "to it, so that nobody types it."
                )
            elif not {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"} & set(
                declared[name]
            ):
                self._rule(name, declared[name])
        others = {name: one for name, one in declared.items() if name not in PLATFORM_PARAMETERS}
        used = references(self.document["Resources"]) | set(OUTPUTS)
        needed = {name: one for name, one in PLATFORM_PARAMETERS.items() if name in used}
        self.document["Parameters"] = {**needed, **others}

    def _rule(self, name: str, declared: dict[str, Any]) -> None:
        if declared.get("Type") == "Number":
            declared["MinValue"] = 0
            self.decisions.append(f"{name} takes any number from 0 on: narrow it, or fix it.")
            return
        declared["AllowedPattern"] = SAFE_TEXT
        default = declared.get("Default")
        if default is not None and not re.fullmatch(SAFE_TEXT, str(default)):
            declared["AllowedPattern"] = re.escape(str(default)) + f"|{SAFE_TEXT}"
        self.decisions.append(f"{name} takes {SAFE_TEXT}: narrow it, widen it, or fix it.")

    def _outputs(self) -> None:
        outputs = self.document.setdefault("Outputs", {})
        for name, output in outputs.items():
            if isinstance(output, dict) and "Export" in output:
                del output["Export"]
                self.decisions.append(
                    f"The output {name} is exported no longer: an account has each name once."
                )
        if "Url" not in outputs:
            found = self._url(outputs)
            if found is not None:
                outputs["Url"] = {"Description": "Where it answers.", "Value": found}
            else:
                self.decisions.append("Where does it answer? Add the output Url.")
        for name, text in zip(
            OUTPUTS[1:], ("What it was made from.", "Which version."), strict=True
        ):
            outputs[name] = {"Description": text, "Value": {"Ref": name}}

    def _url(self, outputs: dict[str, Any]) -> Any:
        for kind, address in _ADDRESSES.items():
            names = [name for name, one in self.resources.items() if one["Type"] == kind]
            if names:
                return address(names[0])
        for name, output in outputs.items():
            if re.search(r"url|endpoint|website", name.lower()) and isinstance(output, dict):
                return output.get("Value")
        return None


_FITS: dict[str, Callable[[Fitting, str, dict[str, Any]], None]] = {
    "AWS::IAM::Role": Fitting._role,  # noqa: SLF001 - the table belongs to the class
    "AWS::Lambda::Function": Fitting._function,  # noqa: SLF001
    "AWS::S3::Bucket": Fitting._bucket,  # noqa: SLF001
}
_ADDRESSES: dict[str, Callable[[str], Any]] = {
    "AWS::CloudFront::Distribution": lambda name: {"Fn::Sub": f"https://${{{name}.DomainName}}"},
    "AWS::ApiGatewayV2::Api": lambda name: {"Fn::GetAtt": [name, "ApiEndpoint"]},
    "AWS::Lambda::Url": lambda name: {"Fn::GetAtt": [name, "FunctionUrl"]},
}
