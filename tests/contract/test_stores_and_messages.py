"""The ports CatalogSource, SecretStore, Intake, Mailer, EventBus and Operators."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from tests.contract.conftest import Store
from tests.kit.records import at, request_id

from autoprovision.aws.catalog_bucket import CatalogBucket
from autoprovision.aws.event_bus import EventBridgeBus
from autoprovision.aws.intake_bucket import IntakeBucket
from autoprovision.aws.secrets_manager import SecretsManagerStore
from autoprovision.aws.ses_mailer import SesMailer
from autoprovision.aws.sns_operators import SnsOperators
from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint
from autoprovision.domain.errors import ConflictError, NotFoundError, UnavailableError
from autoprovision.domain.events import EventName
from autoprovision.domain.mail import SENDER_SECONDS, Mail
from autoprovision.domain.policy import Policy, parse_policy
from autoprovision.domain.price import PriceBook
from autoprovision.memory.calls import MemoryIntake
from autoprovision.memory.messages import MemoryMailer
from autoprovision.memory.orders import MemoryCatalog, MemorySecrets
from autoprovision.ports import CatalogSource, Intake, Mailer, SecretStore

# ---------------------------------------------------------------------------------- secrets


@pytest.fixture
def secrets(store: Store) -> SecretStore:
    if store.is_memory:
        return MemorySecrets(store.outside, platform_name=store.prefix)
    return SecretsManagerStore(store.client("secretsmanager"), platform_name=store.prefix)


def test_what_is_kept_is_listed_with_its_request(secrets: SecretStore) -> None:
    arns = {secrets.put(request_id(number), {"a": "b"}): request_id(number) for number in range(3)}
    seen: dict[str, str] = {}
    after = None
    for _ in range(5):
        page = secrets.list(limit=2, after=after)
        seen |= dict(page.items)
        after = page.next
        if after is None:
            break
    assert (seen, after) == (arns, None)


def test_secrets_are_kept_once_and_forgotten_for_good(secrets: SecretStore) -> None:
    arn = secrets.put(request_id(1), {"AccessToken": "canary"})
    assert secrets.put(request_id(1), {"AccessToken": "canary"}) == arn
    assert secrets.get(arn) == {"AccessToken": "canary"}
    assert request_id(1) in arn
    for _ in range(2):
        secrets.forget(arn)
    with pytest.raises(NotFoundError):
        secrets.get(arn)


# ---------------------------------------------------------------------------------- catalog


def _blueprint(version: str) -> PublishedBlueprint:
    manifest = Blueprint.model_validate({
        "id": "static-site", "version": version, "title": "Static", "description": "Static",
        "serves": [{"projectType": "Static", "techStackNeeded": False}],
        "publish": {"method": "files"}, "stackParameters": {},
        "topologies": {"dev": {"prices": []}},
    })  # fmt: skip
    return PublishedBlueprint(
        manifest=manifest, digest=f"sha256:{version}", template_url="https://s3/x", role_arn="arn:r"
    )


def _catalog(version: str) -> Catalog:
    prices = PriceBook(region="ap-southeast-1", version="1", prices={})
    return Catalog(blueprints=(_blueprint(version),), prices=prices, version=version)


def _policy(version: str, weight: int = 1) -> Policy:
    return parse_policy({
        "name": "test", "version": version,
        "thresholds": {"oneApprover": 5, "twoApprovers": 10, "refuse": 100},
        "rules": [{"id": "prod", "reason": "Prod.", "weight": weight, "when": {"environment": ["prod"]}}],
    })  # fmt: skip


class _Shelf:
    """A catalog bucket as the deployer fills it."""

    def __init__(self, store: Store) -> None:
        self.s3, self.bucket = store.client("s3"), f"{store.prefix}-catalog"
        self.s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
        )
        self.now = 0.0
        self.source = CatalogBucket(self.s3, bucket=self.bucket, clock=lambda: self.now)

    def publish(self, catalog: Catalog) -> None:
        for one in catalog.blueprints:
            key = f"blueprints/{one.manifest.id}/{one.manifest.version}/0123abcd/blueprint.json"
            self._put(key, one.document())
        self._put("index.json", catalog.document())

    def _put(self, key: str, document: dict[str, Any]) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(document).encode())


@pytest.fixture
def shelf(store: Store) -> tuple[CatalogSource, Callable[[Catalog], None], Callable[[float], None]]:
    if store.is_memory:
        source = MemoryCatalog()
        return source, source.publish, lambda _: None
    aws = _Shelf(store)

    def wait(seconds: float) -> None:
        aws.now += seconds

    return aws.source, aws.publish, wait


def test_the_current_catalog_and_every_version(
    shelf: tuple[CatalogSource, Callable[[Catalog], None], Callable[[float], None]],
) -> None:
    source, publish, wait = shelf
    with pytest.raises(UnavailableError):
        source.catalog()
    publish(_catalog("1.0.0"))
    assert source.catalog() == _catalog("1.0.0")
    publish(_catalog("2.0.0"))
    wait(11)
    assert source.catalog().version == "2.0.0"
    for version in ("1.0.0", "2.0.0"):
        assert source.version("static-site", version) == _blueprint(version)
    with pytest.raises(NotFoundError):
        source.version("static-site", "9.9.9")


def test_a_policy_comes_into_force_and_versions_are_kept(
    shelf: tuple[CatalogSource, Callable[[Catalog], None], Callable[[float], None]],
) -> None:
    source, _, _ = shelf
    with pytest.raises(UnavailableError):
        source.policy()
    for version in ("1", "2"):
        for _ in range(2):
            source.publish_policy(_policy(version), by="a@example.edu", at=at())
        assert source.policy() == _policy(version)
    with pytest.raises(ConflictError):
        source.publish_policy(_policy("1", weight=9), by="a@example.edu", at=at())
    assert source.policy().version == "2"
    source.publish_policy(_policy("1"), by="a@example.edu", at=at())
    assert source.policy().version == "1"


def test_an_unchanged_index_is_not_read_twice(on_aws: Store) -> None:
    shelf = _Shelf(on_aws)
    shelf.publish(_catalog("1.0.0"))
    first = shelf.source.catalog()
    shelf.publish(_catalog("2.0.0"))
    assert shelf.source.catalog() is first  # up to ten seconds old
    shelf.now += 11
    second = shelf.source.catalog()
    assert second.version == "2.0.0"
    shelf.now += 11
    assert shelf.source.catalog() is second  # asked for, and the same


# ----------------------------------------------------------------------------------- intake


@pytest.fixture
def intake(store: Store) -> Intake:
    if store.is_memory:
        return MemoryIntake()
    bucket = f"{store.prefix}-intake"
    store.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
    )
    return IntakeBucket(store.client("s3"), bucket=bucket)


def _upload(intake: Intake, form: dict[str, Any], body: bytes, store: Store) -> None:
    if isinstance(intake, MemoryIntake):
        intake.upload(form["key"], body)
        return
    boundary = "----upload"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    data = "".join(parts).encode() + head.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    # The form names the bucket's own host; the embedded AWS hears it by its path.
    endpoint = store.client("s3").meta.endpoint_url
    url = f"{endpoint}/{store.prefix}-intake"
    request = urllib.request.Request(
        url, data, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_an_upload_is_read_up_to_a_limit(intake: Intake, store: Store) -> None:
    form = intake.presign("sub-ada", "upl_1.json")
    assert form["key"] == "intake/sub-ada/upl_1.json"
    assert form["expiresIn"] == 900
    _upload(intake, form, b'{"a": 1}', store)
    body, etag = intake.read(form["key"], limit=100)
    assert body == b'{"a": 1}'
    assert etag
    assert '"' not in etag
    assert intake.read(form["key"], limit=3) == (b'{"a"', etag)
    with pytest.raises(NotFoundError):
        intake.read("intake/sub-ada/none.json", limit=3)


def test_the_form_binds_key_type_and_size(on_aws: Store) -> None:
    import base64

    intake = IntakeBucket(on_aws.client("s3"), bucket="b")
    policy = json.loads(base64.b64decode(intake.presign("sub", "n.json")["fields"]["policy"]))
    assert {"key": "intake/sub/n.json"} in policy["conditions"]
    assert ["content-length-range", 1, 65536] in policy["conditions"]
    assert {"Content-Type": "application/json"} in policy["conditions"]


# ------------------------------------------------------------------------------------- mail

MAIL = Mail(id="req_1#live", to="ada@example.edu", subject="Líve", text="t", html="<p>h</p>")


class _Ses:
    """SES's client with a planned error before or after it takes a mail."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.error: BaseException | None = None
        self.sent: list[dict[str, Any]] = []

    def send_email(self, **arguments: Any) -> Any:
        error, self.error = self.error, None
        if error is None or isinstance(error, ReadTimeoutError):
            self._real.send_email(**arguments)
            self.sent.append(arguments)
        if error is not None:
            raise error


