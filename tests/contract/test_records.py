"""The port Records: requests, applications and names, in dictionaries and on DynamoDB."""

from collections.abc import Callable

import pytest
from tests.kit.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_UNIT,
    UNIT,
    a_plan,
    a_request,
    admit,
    at,
    everything,
    give_quota,
    its_application,
    its_hold,
    places,
    provisioned,
    request_id,
    run,
    succeed,
)

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.errors import (
    ConflictError,
    NameTakenError,
    NotFoundError,
    OverQuotaError,
)
from autoprovision.domain.quota import HoldState
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.timeline import StepStatus, TimelineEvent
from autoprovision.ports import Records

S = RequestStatus


def test_what_is_admitted_comes_back_as_it_was(records: Records) -> None:
    give_quota(records, 100)
    request = a_request(1)
    application, hold = its_application(request, expires_at=at(900)), its_hold(request)
    records.admit(request, application, hold)
    assert records.request(request.id) == request
    assert records.application(application.id) == application
    assert records.hold(request.id) == hold


def test_admitting_again_changes_nothing(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1)
    run(records, request)
    before = everything(records)
    admit(records, 1)
    assert everything(records) == before


def test_a_name_is_taken_in_its_environment_only(records: Records) -> None:
    give_quota(records, 100)
    admit(records, 1, name="shop")
    before = everything(records)
    with pytest.raises(NameTakenError):
        admit(records, 2, name="shop")
    assert everything(records) == before
    other = a_request(3, name="shop", target_environment="prod")
    records.admit(other, its_application(other, target_environment="prod"), its_hold(other))


def test_a_name_is_free_again_after_failure_and_after_the_end(records: Records) -> None:
    give_quota(records, 100)
    first = admit(records, 1, name="shop")
    records.close(first.id, S.CANCELLED, reason="CANCELLED", message="Stopped.", at=at(5))
    second = provisioned(records, 2, name="shop")
    records.end_application(second.application_id or "", message="Over.", at=at(300))
    admit(records, 3, name="shop")


def test_nothing_is_found_where_nothing_is(records: Records) -> None:
    give_quota(records, 100)
    admit(records, 1, name="shop")
    deeds: list[Callable[[], object]] = [
        lambda: records.request(request_id(9)),
        lambda: records.application("app_9"),
        lambda: records.application("NAME#dev#shop"),
        lambda: records.patch_request(request_id(9), url="http://x"),
        lambda: records.patch_application("app_9", url="http://x"),
        lambda: records.succeed(request_id(9), message="", at=at()),
        lambda: records.close(request_id(9), S.FAILED, reason="", message="", at=at()),
        lambda: records.end_application("app_9", message="", at=at()),
        lambda: run(records, a_request(9)),
    ]
    for deed in deeds:
        with pytest.raises(NotFoundError):
            deed()
    assert records.hold(request_id(9)) is None


def test_a_status_moves_from_where_it_is_expected(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1)
    moved = records.move_request(
        request.id, S.AWAITING_APPROVAL, reason="ASKED", message="Waiting.", at=at(2),
        expected={S.SUBMITTED}, url="http://x",
    )  # fmt: skip
    assert (moved.status, moved.reason, moved.updated_at, moved.url) == (
        S.AWAITING_APPROVAL, "ASKED", at(2), "http://x",
    )  # fmt: skip
    again = records.move_request(
        request.id, S.AWAITING_APPROVAL, reason="ASKED", message="Waiting.", at=at(3),
        expected={S.SUBMITTED, S.AWAITING_APPROVAL},
    )  # fmt: skip
    assert again == moved == records.request(request.id)
    with pytest.raises(ConflictError) as refused:
        records.move_request(
            request.id, S.COMPENSATING, reason="X", message="", at=at(3), expected={S.PROVISIONING}
        )
    assert refused.value.reason == "WRONG_STATUS"
    assert refused.value.extras["status"] == "AWAITING_APPROVAL"


