"""The port `DeadLetters` on SQS: from the dead-letter queue of approvals back to their queue."""

from typing import Any

from autoprovision.aws.answers import answering

_BATCH = 10
# Long enough for one batch, short enough that what a dead function held is seen again soon.
_HIDDEN_SECONDS = 60


class ApprovalDeadLetters:
    """Messages hold task tokens, so they are moved and never shown."""

    def __init__(self, client: Any, *, source: str, target: str) -> None:
        self._client = client
        self._source, self._target = source, target

    def redrive(self, *, limit: int) -> int:
        """Put messages back; sent first and removed afterwards, so that none is lost."""
        moved = 0
        with answering("SQS"):
            while moved < limit:
                found = self._client.receive_message(
                    QueueUrl=self._source, MaxNumberOfMessages=min(_BATCH, limit - moved),
                    VisibilityTimeout=_HIDDEN_SECONDS, WaitTimeSeconds=0,
                ).get("Messages", [])  # fmt: skip
                if not found:
                    break
                for message in found:
                    self._client.send_message(QueueUrl=self._target, MessageBody=message["Body"])
                    self._client.delete_message(
                        QueueUrl=self._source, ReceiptHandle=message["ReceiptHandle"]
                    )
                    moved += 1
        return moved
