"""What a blueprint may not have, as one table with the reason of each.

Some of it an author may declare: `Metadata: {autoprovision: {allow: [{id: …, comment: …}]}}` on the
resource. The comment is printed by `blueprint validate`, so whoever publishes reads it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from autoprovision.deployer.rules.access import (
    callable_by_anyone,
    is_open_way,
    lets_in_a_stranger,
    open_to_anyone,
    reaches_others,
    takes_anothers_secret,
)
from autoprovision.deployer.rules.conditions import made_in
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder, many, walk
from autoprovision.deployer.rules.values import ANYTHING, settled, sources, texts
from autoprovision.deployer.templates import Template
from autoprovision.domain.document import pointer
from autoprovision.domain.request import TargetEnvironment

Properties = dict[str, Any]
_BLOCKS = ("CIDRIP", "CidrIp", "CidrIpv6")
_WAYS_IN = ("DBSecurityGroupIngress", "SecurityGroupIngress")


@dataclass(frozen=True)
class Forbidden:
    """One thing that a blueprint may not have.

    Attributes:
        what: what it is, for the table.
        why: the reason, and what to do instead.
        kinds: resource types that it looks at; all when empty.
        finds: whether the properties of such a resource have it; the type alone when None.
        declarable: whether an author may declare it, with a comment.
        environment: only where it would be made in this environment.
    """

    what: str
    why: str
    kinds: tuple[str, ...] = ()
    finds: Callable[[Properties], bool] | None = None
    declarable: bool = False
    environment: TargetEnvironment | None = None

    def has(self, kind: str, properties: Properties) -> bool:
        """Whether a resource is, or has, this."""
        if self.kinds and not any(_is_kind(kind, one) for one in self.kinds):
            return False
        return self.finds is None or self.finds(properties)


def _is_kind(kind: str, pattern: str) -> bool:
    return kind.startswith(pattern[:-1]) if pattern.endswith("*") else kind == pattern


def _public_bucket(properties: Properties) -> bool:
    block = properties.get("PublicAccessBlockConfiguration")
    shut = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    if not isinstance(block, dict) or not all(_is_true(block.get(one)) for one in shut):
        return True
    return "Public" in str(properties.get("AccessControl"))


def _open_group(properties: Properties) -> bool:
    # A rule is written in its group, or is a resource of its own; a block may hang on a condition.
    ways_in = {one: properties.get(one) for one in (*_WAYS_IN, *_BLOCKS)}
    return any(
        is_open_way(block)
        for at, block in walk(ways_in)
        if block and at.rpartition("/")[2] in _BLOCKS
    )


def _plain(properties: Properties) -> bool:
    """Data at rest that nothing encrypts; a member of a cluster is encrypted as its cluster is."""
    if "DBClusterIdentifier" in properties:
        return False
    said = ("StorageEncrypted", "Encrypted", "AtRestEncryptionEnabled")
    return not any(_is_true(properties.get(one)) for one in said)


def _plain_disk(properties: Properties) -> bool:
    disks = [one["Ebs"] for _, one in walk(properties) if isinstance(one, dict) and "Ebs" in one]
    return any(not isinstance(one, dict) or not _is_true(one.get("Encrypted")) for one in disks)


def _old_metadata(properties: Properties) -> bool:
    data = properties.get("LaunchTemplateData", properties)
    options = data.get("MetadataOptions") if isinstance(data, dict) else None
    if "LaunchTemplate" in properties and options is None:
        return False
    return not isinstance(options, dict) or options.get("HttpTokens") != "required"


def _of_anothers_group(properties: Properties) -> bool:
    """A rule on a security group that the template does not make."""
    group = properties.get("GroupId")
    is_reference = isinstance(group, dict) and bool({"Ref", "Fn::GetAtt"} & set(group))
    return not is_reference or ANYTHING in texts(group)


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


FORBIDDEN: dict[str, Forbidden] = {
    "forbidden-identity": Forbidden(
        "IAM users, groups, access keys and identity providers",
        "They outlive the application and are nobody's; code on AWS takes a role.",
        (
            "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey", "AWS::IAM::UserPolicy",
            "AWS::IAM::GroupPolicy", "AWS::IAM::UserToGroupAddition", "AWS::IAM::OIDCProvider",
            "AWS::IAM::SAMLProvider", "AWS::IAM::ServiceLinkedRole",
        ),
    ),
    "forbidden-policy": Forbidden(
        "IAM policies beside their role, and AWS's managed policies on it",
        "The service role may attach no policies; write the few actions under the role's Policies.",
        ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"),
    ),
    "forbidden-managed": Forbidden(
        "managed policies on a role",
        "The service role may attach no policies; write the few actions under the role's Policies.",
        ("AWS::IAM::Role",),
        lambda properties: bool(properties.get("ManagedPolicyArns")),
    ),
    "forbidden-key-pair": Forbidden(
        "SSH keys on machines",
        "Machines are managed by Systems Manager; there is no way in by SSH.",
        ("AWS::EC2::KeyPair", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate"),
        lambda properties: "KeyName" in str(properties),
    ),
    "forbidden-custom": Forbidden(
        "custom resources, macros, hooks and modules",
        "They run code while the stack is made that no version of the blueprint holds.",
        (
            "AWS::CloudFormation::CustomResource", "Custom::*", "AWS::CloudFormation::Macro",
            "AWS::CloudFormation::Hook*", "AWS::CloudFormation::Module*",
            "AWS::CloudFormation::Resource*", "AWS::CloudFormation::PublicTypeVersion",
            "AWS::CloudFormation::LambdaHook", "AWS::CloudFormation::GuardHook",
        ),
    ),
    "forbidden-nested": Forbidden(
        "nested stacks and stack sets",
        "Their templates are not in the version's digest; write their resources into this one.",
        ("AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet"),
    ),
    "forbidden-network": Forbidden(
        "networks, peerings and gateways of its own",
        "The environment has one network; take subnets and groups from its exports.",
        (
            "AWS::EC2::VPC", "AWS::EC2::InternetGateway", "AWS::EC2::VPCPeeringConnection",
            "AWS::EC2::TransitGateway*", "AWS::EC2::VPNGateway", "AWS::EC2::VPNConnection",
            "AWS::EC2::ClientVpn*",
        ),
    ),
    "forbidden-dev-cost": Forbidden(
        "a NAT gateway or a load balancer for one application in dev",
        "Each costs more than all of dev; share the environment's (ListenerArn), or give it a "
        "Condition that is false in dev.",
        (
            "AWS::EC2::NatGateway", "AWS::ElasticLoadBalancing::LoadBalancer",
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
        ),
        environment=TargetEnvironment.DEV,
    ),
    "forbidden-open-group": Forbidden(
        "security groups that let anybody in",
        "Visitors come by the environment's load balancer, CloudFront or an API; name its group.",
        (
            "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress",
            "AWS::RDS::DBSecurityGroup",
        ),
        _open_group,
    ),
    "forbidden-foreign-group": Forbidden(
        "rules on security groups that it does not make",
        "They let others in where somebody else decides; let both ends be groups of the template.",
        ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"),
        _of_anothers_group,
    ),
    "forbidden-public-bucket": Forbidden(
        "buckets that the public can reach",
        "Block all four kinds of public access; CloudFront reads it with an origin access control.",
        ("AWS::S3::Bucket",),
        _public_bucket,
    ),
    "forbidden-open-policy": Forbidden(
        "policies that allow everybody",
        "Name who may, or bind it by a Condition on who calls (aws:SourceArn, aws:SourceAccount, "
        "aws:PrincipalOrgID); others, such as aws:SecureTransport, everybody fulfils.",
        (),
        open_to_anyone,
    ),
    "forbidden-foreign-account": Forbidden(
        "policies that let another account in",
        "Whoever has that account has what the application has; if it has to be, declare it with a "
        "comment that says whose it is.",
        (),
        lets_in_a_stranger,
        declarable=True,
    ),
    "forbidden-wide-policy": Forbidden(
        "roles with a star for their actions, or for the things of other applications",
        "The boundary is one for all applications: name the actions, and what they reach by Ref, "
        "GetAtt or ${ApplicationId}.",
        ("AWS::IAM::Role", "AWS::IAM::RolePolicy"),
        reaches_others,
    ),
    "forbidden-foreign-secret": Forbidden(
        "values resolved from secrets that it does not make",
        "The secret is somebody else's; let the template make one (GenerateSecretString) and refer "
        "to that.",
        (),
        takes_anothers_secret,
    ),
    "forbidden-open-permission": Forbidden(
        "functions that every account may call, itself or by way of a service",
        "Name the service, with SourceArn or SourceAccount.",
        ("AWS::Lambda::Permission",),
        callable_by_anyone,
    ),
    "forbidden-open-url": Forbidden(
        "function URLs without authorization",
        "Nothing limits how often it is called; put an HTTP API or CloudFront in front, or declare "
        "it with a comment that says what bounds its cost.",
        ("AWS::Lambda::Url",),
        lambda properties: properties.get("AuthType") == "NONE",
        declarable=True,
    ),
    "forbidden-public-database": Forbidden(
        "databases with a public address",
        "PubliclyAccessible has to be false, and said.",
        ("AWS::RDS::DBInstance", "AWS::Redshift::Cluster"),
        lambda properties: str(properties.get("PubliclyAccessible")).lower() != "false",
    ),
    "forbidden-plain-database": Forbidden(
        "databases, disks and file systems without encryption",
        "Say StorageEncrypted: true, or Encrypted: true; AWS's own key costs nothing.",
        (
            "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::EFS::FileSystem",
            "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster", "AWS::Redshift::Cluster",
            "AWS::EC2::Volume", "AWS::ElastiCache::ReplicationGroup",
        ),
        _plain,
    ),
    "forbidden-plain-disk": Forbidden(
        "machines with disks without encryption",
        "Say Ebs: {Encrypted: true}; AWS's own key costs nothing.",
        ("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate"),
        _plain_disk,
    ),
    "forbidden-old-metadata": Forbidden(
        "machines whose metadata answer without a token",
        "Say MetadataOptions: {HttpTokens: required}: else whoever makes the application fetch an "
        "address gets its role's credentials.",
        ("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate"),
        _old_metadata,
    ),
}  # fmt: skip
TRANSFORM = "forbidden-transform"
TRANSFORM_WHY = (
    "A transform writes another template when the stack is made; publish what it makes: "
    "`aws cloudformation get-template --template-stage Processed`."
)


def forbidden_kind(kind: str) -> Forbidden | None:
    """What a resource type is forbidden as, whatever its properties are."""
    for one in FORBIDDEN.values():
        if one.kinds and one.finds is None and one.environment is None and one.has(kind, {}):
            return one
    return None


def forbidden_findings(folder: Folder) -> Iterator[Finding]:
    """Forbidden things in the template that nobody declared, or may declare."""
    template = folder.template
    yield from _transforms(folder)
    if template is None:
        return
    # A value that is taken from there is resolved where it is used.
    for section in ("Mappings", "Parameters"):
        if takes_anothers_secret(template.section(section)):
            rule, detail = "forbidden-foreign-secret", "A value in it is resolved from a secret."
            yield _finding(folder, rule, pointer(section), detail, FORBIDDEN[rule].why)
    for name, resource in template.section("Resources").items():
        at = pointer("Resources", name)
        declared = declarations(resource)
        for rule, entry in declared.items():
            if rule not in FORBIDDEN or not FORBIDDEN[rule].declarable:
                yield _finding(
                    folder, rule, f"{at}/Metadata", "Nobody may declare this.", "Drop it."
                )
            elif not entry:
                yield folder.found(
                    "exception-unexplained", folder.template_name, f"{at}/Metadata",
                    f"{rule} is allowed without a comment.",
                )  # fmt: skip
        for rule in _of_resource(folder, template, name, resource):
            if rule not in declared:
                detail = f"{name} ({resource['Type']}): no blueprint has {FORBIDDEN[rule].what}."
                yield _finding(folder, rule, at, detail, FORBIDDEN[rule].why)


def _transforms(folder: Folder) -> Iterator[Finding]:
    """In the template, and in the role, which rules read as it is written."""
    for file in (folder.template_name, folder.role_name):
        for at, value in walk(folder.files[file].value if file in folder.files else None):
            if at == "/Transform" or (isinstance(value, dict) and "Fn::Transform" in value):
                detail = f"It has a transform: {value if at == '/Transform' else 'Fn::Transform'}."
                line = folder.files[file].line(at)
                yield Finding(file, at, detail, TRANSFORM, TRANSFORM_WHY, line)


def _of_resource(
    folder: Folder, template: Template, name: str, resource: dict[str, Any]
) -> Iterator[str]:
    properties = resource.get("Properties")
    properties = settled(properties, sources(folder)) if isinstance(properties, dict) else {}
    for rule, one in FORBIDDEN.items():
        if one.has(resource["Type"], properties) and _is_made(folder, template, name, one):
            yield rule


def _is_made(folder: Folder, template: Template, name: str, one: Forbidden) -> bool:
    if one.environment is None:
        return True
    if folder.manifest is None or one.environment not in folder.manifest.topologies:
        return False
    return name in made_in(template, folder.manifest, one.environment)


def declarations(resource: dict[str, Any]) -> dict[str, str]:
    """What an author allows on a resource, each with the comment."""
    metadata = resource.get("Metadata")
    own = metadata.get("autoprovision") if isinstance(metadata, dict) else None
    allowed = own.get("allow") if isinstance(own, dict) else None
    return {
        str(one.get("id")): str(one.get("comment") or "")
        for one in many(allowed)
        if isinstance(one, dict)
    }


def _finding(folder: Folder, rule: str, at: str, detail: str, remedy: str) -> Finding:
    file = folder.template_name
    return Finding(file, at, detail, rule, remedy, folder.files[file].line(at))
