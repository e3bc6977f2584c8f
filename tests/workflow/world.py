"""A whole platform without AWS, for steps and workflows: the ports in dictionaries.

Records and ledger are the product's own in-memory ones. Every deed that reaches outside is noted in
`done`, and `breaks` lets a named deed fail as often as a test wants.
"""

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.workflow.cloudformation import CloudFormation

from autoprovision.domain.actor import Role
from autoprovision.domain.application import Application
from autoprovision.domain.approval import Approval
from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint
from autoprovision.domain.errors import ConflictError, NotFoundError, UnavailableError
from autoprovision.domain.git_source import SourceTree
from autoprovision.domain.mail import Mail
from autoprovision.domain.policy_document import Policy, parse_policy
from autoprovision.domain.price import PriceBook
from autoprovision.domain.quota import unit_account
from autoprovision.domain.request import Request
from autoprovision.domain.user import User
from autoprovision.memory.records import MemoryRecords
from autoprovision.ports import Page, PlatformSettings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "canary-5f1e"  # a secret that must turn up nowhere
ADA, BOB, EVE, ROOT = "ada@uni.edu", "bob@uni.edu", "eve@uni.edu", "root@uni.edu"


def manifest(**changes: Any) -> dict[str, Any]:
    prices = [{"resource": "Site", "price": "storage", "quantity": "10"}]
    topologies = {env: {"prices": prices, "defaultExpiry": "7d"} for env in ("dev", "stag", "prod")}
    return {
        "id": "static-site", "version": "1.0.0", "title": "Static", "description": "Static", "serves": [{"projectType": "Static", "techStackNeeded": False}],
        "publish": {"method": "files", "root": ["", "public"], "needs": ["index.html"]}, "stackParameters": {"Name": "request.ApplicationName", "Bucket": "application.bucket"}, "topologies": topologies, "minutesToCreate": 5,
        **changes,
    }  # fmt: skip


def policy(threshold: int = 5, version: str = "1") -> Policy:
    return parse_policy({
        "name": "test", "version": version, "thresholds": {"oneApprover": threshold, "twoApprovers": threshold + 5, "refuse": 100},
        "rules": [
            {"id": "stag", "reason": "It goes to stag.", "weight": 5, "when": {"environment": ["stag"]}},
            {"id": "prod", "reason": "It goes to prod.", "weight": 10, "when": {"environment": ["prod"]}},
        ],
    })  # fmt: skip


@dataclass
class World:
    """The port `Platform`."""

    clock: datetime = NOW
    done: list[tuple[Any, ...]] = field(default_factory=list)
    breaks: dict[str, list[Exception]] = field(default_factory=dict)
    stacks: CloudFormation = field(default_factory=CloudFormation)

    def __post_init__(self) -> None:
        self.settings = PlatformSettings(
            name="autoprovision",
            region="ap-southeast-1",
            sender="no-reply@uni.edu",
            allowed_git_hosts="github.com",
        )
        self.records = MemoryRecords()
        self.catalog = _Catalog()
        self.secrets = _Secrets(self)
        self.workflows = _Workflows(self)
        self.waits = _Waits()
        self.approvals = _Approvals(self)
        self.signer = _Signer()
        self.users = _Users()
        self.mailer = _Mailer(self)
        self.events = _Events(self)
        self.operators = _Operators(self)
        self.source = _Source(self)
        self.sites = _Sites(self)
        self.probe = _Probe(self)
        self.records.set_limit(unit_account("cs"), 20_000, by="test", at="2026-11-22T00:00:00.000Z")

    def now(self) -> datetime:
        self.clock += timedelta(milliseconds=1)
        return self.clock

    def does(self, name: str, *details: Any) -> None:
        """Note a deed, or fail as a test has asked for."""
        if self.breaks.get(name):
            raise self.breaks[name].pop(0)
        self.done.append((name, *details))

    def breaking(self, name: str, times: int = 1, error: Exception | None = None) -> None:
        self.breaks[name] = [error or UnavailableError(f"{name} does not answer.")] * times

    def names(self) -> list[str]:
        return [deed[0] for deed in self.done]

    def mails(self) -> list[Mail]:
        return [deed[1] for deed in self.done if deed[0] == "mail"]

    def told(self, request_id: str) -> list[tuple[str, str]]:
        page = self.records.events(request_id, limit=1000)
        return [(one.step, one.status.value) for one in page.items]

    def submit(self, environment: str = "dev", *, secret: bool = False) -> Request:
        """A request, admitted by the product's own admission."""
        from autoprovision.usecases import requests

        document = {
            "ApplicationName": "shop",
            "TargetEnvironment": environment,
            "ProjectType": "Static",
            "ProjectURL": "github.com/acme/site",
            "ProjectEmail": "team@uni.edu",
        }
        if secret:
            document["AccessToken"] = SECRET
        return requests.submit(
            self.users.by_email(ADA).actor(),
            document,
            self,
            request_id="req_01jd0000000000000000000000",
        )

    def application(self, request: Request) -> Application:
        return self.records.application(request.application_id)


