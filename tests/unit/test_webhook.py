"""The webhook against a real https server: what is posted, and everything that is not called."""

import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Response

from autoprovision.aws.webhook import Webhook
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.public_addresses import PrivateHosts
from autoprovision.memory.platform import MemoryPlatform
from autoprovision.usecases.chat import message, tell_question

HOST = "hooks.example.test"
PATH = "/services/T0/B0/secret-4711"


class Secrets:
    """boto3's `secretsmanager`, with one secret."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - AWS's name
        assert SecretId == "arn:hook"
        return {"SecretString": self.text}


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: tuple[Path, Path]) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    with HTTPServer(host="127.0.0.1", port=0, ssl_context=context) as running:
        yield running


def hook(server: HTTPServer, authority: tuple[Path, Path], **more: Any) -> Webhook:
    given: dict[str, Any] = {
        "resolver": lambda _host, _port: ["127.0.0.1"],
        "may_call": lambda _host, address: address == ipaddress.ip_address("127.0.0.1"),
        "ca_certs": str(authority[0]),
        **more,
    }
    url = f"https://{HOST}:{server.port}{PATH}"
    return Webhook(Secrets(url + "\n"), secret_arn="arn:hook", **given)


def test_a_message_arrives_over_verified_https(server: HTTPServer, authority):
    server.expect_oneshot_request(PATH, method="POST", json={"text": "hello"}).respond_with_data(
        "ok"
    )
    hook(server, authority).post({"text": "hello"})
    assert server.log[0][0].headers["Host"] == f"{HOST}:{server.port}"
    server.check()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "WEBHOOK_REFUSED"),
        (302, "WEBHOOK_REFUSED"),
        (500, "UNAVAILABLE"),
        (429, "UNAVAILABLE"),
    ],
)
def test_an_answer_that_is_no_yes_is_told_and_a_redirect_is_not_followed(
    server: HTTPServer, authority, status: int, code: str
):
    server.expect_request("/elsewhere").respond_with_data("no")
    answer = Response(status=status, headers={"Location": "/elsewhere"})
    server.expect_oneshot_request(PATH).respond_with_response(answer)
    with pytest.raises(AutoprovisionError) as refused:
        hook(server, authority).post({})
    assert refused.value.reason == code
    assert "secret-4711" not in refused.value.message
    assert len(server.log) == 1


def test_a_certificate_of_nobody_known_is_not_spoken_to(server: HTTPServer, authority):
    with pytest.raises(AutoprovisionError) as refused:
        hook(server, authority, ca_certs=None).post({})
    assert refused.value.reason == "UNAVAILABLE"
    assert "secret-4711" not in refused.value.message
    assert server.log == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["93.184.215.14", "10.0.0.1"], []],
)
def test_an_address_that_is_not_public_is_not_called(
    server: HTTPServer, authority, addresses: list[str]
):
    inside = hook(
        server, authority, resolver=lambda _h, _p: addresses, may_call=PrivateHosts().may_call
    )
    with pytest.raises(AutoprovisionError) as refused:
        inside.post({})
    assert refused.value.reason == "WEBHOOK_REFUSED"
    assert server.log == []


def test_a_private_host_is_called_in_its_block_only(server: HTTPServer, authority):
    named = PrivateHosts.parse(f"{HOST}=10.8.0.0/24")
    beside = hook(server, authority, resolver=lambda _h, _p: ["10.8.1.1"], may_call=named.may_call)
    with pytest.raises(AutoprovisionError) as refused:
        beside.post({})
    assert refused.value.reason == "WEBHOOK_REFUSED"
    assert named.may_call(HOST, ipaddress.ip_address("10.8.0.1"))


@pytest.mark.parametrize(
    "text",
    [
        "", "not an address", "http://hooks.example.test/x", "https:///x", "file:///etc/passwd",
        "https://user:pw@hooks.example.test/x", "https://hooks.example.test:99999/x",
        "https://hooks.example.test/\u202e", '{"url": "https://hooks.example.test"}',
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused(text: str):
    with pytest.raises(AutoprovisionError) as refused:
        Webhook(Secrets(text), secret_arn="arn:hook").post({})
    assert refused.value.reason == "WEBHOOK_REFUSED"


DETAIL = {
    "requestId": "req_1", "applicationName": "shop", "targetEnvironment": "prod",
    "businessUnit": "<!channel>", "monthlyCredits": 725, "approversNeeded": 2,
    "expiresAt": "2026-11-27T09:00:00.000Z",
}  # fmt: skip


def test_a_question_is_worded_for_people_and_holds_no_markup_of_others():
    said = message(DETAIL, "https://portal.example.edu/")
    assert said["text"] == (
        "*Please decide:* shop in prod for $7.25 a month, paid by &lt;!channel&gt;. It needs two "
        "people, until 2026-11-27T09:00:00.000Z.\n`autoprovision approval show req_1`\n"
        "<https://portal.example.edu/approvals/req_1|Open it in the portal>"
    )
    assert said["blocks"][0]["text"]["text"] == said["text"]
    platform = MemoryPlatform()
    tell_question(DETAIL, platform)
    assert platform.chat.posted == [message(DETAIL, "")]
    assert "portal" not in json.dumps(platform.chat.posted)
