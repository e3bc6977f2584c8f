"""A bucket's versioning is what its template says, suspended too.

AWS: `VersioningConfiguration` of `AWS::S3::Bucket` is the bucket's, whether `Enabled` or
`Suspended` (CloudFormation template reference), so drift detection finds nothing on a new bucket.

MiniStack: CloudFormation puts `Enabled` in place and leaves `Suspended` out. Its drift detection
then misses the configuration on every such bucket, and an update from one to the other changes
nothing.

Mend: a status that the template names is the bucket's after it is made and updated.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from collections.abc import Callable
from typing import Any


def apply() -> None:
    """Let CloudFormation suspend versioning."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handlers["create"] = _versioned(handlers["create"], properties_at=1)
    handlers["update"] = _versioned(handlers["update"], properties_at=2)


def _versioned(make: Callable[..., Any], *, properties_at: int) -> Callable[..., Any]:
    def make_and_version(*arguments: Any, **options: Any) -> Any:
        from ministack.services import s3

        made = make(*arguments, **options)
        configuration = arguments[properties_at].get("VersioningConfiguration") or {}
        if configuration.get("Status"):
            s3._bucket_versioning[made[0]] = configuration["Status"]
        return made

    return make_and_version