class _Catalog:
    def __init__(self) -> None:
        self.current = self.published(manifest())
        self.in_force = policy()
        self.versions = {"1.0.0": self.current}
        self.cents = "1"

    @staticmethod
    def published(document: Mapping[str, Any], digest: str = "sha256:1") -> PublishedBlueprint:
        return PublishedBlueprint(
            manifest=Blueprint.model_validate(document),
            digest=digest,
            template_url="https://s3.ap-southeast-1.amazonaws.com/catalog/1",
            role_arn="arn:aws:iam::000000000000:role/stack",
            resources={"Site": "AWS::S3::Bucket"},
        )

    def publish(self, document: Mapping[str, Any], digest: str) -> None:
        self.current = self.published(document, digest)
        self.versions[self.current.manifest.version] = self.current

    def catalog(self) -> Catalog:
        prices = {
            "storage": {
                "cents": self.cents,
                "unit": "GB-month",
                "description": "Storage",
                "source": "list",
                "as_of": "2026-11-01",
            }
        }
        return Catalog(
            blueprints=(self.current,),
            prices=PriceBook(region="ap-southeast-1", version="1", prices=prices),
            version="1",
        )

    def version(self, blueprint_id: str, version: str) -> PublishedBlueprint:
        if version not in self.versions:
            raise NotFoundError(f"There is no {blueprint_id} {version}.")
        return self.versions[version]

    def policy(self) -> Policy:
        return self.in_force


class _Secrets:
    def __init__(self, world: World) -> None:
        self.world, self.kept = world, {}

    def put(self, request_id: str, secrets: Mapping[str, str]) -> str:
        arn = f"arn:aws:secretsmanager:ap-southeast-1:000000000000:secret:{request_id}"
        self.kept[arn] = dict(secrets)
        return arn

    def get(self, arn: str) -> dict[str, str]:
        return self.kept[arn]

    def forget(self, arn: str) -> None:
        self.world.does("forget", arn)
        self.kept.pop(arn, None)


