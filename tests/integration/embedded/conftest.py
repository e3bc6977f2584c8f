"""One embedded AWS for the tests of a module, and the small deeds most of them need."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autoprovision.embedded import launcher
from autoprovision.embedded.launcher import EmbeddedAws

_PATIENCE = 30.0


class Workshop:
    """An embedded AWS with names that do not collide and waits that end."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self._numbers = iter(range(1, 10_000))
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    def name(self, stem: str) -> str:
        return f"{stem}-{next(self._numbers)}"

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        """A role that a service may assume, allowed what the statements say."""
        name = self.name("role")
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": f"{service}.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"][
            "Arn"
        ]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        return str(arn)

    def state_machine(self, role: str, states: dict[str, Any], start: str | None = None) -> str:
        definition = {
            "QueryLanguage": "JSONata",
            "StartAt": start or next(iter(states)),
            "States": states,
        }
        answer = self.client("stepfunctions").create_state_machine(
            name=self.name("machine"), definition=json.dumps(definition), roleArn=role
        )
        return str(answer["stateMachineArn"])

    def start(self, machine: str, value: Any = None) -> str:
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(value or {})
        )
        return str(answer["executionArn"])

    def finished(self, execution: str) -> dict[str, Any]:
        states = self.client("stepfunctions")
        return self.until(
            lambda: (
                (seen := states.describe_execution(executionArn=execution))["status"] != "RUNNING"
                and seen
            )
        )

    def run(self, machine: str, value: Any = None) -> dict[str, Any]:
        return self.finished(self.start(machine, value))

    def stack_settled(self, stack: str) -> dict[str, Any]:
        cloudformation = self.client("cloudformation")

        def settled() -> Any:
            seen = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return not seen["StackStatus"].endswith("_IN_PROGRESS") and seen

        return self.until(settled)

    def queue(self) -> tuple[str, str]:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name("queue"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        return url, arn

    def message(self, url: str) -> dict[str, Any]:
        """The next message of a queue, taken from it."""
        sqs = self.client("sqs")

        def received() -> Any:
            return sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")

        message = self.until(received)[0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    @staticmethod
    def until(look: Callable[[], Any]) -> Any:
        """What `look` finds, asked until it finds something."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    data = tmp_path_factory.mktemp("embedded")
    aws = launcher.start(data)
    try:
        yield Workshop(aws)
    finally:
        launcher.stop(data)


@pytest.fixture(scope="module")
def unmended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """MiniStack as it comes: when it behaves as AWS, the mend is no longer needed."""
    data = tmp_path_factory.mktemp("unmended")
    aws = launcher.start(data, extra_environment={"EMBEDDED_AWS_UNMENDED": "1"})
    try:
        yield Workshop(aws)
    finally:
        launcher.stop(data)
