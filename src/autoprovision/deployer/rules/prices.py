"""Rules of the price: every resource has a line, every line a price and a reason."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from autoprovision.deployer.rules.conditions import made_in
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder
from autoprovision.deployer.templates import Template
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.document import pointer
from autoprovision.domain.price import Price, unpriced
from autoprovision.domain.request import TargetEnvironment

_FREE = "free"
_OLDEST = timedelta(days=365)
# Types that AWS charges for, by the hour, by what they hold or by what they are used.
CHARGED = frozenset(
    {
        "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api", "AWS::AutoScaling::AutoScalingGroup",
        "AWS::CloudFront::Distribution", "AWS::CloudWatch::Alarm", "AWS::DocDB::DBInstance",
        "AWS::DynamoDB::Table", "AWS::EC2::EIP", "AWS::EC2::Instance", "AWS::EC2::NatGateway",
        "AWS::EC2::Volume", "AWS::ECR::Repository", "AWS::ECS::Service", "AWS::EFS::FileSystem",
        "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::KMS::Key", "AWS::Kinesis::Stream",
        "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::Route53::HostedZone",
        "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine",
        "AWS::WAFv2::WebACL",
    }
)  # fmt: skip


def price_findings(folder: Folder) -> Iterator[Finding]:
    """What is wrong with the price lines of every environment."""
    if folder.manifest is None or folder.template is None:
        return
    for environment in folder.manifest.topologies:
        yield from _lines(folder, folder.manifest, folder.template, environment)
    yield from _old(folder, folder.manifest, datetime.now(UTC).date())


def _lines(
    folder: Folder, manifest: Blueprint, template: Template, environment: TargetEnvironment
) -> Iterator[Finding]:
    topology = manifest.topologies[environment]
    at = pointer("topologies", environment.value, "prices")
    for missing in unpriced(template.resources, topology.prices):
        yield folder.found("price-missing", MANIFEST, at, f"{missing} has no price line.")
    made = made_in(template, manifest, environment)
    charged = {line.resource for line in topology.prices if line.price != _FREE}
    resources = template.section("Resources")
    always = {line.resource for line in topology.prices if line.when is None}
    for name in dict.fromkeys(line.resource for line in topology.prices):
        if name not in always and name in resources and "Condition" not in resources[name]:
            detail = f"{name} is priced when it is asked for, and always made."
            yield folder.found("price-when", MANIFEST, at, detail)
    for index, line in enumerate(topology.prices):
        place = f"{at}/{index}"
        kind = template.resources.get(line.resource)
        if kind is None:
            detail = f"The template has no {line.resource}."
            yield folder.found("price-resource", MANIFEST, place, detail)
        if line.price != _FREE and line.price not in folder.prices.prices:
            detail = f"There is no price {line.price!r}."
            yield folder.found("price-unknown", MANIFEST, place, detail)
        if not line.why:
            yield folder.found("price-why", MANIFEST, place, f"{line.resource} does not say why.")
        if kind in CHARGED and line.resource in made - charged:
            detail = f"{line.resource} is made in {environment.value}; {kind} is charged for."
            yield folder.found("price-free", MANIFEST, place, detail)


def _old(folder: Folder, manifest: Blueprint, today: date) -> Iterator[Finding]:
    used = {line.price for one in manifest.topologies.values() for line in one.prices}
    for name in sorted(used & set(folder.prices.prices)):
        price: Price = folder.prices.prices[name]
        if today - price.as_of > _OLDEST:
            detail = f"The price {name} is of {price.as_of}."
            yield folder.found("price-old", MANIFEST, "/topologies", detail)
