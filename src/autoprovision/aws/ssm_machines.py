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
        found: list[Machine] = []
        following: dict[str, str] = {}
        while True:
            with answering("Systems Manager"):
                page = self._ssm.describe_instance_information(
                    Filters=[{"Key": f"tag:{APPLICATION_TAG}", "Values": [application_id]}],
                    MaxResults=MOST_MACHINES, **following,
                )  # fmt: skip
            found += [
                Machine(id=one["InstanceId"], online=one.get("PingStatus") == "Online")
                for one in page["InstanceInformationList"]
            ]
            # A page may hold less than it could, and even nothing, before the last one.
            if not page.get("NextToken") or len(found) >= MOST_MACHINES:
                return tuple(sorted(found[:MOST_MACHINES], key=lambda one: one.id))
            following = {"NextToken": page["NextToken"]}
