"""The lists of the port Records: newest first, or the one that is due first; page by page."""

from tests.kit.records import (
    OTHER_ACCOUNT,
    OTHER_UNIT,
    UNIT,
    a_request,
    admit,
    at,
    give_quota,
    its_application,
    its_hold,
    request_id,
    run,
)

from autoprovision.domain.request import RequestStatus
from autoprovision.ports import Records

S = RequestStatus


def test_lists_are_newest_first_over_units_and_pages(records: Records) -> None:
    give_quota(records, 1000)
    give_quota(records, 1000, OTHER_ACCOUNT)
    ids = [admit(records, n, unit=UNIT if n % 3 else OTHER_UNIT).id for n in range(1, 8)]
    newest = ids[::-1]
    assert [one.id for one in records.requests(None, limit=50).items] == newest
    seen, after = [], None
    while True:
        page = records.requests({UNIT, OTHER_UNIT, "empty"}, limit=3, after=after)
        seen += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
        assert len(page.items) == 3
    assert seen == newest
    assert {one.business_unit for one in records.requests({OTHER_UNIT}, limit=9).items} == {
        OTHER_UNIT
    }
    assert records.requests(set(), limit=3).items == ()
    applications = records.applications(None, limit=2)
    assert [one.request_id for one in applications.items] == newest[:2]
    following = records.applications(None, limit=50, after=applications.next)
    assert [one.request_id for one in following.items] == newest[2:]


def test_open_requests_are_oldest_first(records: Records) -> None:
    give_quota(records, 1000)
    made = [admit(records, number) for number in (1, 2, 3, 4)]
    run(records, made[1], second=50)
    records.close(made[2].id, S.CANCELLED, reason="X", message="", at=at(9))
    first = records.open_requests(S.SUBMITTED, updated_before=at(100), limit=1)
    assert [one.id for one in first.items] == [made[0].id]
    second = records.open_requests(S.SUBMITTED, updated_before=at(100), limit=9, after=first.next)
    assert [one.id for one in second.items] == [made[3].id]
    assert second.next is None
    assert records.open_requests(S.SUBMITTED, updated_before=at(1), limit=9).items == ()
    running = records.open_requests(S.PROVISIONING, updated_before=at(51), limit=9)
    assert [one.id for one in running.items] == [made[1].id]


def test_expiring_applications_are_soonest_first(records: Records) -> None:
    give_quota(records, 1000)
    for number, end in ((1, 700), (2, 500), (3, 600), (4, 100_000), (5, 550)):
        request = a_request(number)
        application = its_application(request, expires_at=at(end))
        records.admit(request, application, its_hold(request))
    records.close(request_id(5), S.CANCELLED, reason="X", message="", at=at(9))
    first = records.expiring(at(1000), limit=2)
    assert [one.request_id for one in first.items] == [request_id(2), request_id(3)]
    rest = records.expiring(at(1000), limit=2, after=first.next)
    assert [one.request_id for one in rest.items] == [request_id(1)]
    assert rest.next is None
    records.patch_application(first.items[0].id, expires_at=None)
    assert len(records.expiring(at(1000), limit=9).items) == 2
