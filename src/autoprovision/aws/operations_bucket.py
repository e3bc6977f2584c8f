"""The port `OperationFiles` on S3: scripts that machines read, and diagnostics that they write.

A machine writes into its application's folder. Nobody is handed anything from there: what is kept
of it lies where no machine writes.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.operation import DiagnosticFile

_SECONDS = 300
_MOST_FILES = 1000
# What is longer is cut: a function has to hold it, and a person to read it.
_MOST_BYTES = 8 * 1024 * 1024
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

    def keep_diagnostics(self, folder: str, clean: Callable[[str], str]) -> None:
        """Keep what the machines brought as `clean` leaves it, and nothing else of it.

        Machines may write where they bring it, and not where it is kept.
        """
        for one in self._listed(_brought(folder)):
            key = str(one["Key"])
            if key.endswith(f"/{_OUTPUT}"):
                self._keep(key, _kept(folder) + key.removeprefix(_brought(folder)), clean)
            with answering("S3"):
                self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _keep(self, brought: str, kept: str, clean: Callable[[str], str]) -> None:
        with answering("S3"):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=brought)["Body"]
                text = body.read(_MOST_BYTES).decode(errors="replace")
            except ClientError as error:
                if code_of(error) != "NoSuchKey":
                    raise
                return  # another try has kept it meanwhile
            self._s3.put_object(
                Bucket=self._bucket, Key=kept, Body=clean(text).encode(),
                ContentType="text/plain; charset=utf-8",
            )  # fmt: skip

    def _listed(self, prefix: str) -> list[dict[str, Any]]:
        with answering("S3"):
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=_MOST_FILES)
        return list(page.get("Contents", []))

    def diagnostics(self, folder: str) -> list[DiagnosticFile]:
        """What was kept of what machines brought, with addresses that work for a short while."""
        found = []
        for one in self._listed(_kept(folder)):
            url = self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": one["Key"]},
                ExpiresIn=_SECONDS,
            )  # fmt: skip
            found.append(
                DiagnosticFile(
                    instance_id=one["Key"].split("/")[-_INSTANCE_FROM_END], size=int(one["Size"]),
                    url=url, expires_in=_SECONDS,
                )
            )  # fmt: skip
        return sorted(found, key=lambda one: one.instance_id)


def _brought(folder: str) -> str:
    """Where machines write."""
    return f"{folder}/diagnostics/"


def _kept(folder: str) -> str:
    """Where no machine writes: each may only below its application's folder."""
    return f"kept/{folder}/"
