"""The port `Functions` on Lambda: a build's output becomes the code of an application's functions.

A release is kept next to the builds, so that the one before can be put back: Lambda gives the code
of an older version to nobody who could put it back as the function's own.
"""

import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.build import is_function_release
from autoprovision.domain.errors import BusyError, ConflictError, UnavailableError
from autoprovision.domain.git_source import SourceCode, SourceError, SourceTree

RELEASES = "releases/"
_KEPT_RELEASES = 2
_SETTLE_SECONDS = 240.0
_POLL_SECONDS = 0.5
# What a handler `index.handler` may stand in, by Lambda's runtimes.
_SUFFIXES = (".py", ".js", ".mjs", ".cjs", "/__init__.py")
_REFUSALS = frozenset({"InvalidParameterValueException", "CodeStorageExceededException"})


class LambdaFunctions:
    """Publishes releases onto functions; every call may be made again."""

    def __init__(
        self, functions: Any, s3: Any, *, bucket: str, settle_seconds: float = _SETTLE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._lambda, self._s3, self._bucket = functions, s3, bucket
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, folder: str, release: str,
        before: str = "",
    ) -> None:  # fmt: skip
        """Make a build's output the functions' code, and wait until it runs.

        Raises:
            SourceError: the functions' handler is not in it.
            ConflictError: code CODE_REFUSED, Lambda does not take or does not run it.
            BusyError: the function is being changed at the same time.
        """
        with answering("Lambda or S3"):
            for name in _names(outputs):
                settings = self._lambda.get_function_configuration(FunctionName=name)
                _check_handler(tree, str(settings["Handler"]))
                key = _key(name, release)
                self._s3.copy_object(
                    Bucket=self._bucket, Key=key,
                    CopySource={"Bucket": self._bucket, "Key": f"{folder}/output.zip"},
                )  # fmt: skip
                self._put(name, key)
                self._prune(name, keep=key, before=_key(name, before))

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Make a release that was published before the functions' code again.

        Lambda tells the digest of the code that a function has, and a release's name ends with the
        beginning of its own; what is live already is left alone.
        """
        with answering("Lambda or S3"):
            for name in _names(outputs):
                settings = self._lambda.get_function_configuration(FunctionName=name)
                code = b64decode(settings.get("CodeSha256", "")).hex()
                if is_function_release(release, code):
                    self._settle(name)
                else:
                    self._put(name, _key(name, release))

    def unpublish(self, function: str) -> None:
        """Forget the releases that are kept of a function; none is fine."""
        with answering("S3"):
            for key, _ in self._releases(function):
                self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _put(self, name: str, key: str) -> None:
        try:
            self._lambda.update_function_code(
                FunctionName=name, S3Bucket=self._bucket, S3Key=key, Publish=False
            )
        except ClientError as error:
            if code_of(error) == "ResourceConflictException":
                raise BusyError("The function is being changed at the same time.") from error
            if code_of(error) not in _REFUSALS:
                raise
            said = str(error.response["Error"].get("Message", ""))
            raise ConflictError(
                f"Lambda does not take the code: {said}", code="CODE_REFUSED"
            ) from error
        self._settle(name)

    def _settle(self, name: str) -> None:
        end = time.monotonic() + self._settle_seconds
        while True:
            now = self._lambda.get_function_configuration(FunctionName=name)
            status = now.get("LastUpdateStatus", "Successful")
            if status == "Failed":
                said = now.get("LastUpdateStatusReason", "no reason is given.")
                raise ConflictError(f"Lambda does not run the code: {said}", code="CODE_REFUSED")
            if status == "Successful" and now.get("State", "Active") in {"Active", "Inactive"}:
                return
            if time.monotonic() >= end:
                raise UnavailableError("The new code is on its way to the function.")
            self._sleep(_POLL_SECONDS)

    def _releases(self, name: str) -> Iterator[tuple[str, str]]:
        """Keys of the kept releases and since when they are there."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{RELEASES}{name}/"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield entry["Key"], entry["LastModified"].isoformat()

    def _prune(self, name: str, *, keep: str, before: str) -> None:
        """Keep two. The newest of the others need not be the one before: one may have failed."""
        others = sorted(
            (entry for entry in self._releases(name) if entry[0] != keep),
            key=lambda entry: entry[1], reverse=True,
        )  # fmt: skip
        keys = [key for key, _ in others]
        kept = {before} if before in keys else set(keys[: _KEPT_RELEASES - 1])
        for key in keys:
            if key not in kept:
                self._s3.delete_object(Bucket=self._bucket, Key=key)


def _names(outputs: Mapping[str, str]) -> list[str]:
    listed = outputs.get("FunctionNames") or outputs["FunctionName"]
    return [name.strip() for name in listed.split(",") if name.strip()]


def _key(name: str, release: str) -> str:
    return f"{RELEASES}{name}/{release}.zip"


def _check_handler(tree: SourceTree, handler: str) -> None:
    stem = handler.rpartition(".")[0].replace(".", "/")
    if not any(tree.contains(stem + suffix) for suffix in _SUFFIXES):
        raise SourceError(
            SourceCode.BUILD_OUTPUT_INCOMPLETE,
            f"The build's output has no {stem}.py or {stem}.js, which the function begins with.",
        )
