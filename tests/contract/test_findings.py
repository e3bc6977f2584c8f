"""The ports Findings and TaggedResources."""

import pytest
from tests.contract.conftest import Store

from autoprovision.aws.findings_table import FindingsTable
from autoprovision.aws.tagged_resources import TaggingApi
from autoprovision.domain.errors import ConflictError, NotFoundError
from autoprovision.domain.finding import Finding, FindingKind, Found, LeftResource, begun, gone
from autoprovision.memory.findings import MemoryFindings, MemoryTaggedResources
from autoprovision.ports import Findings, TaggedResource, TaggedResources


@pytest.fixture
def findings(store: Store) -> Findings:
    return MemoryFindings() if store.is_memory else FindingsTable(*store.table("Findings"))


def made(number: int) -> Finding:
    found = Found(FindingKind.ORPHAN, f"stack-{number}", "It has no application.")
    return begun(found, f"2026-11-0{number}T00:00:00.000Z")


def test_a_finding_comes_back_as_it_was(findings: Findings) -> None:
    left = LeftResource(
        type="AWS::S3::Bucket", physical_id="b", logical_id="Site", stack_id="arn", by="root",
        application_id="app_1", application_name="shop", business_unit="cs", request_id="req_1",
        why="It is full.", monthly_credits=4,
    )  # fmt: skip
    kept = made(1).with_(left=left)
    findings.save(kept, expected_version=0)
    assert findings.get(kept.id) == kept
    assert findings.find([kept.id, "fnd_none"]) == [kept]
    with pytest.raises(NotFoundError):
        findings.get("fnd_none")


def test_a_late_writer_is_refused(findings: Findings) -> None:
    kept = findings.save(made(1), expected_version=0)
    with pytest.raises(ConflictError):
        findings.save(kept, expected_version=0)
    after = findings.save(gone(kept, "2026-11-09"), expected_version=1)
    with pytest.raises(ConflictError):
        findings.save(gone(kept, "2026-11-10"), expected_version=1)
    assert findings.get(kept.id) == after


def test_those_that_stand_and_those_that_are_gone_are_two_lists_in_pages(
    findings: Findings,
) -> None:
    for number in range(1, 6):
        kept = findings.save(made(number), expected_version=0)
        if number % 2 == 0:
            findings.save(gone(kept, "2026-11-09"), expected_version=1)
    first = findings.list(standing=True, limit=2)
    second = findings.list(standing=True, limit=2, after=first.next)
    stand = [*first.items, *second.items]
    assert [one.subject for one in stand] == ["stack-1", "stack-3", "stack-5"]
    assert second.next is None
    left = findings.list(standing=False, limit=10)
    assert [one.subject for one in left.items] == ["stack-2", "stack-4"]


@pytest.fixture
def tagged(store: Store) -> TaggedResources:
    expected = {f"app_{store.prefix}_{number}" for number in range(3)}
    if store.is_memory:
        port = MemoryTaggedResources()
        port.found = [TaggedResource(f"arn:aws:sqs:::{one}", one) for one in sorted(expected)]
        return port
    sqs, s3 = store.client("sqs"), store.client("s3")
    for one in sorted(expected)[:2]:
        sqs.create_queue(QueueName=one, tags={"autoprovision:application": one, "other": "x"})
    bucket = f"{store.prefix}-tagged"
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
    )
    tags = [{"Key": "autoprovision:application", "Value": sorted(expected)[2]}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    sqs.create_queue(QueueName=f"{store.prefix}-other", tags={"other": "x"})
    client = store.client("resourcegroupstaggingapi")
    return TaggingApi(client, client)


def test_whatever_carries_the_tag_is_listed(tagged: TaggedResources, store: Store) -> None:
    seen: list[TaggedResource] = []
    after = None
    for _ in range(20):
        page = tagged.list(limit=2, after=after)
        seen += page.items
        after = page.next
        if after is None:
            break
    assert after is None
    mine = {one.application_id for one in seen if f"_{store.prefix}_" in one.application_id}
    assert mine == {f"app_{store.prefix}_{number}" for number in range(3)}
    assert len(seen) == len({one.arn for one in seen})


class _Region:
    """A region of the Resource Groups Tagging API with two pages."""

    def __init__(self, name: str) -> None:
        self.meta = type("Meta", (), {"region_name": name})()
        self.name = name

    def get_resources(self, *, PaginationToken: str = "", **_: object) -> dict:  # noqa: N803 - AWS's
        arn = f"arn:aws:x:{self.name}:1:{PaginationToken or 'first'}"
        tags = [{"Key": "autoprovision:application", "Value": "app_1"}]
        following = "" if PaginationToken else "second"
        return {
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": tags}],
            "PaginationToken": following,
        }


def test_regions_are_listed_one_after_the_other_and_once() -> None:
    for regions, pages in ((("a", "b"), 4), (("a", "a"), 2)):
        port = TaggingApi(*(_Region(one) for one in regions))
        seen, after = [], None
        while True:
            page = port.list(limit=100, after=after)
            seen += [one.arn for one in page.items]
            after = page.next
            if after is None:
                break
        assert len(seen) == len(set(seen)) == pages
