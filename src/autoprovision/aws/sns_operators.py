"""The port `Operators` on an SNS topic."""

from typing import Any

from autoprovision.aws.answers import answering

# SNS takes subjects of at most 100 printable ASCII characters.
_MOST_SUBJECT = 100
_MOST_MESSAGE_BYTES = 256 * 1024


class SnsOperators:
    """The people who run the platform listen there."""

    def __init__(self, client: Any, *, topic_arn: str) -> None:
        self._client = client
        self._topic = topic_arn

    def tell(self, subject: str, message: str) -> None:
        """Say what needs them."""
        plain = "".join(one if " " <= one <= "~" else "?" for one in subject)
        body = message.encode()[:_MOST_MESSAGE_BYTES].decode(errors="ignore")
        with answering("SNS"):
            self._client.publish(
                TopicArn=self._topic, Subject=plain[:_MOST_SUBJECT].strip() or "autoprovision",
                Message=body or plain,
            )  # fmt: skip
