"""CloudFormation does not delete a bucket that holds objects.

AWS: deleting a stack with a non-empty bucket ends in DELETE_FAILED; "you must delete all objects
(including all object versions) in the bucket" (CloudFormation user guide, "Troubleshooting
CloudFormation", delete stack fails).

MiniStack: forgets the bucket with all it holds.

Mend: the bucket is deleted by S3's own DeleteBucket, which refuses.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from typing import Any
from xml.etree import ElementTree as ET

_GONE = 404


def apply() -> None:
    """Let CloudFormation delete buckets through S3's DeleteBucket."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        del properties
        status, _, body = s3._delete_bucket(physical_id)
        if status >= 400 and status != _GONE:
            message, code = _text(body, "Message"), _text(body, "Code")
            raise ValueError(
                f"{message} (Service: Amazon S3; Status Code: {status}; Error Code: {code})"
            )

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = delete


def _text(body: bytes, name: str) -> str:
    found = ET.fromstring(body).find(name)  # noqa: S314 - MiniStack's own answer
    return found.text or "" if found is not None else ""