def test_an_end_is_not_reached_past_the_hold(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1)
    for end in (S.SUCCEEDED, S.FAILED, S.CANCELLED):
        with pytest.raises(TypeError):
            records.move_request(
                request.id, end, reason="", message="", at=at(), expected={S.SUBMITTED}
            )
    with pytest.raises(TypeError):
        records.close(request.id, S.SUCCEEDED, reason="", message="", at=at())


def test_where_a_build_lies_is_said_once(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1)
    assert records.note_build_folder(request.id, "builds/one").build_folder == "builds/one"
    assert records.note_build_folder(request.id, "builds/two").build_folder == "builds/one"
    assert records.request(request.id).build_folder == "builds/one"
    with pytest.raises(NotFoundError):
        records.note_build_folder(request_id(9), "builds/one")


def test_patches_set_and_empty_fields_and_know_their_names(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1)
    patched = records.patch_request(request.id, url="http://x", execution=2, stack_id="a")
    assert (patched.url, patched.execution, patched.updated_at) == ("http://x", 2, at(1))
    assert records.patch_request(request.id, url=None).url is None
    for wrong in ({"status": S.FAILED}, {"no_such_field": 1}):
        with pytest.raises(TypeError):
            records.patch_request(request.id, **wrong)
    application = request.application_id or ""
    patched_application = records.patch_application(application, outputs={"Url": "http://x"})
    assert patched_application.outputs == {"Url": "http://x"}
    for wrong in ({"business_unit": "x"}, {"status": ApplicationStatus.TERMINATED}, {"nope": 1}):
        with pytest.raises(TypeError):
            records.patch_application(application, **wrong)


def test_a_late_writer_notices(records: Records) -> None:
    give_quota(records, 100)
    application = records.application(admit(records, 1).application_id or "")
    first = records.patch_application(
        application.id, expected_version=application.version_number, message="first"
    )
    assert first.version_number == application.version_number + 1
    with pytest.raises(ConflictError) as refused:
        records.patch_application(
            application.id, expected_version=application.version_number, message="second"
        )
    assert refused.value.reason == "CHANGED_MEANWHILE"
    assert records.application(application.id).message == "first"


def test_success_commits_once(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1, 30)
    with pytest.raises(ConflictError):
        succeed(records, request)
    run(records, request)
    done = succeed(records, request, url="http://shop", expires_at=at(10**6))
    application = records.application(request.application_id or "")
    assert (done.status, done.url) == (S.SUCCEEDED, "http://shop")
    assert (application.status, application.operation) == (ApplicationStatus.AVAILABLE, None)
    assert places(records) == (70, 0, 30)
    before = everything(records)
    assert succeed(records, request, second=999) == done
    assert everything(records) == before


def test_what_was_asked_to_stop_does_not_succeed_and_what_succeeded_does_not_stop(
    records: Records,
) -> None:
    give_quota(records, 100)
    stopped = admit(records, 1, 30)
    run(records, stopped)
    assert records.ask_to_cancel(stopped.id, by="ada").cancel_requested_by == "ada"
    assert records.ask_to_cancel(stopped.id, by="bob").cancel_requested_by == "ada"
    before = everything(records)
    with pytest.raises(ConflictError) as refused:
        succeed(records, stopped)
    assert refused.value.reason == "CANCEL_REQUESTED"
    assert everything(records) == before
    done = provisioned(records, 2)
    with pytest.raises(ConflictError) as refused:
        records.ask_to_cancel(done.id, by="ada")
    assert (refused.value.reason, refused.value.extras["status"]) == ("WRONG_STATUS", "SUCCEEDED")
    assert records.request(done.id).cancel_requested_by is None
    with pytest.raises(NotFoundError):
        records.ask_to_cancel(request_id(99), by="ada")
    ending = a_request(3, 0, kind="terminate", application=done.application_id)
    records.admit(ending, None, None)
    with pytest.raises(ConflictError):
        records.ask_to_cancel(ending.id, by="ada")


