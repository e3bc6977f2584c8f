"""Publishing against moto's S3; the role's stack is answered by the test."""

import json
import shutil

import boto3
import pytest
from moto import mock_aws

from autoprovision.deployer import artifacts, catalog
from autoprovision.deployer.blueprint_folder import render_folder
from autoprovision.deployer.errors import (
    DeployError,
    InvalidCatalogError,
    PublishedDifferentlyError,
)
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.policy import parse_policy

BUCKET, REGION = "catalog", "ap-southeast-1"
ROLE = "arn:aws:iam::123456789012:role/autoprovision-blueprint-static-site"


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield client


@pytest.fixture
def sources(tmp_path):
    ours = find_sources()
    for name in ("static-site", "policy.yaml", "prices.yaml"):
        origin = ours.catalog / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, tmp_path / name)
    return Sources(
        infra=ours.infra,
        workflows=ours.workflows,
        catalog=tmp_path,
        runbooks=ours.runbooks,
        package=ours.package,
        lock=ours.lock,
    )


@pytest.fixture(autouse=True)
def stacks(monkeypatch):
    asked = []

    def deployed(_client, plan, **_):
        asked.append(plan)
        return {"RoleArn": ROLE}

    monkeypatch.setattr(catalog, "deploy_stack", deployed)
    return asked


def publish(s3, sources, **changes):
    said = []
    asked = {
        "platform_name": "autoprovision",
        "region": REGION,
        "bucket": BUCKET,
        "parameters": {"HostedZoneId": "Z1"},
        "networks": (),
        **changes,
    }
    made = catalog.publish_catalog(
        lambda _: s3, sources, say=said.append, confirm=lambda *_: True, **asked
    )
    return made, said


def keys(s3):
    return sorted(one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))


def document(s3, key):
    return json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_index_is_what_the_platform_reads(s3, sources):
    made, _ = publish(s3, sources)
    read = Catalog.model_validate(document(s3, "index.json"))
    assert read == made
    (one,) = read.blueprints
    assert one.role_arn == ROLE
    assert one.template_url.startswith(
        f"https://s3.{REGION}.amazonaws.com/{BUCKET}/blueprints/static-site/"
    )
    assert one.digest.removeprefix("sha256:")[:16] in one.template_url
    key = one.template_url.split(f"/{BUCKET}/")[1]
    assert (
        s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        == (sources.catalog / "static-site" / "template.yaml").read_bytes()
    )
    assert (
        PublishedBlueprint.model_validate(
            document(s3, key.replace("template.yaml", "blueprint.json"))
        )
        == one
    )
    policy = parse_policy(document(s3, "policy.json"))
    assert document(s3, f"policy/{policy.version}.json") == policy.document()


def test_role_is_deployed_under_the_platforms_name(s3, sources, stacks):
    publish(s3, sources)
    (plan,) = stacks
    assert plan.name == "autoprovision-blueprint-static-site"
    assert plan.parameters["PlatformName"] == "autoprovision"
    assert plan.parameters["HostedZoneId"] == "Z1"
    assert plan.capabilities == ("CAPABILITY_NAMED_IAM",)


def test_publishing_again_writes_nothing(s3, sources):
    publish(s3, sources)
    before = {
        one["Key"]: one["LastModified"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    writes = []
    s3.meta.events.register("before-call.s3.PutObject", lambda **_: writes.append(1))
    _, said = publish(s3, sources)
    assert writes == []
    assert said == ["Catalog: nothing changes."]
    assert set(before) == set(keys(s3))


def change(sources, old, new):
    path = sources.catalog / "static-site" / "blueprint.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    render_folder(path.parent, read_price_book(sources.catalog / "prices.yaml"))


def test_a_published_version_is_immutable(s3, sources):
    publish(s3, sources)
    before = keys(s3)
    change(sources, "title: Static web site", "title: Another title")
    with pytest.raises(PublishedDifferentlyError) as caught:
        publish(s3, sources)
    assert "Raise `version`" in caught.value.hint
    assert keys(s3) == before


def test_a_raised_version_stands_beside_the_old_one(s3, sources):
    publish(s3, sources)
    before = keys(s3)
    change(sources, "version: 1.0.0", "version: 1.1.0")
    made, _ = publish(s3, sources)
    assert made.blueprints[0].manifest.version == "1.1.0"
    assert set(before) < set(keys(s3))
    assert document(s3, "index.json")["blueprints"][0]["manifest"]["version"] == "1.1.0"


def test_a_publication_that_was_cut_short_does_not_bind(s3, sources, monkeypatch):
    """Only a version whose blueprint.json stands is published."""
    upload = artifacts.upload_once

    def crash(s3, bucket, key, content):
        if key.endswith("blueprint.json"):
            raise KeyboardInterrupt
        return upload(s3, bucket, key, content)

    monkeypatch.setattr(artifacts, "upload_once", crash)
    with pytest.raises(KeyboardInterrupt):
        publish(s3, sources)
    monkeypatch.setattr(artifacts, "upload_once", upload)
    change(sources, "title: Static web site", "title: Another title")
    made, _ = publish(s3, sources)
    assert made.blueprints[0].manifest.title == "Another title"


def test_two_who_publish_at_once_do_not_overwrite_each_other(s3, sources, monkeypatch):
    publish(s3, sources)
    change(sources, "version: 1.0.0", "version: 1.1.0")
    read = artifacts.read

    def read_then_lose(s3, bucket, key):
        found = read(s3, bucket, key)
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
        return found

    monkeypatch.setattr(artifacts, "read", read_then_lose)
    with pytest.raises(DeployError, match="Somebody else"):
        publish(s3, sources)
    assert s3.get_object(Bucket=BUCKET, Key="index.json")["Body"].read() == b"{}"


def test_a_policy_in_force_is_left_alone(s3, sources):
    s3.put_object(Bucket=BUCKET, Key="policy.json", Body=b"theirs")
    publish(s3, sources)
    assert s3.get_object(Bucket=BUCKET, Key="policy.json")["Body"].read() == b"theirs"


def test_a_fault_is_found_before_anything_is_published(s3, sources, stacks):
    (sources.catalog / "static-site" / "template.yaml").unlink()
    with pytest.raises(InvalidCatalogError):
        publish(s3, sources)
    assert keys(s3) == []
    assert stacks == []
