"""The port `CatalogSource` on S3: the published index, versions, and the approval policy."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.errors import BusyError, ConflictError, NotFoundError, UnavailableError
from autoprovision.domain.policy import Policy, parse_policy

T = TypeVar("T")

INDEX_KEY, POLICY_KEY = "index.json", "policy.json"
_FRESH_SECONDS = 10.0
_MISSING = frozenset({"NoSuchKey", "404"})
_UNCHANGED = frozenset({"304", "NotModified"})
_CHANGED_MEANWHILE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass
class _Kept(Generic[T]):
    """An object as it was read, and until when nobody asks S3 again."""

    value: T
    etag: str
    fresh_until: float


class CatalogBucket:
    """Reads are kept for some seconds, then asked for by their ETag: an unchanged one is free."""

    def __init__(
        self, client: Any, *, bucket: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._clock = clock
        self._kept: dict[str, _Kept[Any]] = {}

    def catalog(self) -> Catalog:
        """All current blueprints with the prices; may be up to some seconds old."""
        return self._read(INDEX_KEY, Catalog.model_validate_json)

    def policy(self) -> Policy:
        """The approval policy in force; may be up to some seconds old."""
        return self._read(POLICY_KEY, lambda body: parse_policy(json.loads(body)))

    def refresh(self) -> None:
        """Let the next reads ask S3; what has not changed costs no transfer."""
        for kept in self._kept.values():
            kept.fresh_until = 0.0

    def _read(self, key: str, parse: Callable[[bytes], T]) -> T:
        kept: _Kept[T] | None = self._kept.get(key)
        if kept is not None and self._clock() < kept.fresh_until:
            return kept.value
        more = {"IfNoneMatch": kept.etag} if kept else {}
        fresh_until = self._clock() + _FRESH_SECONDS
        try:
            body, etag = self._get(key, **more)
        except ClientError as error:
            if kept is not None and code_of(error) in _UNCHANGED:
                kept.fresh_until = fresh_until
                return kept.value
            if code_of(error) in _MISSING:
                raise UnavailableError(f"The catalog has no {key}; publish it.") from error
            raise
        kept = _Kept(parse(body), etag, fresh_until)
        self._kept[key] = kept
        return kept.value

    def _get(self, key: str, **more: str) -> tuple[bytes, str]:
        with answering("S3"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **more)
            return answer["Body"].read(), str(answer["ETag"])

    def version(self, blueprint_id: str, version: str) -> PublishedBlueprint:
        """One published version, current or not.

        Raises:
            NotFoundError: it was never published.
        """
        current = self.catalog().by_id(blueprint_id)
        if current is not None and current.manifest.version == version:
            return current
        # Between version and file stands the digest; a version is published with one only.
        prefix = f"blueprints/{blueprint_id}/{version}/"
        with answering("S3"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            keys = [
                str(one["Key"])
                for page in pages
                for one in page.get("Contents", [])
                if one["Key"].endswith("/blueprint.json")
            ]
        if not keys:
            raise NotFoundError(f"There is no blueprint {blueprint_id} {version}.")
        body, _ = self._get(keys[0])
        return PublishedBlueprint.model_validate_json(body)

    def publish_policy(self, policy: Policy, *, by: str, at: str) -> None:
        """Put a policy in force and keep the one before.

        Raises:
            ConflictError: code VERSION_TAKEN, another policy was published under this version.
            BusyError: somebody else published at the same time; nothing was put in force.
        """
        content = json.dumps(policy.document(), indent=1).encode()
        etag = self._etag_in_force()
        self._keep(policy, content, by=by, at=at)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        if not self._put(POLICY_KEY, content, **condition):
            raise BusyError("Somebody else published a policy at the same time; look at it first.")
        self._kept.pop(POLICY_KEY, None)

    def _etag_in_force(self) -> str | None:
        try:
            return self._get(POLICY_KEY)[1]
        except ClientError as error:
            if code_of(error) not in _MISSING:
                raise
            return None

    def _keep(self, policy: Policy, content: bytes, *, by: str, at: str) -> None:
        key = f"policy/{policy.version}.json"
        metadata = {"published-by": by, "published-at": at}
        if self._put(key, content, IfNoneMatch="*", Metadata=metadata):
            return
        if self._get(key)[0] != content:
            raise ConflictError(
                f"Another policy was published as version {policy.version}; choose a new version.",
                code="VERSION_TAKEN",
            )

    def _put(self, key: str, content: bytes, **more: Any) -> bool:
        """Write on a condition. False: it did not hold."""
        with answering("S3"):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=content, ContentType="application/json",
                    **more,
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) not in _CHANGED_MEANWHILE:
                    raise
                return False
        return True