def test_the_way_back_releases_once(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1, 30)
    run(records, request)
    with pytest.raises(ConflictError):
        records.close(request.id, S.FAILED, reason="X", message="", at=at(3))
    records.move_request(
        request.id, S.COMPENSATING, reason="X", message="", at=at(3), expected={S.PROVISIONING}
    )
    closed = records.close(request.id, S.FAILED, reason="STACK", message="No.", at=at(4))
    application = records.application(request.application_id or "")
    assert (closed.status, closed.reason, closed.message) == (S.FAILED, "STACK", "No.")
    assert (application.status, application.message) == (ApplicationStatus.TERMINATED, "No.")
    assert places(records) == (100, 0, 0)
    before = everything(records)
    assert records.close(request.id, S.FAILED, reason="B", message="", at=at(5)) == closed
    with pytest.raises(ConflictError):
        records.close(request.id, S.CANCELLED, reason="B", message="", at=at(5))
    with pytest.raises(ConflictError):
        succeed(records, request)
    assert everything(records) == before


def _update(records: Records, number: int, first: Request, credits_: int, held: int) -> Request:
    request = a_request(number, credits_, kind="update", application=first.application_id)
    records.admit(request, None, its_hold(request, held))
    return request


def test_one_change_at_a_time(records: Records) -> None:
    give_quota(records, 100)
    first = admit(records, 1)
    with pytest.raises(ConflictError) as refused:
        _update(records, 2, first, 20, 10)
    assert refused.value.reason == "OPERATION_IN_PROGRESS"
    run(records, first)
    succeed(records, first)
    update = _update(records, 3, first, 20, 10)
    _update(records, 3, first, 20, 10)
    before = everything(records)
    with pytest.raises(ConflictError) as refused:
        _update(records, 4, first, 20, 10)
    assert refused.value.extras["operation"] == update.id
    assert everything(records) == before


def test_an_update_grows_the_hold_or_gives_back(records: Records) -> None:
    give_quota(records, 100)
    first = provisioned(records, 1, 10)
    larger = _update(records, 2, first, 25, 15)
    assert places(records) == (75, 15, 10)
    run(records, larger)
    succeed(records, larger)
    assert places(records) == (75, 0, 25)
    assert records.application(first.application_id or "").monthly_credits == 25
    merged = records.hold(larger.id)
    assert merged is not None
    assert merged.state is HoldState.MERGED
    smaller = _update(records, 3, first, 5, 0)
    run(records, smaller)
    succeed(records, smaller)
    assert places(records) == (95, 0, 5)
    failed = _update(records, 4, first, 50, 45)
    records.close(failed.id, S.CANCELLED, reason="X", message="", at=at(9))
    assert places(records) == (95, 0, 5)
    assert records.application(first.application_id or "").operation is None
    records.end_application(first.application_id or "", message="", at=at(10))
    assert places(records) == (100, 0, 0)


def test_an_update_by_a_colleague_counts_for_the_owner(records: Records) -> None:
    give_quota(records, 100)
    first = provisioned(records, 1, 10)
    request = a_request(2, 30, kind="update", application=first.application_id, user="user-bob")
    records.admit(request, None, its_hold(request, 20))
    assert places(records, "USER#user-bob") == (-20, 20, 0)
    run(records, request)
    succeed(records, request)
    assert places(records, "USER#user-bob") == (0, 0, 0)
    assert places(records, "USER#user-ada") == (-30, 0, 30)
    assert places(records) == (70, 0, 30)


def test_an_update_that_held_too_little_is_refused_at_the_pivot(records: Records) -> None:
    give_quota(records, 30)
    first = provisioned(records, 1, 10)
    request = _update(records, 2, first, 40, 5)
    run(records, request)
    before = everything(records)
    with pytest.raises(OverQuotaError):
        succeed(records, request)
    assert everything(records) == before


def test_a_terminate_ends_the_application(records: Records) -> None:
    give_quota(records, 100)
    first = provisioned(records, 1, 10)
    request = a_request(2, 0, kind="terminate", application=first.application_id)
    records.admit(request, None, None)
    run(records, request)
    before_the_end = records.succeed(request.id, message="Gone.", at=at(300))
    application = records.application(first.application_id or "")
    assert before_the_end.status is S.SUCCEEDED
    assert (application.status, application.message) == (ApplicationStatus.TERMINATED, "Gone.")
    assert places(records) == (100, 0, 0)
    with pytest.raises(ConflictError):
        records.admit(
            a_request(3, 0, kind="terminate", application=first.application_id), None, None
        )


