"""The port `Sites` on S3 and CloudFront: a site is live at once or not at all.

A release lies whole in a folder of its own before anybody can see it, and a record says that it
is whole. The switch is one conditional write: the distribution's origin path names the folder.
Every step looks first, so a run that was killed is finished by the next one.
`docs/decisions/0003-live-at-once.md` tells why it is done this way.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import BusyError, UnavailableError
from autoprovision.domain.git_source import SourceTree
from autoprovision.domain.site_files import INDEX, SiteFile, release_name, select_site

RELEASES = "releases/"
RECORDS = "records/"
_KEPT_RELEASES = 2
_WORKERS = 8
_DELETE_BATCH = 1000  # the most that DeleteObjects takes
_SETTLE_SECONDS = 600.0
_POLL_SECONDS = 5.0
_GONE = frozenset({"NoSuchBucket", "404"})
_CHANGED_MEANWHILE = frozenset({"PreconditionFailed", "InvalidIfMatchVersion"})


@dataclass(frozen=True, slots=True)
class _Release:
    """A folder whose files are all there: what it was made from, and since when."""

    folder: str
    name: str
    since: str


@dataclass(frozen=True, slots=True)
class _Live:
    """What the distribution serves now; `etag` guards the next change."""

    folder: str
    config: dict[str, Any]
    etag: str


class SiteBucket:
    """Publishes and unpublishes static sites."""

    def __init__(
        self,
        s3: Any,
        cloudfront: Any,
        *,
        settle_seconds: float = _SETTLE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the two clients.

        Args:
            s3: S3 client; used by several threads, which boto3 allows for clients.
            cloudfront: CloudFront client.
            settle_seconds: how long a switch may take to reach all edges before we give up waiting.
            sleep: waits, in seconds.
        """
        self._s3 = s3
        self._cloudfront = cloudfront
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def publish(
        self, outputs: Mapping[str, str], tree: SourceTree, *, root: str, before: str = ""
    ) -> str:
        """Put the files live at once or not at all.

        Args:
            outputs: of the stack: `SiteBucket` and `DistributionId`.
            tree: the fetched project.
            root: folder of the project that holds the site; empty for its top.
            before: origin path of the release that was live before, which is kept; without it the
                newest of the others is.

        Returns:
            The release's name: the commit, and a mark when the root is a folder.

        Raises:
            SourceError: the project has no index page, or holds what cannot be published.
            BusyError: the distribution was changed at the same time.
            UnavailableError: AWS did not answer, or the switch has not reached all edges yet.
                After both, calling again goes on from there.
        """
        bucket, distribution = outputs["SiteBucket"], outputs["DistributionId"]
        files = select_site(tree, root)
        name = release_name(tree, root)
        with answering("S3 or CloudFront"):
            live = self._live(distribution)
            releases = self._releases(bucket)
            folder = _folder_for(name, live.folder, releases)
            if folder not in {release.folder for release in releases}:
                self._upload(bucket, folder, files)
                self._record(bucket, folder, name, files)
            if folder != live.folder:
                live = self._switch(distribution, live, folder)
            self._settle(distribution)
            if releases:  # something was there before
                self._invalidate(distribution, live)
            self._prune(bucket, live.folder, before.removeprefix("/" + RELEASES))
        return name

    def live_path(self, outputs: Mapping[str, str]) -> str:
        """The origin path that is live: what an update of the stack passes as `LivePath`."""
        with answering("CloudFront"):
            return "/" + RELEASES + self._live(outputs["DistributionId"]).folder

    def go_back(self, outputs: Mapping[str, str], live_path: str) -> None:
        """Serve the release at an origin path again, and purge what caches hold of the other."""
        distribution, folder = outputs["DistributionId"], live_path.removeprefix("/" + RELEASES)
        with answering("CloudFront"):
            live = self._live(distribution)
            if folder != live.folder:
                live = self._switch(distribution, live, folder)
            self._settle(distribution)
            self._invalidate(distribution, live)

    def unpublish(self, bucket: str) -> None:
        """Empty a bucket: every version and every delete marker. Gone already is fine."""
        with answering("S3"):
            try:
                self._delete_versions(bucket, "")
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise

    # --- looking ----------------------------------------------------------------------------

    def _live(self, distribution: str) -> _Live:
        answer = self._cloudfront.get_distribution_config(Id=distribution)
        config = answer["DistributionConfig"]
        path = str(config["Origins"]["Items"][0].get("OriginPath", ""))
        if not path.startswith("/" + RELEASES):
            raise UnavailableError(
                "The distribution does not serve a release; its stack was changed by hand.",
                code="SITE_CHANGED_BY_HAND",
            )
        return _Live(path.removeprefix("/" + RELEASES), config, answer["ETag"])

    def _releases(self, bucket: str) -> list[_Release]:
        """The whole releases, newest first."""
        found = []
        for entry in self._keys(bucket, RECORDS):
            body = self._s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            folder = entry["Key"].removeprefix(RECORDS).removesuffix(".json")
            since = entry["LastModified"].isoformat()
            found.append(_Release(folder, str(json.loads(body)["release"]), since))
        return sorted(found, key=lambda release: release.since, reverse=True)

    def _keys(self, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", [])

    # --- putting there ------------------------------------------------------------------------

    def _upload(self, bucket: str, folder: str, files: Iterable[SiteFile]) -> None:
        """Make the folder hold exactly these files, the pages after what they need."""
        prefix = f"{RELEASES}{folder}/"
        wanted = {prefix + file.path: file for file in files}
        there = {entry["Key"]: entry for entry in self._keys(bucket, prefix)}
        # Left by a run that was killed while it put another commit into the same folder.
        self._delete_versions(bucket, prefix, keep=wanted.keys())
        for wave in _waves(wanted):
            with ThreadPoolExecutor(_WORKERS, "publish") as workers:
                list(
                    workers.map(
                        lambda key: self._put(bucket, key, wanted[key], there.get(key)), wave
                    )
                )
        self._verify(bucket, prefix, wanted)

    def _put(self, bucket: str, key: str, file: SiteFile, there: Mapping[str, Any] | None) -> None:
        content = file.read()
        # S3's ETag is the MD5 of an object put in one piece under its own encryption.
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if there and there["Size"] == len(content) and there["ETag"].strip('"') == digest:
            return
        self._s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=content,
            ContentType=file.content_type,
            CacheControl=file.cache_control,
            ChecksumAlgorithm="SHA256",  # S3 refuses what arrives damaged
        )

    def _verify(self, bucket: str, prefix: str, wanted: Mapping[str, SiteFile]) -> None:
        there = {entry["Key"]: entry["Size"] for entry in self._keys(bucket, prefix)}
        if there != {key: file.size for key, file in wanted.items()}:
            raise UnavailableError(
                "The uploaded files are not all there; the site was left as it was.",
                code="SITE_UPLOAD_INCOMPLETE",
            )

    def _record(self, bucket: str, folder: str, name: str, files: tuple[SiteFile, ...]) -> None:
        """Say that a folder is whole: what makes it a release."""
        record = {
            "release": name,
            "files": len(files),
            "bytes": sum(file.size for file in files),
        }
        self._s3.put_object(
            Bucket=bucket,
            Key=f"{RECORDS}{folder}.json",
            Body=json.dumps(record).encode(),
            ContentType="application/json",
        )

    # --- switching --------------------------------------------------------------------------

    def _switch(self, distribution: str, live: _Live, folder: str) -> _Live:
        """Make a release the live one, unless anything changed since `live` was read."""
        live.config["Origins"]["Items"][0]["OriginPath"] = f"/{RELEASES}{folder}"
        try:
            answer = self._cloudfront.update_distribution(
                Id=distribution, IfMatch=live.etag, DistributionConfig=live.config
            )
        except ClientError as error:
            if code_of(error) not in _CHANGED_MEANWHILE:
                raise
            raise BusyError("The distribution was changed at the same time.") from error
        return _Live(folder, live.config, answer["ETag"])

    def _settle(self, distribution: str) -> None:
        """Wait until every edge serves the same release."""
        end = time.monotonic() + self._settle_seconds
        while True:
            answer = self._cloudfront.get_distribution(Id=distribution)
            if answer["Distribution"]["Status"] == "Deployed":
                return
            if time.monotonic() >= end:
                raise UnavailableError(
                    "The new release is on its way to all of CloudFront's locations.",
                    code="SITE_NOT_SETTLED",
                )
            self._sleep(_POLL_SECONDS)

    def _invalidate(self, distribution: str, live: _Live) -> None:
        """Purge what was before, once: the reference is the same until the next change."""
        self._cloudfront.create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={
                "Paths": {"Quantity": 1, "Items": ["/*"]},
                "CallerReference": f"{live.folder}-{live.etag}",
            },
        )

    # --- cleaning up ------------------------------------------------------------------------

    def _prune(self, bucket: str, live: str, before: str) -> None:
        """Keep the live release and the one before; delete the rest, half uploads included.

        The newest of the others need not be the one before: an update that failed leaves another.
        """
        others = [release.folder for release in self._releases(bucket) if release.folder != live]
        kept = {live, *([before] if before in others else others[: _KEPT_RELEASES - 1])}
        for folder in others:
            if folder not in kept:
                self._delete_versions(bucket, f"{RECORDS}{folder}.json")
        for folder in self._folders(bucket):
            if folder not in kept:
                self._delete_versions(bucket, f"{RELEASES}{folder}/")

    def _folders(self, bucket: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=RELEASES, Delimiter="/"
        )
        prefixes = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        return [prefix.removeprefix(RELEASES).rstrip("/") for prefix in prefixes]

    def _delete_versions(self, bucket: str, prefix: str, keep: Iterable[str] = ()) -> None:
        """Delete every version and delete marker below a prefix, but for some keys."""
        kept = set(keep)
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _DELETE_BATCH}
        )
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in found
                if entry["Key"] not in kept
            ]
            if doomed:
                self._delete(bucket, doomed)

    def _delete(self, bucket: str, doomed: list[dict[str, str]]) -> None:
        answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
        failed = [entry for entry in answer.get("Errors", []) if entry["Code"] != "NoSuchKey"]
        if failed:
            raise UnavailableError(
                f"{len(failed)} files could not be deleted: {failed[0]['Code']}.",
                code="SITE_NOT_EMPTIED",
            )


def _folder_for(name: str, live: str, releases: Iterable[_Release]) -> str:
    """Where a release lies or is to be put.

    A release that is there already stays where it is. While nothing whole is live, the folder that
    the distribution already names is filled: a first release needs no switch.
    """
    folders = {release.folder: release for release in releases}
    if live in folders and folders[live].name == name:
        return live
    for release in folders.values():
        if release.name == name:
            return release.folder
    if live not in folders:
        return live
    while name in folders:  # taken by another release that was put there as the first
        name += "-again"
    return name


def _waves(wanted: Mapping[str, SiteFile]) -> list[list[str]]:
    """Keys in the order of upload: what pages need, pages, and the index page last."""
    index = [key for key, file in wanted.items() if file.path == INDEX]
    pages = [
        key
        for key, file in wanted.items()
        if file.path != INDEX and file.content_type.startswith("text/html")
    ]
    later = {*index, *pages}
    return [[key for key in wanted if key not in later], pages, index]
