"""The port `MachineGroups` on EC2 Auto Scaling, by the tag that an application's group carries."""

import re
from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, is_outage
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.operation import APPLICATION_TAG, MachineGroup
from autoprovision.ports.pages import Page

_SERVICE = "EC2 Auto Scaling"
_MOST = 100
# Of "User suspended at 2026-11-26T22:10:11Z".
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FILTER = {"Name": "tag-key", "Values": [APPLICATION_TAG]}


class AutoScalingGroups:
    """Groups with the tag, of this region."""

    def __init__(self, autoscaling: Any) -> None:
        self._autoscaling = autoscaling

    def list(self, *, limit: int, after: str | None = None) -> Page[MachineGroup]:
        """Groups that carry the tag of an application, in no order."""
        start = {"NextToken": after} if after else {}
        with answering(_SERVICE):
            page = self._autoscaling.describe_auto_scaling_groups(
                Filters=[_FILTER], IncludeInstances=False, MaxRecords=min(limit, _MOST), **start
            )
        found = (_group(one) for one in page["AutoScalingGroups"])
        return Page(tuple(one for one in found if one), page.get("NextToken") or None)

    def read(self, name: str) -> MachineGroup | None:
        """A group as it is now. None: there is none, or it carries no tag of an application."""
        with answering(_SERVICE):
            answer = self._autoscaling.describe_auto_scaling_groups(
                AutoScalingGroupNames=[name], IncludeInstances=False
            )
        return next((_group(one) for one in answer["AutoScalingGroups"]), None)

    def resume(self, name: str, processes: Collection[str]) -> None:
        """Let it do these again; others that are suspended stay so."""
        # Without names it would resume everything.
        if not processes:
            return
        with answering(_SERVICE):
            try:
                self._autoscaling.resume_processes(
                    AutoScalingGroupName=name, ScalingProcesses=sorted(processes)
                )
            except ClientError as error:
                if is_outage(error):
                    raise
                said = str(error.response.get("Error", {}).get("Message", error))
                raise ConflictError(said, code="NOT_RESUMED") from error


def _group(one: dict[str, Any]) -> MachineGroup | None:
    tags = {tag["Key"]: tag.get("Value", "") for tag in one.get("Tags", [])}
    if not tags.get(APPLICATION_TAG):
        return None
    why = {
        each["ProcessName"]: each.get("SuspensionReason", "")
        for each in one.get("SuspendedProcesses", [])
    }
    times = {name: _TIME.search(reason) for name, reason in why.items()}
    return MachineGroup(
        name=one["AutoScalingGroupName"], application_id=tags[APPLICATION_TAG],
        suspended=tuple(sorted(why)),
        since={name: time[0] for name, time in times.items() if time},
    )  # fmt: skip