def _mailer(store: Store, clock: Callable[[], float] = time.time) -> tuple[SesMailer, _Ses]:
    ses = store.client("sesv2")
    ses.create_email_identity(EmailIdentity=f"{store.prefix}@example.edu")
    client, table = store.table("Idempotency")
    wrapped = _Ses(ses)
    sender = f"{store.prefix}@example.edu"
    return SesMailer(wrapped, client, table=table, sender=sender, clock=clock), wrapped


@pytest.fixture
def mailer(store: Store) -> Mailer:
    return MemoryMailer(store.outside) if store.is_memory else _mailer(store)[0]


def test_a_mail_is_sent_once(mailer: Mailer) -> None:
    assert mailer.send(MAIL)
    assert not mailer.send(MAIL)
    assert mailer.send(MAIL.with_(id="req_1#gone"))


def _refused(status: int) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": "X"}, "ResponseMetadata": metadata}, "SendEmail")  # type: ignore[typeddict-item]


def test_what_ses_surely_did_not_take_is_sent_the_next_time(on_aws: Store) -> None:
    mailer, ses = _mailer(on_aws)
    for error in (_refused(400), _refused(429), EndpointConnectionError(endpoint_url="x")):
        ses.error = error
        with pytest.raises(UnavailableError):
            mailer.send(MAIL)
    assert mailer.send(MAIL)
    assert len(ses.sent) == 1


