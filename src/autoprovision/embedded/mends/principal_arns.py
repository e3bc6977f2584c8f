"""`aws:PrincipalArn` is the role's ARN, whatever session of it calls.

AWS: for a call with a role's credentials the key holds the ARN of the role, not of the session
(IAM user guide, "AWS global condition context keys").

MiniStack: compares with the session's ARN, so no policy that names a role fits.

Mend: the session's ARN becomes the role's.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import re
from typing import Any

_SESSION = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>.+)/[^/]+"
)


def apply() -> None:
    """Answer the key as AWS does."""
    from ministack.core import iam_evaluator

    resolve = iam_evaluator._resolve_condition_key

    def resolve_condition_key(key: str, ctx: Any) -> Any:
        value = resolve(key, ctx)
        if key.lower() != "aws:principalarn":
            return value
        return _SESSION.sub(r"arn:\g<partition>:iam::\g<account>:role/\g<role>", str(value))

    iam_evaluator._resolve_condition_key = resolve_condition_key
