"""A whole platform without AWS, for steps and workflows: the product's in-memory ports, with people,
a catalog, a repository and a CloudFormation that does what a test tells it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.workflow.cloudformation import CloudFormation

from autoprovision.domain.actor import Role
from autoprovision.domain.application import Application
from autoprovision.domain.approval import Approval
from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint
from autoprovision.domain.git_source import SourceTree
from autoprovision.domain.mail import Mail
from autoprovision.domain.policy_document import Policy, parse_policy
from autoprovision.domain.price import PriceBook
from autoprovision.domain.quota import unit_account
from autoprovision.domain.request import Request
from autoprovision.domain.user import User
from autoprovision.memory.platform import SETTINGS, MemoryPlatform

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


DOMAIN = "apps.test"
REPOSITORY = "https://github.com/acme/site"
PEOPLE = {
    ADA: (Role.REQUESTER, "cs", ()),
    BOB: (Role.APPROVER, "cs", ("cs",)),
    EVE: (Role.APPROVER, "it", ("cs",)),
    ROOT: (Role.ADMIN, None, ()),
}


def published(document: Mapping[str, Any], digest: str = "sha256:1") -> PublishedBlueprint:
    return PublishedBlueprint(
        manifest=Blueprint.model_validate(document),
        digest=digest,
        template_url="https://s3.ap-southeast-1.amazonaws.com/catalog/1",
        role_arn="arn:aws:iam::000000000000:role/stack",
        resources={"Site": "AWS::S3::Bucket"},
    )


def catalog(one: PublishedBlueprint, cents: str = "1") -> Catalog:
    storage = {
        "cents": cents,
        "unit": "GB-month",
        "description": "Storage",
        "source": "list",
        "as_of": "2026-11-01",
    }
    return Catalog(
        blueprints=(one,),
        prices=PriceBook(region="ap-southeast-1", version="1", prices={"storage": storage}),
        version="1",
    )


def tree(*paths: str) -> SourceTree:
    return SourceTree(commit="c0ffee" * 6, files=dict.fromkeys(paths))


class World(MemoryPlatform):
    """The port `Platform` with something in it."""

    def __init__(self) -> None:
        settings = replace(SETTINGS, domain_name=DOMAIN, hosted_zone_id="Z1")
        super().__init__(
            clock=NOW, catalog=catalog(published(manifest())), policy=policy(), settings=settings
        )
        self.stacks = CloudFormation(names=self.names, domain=DOMAIN)
        self.source.trees[REPOSITORY] = tree("index.html", "style.css")
        at = "2026-11-01T00:00:00.000Z"
        for email, (role, unit, units) in PEOPLE.items():
            name = email.partition("@")[0]
            self.users.save(
                User(
                    id=name,
                    email=email,
                    role=role,
                    unit=unit,
                    approves_for=units,
                    created_at=at,
                    updated_at=at,
                )
            )
        self.records.set_limit(unit_account("cs"), 20_000, by="test", at=at)

    def breaking(self, deed: str, times: int = 1, error: Exception | None = None) -> None:
        self.outside.plan_failures(deed, times=times, error=error)

    def deeds(self) -> list[str]:
        return [deed[0] for deed in self.outside.done]

    def mails(self) -> list[Mail]:
        return self.mailer.sent

    def told(self, request_id: str) -> list[tuple[str, str]]:
        page = self.records.events(request_id, limit=1000)
        return [(one.step, one.status.value) for one in page.items]

    def submit(
        self, environment: str = "dev", *, secret: bool = False, stack: str | None = None
    ) -> Request:
        """A request, admitted by the product's own admission."""
        from autoprovision.usecases import submission

        document = {
            "ApplicationName": "shop",
            "TargetEnvironment": environment,
            "ProjectType": "Static",
            "ProjectURL": "github.com/acme/site",
            "ProjectEmail": "team@uni.edu",
        }
        if secret:
            document["AccessToken"] = SECRET
        if stack:
            document["TechStack"] = stack
        return submission.submit(
            self.users.by_email(ADA).actor(),
            document,
            self,
            request_id="req_01jd0000000000000000000000",
        )

    def application(self, request: Request) -> Application:
        return self.records.application(request.application_id)

    def question(self, request: Request) -> Approval:
        return self.approvals.get(request.id)

    def only(self, *emails: str) -> None:
        """Let nobody else be known."""
        for user in self.users.list(None, limit=100).items:
            if user.email not in emails:
                self.users.save(user.with_(status="DISABLED"))
