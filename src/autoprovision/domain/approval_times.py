"""What is due on an open approval: a reminder, the next group, or its end.

`due` only looks; `reminded` and `escalated` note what was done, so that doing it again is harmless.
"""

from datetime import datetime
from typing import NamedTuple

from autoprovision.domain.approval import Approval, closed_error
from autoprovision.domain.moment import to_moment
from autoprovision.domain.working_days import WorkingCalendar


class Reminder(NamedTuple):
    """Remind the approvers.

    Attributes:
        number: how many reminders there are with this one; several that were missed become one.
    """

    number: int


class Escalate(NamedTuple):
    """Tell the next group of approvers."""

    since: datetime


class Expire(NamedTuple):
    """End it: nobody decided."""

    since: datetime


Due = Reminder | Escalate | Expire


def due(approval: Approval, now: datetime, calendar: WorkingCalendar) -> tuple[Due, ...]:
    """What has become due and was not done yet; when it is over, only that."""
    if not approval.is_open:
        return ()
    if now >= approval.expires_at:
        return (Expire(approval.expires_at),)
    found: list[Due] = []
    reminders = sum(
        now >= calendar.after(approval.opened_at, span) for span in calendar.remind_after
    )
    if reminders > approval.reminders_sent:
        found.append(Reminder(reminders))
    escalation = calendar.after(approval.opened_at, calendar.escalate_after)
    if approval.escalated_at is None and now >= escalation:
        found.append(Escalate(escalation))
    return tuple(found)


def reminded(approval: Approval, reminder: Reminder) -> Approval:
    """Note a reminder; an older one than was noted changes nothing.

    Raises:
        ApprovalClosedError: it is not open any more, so nobody needs a reminder.
    """
    if not approval.is_open:
        raise closed_error(approval)
    if reminder.number <= approval.reminders_sent:
        return approval
    return approval.next_version(reminders_sent=reminder.number)


def escalated(approval: Approval, now: datetime) -> Approval:
    """Note that the next group was told; a second time changes nothing.

    Raises:
        ApprovalClosedError: it is not open any more.
    """
    if not approval.is_open:
        raise closed_error(approval)
    if approval.escalated_at is not None:
        return approval
    return approval.next_version(escalated_at=to_moment(now))
