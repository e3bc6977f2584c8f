"""Every mail: filled completely, escaped, and of one outcome."""

import re
from typing import Any

import pytest
from tests.workflow.world import World

from autoprovision.mails import KNOWN, MESSAGES, _read, render

HOSTILE = '<script>alert("x")</script>&\r\nBcc: all@uni.edu'


@pytest.fixture
def values() -> dict[str, Any]:
    world = World()
    request = world.submit("stag").with_(
        message="The repository has no index page.", reason="SOURCE_NO_INDEX", operation="restart"
    )
    application = world.application(request).with_(
        url="http://shop.test", expires_at="2026-11-30T09:00:00.000Z"
    )
    from autoprovision.usecases.approval_questions import _question

    approval = _question(request, None, world.now(), world)
    return {
        "request": request, "application": application, "plan": request.plan, "approval": approval, "portal": "https://portal.test",
        "faults": [{"pointer": "/ApplicationName", "detail": "It is reserved.", "code": "X"}, {"pointer": "", "detail": "It is large.", "code": "Y"}],
    }  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_filled_and_names_what_to_do_next(message: str, values: dict[str, Any]):
    mail = render(message, values, to="team@uni.edu", request_id="req_1")
    assert mail.id == f"req_1#{message}"
    assert "${" not in mail.subject + mail.text + mail.html
    assert "req_1" in mail.text
    assert "autoprovision " in mail.text
    assert len(mail.subject) > 15
    assert mail.html.startswith("<!doctype html>")
    assert mail.html.rstrip().endswith("</html>")


@pytest.mark.parametrize("message", MESSAGES)
def test_templates_name_only_known_values(message: str):
    for name in ("subject.txt", "body.txt", "body.html"):
        assert set(re.findall(r"\$\{(\w+)\}", _read(message, name))) <= KNOWN


@pytest.mark.parametrize("message", MESSAGES)
def test_text_and_html_tell_the_same(message: str):
    """What the text names, the HTML names; only the first heading may leave something to it."""
    in_text = set(re.findall(r"\$\{(\w+)\}", _read(message, "body.txt")))
    in_html = set(re.findall(r"\$\{(\w+)\}", _read(message, "body.html")))
    assert in_text - in_html <= {
        "request_target_environment",
        "request_application_name",
        "application_target_environment",
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_users_values_are_escaped_in_html_and_never_break_a_header(
    message: str, values: dict[str, Any]
):
    request = values["request"].with_(message=HOSTILE, application_name=HOSTILE, reason=HOSTILE)
    application = values["application"].with_(application_name=HOSTILE)
    mail = render(
        message,
        {**values, "request": request, "application": application, "faults": [{"detail": HOSTILE}]},
        to="team@uni.edu",
        request_id="req_1",
    )
    assert "<script>" not in mail.html
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert len(mail.subject) <= 150


def test_lines_about_what_there_is_not_are_left_out(values: dict[str, Any]):
    application = values["application"].with_(expires_at=None)
    without = {key: value for key, value in values.items() if key != "portal"} | {
        "application": application
    }
    mail = render("provisioned", without, to="team@uni.edu", request_id="req_1")
    assert "In the browser" not in mail.text + mail.html
    assert "It lives until" not in mail.text + mail.html
    assert (
        "In the browser: " in render("provisioned", values, to="t@uni.edu", request_id="req_1").text
    )


def test_the_provisioned_mail_has_the_url_on_a_line_of_its_own(values: dict[str, Any]):
    mail = render("provisioned", values, to="team@uni.edu", request_id="req_1")
    assert "\nhttp://shop.test\n" in mail.text
    assert 'href="http://shop.test"' in mail.html
    assert "$0.10 a month" in mail.text


def test_faults_are_listed_all(values: dict[str, Any]):
    mail = render("invalid", values, to="team@uni.edu", request_id="req_1")
    assert "- ApplicationName: It is reserved.\n- It is large." in mail.text
    assert "<li>ApplicationName: It is reserved.</li><li>It is large.</li>" in mail.html


def test_an_unknown_value_is_a_fault_of_the_template(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("autoprovision.mails._read", lambda message, name: "${request_secret_arn}")
    with pytest.raises(KeyError):
        render("failed", {}, to="team@uni.edu", request_id="req_1")


def test_several_mails_of_one_message_differ_in_their_id(values: dict[str, Any]):
    ids = {
        render("approval-requested", values, to="b@uni.edu", request_id="req_1", about=about).id
        for about in ("1#bob", "1#eve", "2#bob")
    }
    assert len(ids) == 3
