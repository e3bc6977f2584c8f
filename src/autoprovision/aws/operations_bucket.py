"""The port `OperationFiles` on S3: scripts that machines read, and diagnostics that they write.

A machine writes into its application's folder. Nobody is handed anything from there: what is kept
of it lies where no machine writes.
"""

from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.operation import DiagnosticFile

_SECONDS = 300
# One page of a list, which one call deletes too. What lies beyond the last one is left, to expire.
_MOST_FILES, _MOST_PAGES = 1000, 10
# Of so many it is kept: two from each of as many machines as one call of Run Command takes.
_MOST_KEPT = 100
# What is longer is cut, also together: whatever it is, a function cleans it in a few seconds.
_MOST_BYTES, _MOST_IN_ALL = 1024 * 1024, 2 * 1024 * 1024
# Run Command writes <folder>/<command>/<instance>/<plugin>/<step>/stdout.
_PARTS, _INSTANCE_FROM_END = 5, 4
_OUTPUT = "stdout"
_NOT_KEPT = "DIAGNOSTICS_NOT_KEPT"


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

    def keep_diagnostics(
        self, folder: str, machines: Collection[str], clean: Callable[[str], str]
    ) -> None:
        """Keep what these machines brought as `clean` leaves it, and nothing else of it.

        Machines may write where they bring it, and not where it is kept: a key there is shorter
        than the one that it comes from, so that S3 takes it.
        """
        try:
            brought = self._sorted_out(_brought(folder), machines)
            room = _MOST_IN_ALL
            # Small ones first: what they leave of their share is for the larger ones.
            for place, one in enumerate(sorted(brought, key=lambda one: int(one["Size"]))):
                most = min(_MOST_BYTES, room // (len(brought) - place))
                room -= min(most, int(one["Size"]))
                key = str(one["Key"])
                self._keep(key, _kept(folder) + key.removeprefix(_brought(folder)), most, clean)
                self._delete([key])
        except ClientError as error:
            raise UnavailableError(
                f"S3 does not let the diagnostics be kept: {code_of(error)}.", code=_NOT_KEPT
            ) from error

    def _sorted_out(self, prefix: str, machines: Collection[str]) -> list[dict[str, Any]]:
        """What to keep; everything else there is deleted."""
        found: list[dict[str, Any]] = []
        with answering("S3"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, PaginationConfig={"PageSize": _MOST_FILES}
            )
            for page in islice(pages, _MOST_PAGES):
                doomed = []
                for one in page.get("Contents", []):
                    parts = str(one["Key"]).removeprefix(prefix).split("/")
                    is_output = len(parts) == _PARTS and parts[-1] == _OUTPUT
                    if is_output and parts[1] in machines and len(found) < _MOST_KEPT:
                        found.append(one)
                    else:
                        doomed.append(str(one["Key"]))
                self._delete(doomed)
        return found

    def _delete(self, keys: list[str]) -> None:
        if not keys:
            return
        doomed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with answering("S3"):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete=doomed)
        failed = answer.get("Errors", [])
        if failed:
            sentence = f"S3 deletes {len(failed)} files of diagnostics not: {failed[0]['Code']}."
            raise UnavailableError(sentence, code=_NOT_KEPT)

    def _keep(self, brought: str, kept: str, most: int, clean: Callable[[str], str]) -> None:
        with answering("S3"):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=brought)["Body"]
                text = body.read(most).decode(errors="replace")
            except ClientError as error:
                if code_of(error) != "NoSuchKey":
                    raise
                return  # another try has kept it meanwhile
            self._s3.put_object(
                Bucket=self._bucket, Key=kept, Body=clean(text).encode(),
                ContentType="text/plain; charset=utf-8",
            )  # fmt: skip

    def diagnostics(self, folder: str) -> list[DiagnosticFile]:
        """What was kept of what machines brought, with addresses that work for a short while."""
        with answering("S3"):
            page = self._s3.list_objects_v2(
                Bucket=self._bucket, Prefix=_kept(folder), MaxKeys=_MOST_FILES
            )
        found = []
        for one in page.get("Contents", []):
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
