"""The port `BuildFiles` on S3: a folder for each build, which CodeBuild reads and writes."""

import tempfile
from typing import IO, Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.git_source import SourceCode, SourceError

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_SOURCE, _OUTPUT = "source.zip", "output.zip"
_MB = 1024 * 1024


class BuildsBucket:
    """Every key is written by one and read by one; nobody may list them."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def stage(self, folder: str, source: IO[bytes]) -> None:
        """Put a build's source there; putting it again is fine."""
        with answering("S3"):
            self._s3.put_object(
                Bucket=self._bucket, Key=f"{folder}/{_SOURCE}", Body=source,
                ContentType="application/zip",
            )  # fmt: skip

    def output(self, folder: str, *, limit: int) -> IO[bytes]:
        """What the build brought, to be closed by the caller.

        Raises:
            NotFoundError: it brought nothing.
            SourceError: code BUILD_OUTPUT_TOO_LARGE, it has more than `limit` bytes.
        """
        where = {"Bucket": self._bucket, "Key": f"{folder}/{_OUTPUT}"}
        with answering("S3"):
            try:
                answer = self._s3.get_object(**where)
            except ClientError as error:
                if code_of(error) not in _MISSING:
                    raise
                raise NotFoundError("The build brought nothing.") from error
            size = int(answer["ContentLength"])
            if size > limit:
                answer["Body"].close()
                raise SourceError(
                    SourceCode.BUILD_OUTPUT_TOO_LARGE,
                    f"The build's output has {size / _MB:.0f} MB, packed; it may have "
                    f"{limit / _MB:.0f} MB.",
                )
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            for chunk in answer["Body"].iter_chunks(_MB):
                file.write(chunk)
        file.seek(0)
        return file

    def discard_source(self, folder: str) -> None:
        """Delete the source; gone already is fine."""
        self._delete(f"{folder}/{_SOURCE}")

    def discard(self, folder: str) -> None:
        """Delete the folder; gone already is fine."""
        self._delete(f"{folder}/{_SOURCE}")
        self._delete(f"{folder}/{_OUTPUT}")

    def _delete(self, key: str) -> None:
        with answering("S3"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)
