"""Rules of the price: every resource has a line, every line a price and a reason."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from autoprovision.deployer.rules.conditions import made_in
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder
from autoprovision.deployer.rules.forbidden import forbidden_kind
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
        "AWS::AmazonMQ::Broker", "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api",
        "AWS::AppRunner::Service", "AWS::AutoScaling::AutoScalingGroup",
        "AWS::CloudFront::Distribution", "AWS::CloudWatch::Alarm", "AWS::DAX::Cluster",
        "AWS::DirectoryService::MicrosoftAD", "AWS::DMS::ReplicationInstance",
        "AWS::DocDB::DBCluster", "AWS::DocDB::DBInstance", "AWS::DocDBElastic::Cluster",
        "AWS::DSQL::Cluster", "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::EC2::EIP",
        "AWS::EC2::Instance", "AWS::EC2::NatGateway", "AWS::EC2::Volume",
        "AWS::ECR::Repository", "AWS::ECS::Service", "AWS::EFS::FileSystem", "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup", "AWS::EMR::Cluster", "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::ServerlessCache",
        "AWS::ElasticLoadBalancing::LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::FSx::FileSystem", "AWS::GlobalAccelerator::Accelerator", "AWS::Glue::Crawler",
        "AWS::Glue::Job", "AWS::KMS::Key", "AWS::Kendra::Index", "AWS::Kinesis::Stream",
        "AWS::KinesisAnalyticsV2::Application", "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Lambda::Function", "AWS::Lightsail::Instance", "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster", "AWS::MWAA::Environment",
        "AWS::MemoryDB::Cluster", "AWS::Neptune::DBCluster", "AWS::Neptune::DBInstance",
        "AWS::NetworkFirewall::Firewall", "AWS::OpenSearchServerless::Collection",
        "AWS::OpenSearchService::Domain", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance",
        "AWS::RDS::DBProxy", "AWS::Redshift::Cluster", "AWS::RedshiftServerless::Workgroup",
        "AWS::Route53::HealthCheck", "AWS::Route53::HostedZone", "AWS::S3::Bucket",
        "AWS::SageMaker::Endpoint", "AWS::SageMaker::NotebookInstance",
        "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine",
        "AWS::Timestream::InfluxDBInstance", "AWS::Transfer::Server", "AWS::WAFv2::WebACL",
        "AWS::WorkSpaces::Workspace",
    }
)  # fmt: skip
# Types that cost nothing by themselves. Of others nobody here knows, so `new` asks for their price.
KNOWN_FREE = frozenset(
    {
        "AWS::ApiGateway::Account", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Resource", "AWS::ApiGateway::UsagePlan", "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Deployment",
        "AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage",
        "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::AutoScaling::ScheduledAction",
        "AWS::CertificateManager::Certificate", "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::OriginRequestPolicy",
        "AWS::CloudFront::ResponseHeadersPolicy", "AWS::Cognito::UserPoolClient",
        "AWS::DocDB::DBClusterParameterGroup", "AWS::DocDB::DBSubnetGroup",
        "AWS::EC2::LaunchTemplate", "AWS::EC2::Route", "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress", "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::VolumeAttachment", "AWS::ECS::Cluster",
        "AWS::ECS::ClusterCapacityProviderAssociations", "AWS::ECS::TaskDefinition",
        "AWS::EFS::AccessPoint", "AWS::EFS::MountTarget", "AWS::ElastiCache::ParameterGroup",
        "AWS::ElastiCache::SubnetGroup", "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::Events::EventBus",
        "AWS::IAM::InstanceProfile", "AWS::IAM::Role", "AWS::IAM::RolePolicy", "AWS::KMS::Alias",
        "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission", "AWS::Lambda::Url",
        "AWS::Lambda::Version", "AWS::Logs::LogStream", "AWS::RDS::DBClusterParameterGroup",
        "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup", "AWS::Route53::RecordSet",
        "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::ScheduleGroup", "AWS::SecretsManager::SecretTargetAttachment",
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
        elif line.price == _FREE and kind and _may_cost(kind):
            detail = f"{line.resource} is called free, and nobody here knows that of {kind}."
            yield folder.found("price-free-unknown", MANIFEST, place, detail)


def _may_cost(kind: str) -> bool:
    return kind not in KNOWN_FREE | CHARGED and forbidden_kind(kind) is None


def _old(folder: Folder, manifest: Blueprint, today: date) -> Iterator[Finding]:
    used = {line.price for one in manifest.topologies.values() for line in one.prices}
    for name in sorted(used & set(folder.prices.prices)):
        price: Price = folder.prices.prices[name]
        if today - price.as_of > _OLDEST:
            detail = f"The price {name} is of {price.as_of}."
            yield folder.found("price-old", MANIFEST, "/topologies", detail)
