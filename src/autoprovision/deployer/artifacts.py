"""Uploads into the artifacts bucket under keys that hold a digest, each at most once."""

import hashlib
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
_TOO_LATE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})


def digest_key(folder: str, name: str, content: bytes) -> str:
    """`folder/name-<16 digits of the digest>.suffixes`."""
    stem, dot, suffixes = PurePosixPath(name).name.partition(".")
    return f"{folder}/{stem}-{hashlib.sha256(content).hexdigest()[:16]}{dot}{suffixes}"


def upload_once(s3: Any, bucket: str, key: str, content: bytes) -> bool:
    """Upload unless it is there; the key holds the digest, so what is there is the same.

    Returns:
        Whether it was uploaded.
    """
    if exists(s3, bucket, key):
        return False
    return put_new(s3, bucket, key, content)


def exists(s3: Any, bucket: str, key: str) -> bool:
    """Whether an object is there."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return False
        raise
    return True


def put_new(s3: Any, bucket: str, key: str, content: bytes) -> bool:
    """Write an object that is not there yet. False: somebody was quicker."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] in _TOO_LATE:
            return False
        raise
    return True


def put_if_unchanged(s3: Any, bucket: str, key: str, content: bytes, etag: str | None) -> bool:
    """Write an object over the version that was read, None for none. False: it has changed."""
    if etag is None:
        return put_new(s3, bucket, key, content)
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=content, IfMatch=etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in _TOO_LATE:
            return False
        raise
    return True


def read(s3: Any, bucket: str, key: str) -> tuple[bytes, str] | None:
    """An object's content and ETag, None when it is not there."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    return answer["Body"].read(), answer["ETag"]
