"""What SES would send is found in the mailbox."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from autoprovision.embedded.mailbox import mailbox


def content(subject: str) -> dict[str, Any]:
    body = {"Text": {"Data": "plain"}, "Html": {"Data": "<b>rich</b>"}}
    return {"Simple": {"Subject": {"Data": subject}, "Body": body}}


def send_as(workshop: Any, resource: str, sender: str, subject: str) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": resource}
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sesv2:sendEmail",
        "Arguments": {
            "FromEmailAddress": sender,
            "Destination": {"ToAddresses": ["to@example.com"]},
            "Content": content(subject),
        },
        "End": True,
    }
    return workshop.run(workshop.state_machine(workshop.role("states", allowed), {"Send": state}))


def identity(workshop: Any, name: str) -> str:
    workshop.client("sesv2").create_email_identity(EmailIdentity=name)
    return f"arn:aws:ses:{workshop.aws.region}:{workshop.aws.account_id}:identity/{name}"


def test_a_role_with_send_email_on_the_identity_sends_text_and_html(workshop: Any):
    arn = identity(workshop, "platform@example.com")
    done = send_as(workshop, arn, "Platform <platform@example.com>", "first")
    assert done["status"] == "SUCCEEDED", done
    assert json.loads(done["output"])["MessageId"]
    workshop.client("sesv2").send_email(
        FromEmailAddress="platform@example.com",
        Destination={"ToAddresses": ["x@example.com", "y@example.com"]},
        Content=content("second"),
    )
    first, second = mailbox(workshop.aws)[-2:]
    assert (first.subject, first.text, first.html, first.to) == (
        "first",
        "plain",
        "<b>rich</b>",
        ("to@example.com",),
    )
    assert "platform@example.com" in first.sender
    assert (second.subject, second.to) == ("second", ("x@example.com", "y@example.com"))
    assert first.sent_at <= second.sent_at


def test_a_role_without_the_identity_does_not_send(workshop: Any):
    identity(workshop, "other@example.com")
    before = len(mailbox(workshop.aws))
    done = send_as(
        workshop, "arn:aws:ses:*:*:identity/elsewhere@example.com", "other@example.com", "never"
    )
    assert done["status"] == "FAILED"
    assert "not authorized to perform: ses:SendEmail" in done["cause"]
    assert len(mailbox(workshop.aws)) == before


def test_an_unverified_sender_is_rejected(workshop: Any):
    with pytest.raises(ClientError) as refused:
        workshop.client("sesv2").send_email(
            FromEmailAddress="stranger@example.net",
            Destination={"ToAddresses": ["x@example.com"]},
            Content=content("no"),
        )
    assert refused.value.response["Error"]["Code"] == "MessageRejected"
