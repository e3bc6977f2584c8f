"""Bad input gets one clear answer that names everything wrong, and leaves nothing behind."""

import pytest

HOSTILE_URLS = [
    "file:///etc/passwd",
    "ext::sh -c id",
    "fd::17",
    "-oProxyCommand=id",
    "--upload-pack=id",
    "https://user:secret@github.com/acme/site",
    "https://169.254.169.254/latest/meta-data",
    "http://169.254.169.254/latest",
    "https://10.0.0.1/acme/site",
    "https://[::1]/acme/site",
    "https://0x7f000001/acme/site",
    "https://2130706433/acme/site",
    "https://localhost.example.com/acme/site",
    "https://evil.example/acme/site",
    "https://github.com.evil.example/acme/site",
    "https://github.com@evil.example/acme/site",
    "https://gıthub.com/acme/site",
    "https://github。com/acme/site",
    "https://github.com/acme/site?ref=x",
    "https://github.com/../../etc",
    "https://github.com/acme/%2e%2e/site",
    "git@github.com:acme/site.git",
    "ssh://git@github.com/acme/site",
    "ftp://github.com/acme/site",
    "javascript:alert(1)",
    "",
    "github.com",
    "https://github.com:8443/acme/site",
    "https://github.com/" + "a" * 3000,
]


@pytest.fixture(scope="module")
def ada(world):
    return world.person(world.unit())


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_addresses_are_refused_by_name(ada, template, url):
    answer = ada.post("/plans", {**template(ProjectURL="x"), "ProjectURL": url})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/ProjectURL"]
    assert answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"a": NaN}', 400),
        (b'{"ApplicationName": "a1", "ApplicationName": "b1"}', 400),
        (b"\xff\xfe", 400),
        (b" " * 70_000, 413),
        (b'{"x":' * 5_000, 400),
        (b'{"ApplicationName": ' + b"9" * 5_000 + b"}", 400),
    ],
)
@pytest.mark.parametrize("path", ["/plans", "/requests"])
def test_what_is_no_template(ada, path, body, status):
    answer = ada.http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"ProjectType": "Blog"}, "/ProjectType", "UNSUPPORTED_PROJECT_TYPE"),
        ({"TechStack": "Cobol"}, "/TechStack", "UNSUPPORTED_TECH_STACK"),
        ({"TargetEnvironment": "qa"}, "/TargetEnvironment", "INVALID_VALUE"),
        ({"ExpiresAfter": "900d"}, "/ExpiresAfter", "TOO_LONG"),
        ({"ExpiresAfter": "1m"}, "/ExpiresAfter", "INVALID_VALUE"),
        ({"Parameters": {"Nope": 1}}, "/Parameters/Nope", "UNKNOWN_KEY"),
        ({"Colour": "red"}, "/Colour", "UNKNOWN_KEY"),
        ({"ProjectURL": None}, "/ProjectURL", "MISSING"),
    ],
)
def test_what_the_catalog_does_not_offer(ada, template, changes, pointer, code):
    sent = {key: value for key, value in (template(ProjectURL="x") | {"ProjectURL": "github.com/a/b"} | changes).items() if value is not None}  # fmt: skip
    answer = ada.post("/requests", sent)
    assert answer.status_code == 400, answer.text
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        (pointer, code)
    ]


def test_a_unit_that_is_not_yours_does_not_exist(ada, world, template):
    answer = ada.post("/requests", template(BusinessUnit=world.unit()))
    assert answer.status_code == 404
    assert ada.get("/requests").json()["items"] == []


@pytest.mark.parametrize(
    "cursor", ["x", "e30=", "WyJyZXF1ZXN0cyJd", "WyJhcHByb3ZhbHMiLCJ4Il0=", "\u00e9"]
)
def test_cursors_that_are_none(ada, cursor):
    answer = ada.get("/requests", cursor=cursor)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/cursor"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e3", "٣"])
def test_limits_that_are_none(ada, limit):
    assert ada.get("/requests", limit=limit).status_code == 400


def test_ids_that_are_none(ada):
    for path in ("/requests/x", "/requests/req_%00", "/applications/%2e%2e", "/blueprints/none"):
        assert ada.get(path).status_code == 404, path
    assert ada.post("/requests/req_none/cancel").status_code == 404