def test_a_terminate_after_the_end_only_ends_itself(records: Records) -> None:
    give_quota(records, 100)
    first = provisioned(records, 1, 10)
    request = a_request(2, 0, kind="terminate", application=first.application_id)
    records.admit(request, None, None)
    run(records, request)
    ended = records.end_application(first.application_id or "", message="Gone.", at=at(300))
    assert records.end_application(ended.id, message="Again.", at=at(400)) == ended
    assert records.succeed(request.id, message="x", at=at(500)).status is S.SUCCEEDED
    assert records.application(ended.id) == ended


def test_an_application_moves_with_its_credits(records: Records) -> None:
    give_quota(records, 100)
    request = provisioned(records, 1, 30)
    application = request.application_id or ""
    with pytest.raises(OverQuotaError):
        records.move_application(application, OTHER_UNIT, by="admin", at=at(300))
    give_quota(records, 50, OTHER_ACCOUNT)
    moved = records.move_application(application, OTHER_UNIT, by="admin", at=at(300))
    assert records.move_application(application, OTHER_UNIT, by="admin", at=at(301)) == moved
    assert places(records) == (100, 0, 0)
    assert places(records, OTHER_ACCOUNT) == (20, 0, 30)
    assert records.applications({UNIT}, limit=5).items == ()
    assert records.applications({OTHER_UNIT}, limit=5).items == (moved,)
    records.move_application(application, UNIT, by="admin", at=at(300))
    records.move_application(application, OTHER_UNIT, by="admin", at=at(300))
    assert sum(one.free_change for one in records.entries(ACCOUNT, limit=50).items) == 100
    _update(records, 2, request, 40, 10)
    with pytest.raises(ConflictError) as refused:
        records.move_application(application, UNIT, by="admin", at=at(302))
    assert refused.value.reason == "OPERATION_IN_PROGRESS"


def test_another_plan_resizes_the_hold(records: Records) -> None:
    give_quota(records, 100)
    request = admit(records, 1, 30)
    plan = a_plan(60)
    replaced = records.replace_plan(request.id, plan, at=at(5))
    assert replaced.plan == plan
    assert places(records) == (40, 60, 0)
    before = everything(records)
    assert records.replace_plan(request.id, plan, at=at(6)) == replaced
    with pytest.raises(OverQuotaError):
        records.replace_plan(request.id, a_plan(101), at=at(7))
    assert everything(records) == before
    records.replace_plan(request.id, a_plan(5), at=at(8))
    assert places(records) == (95, 5, 0)
    run(records, request)
    succeed(records, request)
    with pytest.raises(ConflictError):
        records.replace_plan(request.id, a_plan(6), at=at(9))


def test_a_refusal_is_kept_once(records: Records) -> None:
    request = a_request(1).with_(status=S.INVALID, business_unit=None, plan=None)
    records.record_refusal(request)
    records.record_refusal(request.with_(message="other"))
    assert records.request(request.id) == request
    assert records.requests(None, limit=5).items == (request,)


def test_the_timeline_is_oldest_first(records: Records) -> None:
    def line(number: int) -> TimelineEvent:
        return TimelineEvent(
            id=f"evt_{number:03d}", request_id=request_id(1), at=at(number), step="LaunchStack",
            status=StepStatus.STARTED, message="m", expected_seconds=number,
        )  # fmt: skip

    for number in (3, 1, 2, 2):
        records.record_event(line(number))
    first = records.events(request_id(1), limit=2)
    assert first.items == (line(1), line(2))
    assert records.events(request_id(1), limit=2, after=first.next).items == (line(3),)
    assert records.events(request_id(2), limit=2).items == ()
    assert records.requests(None, limit=5).items == ()
