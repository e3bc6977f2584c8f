"""A bucket has the tags that its template gives it.

AWS: `Tags` of `AWS::S3::Bucket` are the bucket's tags, so GetBucketTagging and the Resource Groups
Tagging API list them (CloudFormation template reference).

MiniStack: CloudFormation makes the bucket and forgets its tags.

Mend: they are put on the bucket when it is made, and when it is updated.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from collections.abc import Callable, Mapping
from typing import Any


def apply() -> None:
    """Tag buckets that CloudFormation makes and updates."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handlers["create"] = _tagged(handlers["create"], properties_at=1)
    handlers["update"] = _tagged(handlers["update"], properties_at=2)


def _tagged(make: Callable[..., Any], *, properties_at: int) -> Callable[..., Any]:
    def make_and_tag(*arguments: Any, **options: Any) -> Any:
        from ministack.services import s3

        made = make(*arguments, **options)
        tags = _tags(arguments[properties_at])
        if tags:
            s3._bucket_tags[made[0]] = tags
        else:
            s3._bucket_tags.pop(made[0], None)
        return made

    return make_and_tag


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {one["Key"]: str(one["Value"]) for one in properties.get("Tags") or ()}
