"""The mails: a folder a message, with `subject.txt`, `body.txt` and `body.html`.

The standard library's `string.Template` fills them: a mail needs values, not logic, and it adds
nothing to a function's cold start, where a template engine adds some 50 ms. Values are escaped
where they enter HTML, and a subject never holds a line break. A line of a template that names an
empty value is left out, so that optional lines need no condition.
"""

import html
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from autoprovision.domain.approval import Approval
from autoprovision.domain.change import Preview
from autoprovision.domain.clock import iso
from autoprovision.domain.mail import Mail
from autoprovision.domain.plan import Plan
from autoprovision.domain.resource import Resource

MESSAGES = (
    "approval-requested",
    "cancelled",
    "control-plane-only",
    "expired",
    "expiring",
    "failed",
    "in-grace",
    "invalid",
    "needs-operator",
    "operated",
    "operation-failed",
    "over-quota",
    "provisioned",
    "rejected",
    "terminated",
    "termination-asked",
    "update-failed",
    "updated",
)
_MOST_SUBJECT, _MOST_CHANGES = 150, 10
# Where the layout takes the message.
_BODY = "<!-- body -->"
Value = str | Sequence[str]


def render(
    message: str, values: Mapping[str, Any], *, to: str, request_id: str, about: str = ""
) -> Mail:
    """A mail from its templates.

    Args:
        message: one of `MESSAGES`.
        values: records (`request`, `application`, `plan`, `approval`), `faults`, and texts.
            Templates name a record's field as `request_status`, a text by its own name.
        to: one address.
        about: what tells several mails of this message and request apart.

    Raises:
        KeyError: a template names a value that is not there.
    """
    plain = _plain(values)
    subject = " ".join(_fill(_read(message, "subject.txt"), plain, str).split())
    text = _fill(_read(message, "body.txt"), plain, _as_text)
    body = _fill(_read(message, "body.html"), plain, _as_html)
    footer = {"subject": subject, "request_id": request_id}
    return Mail(
        id="#".join(part for part in (request_id, message, about) if part),
        to=to,
        subject=_cut(subject),
        text=_in_layout("layout.txt", text, footer, _as_text),
        html=_in_layout("layout.html", body, footer, _as_html),
    )


def _in_layout(
    name: str, body: str, footer: Mapping[str, Value], shown: Callable[[Any], str]
) -> str:
    before, _, after = _read("", name).partition(_BODY)
    return _fill(before, footer, shown) + body.strip() + _fill(after, footer, shown)


def _cut(subject: str) -> str:
    return subject if len(subject) <= _MOST_SUBJECT else subject[: _MOST_SUBJECT - 1] + "…"


@cache
def _read(message: str, name: str) -> str:
    folder = resources.files("autoprovision.mails")
    return folder.joinpath(*(part for part in (message, name) if part)).read_text("utf-8")


def _fill(template: str, values: Mapping[str, Value], shown: Callable[[Any], str]) -> str:
    """Fill line by line; a line that names an empty value is left out."""
    lines = []
    for line in template.splitlines():
        parsed = string.Template(line)
        names = parsed.get_identifiers()
        if not all(values[name] for name in names):
            continue
        lines.append(parsed.substitute({name: shown(values[name]) for name in names}))
    return "\n".join(lines) + "\n"


def _as_text(value: Value) -> str:
    return value if isinstance(value, str) else "\n".join(f"- {one}" for one in value)


def _as_html(value: Value) -> str:
    if isinstance(value, str):
        return html.escape(value).replace("\n", "<br>")
    items = "".join(f"<li>{html.escape(one)}</li>" for one in value)
    return f"<ul>{items}</ul>"


class _Values(dict[str, Value]):
    """A value that a message does not have is empty; only unknown names are faults."""

    def __missing__(self, name: str) -> Value:
        if name in KNOWN:
            return ""
        raise KeyError(name)


def _plain(values: Mapping[str, Any]) -> Mapping[str, Value]:
    found = _Values()
    for name, value in values.items():
        if isinstance(value, Resource):
            found.update(_fields(name, value))
        elif name == "faults":
            found[name] = [_fault(fault) for fault in value]
        elif value is not None:
            found[name] = value if isinstance(value, str) else str(value)
    return found


def _readable(text: str) -> str:
    """Text without what could steer a terminal; people wrote parts of it."""
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) != "Cc")


def _changes(preview: Preview) -> str:
    """The resources that change, in short; `approval show` has all of them."""
    told = [f"{one.logical_id} ({one.effect})" for one in preview.changes[:_MOST_CHANGES]]
    more = len(preview.changes) - len(told)
    return ", ".join([*told, *([f"{more} more"] if more else [])])


def _fault(fault: Mapping[str, str]) -> str:
    where = fault.get("pointer", "").removeprefix("/")
    return f"{where}: {fault['detail']}" if where else fault["detail"]


def _fields(name: str, record: Resource) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for field, value in record:
        if isinstance(value, str):
            found[f"{name}_{field}"] = _readable(value)
    if isinstance(record, Plan):
        found["plan_cost"] = f"${record.monthly_credits / 100:,.2f}"
        found["plan_reasons"] = list(record.approval.reasons)
        found["plan_easiest_change"] = record.approval.easiest_change or ""
    if isinstance(record, Preview):
        found["preview_changes"] = _changes(record) or "nothing of the stack"
        found["preview_losses"] = ", ".join(record.loses_data)
    if isinstance(record, Approval):
        found["approval_expires"] = iso(record.expires_at)[:16].replace("T", " ") + " UTC"
        found["approval_submitter"] = record.submitted_by_email
    if expires := found.get("application_expires_at"):
        found["application_expires"] = str(expires)[:16].replace("T", " ") + " UTC"
    return found


# Everything that a template may name.
KNOWN = frozenset(
    {
        "application_application_name", "application_business_unit", "application_expires",
        "application_id", "application_target_environment", "application_url",
        "approval_expires", "approval_question", "approval_submitter", "asked_by", "confirm_until",
        "faults", "grace_ends",
        "plan_blueprint",
        "plan_cost", "plan_easiest_change", "plan_reasons", "plan_version", "portal",
        "preview_changes", "preview_losses",
        "request_application_name", "request_business_unit", "request_id", "request_message",
        "request_operation",
        "request_project_type", "request_reason", "request_submitted_by",
        "request_target_environment", "request_tech_stack",
    }
)  # fmt: skip
