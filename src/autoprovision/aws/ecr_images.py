"""Marks on images: the one that a service runs, and the one that it would be taken back to.

A repository lets old images expire and does not know which one runs: five builds that failed
afterwards would be enough. So the live ones carry a tag that begins with `live`, which the
repository's lifecycle policy leaves alone. Nothing is run by these tags; they may move.
"""

import logging
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import ConflictError

LIVE, BEFORE = "live", "live-before"
logger = logging.getLogger(__name__)
# Told, so that ECR gives a manifest as it was pushed rather than another form of it.
_MANIFESTS = [
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]  # fmt: skip


class EcrImages:
    """Tags of images in applications' own repositories."""

    def __init__(self, ecr: Any) -> None:
        self._ecr = ecr

    def mark(self, repository_uri: str, release: str, tag: str) -> None:
        """Put a tag on the image of a release, away from where it was; again is fine.

        An image that is gone cannot be kept any more, which is logged.

        Raises:
            ConflictError: code IMAGE_NOT_KEPT, the repository does not let the tag move.
        """
        name = repository_uri.partition("/")[2]
        with answering("ECR"):
            image = self._image(name, release)
            if image is None:
                logger.warning("no image to keep", extra={"repository": name, "release": release})
                return
            try:
                self._ecr.put_image(
                    repositoryName=name, imageTag=tag, imageManifest=image["imageManifest"],
                    imageManifestMediaType=image["imageManifestMediaType"],
                    imageDigest=image["imageId"]["imageDigest"],
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) == "ImageTagAlreadyExistsException":
                    raise ConflictError(
                        "The repository does not let the mark of the live image move; update the "
                        "application to its blueprint's newest version.", code="IMAGE_NOT_KEPT",
                    ) from error  # fmt: skip
                # It has the tag already.
                if code_of(error) != "ImageAlreadyExistsException":
                    raise

    def _image(self, name: str, release: str) -> dict[str, Any] | None:
        try:
            found = self._ecr.batch_get_image(
                repositoryName=name, imageIds=[{"imageTag": release}],
                acceptedMediaTypes=_MANIFESTS,
            )  # fmt: skip
        except ClientError as error:
            if code_of(error) != "RepositoryNotFoundException":
                raise
            return None
        images: list[dict[str, Any]] = found["images"]
        return images[0] if images else None
