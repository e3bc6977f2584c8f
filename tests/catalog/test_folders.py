"""Every blueprint's folder: the manifest, the template, the files that follow from them."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.catalog.recipes import CATALOG, ROOT
from tools import render_catalog

from autoprovision.deployer.blueprint_folder import BlueprintFolder, read_price_book
from autoprovision.domain.price import unpriced
from autoprovision.domain.request import TargetEnvironment, parse_template

FOLDERS = render_catalog.folders()
IDS = [one.manifest.id for one in FOLDERS]
OURS = {"application", "unit", "owner", "environment"}
# Types whose schema has no tags, or whose tags are those of what they belong to.
UNTAGGED = {
    "AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::CloudFront::OriginAccessControl",
    "AWS::EC2::LaunchTemplate", "AWS::EC2::SecurityGroupEgress", "AWS::EFS::FileSystem", "AWS::EFS::MountTarget",
    "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::IAM::InstanceProfile", "AWS::Lambda::Permission",
    "AWS::Route53::RecordSet", "AWS::S3::BucketPolicy",
}  # fmt: skip


class _Template(yaml.SafeLoader):
    """Short forms become what they hold."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _short_form)


def document(folder: BlueprintFolder) -> dict[str, Any]:
    return dict(yaml.load(folder.template, Loader=_Template))  # noqa: S506


each = pytest.mark.parametrize("folder", FOLDERS, ids=IDS)


def test_the_catalog_has_what_the_brief_promises():
    types = {one.project_type for folder in FOLDERS for one in folder.manifest.serves}
    assert types >= {"Static", "Dynamic", "SPA", "CMS", "RealTime", "Dapp"}
    stacks = {
        stack for folder in FOLDERS for one in folder.manifest.serves for stack in one.tech_stacks
    }
    assert stacks >= {
        "PHP", "Ruby on Rails", "Node.js", "MEAN", "Django", "Flask", "FastAPI", "React", "Angular",
        "Vue", "Wordpress", "Ghost", "Drupal", "Strapi", "Socket.IO", "Hugo", "Jekyll",
    }  # fmt: skip


def test_every_order_is_filled_by_one_blueprint():
    catalog = render_catalog.catalog_of(FOLDERS)
    orders = {
        (one.project_type, stack)
        for folder in FOLDERS
        for one in folder.manifest.serves
        for stack in one.tech_stacks
    }
    for (kind, stack), environment in product(sorted(orders), TargetEnvironment):
        asked = parse_template({
            "ApplicationName": "shop", "TargetEnvironment": environment.value, "ProjectType": kind,
            "TechStack": stack, "ProjectEmail": "ada@example.edu",
        })  # fmt: skip
        found = [
            one.manifest.id
            for one in catalog.blueprints
            if one.manifest.entry_of(asked) and environment in one.manifest.topologies
        ]
        assert len(found) == 1, (kind, stack, environment, found)


@each
def test_every_resource_is_described_tagged_and_priced(folder: BlueprintFolder):
    for name, resource in document(folder)["Resources"].items():
        assert resource.get("Metadata", {}).get("Description"), name
        if resource["Type"] not in UNTAGGED:
            tags = resource["Properties"]["Tags"]
            keys = {one["Key"] for one in tags} if isinstance(tags, list) else set(tags)
            assert keys >= {f"autoprovision:{one}" for one in OURS}, name
    for topology in folder.manifest.topologies.values():
        assert unpriced(folder.parsed.resources, topology.prices) == ()
        assert all(line.why for line in topology.prices)


@each
def test_what_is_priced_when_asked_for_is_made_when_asked_for(folder: BlueprintFolder):
    """A resource that is always there would cost more than the hold."""
    resources = document(folder)["Resources"]
    for topology in folder.manifest.topologies.values():
        always = {line.resource for line in topology.prices if line.when is None}
        for name in {line.resource for line in topology.prices} - always:
            assert resources[name].get("Condition"), name


@each
def test_it_says_where_it_is_and_what_made_it(folder: BlueprintFolder):
    assert folder.parsed.outputs >= {"Url", "BlueprintId", "BlueprintVersion"}
    target = folder.manifest.publish.target.value
    needed = {
        "site": {"SiteBucket", "DistributionId"},
        "function": {"FunctionName"},
        "service": {"ClusterName", "ServiceName", "RepositoryUri"},
    }
    if folder.manifest.publish.method.value != "none":
        assert folder.parsed.outputs >= needed[target]


@each
def test_users_words_reach_a_stack_as_parameters_only(folder: BlueprintFolder):
    declared = document(folder)["Parameters"]
    for name, source in folder.manifest.stack_parameters.items():
        if source.startswith("parameters.") or source == "request.ApplicationName":
            rule = declared[name]
            assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(rule), name


@each
def test_every_role_carries_the_boundary(folder: BlueprintFolder):
    for name, resource in document(folder)["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            assert "application-boundary" in str(resource["Properties"]["PermissionsBoundary"]), (
                name
            )


@each
def test_no_door_is_open(folder: BlueprintFolder):
    for resource in document(folder)["Resources"].values():
        assert resource["Type"] not in {"AWS::EC2::KeyPair", "AWS::EC2::SecurityGroupIngress"}
        if resource["Type"] == "AWS::RDS::DBInstance":
            assert resource["Properties"]["PubliclyAccessible"] is False
            assert resource["Properties"]["StorageEncrypted"] is True
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            doors = resource["Properties"].get("SecurityGroupIngress", [])
            assert all("SourceSecurityGroupId" in one for one in doors)
        if resource["Type"] == "AWS::S3::Bucket":
            assert all(resource["Properties"]["PublicAccessBlockConfiguration"].values())


@each
def test_dev_is_the_cheapest_and_ends_by_itself(folder: BlueprintFolder):
    catalog = render_catalog.catalog_of(FOLDERS)
    costs = [
        render_catalog.resolved(folder.manifest, env.value, catalog).monthly_credits
        for env in TargetEnvironment
    ]
    assert costs == sorted(costs)
    assert folder.manifest.topologies[TargetEnvironment.DEV].default_expiry


@pytest.mark.parametrize(
    ("path", "text"),
    list(render_catalog.files()),
    ids=lambda one: one.relative_to(ROOT).as_posix() if isinstance(one, Path) else "",
)
def test_what_follows_from_the_catalog_was_written(path: Path, text: str):
    assert path.read_text("utf-8") == text, "run tools/render_catalog.py and look at the difference"


def test_every_price_has_a_source_and_a_date():
    for name, price in read_price_book(CATALOG / "prices.yaml").prices.items():
        assert price.source, name
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", price.as_of), name


def test_no_price_is_without_use():
    used = {
        line.price
        for folder in FOLDERS
        for one in folder.manifest.topologies.values()
        for line in one.prices
    }
    assert set(read_price_book(CATALOG / "prices.yaml").prices) <= used
