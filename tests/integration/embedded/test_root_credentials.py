"""Nobody is root without its secret."""

import dataclasses
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

STRANGERS = ["123456789012", "999999999999", "test"]
SERVICES = [
    ("sqs", "list_queues"),
    ("iam", "list_users"),
    ("dynamodb", "list_tables"),
    ("s3", "list_buckets"),
    ("cloudformation", "list_stacks"),
    ("sesv2", "list_email_identities"),
    ("lambda", "list_functions"),
    ("sts", "get_caller_identity"),
]


def call_as(workshop: Any, key: str, service: str, operation: str) -> None:
    stranger = dataclasses.replace(workshop.aws, access_key_id=key, secret_access_key="test")
    getattr(stranger.client(service), operation)()


@pytest.mark.parametrize("key", STRANGERS)
@pytest.mark.parametrize(("service", "operation"), SERVICES)
def test_a_key_without_its_secret_is_refused(workshop: Any, key: str, service: str, operation: str):
    with pytest.raises(ClientError) as refused:
        call_as(workshop, key, service, operation)
    assert (
        refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        or "UnrecognizedClient" in str(refused.value)
        or "SignatureDoesNotMatch" in str(refused.value)
        or "InvalidSignature" in str(refused.value)
    )


@pytest.mark.parametrize("key", STRANGERS)
def test_ministack_alone_takes_anybody_for_root(unmended: Any, key: str):
    call_as(unmended, key, "iam", "list_users")


def test_a_presigned_address_is_verified(workshop: Any):
    name = workshop.name("private")
    s3 = workshop.client("s3")
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    s3.put_object(Bucket=name, Key="a.txt", Body=b"hello")
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "a.txt"})
    assert (status(signed), status(signed.replace("Signature=", "Signature=0"))) == (200, 403)
    assert status(signed.partition("?")[0]) == 403


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
