"""The port Names: records of the platform's own zone, in a dictionary and on Route 53."""

from typing import Any

import pytest
from tests.contract.conftest import Store

from autoprovision.aws.route53_names import Route53Names
from autoprovision.domain.errors import BusyError
from autoprovision.memory.names import MemoryNames
from autoprovision.ports import Names

NAME, OTHER = "shop.dev.apps.example", "other.dev.apps.example"
OUTSIDE = "shop.example"
KINDS = {
    "A": {"AliasTarget": {
        "HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d1.cloudfront.net.",
        "EvaluateTargetHealth": False,
    }},
    "AAAA": {"TTL": 60, "ResourceRecords": [{"Value": "2001:db8::1"}]},
    "CNAME": {"TTL": 60, "ResourceRecords": [{"Value": "elsewhere.example"}]},
    "TXT": {"TTL": 60, "ResourceRecords": [{"Value": '"hello"'}]},
}  # fmt: skip


class Zone:
    """The port, and a hand that puts records there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        if store.is_memory:
            self.memory = MemoryNames(store.outside, domain="apps.example")
            self.port: Names = self.memory
            return
        self.client = store.client("route53")
        # The zone holds more than the applications' domain.
        made = self.client.create_hosted_zone(Name="example", CallerReference=store.prefix)
        self.id = made["HostedZone"]["Id"].rsplit("/", 1)[1]
        self.port = Route53Names(self.client, zone_id=self.id, domain="apps.example")

    def put(self, name: str, *kinds: str) -> None:
        if self._store.is_memory:
            self.memory.put(name, *kinds)
            return
        changes = [
            {"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind, **KINDS[kind]}}
            for kind in kinds
        ]
        self.client.change_resource_record_sets(
            HostedZoneId=self.id, ChangeBatch={"Changes": changes}
        )


@pytest.fixture
def zone(store: Store) -> Zone:
    return Zone(store)


def test_names_are_withdrawn_once_and_gone_is_fine(zone: Zone) -> None:
    zone.put(NAME, "A", "AAAA")
    zone.put(OTHER, "A")
    assert zone.port.standing([NAME, OTHER, "none.dev.apps.example"]) == {NAME, OTHER}
    assert zone.port.withdraw([NAME, f"{NAME.upper()}."]) == 2
    assert zone.port.withdraw([NAME]) == 0
    assert zone.port.standing([NAME, OTHER]) == {OTHER}


def test_a_wildcard_is_withdrawn_and_seen_as_it_is_written(zone: Zone) -> None:
    zone.put(f"*.{NAME}", "A")
    zone.put(NAME, "A")
    assert zone.port.standing([f"*.{NAME}"]) == {f"*.{NAME}"}
    assert set(zone.port.leading(limit=100).items) == {f"*.{NAME}", NAME}
    assert zone.port.withdraw([f"*.{NAME}"]) == 1
    assert zone.port.standing([f"*.{NAME}", NAME]) == {NAME}


def test_what_leads_nowhere_stays_and_is_seen(zone: Zone) -> None:
    zone.put(NAME, "A", "TXT")
    assert zone.port.withdraw([NAME]) == 1
    assert zone.port.standing([NAME]) == {NAME}
    assert zone.port.leading(limit=100).items == ()


@pytest.mark.parametrize("name", [OUTSIDE, "apps.example", "evilapps.example"])
def test_names_outside_of_the_domain_are_never_touched(zone: Zone, name: str) -> None:
    zone.put(name, "A")
    assert zone.port.withdraw([name]) == 0
    assert zone.port.standing([name]) == frozenset()
    assert zone.port.leading(limit=100).items == ()
    if zone._store.is_memory:
        assert zone.memory.kept[name] == {"A"}
    else:
        listed = zone.client.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
        assert f"{name}." in {one["Name"] for one in listed if one["Type"] == "A"}


def test_names_that_lead_somewhere_come_in_pages(zone: Zone) -> None:
    names = {f"n{number}.dev.apps.example" for number in range(5)}
    for name in names:
        zone.put(name, "A")
    zone.put(OUTSIDE, "A")
    seen: set[str] = set()
    after = None
    for _ in range(20):
        page = zone.port.leading(limit=3, after=after)
        seen |= set(page.items)
        after = page.next
        if after is None:
            break
    assert (seen, after) == (names, None)


class _Answers:
    """Route 53 as it answers in a race: the first batches find their records changed."""

    def __init__(self, client: Any, *codes: str) -> None:
        self._client, self._codes = client, list(codes)

    def __getattr__(self, member: str) -> Any:
        return getattr(self._client, member)

    def change_resource_record_sets(self, **arguments: Any) -> Any:
        from botocore.exceptions import ClientError

        if self._codes:
            answer = {"Error": {"Code": self._codes.pop(0), "Message": "no"}}
            raise ClientError(answer, "ChangeResourceRecordSets")
        return self._client.change_resource_record_sets(**arguments)


def on(store: Store, *codes: str) -> Route53Names:
    zone = Zone(store)
    zone.put(NAME, "A")
    return Route53Names(_Answers(zone.client, *codes), zone_id=zone.id, domain="apps.example")


def test_a_batch_that_meets_another_change_is_read_anew(on_aws: Store) -> None:
    assert on(on_aws, "InvalidChangeBatch").withdraw([NAME]) == 1


@pytest.mark.parametrize("codes", [("PriorRequestNotComplete",), ("InvalidChangeBatch",) * 3])
def test_names_that_others_change_are_tried_later(on_aws: Store, codes: tuple[str, ...]) -> None:
    with pytest.raises(BusyError):
        on(on_aws, *codes).withdraw([NAME])


def test_a_zone_that_is_gone_has_no_names(on_aws: Store) -> None:
    port = Route53Names(on_aws.client("route53"), zone_id="Z0NOTTHERE", domain="apps.example")
    assert port.withdraw([NAME]) == 0
    assert port.standing([NAME]) == frozenset()
    assert port.leading(limit=10).items == ()


class _Escaping:
    """A zone as Route 53 tells it: the star of a wildcard as an escape code."""

    def __init__(self) -> None:
        names = (r"\052.shop.dev.apps.example.", "shop.dev.apps.example.")
        self.records = [{"Name": name, "Type": "A", **KINDS["A"]} for name in names]

    def get_paginator(self, _: str) -> "_Escaping":
        return self

    def paginate(self, *, StartRecordName: str, **_: str) -> list[dict[str, Any]]:  # noqa: N803
        behind = [one for one in self.records if one["Name"].startswith("shop")]
        return [{"ResourceRecordSets": self.records if StartRecordName[0] == "*" else behind}]

    def change_resource_record_sets(self, *, ChangeBatch: Any, **_: str) -> None:  # noqa: N803
        for one in ChangeBatch["Changes"]:
            self.records.remove(one["ResourceRecordSet"])


def test_the_star_that_route_53_tells_is_the_star_that_a_stack_has() -> None:
    port = Route53Names(_Escaping(), zone_id="Z1", domain="apps.example")
    wildcard = f"*.{NAME}"
    assert port.standing([wildcard]) == {wildcard}
    assert port.withdraw([wildcard]) == 1
    assert port.standing([wildcard, NAME]) == {NAME}
