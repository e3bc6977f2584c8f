"""A build's log in CloudWatch Logs, written with the permissions of its role."""
# ruff: noqa: SLF001 - the log store of MiniStack has no other door inside its process.

import time
from datetime import UTC, datetime
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.builds.failures import PhaseFailed

_MOST_BYTES = 20 * 1024 * 1024
_SHORTEST_SECRET = 4


class BuildLog:
    """Log group and stream of one build.

    Args:
        names: the build's `logs`; nothing is written when it has no group.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._group = names.get("groupName", "")
        self._stream = names.get("streamName", "")
        self._secrets: list[str] = []
        self._bytes = 0

    def open(self, session: roles.RoleSession, region: str, build_arn: str) -> None:
        """Make group and stream.

        Raises:
            PhaseFailed: The build's role may not.
        """
        if not self._group:
            return
        from ministack.services import cloudwatch_logs

        group = f"arn:aws:logs:{region}:{build_arn.split(':')[4]}:log-group:{self._group}"
        stream = f"{group}:log-stream:{self._stream}"
        needed = [("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)]
        if self._group not in cloudwatch_logs._log_groups:
            needed.insert(0, ("logs:CreateLogGroup", f"{group}:log-stream:"))
        for action, resource in needed:
            if denied := roles.denial(session, action, resource, region):
                self._group = ""
                raise PhaseFailed(
                    "ACCESS_DENIED",
                    f"Service role {_role(session)} does not allow AWS CodeBuild to create Amazon "
                    f"CloudWatch Logs log streams for build {build_arn}. Error message: {denied}",
                )
        cloudwatch_logs._create_log_group({"logGroupName": self._group})
        cloudwatch_logs._create_log_stream(
            {"logGroupName": self._group, "logStreamName": self._stream}
        )

    def hide(self, secret: str) -> None:
        """Show `***` instead of this value, as CodeBuild does with what it fetched by reference."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets.extend([secret, *secret.splitlines()])
            self._secrets.sort(key=len, reverse=True)

    def say(self, text: str) -> None:
        """One line of CodeBuild's own."""
        now = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S.%f")
        self.write([f"[Container] {now} {text}"])

    def write(self, lines: list[str]) -> None:
        """Lines as they come."""
        if not self._group or self._bytes > _MOST_BYTES:
            return
        from ministack.services import cloudwatch_logs

        shown = [self._masked(line) for line in lines]
        self._bytes += sum(map(len, shown))
        if self._bytes > _MOST_BYTES:
            shown.append(f"The log is longer than {_MOST_BYTES} bytes: the rest is not kept.")
        now = int(time.time() * 1000)
        cloudwatch_logs._put_log_events(
            {
                "logGroupName": self._group,
                "logStreamName": self._stream,
                "logEvents": [{"timestamp": now, "message": f"{line}\n"} for line in shown],
            }
        )

    def _masked(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "***") if secret else line
        return line


def _role(session: roles.RoleSession) -> str:
    account, _, rest = session.principal_arn.split(":", 4)[4].partition(":")
    return f"arn:aws:iam::{account}:role/{rest.split('/')[1]}"
