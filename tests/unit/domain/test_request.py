"""The JSON template: what it takes, and that everything wrong is named at once."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprovision.domain.document import MAX_TEMPLATE_BYTES, parse_json_object
from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.request import (
    FINAL,
    RESERVED_NAMES,
    TRANSITIONS,
    RequestStatus,
    RequestTemplate,
    parse_template,
)

GOOD = {
    "ApplicationName": "Shop",
    "TargetEnvironment": "Development",
    "ProjectType": "Static",
    "ProjectURL": "github.com/acme/site",
    "ProjectEmail": "ada@example.edu",
}


def faults(document):
    with pytest.raises(InvalidInputError) as caught:
        parse_template(document)
    return {fault.pointer: fault for fault in caught.value.faults}


def test_keys_and_enumerated_values_have_no_case():
    template = parse_template(
        {"applicationNAME": "Shop", "targetenvironment": "STAGING", "PROJECTTYPE": "static",
         "projecturl": "github.com/acme/site", "ProjectEmail": "Ada@Example.EDU"}
    )  # fmt: skip
    assert template.ApplicationName == "shop"
    assert template.TargetEnvironment == "stag"
    assert template.ProjectEmail == "Ada@example.edu"


def test_everything_wrong_is_named_at_once():
    found = faults(
        {"ApplicationName": "-x", "TargetEnvironment": "qa", "ProjectType": 7, "Foo": 1,
         "ExpiresAfter": "soon", "AccessToken": "a", "Parameters": {"a": []}}
    )  # fmt: skip
    assert set(found) >= {
        "/ApplicationName", "/TargetEnvironment", "/ProjectType", "/Foo", "/ExpiresAfter",
        "/ProjectEmail", "/Parameters/a",
    }  # fmt: skip
    assert found["/ProjectEmail"].code == "MISSING"
    assert found["/Foo"].code == "UNKNOWN_KEY"


def test_pointers_lead_into_the_document_as_it_was_sent():
    document = {key: value for key, value in GOOD.items() if key != "ApplicationName"}
    assert faults({**document, "applicationname": "www"})["/applicationname"].detail == (
        "The name www is reserved; choose another."
    )
    assert "/a~1b" in faults({**GOOD, "a/b": 1})


def test_a_key_in_two_spellings_is_refused():
    assert faults({**GOOD, "applicationname": "x2"})["/applicationname"].code == "DUPLICATE_KEY"


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_reserved_names(name):
    assert "/ApplicationName" in faults({**GOOD, "ApplicationName": name.upper()})


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a" * 41,
        "-ab",
        "ab-",
        "a_b",
        "a.b",
        "a b",
        "äbc",
        "xn--abc",
        "ab\u200b",
        "ａｂ",
        "a\n",
    ],
)
def test_bad_names(name):
    assert "/ApplicationName" in faults({**GOOD, "ApplicationName": name})


@pytest.mark.parametrize("name", ["ab", "a" * 40, "7up", "a-b", "A-1"])
def test_good_names(name):
    assert parse_template({**GOOD, "ApplicationName": name}).ApplicationName == name.lower()


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@b",
        "a@b@c.de",
        "a b@c.de",
        "a@c.de\nbcc:x@y.zz",
        "<a@c.de>",
        "a..b@c.de",
        ".a@c.de",
        "a@-c.de",
    ],
)
def test_bad_addresses(email):
    assert "/ProjectEmail" in faults({**GOOD, "ProjectEmail": email})


@pytest.mark.parametrize("duration", ["7", "d", "0d", "-1d", "1.5d", "7 days", "999999d"])
def test_bad_durations(duration):
    assert "/ExpiresAfter" in faults({**GOOD, "ExpiresAfter": duration})


def test_secrets_are_in_no_text_form():
    template = parse_template({**GOOD, "AccessToken": "canary-4711"})
    assert "canary" not in repr(template)
    assert "canary" not in json.dumps(template.without_secrets())
    assert template.secrets() == {"AccessToken": "canary-4711"}


def test_a_secret_of_the_wrong_kind_is_not_repeated():
    found = faults({**GOOD, "AccessToken": ["canary-4711"]})
    assert "canary" not in found["/AccessToken"].detail


def test_two_credentials_are_one_too_many():
    assert faults({**GOOD, "AccessToken": "a", "PrivateKey": "b"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "NOT_JSON"),
        (b"nope", "NOT_JSON"),
        (b"\xff{}", "NOT_JSON"),
        (b'{"a":1,"a":2}', "NOT_JSON"),
        (b'{"a":NaN}', "NOT_JSON"),
        (b'{"a":' * 20_000, "TOO_LARGE"),
        (b"[" * 30_000, "NOT_JSON"),
        (b"[1]", "NOT_AN_OBJECT"),
        (b'"x"', "NOT_AN_OBJECT"),
        (b" " * (MAX_TEMPLATE_BYTES + 1), "TOO_LARGE"),
    ],
)
def test_what_is_not_a_json_object(body, code):
    with pytest.raises(InvalidInputError) as caught:
        parse_json_object(body)
    assert [fault.code for fault in caught.value.faults] == [code]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from([*RequestTemplate.model_fields, "Foo", "applicationname", "PARAMETERS"])


@given(st.dictionaries(KEYS | st.text(max_size=10), JSON, max_size=12))
def test_no_input_escapes_as_anything_but_faults(document):
    try:
        template = parse_template(document)
    except InvalidInputError as error:
        assert error.faults
        assert all(fault.detail and fault.code for fault in error.faults)
    else:
        assert template.ApplicationName


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(RequestTemplate.model_fields, JSON)))
def test_the_published_schema_refuses_nothing_that_is_accepted(changes):
    document = {**GOOD, **changes}
    try:
        parse_template(document)
    except InvalidInputError:
        return
    canonical = {**document, "TargetEnvironment": document["TargetEnvironment"].strip().lower()}
    canonical = {key: value for key, value in canonical.items() if value is not None}
    jsonschema.validate(canonical, RequestTemplate.model_json_schema())


def test_no_status_ends_in_silence():
    assert set(TRANSITIONS) == set(RequestStatus)
    reached = {RequestStatus.SUBMITTED, RequestStatus.INVALID, RequestStatus.OVER_QUOTA}
    for _ in RequestStatus:
        reached |= {following for status in reached for following in TRANSITIONS[status]}
    assert reached == set(RequestStatus)
    for status in set(RequestStatus) - FINAL:
        assert TRANSITIONS[status], status