class _Workflows:
    """Notes starts and answers; a test of workflows hands over a real engine."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.states: dict[tuple[str, int], str] = {}
        self.answers: dict[str, Any] = {}
        self.on_answer: Callable[[str, str, Any], bool] | None = None

    def start(self, kind: str, request_id: str, *, execution: int = 0) -> None:
        self.world.does("start", request_id, execution)
        self.states.setdefault((request_id, execution), "RUNNING")

    def state(self, kind: str, request_id: str, *, execution: int = 0) -> str | None:
        return self.states.get((request_id, execution))

    def answer(self, token: str, output: Mapping[str, Any]) -> bool:
        return self._settle(token, "answer", dict(output))

    def fail(self, token: str, error: str, cause: str) -> bool:
        return self._settle(token, "fail", (error, cause))

    def _settle(self, token: str, how: str, what: Any) -> bool:
        self.world.does(how, token)
        if self.on_answer is not None:
            return self.on_answer(token, how, what)
        first = token not in self.answers
        self.answers.setdefault(token, (how, what))
        return first


class _Waits:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str, str]] = {}

    def put(self, stack_id: str, token: str, *, request_id: str, purpose: str, at: str) -> None:
        self.kept[stack_id] = (token, purpose, request_id)

    def get(self, stack_id: str) -> tuple[str, str] | None:
        found = self.kept.get(stack_id)
        return found[:2] if found else None

    def remove(self, stack_id: str, token: str) -> None:
        if stack_id in self.kept and self.kept[stack_id][0] == token:
            del self.kept[stack_id]

    def of_request(self, request_id: str, stack_id: str) -> str | None:
        found = self.kept.get(stack_id)
        return found[0] if found and found[2] == request_id else None


class _Approvals:
    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: dict[str, Approval] = {}
        self.tokens: dict[str, str] = {}

    def open(self, approval: Approval, token: str) -> Approval:
        self.world.does("open", approval.request_id)
        self.tokens[approval.request_id] = token
        return (
            self.kept.setdefault(approval.request_id, approval)
            if approval == self.kept.get(approval.request_id)
            else self._put(approval)
        )

    def _put(self, approval: Approval) -> Approval:
        self.kept[approval.request_id] = approval
        return approval

    def get(self, request_id: str) -> Approval | None:
        return self.kept.get(request_id)

    def list_open(self, *, limit: int, after: str | None = None) -> Page[Approval]:
        found = sorted(
            (
                one
                for one in self.kept.values()
                if one.is_open and (after is None or one.request_id > after)
            ),
            key=lambda one: one.request_id,
        )
        return Page(
            tuple(found[:limit]), found[limit - 1].request_id if len(found) > limit else None
        )

    def undelivered(self, *, limit: int) -> list[Approval]:
        return [
            one
            for one in self.kept.values()
            if not one.is_open and one.status != "VOID" and one.delivered_at is None
        ][:limit]

    def save(self, approval: Approval, *, expected_version: int) -> Approval:
        self.world.does("save", approval.request_id)
        if self.kept[approval.request_id].version != expected_version:
            raise ConflictError("Changed meanwhile.", code="CHANGED_MEANWHILE")
        return self._put(approval)

    def token(self, request_id: str) -> str | None:
        return self.tokens.get(request_id)


class _Signer:
    def sign(self, payload: bytes) -> tuple[str, str]:
        return base64.b64encode(hmac.digest(b"key", payload, "sha256")).decode(), "key-1"

    def verify(self, payload: bytes, signature: str, key_id: str) -> bool:
        return hmac.compare_digest(self.sign(payload)[0], signature)


class _Users:
    def __init__(self) -> None:
        at = "2026-11-01T00:00:00.000Z"
        self.kept = [
            User(id="ada", email=ADA, role=Role.REQUESTER, unit="cs", created_at=at, updated_at=at),
            User(id="bob", email=BOB, role=Role.APPROVER, unit="cs", approves_for=("cs",), created_at=at, updated_at=at),
            User(id="eve", email=EVE, role=Role.APPROVER, unit="it", approves_for=("cs",), created_at=at, updated_at=at),
            User(id="root", email=ROOT, role=Role.ADMIN, created_at=at, updated_at=at),
        ]  # fmt: skip

    def get(self, user_id: str) -> User | None:
        return next((one for one in self.kept if one.id == user_id), None)

    def by_email(self, email: str) -> User | None:
        return next((one for one in self.kept if one.email == email), None)

    def approvers(self, unit: str) -> Sequence[User]:
        return [one for one in self.kept if one.role is Role.ADMIN or unit in one.approves_for]


class _Mailer:
    def __init__(self, world: World) -> None:
        self.world, self.sent = world, set()

    def send(self, mail: Mail) -> bool:
        if mail.id in self.sent:
            return False
        self.world.does("mail", mail)
        self.sent.add(mail.id)
        return True


class _Events:
    def __init__(self, world: World) -> None:
        self.world = world

    def publish(self, name: Any, detail: Mapping[str, Any]) -> None:
        self.world.does("event", str(name), dict(detail))


class _Operators:
    def __init__(self, world: World) -> None:
        self.world = world

    def tell(self, subject: str, message: str) -> None:
        self.world.does("tell", subject, message)


class _Source:
    def __init__(self, world: World) -> None:
        self.world, self.files = world, {"index.html": None, "style.css": None}

    def fetch(self, source: Any, secrets: Mapping[str, str]) -> SourceTree:
        self.world.does("fetch", source.url)
        return SourceTree(commit="c0ffee" * 6, files=dict(self.files))


class _Sites:
    def __init__(self, world: World) -> None:
        self.world, self.live = world, {}

    def publish(self, outputs: Mapping[str, str], tree: SourceTree, *, root: str) -> str:
        self.world.does("publish", root)
        self.live[outputs["SiteBucket"]] = tree.commit
        return tree.commit

    def unpublish(self, bucket: str) -> None:
        self.world.does("unpublish", bucket)
        self.live.pop(bucket, None)


class _Probe:
    def __init__(self, world: World) -> None:
        self.world, self.answers = world, []

    def check(self, url: str) -> str | None:
        self.world.does("check", url)
        return self.answers.pop(0) if self.answers else None
