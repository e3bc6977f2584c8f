"""Rules of the template: what the platform, its progress and its guard rails need of it."""

import re
from collections.abc import Iterator
from typing import Any

from autoprovision.deployer.needs.registry import registered
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder, many, walk
from autoprovision.deployer.rules.values import is_own
from autoprovision.deployer.templates import Template
from autoprovision.domain.blueprint import Blueprint, PublishMethod, PublishTarget
from autoprovision.domain.document import pointer

OUTPUTS = ("Url", "BlueprintId", "BlueprintVersion")
TARGET_OUTPUTS = {
    PublishTarget.SITE: ("SiteBucket", "DistributionId"),
    PublishTarget.FUNCTION: ("FunctionName",),
    PublishTarget.SERVICE: ("ClusterName", "ServiceName", "RepositoryUri", "BuildRoleArn"),
}
TAGS = ("application", "unit", "owner", "environment")
BOUNDARY = "${PlatformName}-application-boundary"
# Types without tags of their own: their schema has none, or others than a list or a map of `Tags`.
UNTAGGED = frozenset(
    {
        "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Method", "AWS::ApiGateway::Resource",
        "AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy", "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient", "AWS::EC2::LaunchTemplate", "AWS::EC2::Route",
        "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VolumeAttachment", "AWS::EFS::FileSystem", "AWS::EFS::MountTarget",
        "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy",
        "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
        "AWS::Lambda::Url", "AWS::Lambda::Version", "AWS::Logs::SubscriptionFilter",
        "AWS::Logs::MetricFilter", "AWS::Route53::RecordSet", "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule", "AWS::EC2::VPCGatewayAttachment",
    }
)  # fmt: skip
# Named by somebody else's name, or by a parameter of their own.
NOT_NAMED = frozenset(
    {"AWS::S3::BucketPolicy", "AWS::Route53::RecordSet", "AWS::SES::EmailIdentity"}
)
_RULED = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"}
# Text that a machine runs: what stands in it was written by the blueprint's author alone.
_RUN = ("UserData", "ZipFile", "BuildSpec", "Command", "EntryPoint", "InlineCode")
_HARMFUL = set("\"'`$;&|<>(){}\\\n\r\t *?!#~")
_OPEN_CLASSES = ("\\S", "\\s", "\\W", "\\D", "[^")


def template_findings(folder: Folder) -> Iterator[Finding]:
    """What is missing in the template."""
    if folder.template is None:
        return
    yield from _outputs(folder, folder.template)
    yield from _exports(folder, folder.template)
    for name, resource in folder.template.section("Resources").items():
        yield from _resource(folder, pointer("Resources", name), resource)
    if folder.manifest is not None:
        yield from _users_values(folder, folder.template, folder.manifest)


def _outputs(folder: Folder, template: Template) -> Iterator[Finding]:
    at = "/Outputs"
    for name in OUTPUTS:
        if name not in template.outputs:
            detail = f"It has no output {name}."
            yield folder.found("output-missing", folder.template_name, at, detail)
    publish = folder.manifest.publish if folder.manifest is not None else None
    if publish is None or publish.method is PublishMethod.NONE:
        return
    for name in TARGET_OUTPUTS[publish.target]:
        if name not in template.outputs:
            detail = f"Publishing onto a {publish.target.value} needs the output {name}."
            yield folder.found("output-missing", folder.template_name, at, detail)


def _resource(folder: Folder, at: str, resource: dict[str, Any]) -> Iterator[Finding]:
    file, kind = folder.template_name, resource["Type"]
    properties = resource.get("Properties")
    properties = properties if isinstance(properties, dict) else {}
    metadata = resource.get("Metadata")
    if not isinstance(metadata, dict) or not metadata.get("Description"):
        yield folder.found("description-missing", file, at, "It has no Metadata.Description.")
    if takes_tags(kind, folder.prices.region):
        missing = [tag for tag in TAGS if f"autoprovision:{tag}" not in _tags(properties)]
        if missing:
            place = f"{at}/Properties/Tags" if "Tags" in properties else at
            detail = f"It lacks the tag {', '.join(f'autoprovision:{tag}' for tag in missing)}."
            yield folder.found("tag-missing", file, place, detail)
    yield from _name(folder, at, kind, properties)
    if kind == "AWS::IAM::Role" and BOUNDARY not in str(properties.get("PermissionsBoundary")):
        yield folder.found("boundary-missing", file, at, "It has no application boundary.")


