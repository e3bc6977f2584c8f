"""The port `Machines` on Systems Manager, by the tag that an application's instances carry."""

from typing import Any

from autoprovision.aws.answers import answering
from autoprovision.domain.operation import APPLICATION_TAG, MOST_MACHINES, Machine


class SsmMachines:
    """Instances whose agent has reported to Systems Manager."""

    def __init__(self, ssm: Any) -> None:
        self._ssm = ssm

    def of(self, application_id: str) -> tuple[Machine, ...]:
        """Those that carry the application's tag and that Systems Manager knows."""
        with answering("Systems Manager"):
            answer = self._ssm.describe_instance_information(
                Filters=[{"Key": f"tag:{APPLICATION_TAG}", "Values": [application_id]}],
                MaxResults=MOST_MACHINES,
            )
        found = [
            Machine(id=one["InstanceId"], online=one.get("PingStatus") == "Online")
            for one in answer["InstanceInformationList"]
        ]
        return tuple(sorted(found, key=lambda one: one.id))
