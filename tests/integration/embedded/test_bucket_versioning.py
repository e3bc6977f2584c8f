"""A bucket is versioned as its template says, and a new one has not drifted."""

import json

from tests.integration.embedded.conftest import Workshop


def template(status: str) -> str:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": status}}}  # fmt: skip
    return json.dumps({"Resources": {"Site": bucket}, "Outputs": {"Name": {"Value": {"Ref": "Site"}}}})  # fmt: skip


def made(workshop: Workshop, status: str) -> tuple[str, str]:
    """Stack and bucket."""
    stack = workshop.name("versioned")
    workshop.client("cloudformation").create_stack(StackName=stack, TemplateBody=template(status))
    return stack, workshop.stack_settled(stack)["Outputs"][0]["OutputValue"]


def drift(workshop: Workshop, stack: str) -> str:
    client = workshop.client("cloudformation")
    detection = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    return workshop.until(
        lambda: client.describe_stack_drift_detection_status(
            StackDriftDetectionId=detection
        ).get("StackDriftStatus")
    )  # fmt: skip


def versioning(workshop: Workshop, bucket: str) -> str | None:
    return workshop.client("s3").get_bucket_versioning(Bucket=bucket).get("Status")


def test_a_suspended_bucket_is_made_so_and_has_not_drifted(workshop: Workshop):
    stack, bucket = made(workshop, "Suspended")
    assert versioning(workshop, bucket) == "Suspended"
    assert drift(workshop, stack) == "IN_SYNC"


def test_an_update_suspends_it(workshop: Workshop):
    stack, bucket = made(workshop, "Enabled")
    workshop.client("cloudformation").update_stack(
        StackName=stack, TemplateBody=template("Suspended")
    )
    assert workshop.stack_settled(stack)["StackStatus"] == "UPDATE_COMPLETE"
    assert versioning(workshop, bucket) == "Suspended"
    assert drift(workshop, stack) == "IN_SYNC"


def test_the_mend_is_still_needed(unmended: Workshop):
    stack, bucket = made(unmended, "Suspended")
    assert versioning(unmended, bucket) is None
    assert drift(unmended, stack) == "DRIFTED"