def _exports(folder: Folder, template: Template) -> Iterator[Finding]:
    for name, output in template.section("Outputs").items():
        export = output.get("Export")
        if isinstance(export, dict) and not is_own(export.get("Name")):
            at = pointer("Outputs", name, "Export")
            detail = "A second application of this blueprint would export the same name."
            yield folder.found("export-shared", folder.template_name, at, detail)


def _name(folder: Folder, at: str, kind: str, properties: dict[str, Any]) -> Iterator[Finding]:
    """A name that another application may have too; CloudFormation makes up what is not said."""
    need = NEEDS.get(kind)
    if need is None or not need.name_property or kind in NOT_NAMED:
        return
    if need.name_property in properties:
        if not is_own(properties[need.name_property]):
            place = f"{at}/Properties/{need.name_property}"
            detail = f"Its {need.name_property} is not of this application alone."
            yield folder.found("name-shared", folder.template_name, place, detail)
    elif kind == "AWS::IAM::Role":
        yield folder.found("name-shared", folder.template_name, at, "It has no RoleName.")


def takes_tags(kind: str, region: str) -> bool:
    """Whether a resource type takes tags; the registry is asked about types unknown here."""
    if kind in UNTAGGED or kind in NEEDS:
        return kind not in UNTAGGED
    said = registered(kind, region)
    return said is None or bool(said.tags)


def _tags(properties: dict[str, Any]) -> set[str]:
    tags = properties.get("Tags")
    if isinstance(tags, dict):
        return set(tags)
    return {str(one.get("Key")) for one in many(tags) if isinstance(one, dict)}


def users_parameters(manifest: Blueprint) -> dict[str, str]:
    """Parameters of the template that hold what a user wrote, with the source of each."""
    own = ("parameters.", "request.ApplicationName", "request.ProjectURL")
    return {
        name: source for name, source in manifest.stack_parameters.items() if source.startswith(own)
    }


def _users_values(folder: Folder, template: Template, manifest: Blueprint) -> Iterator[Finding]:
    declared = template.section("Parameters")
    reached = {name for name in users_parameters(manifest) if name in declared}
    for name in sorted(reached):
        if not _RULED & set(declared[name]):
            detail = "Users reach it, and it takes anything."
            at = pointer("Parameters", name)
            yield folder.found("parameter-open", folder.template_name, at, detail)
    harmful = {name for name in reached if may_harm(declared[name])}
    for at, value in walk(template.section("Resources"), "/Resources"):
        if at.rpartition("/")[2] in _RUN:
            for name in sorted(harmful & references(value)):
                detail = f"What a user writes into {name} becomes part of it."
                yield folder.found("value-pasted", folder.template_name, at, detail)


def may_harm(parameter: dict[str, Any]) -> bool:
    """Whether a value that the parameter takes can mean something to a shell or a program."""
    if "AllowedValues" in parameter or parameter.get("Type") == "Number":
        return False
    pattern = parameter.get("AllowedPattern")
    if not isinstance(pattern, str) or any(one in pattern for one in _OPEN_CLASSES):
        return True
    inside = "".join(re.findall(r"\[((?:\\.|[^\]])*)\]", pattern))
    outside = re.sub(r"\[(?:\\.|[^\]])*\]", "", pattern)
    # Outside of classes these are the pattern's own signs; a bare dot takes anything.
    return bool(_HARMFUL & set(inside)) or "." in outside.replace("\\.", "")


def references(value: Any) -> set[str]:
    """Names that a value takes in by Ref or Sub."""
    found: set[str] = set()
    for _, one in walk(value):
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("Ref"), str):
            found.add(one["Ref"])
        text = one.get("Fn::Sub")
        text = text[0] if isinstance(text, list) and text else text
        if isinstance(text, str):
            found |= set(re.findall(r"\$\{([A-Za-z0-9]+)\}", text))
    return found
