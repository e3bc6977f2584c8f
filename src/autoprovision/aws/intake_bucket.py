"""The port `Intake` on S3: where JSON templates can be dropped, each person under a prefix."""

from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.document import MAX_TEMPLATE_BYTES
from autoprovision.domain.errors import NotFoundError

_SECONDS = 900
_TYPE = "application/json"
_MISSING = frozenset({"NoSuchKey", "404", "NoSuchBucket"})


class IntakeBucket:
    """Uploads that a person may do without AWS credentials, for a quarter of an hour."""

    def __init__(self, client: Any, *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def presign(self, user_id: str, name: str) -> dict[str, Any]:
        """A presigned POST of one object under the uploader's own prefix.

        Returns:
            `url`, `fields`, `key`, `expiresIn` in seconds. Another key, type or size is refused.
        """
        key = f"intake/{user_id}/{name}"
        with answering("S3"):
            form = self._client.generate_presigned_post(
                Bucket=self._bucket, Key=key, Fields={"Content-Type": _TYPE},
                Conditions=[
                    {"Content-Type": _TYPE}, ["content-length-range", 1, MAX_TEMPLATE_BYTES]
                ],
                ExpiresIn=_SECONDS,
            )  # fmt: skip
        return {"url": form["url"], "fields": form["fields"], "key": key, "expiresIn": _SECONDS}

    def read(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """The object's first `limit` + 1 bytes and its ETag.

        Raises:
            NotFoundError: there is no such object.
        """
        with answering("S3"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                # The rest is not downloaded: the connection is closed with it unread.
                body = answer["Body"].read(limit + 1)
                answer["Body"].close()
            except ClientError as error:
                if code_of(error) not in _MISSING:
                    raise
                raise NotFoundError(f"There is no upload {key}.") from error
        return bytes(body), str(answer["ETag"]).strip('"')
