"""The port `OperationFiles` on S3: scripts that machines read, and diagnostics that they write."""

from typing import Any

from autoprovision.aws.answers import answering
from autoprovision.domain.operation import DiagnosticFile

_SECONDS = 300
_MOST_FILES = 1000
# Run Command writes <folder>/<command>/<instance>/<plugin>/<step>/stdout.
_INSTANCE_FROM_END = 4
_OUTPUT = "stdout"


class OperationsBucket:
    """A folder for each request, below one for its application."""

    def __init__(self, s3: Any, *, bucket: str, region: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._region = region

    def bucket(self) -> str:
        """The bucket, for whoever has to name it to a machine."""
        return self._bucket

    def put_script(self, folder: str, name: str, text: str) -> str:
        """Keep a script for the machines and give its URL; putting it again is fine."""
        key = f"{folder}/{name}"
        with answering("S3"):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="text/x-shellscript"
            )
        return f"https://s3.{self._region}.amazonaws.com/{self._bucket}/{key}"

    def discard_script(self, folder: str, name: str) -> None:
        """Delete it; gone already is fine."""
        with answering("S3"):
            self._s3.delete_object(Bucket=self._bucket, Key=f"{folder}/{name}")

    def diagnostics(self, folder: str) -> list[DiagnosticFile]:
        """What the machines brought, with addresses that work for a short while."""
        with answering("S3"):
            page = self._s3.list_objects_v2(
                Bucket=self._bucket, Prefix=f"{folder}/diagnostics/", MaxKeys=_MOST_FILES
            )
        found = []
        for one in page.get("Contents", []):
            parts = one["Key"].split("/")
            if parts[-1] != _OUTPUT:
                continue
            url = self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": one["Key"]},
                ExpiresIn=_SECONDS,
            )  # fmt: skip
            found.append(
                DiagnosticFile(
                    instance_id=parts[-_INSTANCE_FROM_END], size=int(one["Size"]), url=url,
                    expires_in=_SECONDS,
                )
            )  # fmt: skip
        return sorted(found, key=lambda one: one.instance_id)
