"""Working days, and what becomes due on an open approval."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.approval_cases import END, OPENED, SOON, approval, no

from autoprovision.domain.approval import decide
from autoprovision.domain.approval_errors import ApprovalClosedError
from autoprovision.domain.approval_times import (
    Escalate,
    Expire,
    Reminder,
    due,
    escalated,
    reminded,
)
from autoprovision.domain.working_days import WorkingCalendar, add_working_days

SG = "Asia/Singapore"
QUICK = settings(max_examples=200, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-20 15:00", 0, "2026-11-20 15:00"),  # a Friday
        ("2026-11-20 15:00", 1, "2026-11-23 15:00"),
        ("2026-11-20 15:00", 5, "2026-11-27 15:00"),
        ("2026-11-23 09:00", 5, "2026-11-30 09:00"),
        ("2026-11-21 10:00", 1, "2026-11-24 00:00"),  # a Saturday: Monday is the first full day
        ("2026-11-22 23:59", 1, "2026-11-24 00:00"),
        ("2026-11-21 10:00", 5, "2026-11-30 00:00"),
        ("2026-12-24 12:00", 1, "2026-12-28 12:00"),  # Christmas is a Friday
        ("2026-12-25 12:00", 1, "2026-12-29 00:00"),
    ],
)
def test_working_days_leave_out_weekends_and_holidays(start: str, days: int, end: str):
    def place(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(SG))

    found = add_working_days(place(start), days, SG, holidays=[date(2026, 12, 25)])
    assert found == place(end)
    assert found.tzinfo is UTC


def test_the_zone_decides_which_day_it_is():
    at = datetime(2026, 11, 20, 20, tzinfo=UTC)  # Friday evening here, Saturday in Singapore
    assert add_working_days(at, 1, "UTC") == datetime(2026, 11, 23, 20, tzinfo=UTC)
    assert add_working_days(at, 1, SG) == datetime(2026, 11, 23, 16, tzinfo=UTC)


def test_the_time_of_day_survives_a_change_of_the_clocks():
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime(2026, 10, 23, 9, tzinfo=berlin)
    assert add_working_days(at, 1, "Europe/Berlin").astimezone(berlin).hour == 9


def test_working_days_are_not_counted_backward():
    with pytest.raises(ValueError, match="forward"):
        add_working_days(OPENED, -1, SG)


@QUICK
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 30),
    st.sampled_from([SG, "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"]),
    st.sets(st.dates(date(2026, 1, 1), date(2028, 1, 1)), max_size=20),
)
def test_a_deadline_is_later_with_every_day_and_gives_full_days(
    at: datetime, days: int, zone: str, holidays: set[date]
):
    ends = [add_working_days(at, number, zone, holidays) for number in range(days + 1)]
    assert ends == sorted(set(ends))
    assert ends[-1] - at >= timedelta(days=days) - timedelta(hours=1)  # a day of 23 hours
    place = ZoneInfo(zone)
    first, last = at.astimezone(place).date(), ends[-1].astimezone(place).date()
    spanned = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    working = [day for day in spanned if day.weekday() < 5 and day not in holidays]
    assert len(working) == days + 1


# --- what is due ----------------------------------------------------------------------------------

CALENDAR = WorkingCalendar(zone=SG)
FRIDAY = OPENED


def test_reminders_escalation_and_end_come_in_working_days():
    one = approval(expires_at=CALENDAR.after(FRIDAY, CALENDAR.expire_after))
    monday, tuesday, wednesday = (FRIDAY + timedelta(days=number) for number in (3, 4, 5))
    assert due(one, monday - timedelta(seconds=1), CALENDAR) == ()
    assert due(one, monday, CALENDAR) == (Reminder(1),)
    one = reminded(one, Reminder(1))
    assert due(one, monday, CALENDAR) == ()
    assert due(one, tuesday, CALENDAR) == (Escalate(tuesday),)
    one = escalated(one, tuesday)
    assert due(one, wednesday, CALENDAR) == (Reminder(2),)
    assert due(one, FRIDAY + timedelta(days=7), CALENDAR) == (Expire(one.expires_at),)


def test_missed_reminders_become_one():
    late = FRIDAY + timedelta(days=6)
    assert due(approval(), late, CALENDAR) == (Reminder(2), Escalate(FRIDAY + timedelta(days=4)))


def test_noting_it_twice_changes_nothing():
    once = escalated(reminded(approval(), Reminder(2)), SOON)
    assert reminded(once, Reminder(1)) is once
    assert escalated(once, END) is once


def test_nothing_is_due_on_what_is_closed():
    closed = decide(approval(), no(), SOON)
    assert due(closed, END, CALENDAR) == ()
    with pytest.raises(ApprovalClosedError):
        reminded(closed, Reminder(1))
    with pytest.raises(ApprovalClosedError):
        escalated(closed, SOON)


def test_time_can_be_shortened_for_trying():
    quick = WorkingCalendar(zone=SG, remind_after=("10s",), escalate_after="2m", expire_after="3h")
    assert quick.after(OPENED, quick.expire_after) == OPENED + timedelta(hours=3)
    assert due(approval(), OPENED + timedelta(seconds=10), quick) == (Reminder(1),)
    assert due(approval(), OPENED + timedelta(minutes=2), quick) == (
        Reminder(1),
        Escalate(OPENED + timedelta(minutes=2)),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"zone": "Mars/Olympus"},
        {"expire_after": "soon"},
        {"expire_after": "0s"},
        {"remind_after": ["5wd\n"]},
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(changes: dict[str, object]):
    with pytest.raises(ValueError, match=r"time zone|duration"):
        WorkingCalendar.model_validate(changes)


@QUICK
@given(st.lists(st.integers(0, 20), max_size=30))
def test_a_sweep_that_does_what_is_due_comes_to_rest(hours: list[int]):
    one, now, told = approval(), OPENED, 0
    for more in hours:
        now += timedelta(hours=more)
        for what in due(one, now, CALENDAR):
            if isinstance(what, Reminder):
                one, told = reminded(one, what), told + 1
            elif isinstance(what, Escalate):
                one = escalated(one, now)
        assert all(isinstance(what, Expire) for what in due(one, now, CALENDAR))
    assert told <= len(CALENDAR.remind_after)


def test_the_settings_are_read_and_an_empty_one_keeps_its_default():
    nothing = {"expiry": "", "reminders": "", "escalation": "", "zone": "", "holidays": ""}
    assert WorkingCalendar.from_texts(**nothing) == WorkingCalendar()
    read = WorkingCalendar.from_texts(
        expiry="5wd, dev=2h", reminders="1h,30s", escalation="1wd", zone=SG,
        holidays="2026-12-25,2027-01-01",
    )  # fmt: skip
    assert read.zone == SG
    assert [one.isoformat() for one in read.holidays] == ["2026-12-25", "2027-01-01"]
    assert read.remind_after == ("1h", "30s")
    assert read.expiry(FRIDAY, "dev") == FRIDAY + timedelta(hours=2)
    assert read.expiry(FRIDAY, "prod") == FRIDAY + timedelta(days=7)
    assert read.expiry(FRIDAY, None) == read.expiry(FRIDAY, "prod")


@pytest.mark.parametrize(
    "wrong",
    [
        {"expiry": "soon"}, {"expiry": "5wd,3wd"}, {"expiry": "test=3d"}, {"expiry": "dev=soon"},
        {"reminders": "1wd,x"}, {"escalation": "never"}, {"zone": "Mars/Olympus"},
        {"holidays": "25.12.2026"},
    ],
)  # fmt: skip
def test_a_setting_that_is_none_is_refused(wrong: dict[str, str]):
    nothing = {"expiry": "", "reminders": "", "escalation": "", "zone": "", "holidays": ""}
    with pytest.raises(ValueError, match=r"."):
        WorkingCalendar.from_texts(**{**nothing, **wrong})
