"""Names of fields, services and errors as Step Functions' SDK integrations spell them."""

import pytest

from autoprovision.embedded.sdk_names import exception_name, field_name, pascal_case


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("StackName", "StackName"),
        ("TemplateURL", "TemplateURL"),
        ("RoleARN", "RoleARN"),
        ("DBInstances", "DbInstances"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("ETag", "ETag"),
        ("ARN", "Arn"),
        ("id", "Id"),
    ],
)
def test_only_leading_capitals_of_a_field_are_lowered(model, field):
    assert field_name(model) == field


def test_services_and_errors_are_split_into_words():
    assert pascal_case("SESv2") == "SesV2"
    assert exception_name("StackNotFoundFault") == "StackNotFoundException"