@pytest.mark.parametrize(
    "error", [_refused(500), ReadTimeoutError(endpoint_url="x")], ids=["500", "timeout"]
)
def test_what_ses_may_have_taken_is_taken_over_when_its_sender_must_have_ended(
    on_aws: Store, error: Exception
) -> None:
    now = [1000.0]
    mailer, ses = _mailer(on_aws, lambda: now[0])
    ses.error = error
    with pytest.raises(UnavailableError):
        mailer.send(MAIL)
    with pytest.raises(UnavailableError, match="being sent"):
        mailer.send(MAIL)
    now[0] += SENDER_SECONDS + 1
    assert mailer.send(MAIL)
    now[0] += 10 * SENDER_SECONDS
    assert not mailer.send(MAIL)
    # The one whose answer was lost, and the one that made sure.
    assert len(ses.sent) == (2 if isinstance(error, ReadTimeoutError) else 1)


class _Ended(BaseException):
    """The process ends."""


def test_a_mail_whose_sender_died_before_sending_is_sent_once(on_aws: Store) -> None:
    now = [1000.0]
    mailer, ses = _mailer(on_aws, lambda: now[0])
    ses.error = _Ended()
    with pytest.raises(_Ended):
        mailer.send(MAIL)
    assert ses.sent == []
    now[0] += SENDER_SECONDS + 1
    assert mailer.send(MAIL)
    now[0] += SENDER_SECONDS + 1
    assert not mailer.send(MAIL)
    assert len(ses.sent) == 1


# --------------------------------------------------------------------------- events, operators


def _queue(store: Store) -> tuple[str, str]:
    sqs = store.client("sqs")
    url = sqs.create_queue(QueueName=store.prefix)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def _message(store: Store, url: str) -> dict[str, Any]:
    answer = store.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)
    return dict(json.loads(answer["Messages"][0]["Body"]))


def test_an_event_reaches_whoever_listens(on_aws: Store) -> None:
    url, arn = _queue(on_aws)
    events = on_aws.client("events")
    events.create_event_bus(Name=on_aws.prefix)
    pattern = json.dumps({"source": ["autoprovision"]})
    events.put_rule(Name="all", EventBusName=on_aws.prefix, EventPattern=pattern)
    events.put_targets(Rule="all", EventBusName=on_aws.prefix, Targets=[{"Id": "q", "Arn": arn}])
    bus = EventBridgeBus(events, bus=on_aws.prefix)
    bus.publish(EventName.APPLICATION_PROVISIONED, {"requestId": "req_1"})
    heard = _message(on_aws, url)
    assert (heard["detail-type"], heard["detail"]) == (
        "ApplicationProvisioned",
        {"requestId": "req_1"},
    )


def test_an_event_that_was_not_taken_is_not_silent() -> None:
    class Full:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    with pytest.raises(UnavailableError):
        EventBridgeBus(Full(), bus="b").publish(EventName.QUOTA_RELEASED, {})


def test_operators_hear_any_words(on_aws: Store) -> None:
    url, arn = _queue(on_aws)
    sns = on_aws.client("sns")
    topic = sns.create_topic(Name=on_aws.prefix)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    SnsOperators(sns, topic_arn=topic).tell("Nötig:\nhelp " + "x" * 200, "Look at req_1.")
    heard = _message(on_aws, url)
    assert heard["Message"] == "Look at req_1."
    assert heard["Subject"].startswith("N?tig:?help x")
    assert len(heard["Subject"]) <= 100
