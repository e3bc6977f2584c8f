"""Rules of image repositories: the image that runs must not expire, and its mark must move."""

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder
from autoprovision.domain.blueprint import PublishTarget
from autoprovision.domain.document import pointer

# The tags that publishing puts on the live image and the one before (aws/ecr_images.py).
MARKS = ("live", "live-before")
_MANY = 1000


def image_findings(folder: Folder) -> Iterator[Finding]:
    """Repositories of a blueprint for containers that would forget a live image."""
    manifest, template = folder.manifest, folder.template
    if manifest is None or template is None or manifest.publish.target is not PublishTarget.SERVICE:
        return
    for name, resource in template.section("Resources").items():
        if resource["Type"] == "AWS::ECR::Repository":
            at = pointer("Resources", name, "Properties")
            for detail in _faults(resource.get("Properties") or {}):
                yield folder.found("image-kept", folder.template_name, at, f"{name} {detail}")


def _faults(properties: dict[str, Any]) -> Iterator[str]:
    if not all(_moves(properties, mark) for mark in MARKS):
        yield "does not let the tags live and live-before move."
    policy = properties.get("LifecyclePolicy")
    text = policy.get("LifecyclePolicyText") if isinstance(policy, dict) else None
    if text is None:
        return
    try:
        rules = json.loads(text)["rules"]
        # The live images are the oldest, behind many that were pushed and never ran.
        images = [("build",)] * _MANY + [("build", mark) for mark in MARKS]
        lost = {image for image in expired(rules, images) if len(images[image]) > 1}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield "has a lifecycle policy that cannot be read."
        return
    if lost:
        yield "lets images expire that carry the tag live or live-before."


def _moves(properties: dict[str, Any], tag: str) -> bool:
    """Whether a tag may be taken from one image to another."""
    mode = properties.get("ImageTagMutability", "MUTABLE")
    filters = properties.get("ImageTagMutabilityExclusionFilters") or []
    excluded = any(
        fnmatchcase(tag, str(one.get("ImageTagMutabilityExclusionFilterValue")))
        for one in filters
        if isinstance(one, dict)
    )
    return excluded is (mode == "IMMUTABLE_WITH_EXCLUSION") and mode != "IMMUTABLE"


def expired(rules: Sequence[dict[str, Any]], images: Sequence[tuple[str, ...]]) -> set[int]:
    """Which images a lifecycle policy expires, by their place; all are old enough for any age.

    As the ECR user guide says ("Lifecycle policies"): an image that matches the tags of a rule is
    not expired by a rule of lower priority, which counts it all the same.

    Args:
        images: the tags of each, the newest first.
    """
    found: set[int] = set()
    taken: set[int] = set()
    for rule in sorted(rules, key=lambda one: int(one["rulePriority"])):
        selection = rule["selection"]
        matching = [at for at, tags in enumerate(images) if _selects(selection, tags)]
        by_count = selection["countType"] == "imageCountMoreThan"
        over = matching[int(selection["countNumber"]) :] if by_count else matching
        found |= set(over) - taken
        taken |= set(matching)
    return found


def _selects(selection: dict[str, Any], tags: tuple[str, ...]) -> bool:
    if selection["tagStatus"] != "tagged":
        return selection["tagStatus"] == "any" or not tags
    patterns = [f"{one}*" for one in selection.get("tagPrefixList", [])]
    patterns += selection.get("tagPatternList", [])
    # Each of a rule's prefixes or patterns has to be met by a tag.
    return all(any(fnmatchcase(tag, one) for tag in tags) for one in patterns)
