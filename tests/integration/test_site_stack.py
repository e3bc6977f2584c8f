"""The static-site blueprint's stack as it lives: updated, emptied, deleted, and with what rights."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.integration.site_stack import ONE, THREE, TWO, Harming, Site

from autoprovision.aws import site_bucket
from autoprovision.domain.errors import UnavailableError
from autoprovision.embedded import launcher, localhost_names
from autoprovision.embedded.launcher import EmbeddedAws


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    data = tmp_path_factory.mktemp("aws")
    try:
        yield launcher.start(data)
    finally:
        launcher.stop(data)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    localhost_names.install()


@pytest.fixture
def site(aws: EmbeddedAws) -> Site:
    return Site(aws)


def test_an_update_of_the_stack_keeps_what_is_live(site: Site):
    for tree in (ONE, TWO):
        site.sites.publish(site.outputs, tree, root="")
    site.update(PriceClass="PriceClass_All", LivePath=site.sites.live_path(site.outputs))
    assert site.home() == b"<h1>two</h1>"
    site.update(PriceClass="PriceClass_100", LivePath="/releases/first")
    site.sites.publish(site.outputs, TWO, root="")
    assert site.home() == b"<h1>two</h1>"


def test_unpublishing_empties_versions_and_markers_page_by_page_and_again(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(site_bucket, "_DELETE_BATCH", 3)
    site = Site(aws, Versioning="Enabled")
    for tree in (ONE, TWO, THREE, ONE):
        site.sites.publish(site.outputs, tree, root="")
    bucket = site.outputs["SiteBucket"]
    site.s3.delete_object(Bucket=bucket, Key="releases/first/style.css")
    assert site.s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    site.sites.unpublish(bucket)
    listed = site.s3.list_object_versions(Bucket=bucket)
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")
    site.sites.unpublish(bucket)
    site.s3.delete_bucket(Bucket=bucket)
    site.sites.unpublish(bucket)


def test_a_file_that_cannot_be_deleted_is_not_passed_over(site: Site):
    site.sites.publish(site.outputs, ONE, root="")

    def refused(real: Any, _: int, arguments: dict[str, Any]) -> Any:
        return {"Errors": [{"Key": "x", "Code": "AccessDenied"}]}

    with pytest.raises(UnavailableError) as caught:
        site.through(s3=Harming(site.s3, delete_objects=refused)).unpublish(
            site.outputs["SiteBucket"]
        )
    assert caught.value.reason == "SITE_NOT_EMPTIED"


def test_prod_has_its_own_name_a_log_and_is_deleted_whole(aws: EmbeddedAws):
    zone = aws.client("route53").create_hosted_zone(Name="apps.example", CallerReference="1")
    zone_id = zone["HostedZone"]["Id"].rsplit("/", 1)[1]
    certificate = f"arn:aws:acm:us-east-1:{aws.account_id}:certificate/0a1b2c3d"
    site = Site(
        aws, TargetEnvironment="prod", UrlScheme="https", DomainName="apps.example",
        HostedZoneId=zone_id, CertificateArn=certificate, AccessLogs="true", Versioning="Enabled",
    )  # fmt: skip
    name = site.parameters["ApplicationName"] + ".prod.apps.example"
    assert site.outputs["Url"] == f"https://{name}"
    config = site.cloudfront.get_distribution_config(Id=site.outputs["DistributionId"])
    config = config["DistributionConfig"]
    assert config["Aliases"]["Items"] == [name]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["Logging"]["Bucket"].startswith(site.outputs["LogBucket"])
    records = aws.client("route53").list_resource_record_sets(HostedZoneId=zone_id)
    kinds = {r["Type"] for r in records["ResourceRecordSets"] if r["Name"].startswith(name)}
    assert kinds == {"A", "AAAA"}
    site.sites.publish(site.outputs, ONE, root="")
    for bucket in (site.outputs["SiteBucket"], site.outputs["LogBucket"]):
        site.sites.unpublish(bucket)
    stack_id = site.cloudformation.describe_stacks(StackName=site.stack)["Stacks"][0]["StackId"]
    site.cloudformation.delete_stack(StackName=stack_id)
    deadline = time.monotonic() + 30
    while True:
        seen = site.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        if not seen.endswith("_IN_PROGRESS"):
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert seen == "DELETE_COMPLETE"
    with pytest.raises(ClientError):
        site.s3.head_bucket(Bucket=site.outputs["SiteBucket"])


# What the publishing function's role needs; `docs/decisions/0003-live-at-once.md` shows the same.
PUBLISHER_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
            "Resource": "arn:aws:s3:::autoprovision-site-*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": "arn:aws:s3:::autoprovision-site-*/*",
        },
        {
            "Effect": "Allow",
            "Action": [
                "cloudfront:GetDistribution",
                "cloudfront:GetDistributionConfig",
                "cloudfront:UpdateDistribution",
                "cloudfront:CreateInvalidation",
            ],
            "Resource": "arn:aws:cloudfront::*:distribution/*",
        },
    ],
}


def test_the_publishers_role_is_enough_and_no_more(site: Site):
    iam = site.aws.client("iam")
    name = f"publisher-{site.parameters['ApplicationName']}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(PUBLISHER_POLICY))
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=site.aws.endpoint_url,
            region_name=site.aws.region,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    sites = site.through(client("s3"), client("cloudfront"))
    for tree in (ONE, TWO, THREE):
        sites.publish(site.outputs, tree, root="")
    assert site.home() == b"<h1>three</h1>"
    sites.unpublish(site.outputs["SiteBucket"])
    assert site.stored() == set()
    site.s3.create_bucket(
        Bucket="somebody-elses",
        CreateBucketConfiguration={"LocationConstraint": site.aws.region},
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        sites.unpublish("somebody-elses")
