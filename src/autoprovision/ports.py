"""What the rules need from outside, as Protocols, and `Platform`, the bundle of them.

Every port raises the errors of `domain.errors`, and `UnavailableError` for whatever the service
behind it does not answer. Every write is safe to repeat.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from autoprovision.domain.application import Application
from autoprovision.domain.approval import Approval
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.events import EventName
from autoprovision.domain.git_source import GitSource, SourceTree
from autoprovision.domain.mail import Mail
from autoprovision.domain.plan import Plan
from autoprovision.domain.policy import Policy
from autoprovision.domain.quota import Balance, Entry, Hold
from autoprovision.domain.request import Request, RequestKind, RequestStatus
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.domain.user import User

Item = TypeVar("Item", covariant=True)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of a list, newest first.

    Attributes:
        next: where the next page begins, opaque; None when there is none.
    """

    items: tuple[Item, ...]
    next: str | None = None


class Records(Protocol):
    """Requests, applications and the ledger: what changes together in one transaction."""

    def request(self, request_id: str) -> Request:
        """The request, strongly consistent. Raises NotFoundError."""

    def requests(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests of these units (None: of all), newest first; `after` is the last id seen."""

    def open_requests(
        self, status: RequestStatus, *, updated_before: str, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests in a status since before a moment, oldest first, for the sweep."""

    def record_refusal(self, request: Request) -> None:
        """Keep a request that never began (INVALID, OVER_QUOTA of the S3 intake); once."""

    def admit(self, request: Request, application: Application | None, hold: Hold | None) -> None:
        """Accept it: request, application, name and hold in one transaction, or nothing.

        The hold's credits are taken from `free` of the person's, the unit's and the organisation's
        account on the condition that each with a limit has them. Admitting the same request again
        changes nothing. An update or terminate brings no new application; then the application's
        `operation` is set to this request on the condition that it is empty, and the hold is what
        the update needs beyond what the application has committed. A new application always comes
        with a hold.

        Raises:
            OverQuotaError: extras `account`, `limit`, `left`, `needed`, `shortBy`.
            NameTakenError: another live application has the name in this environment.
            ConflictError: code OPERATION_IN_PROGRESS, another request changes this application.
            BusyError: contended beyond the retries; nothing was written.
        """

    def move_request(
        self, request_id: str, to: RequestStatus, *, reason: str, message: str, at: str,
        expected: Collection[RequestStatus], **changes: Any,
    ) -> Request:  # fmt: skip
        """Change the status on the condition that it is one of `expected`, and fields with it.

        Returns:
            The request as it is now. When it already has status `to` and `reason`, nothing changes.

        Raises:
            ConflictError: code WRONG_STATUS, extras `status`: it stands elsewhere.
            TypeError: `to` is an end; `succeed` and `close` lead there, because of the hold.
        """

    def patch_request(self, request_id: str, **changes: Any) -> Request:
        """Set fields that no rule guards (stack id, URL, execution count, cancel mark)."""

    def application(self, application_id: str) -> Application:
        """The application, strongly consistent. Raises NotFoundError."""

    def applications(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Application]:
        """Applications of these units (None: of all), newest first."""

    def expiring(self, before: str, *, limit: int, after: str | None = None) -> Page[Application]:
        """Live applications whose `expires_at` is before a moment, soonest first."""

    def patch_application(
        self, application_id: str, *, expected_version: int | None = None, **changes: Any
    ) -> Application:
        """Set fields; with `expected_version`, only if nobody wrote since.

        Raises:
            ConflictError: code CHANGED_MEANWHILE.
        """

    def succeed(self, request_id: str, *, message: str, at: str, **application: Any) -> Request:
        """The pivot: commit the hold, request SUCCEEDED, application as given, in one transaction.

        The request's `url` becomes the application's. An update's hold is merged into the
        application's, which gets the size of the request's plan; a terminate ends the application
        as `end_application` does. Repeating it changes nothing.

        Raises:
            ConflictError: code WRONG_STATUS, the request is not PROVISIONING any more.
        """

    def close(
        self, request_id: str, status: RequestStatus, *, reason: str, message: str, at: str,
        **application: Any,
    ) -> Request:  # fmt: skip
        """The end of the way back: release the hold, end the request and its application.

        For a first request the application becomes TERMINATED and its name is free again; for an
        update the application's `operation` is cleared, its hold goes back to what was committed
        before, and `application` says how it stands. Repeating it changes nothing.
        """

    def replace_plan(self, request_id: str, plan: Plan, *, at: str) -> Request:
        """Give a request another plan, and its hold the plan's size, in one transaction.

        Repeating it changes nothing.

        Raises:
            OverQuotaError: the plan needs more than is left.
            ConflictError: code WRONG_STATUS, it is on its way back or at an end.
        """

    def end_application(self, application_id: str, *, message: str, at: str) -> Application:
        """TERMINATED: release its committed hold and its name, in one transaction. Repeatable."""

    def move_application(self, application_id: str, unit: str, *, by: str, at: str) -> Application:
        """Move an application and its credits to another unit, in one transaction.

        Raises:
            OverQuotaError: the other unit has too little left.
            ConflictError: code OPERATION_IN_PROGRESS or WRONG_STATUS: it is changing, or ended.
        """

    def record_event(self, event: TimelineEvent) -> None:
        """Append to a request's timeline."""

    def events(
        self, request_id: str, *, limit: int, after: str | None = None
    ) -> Page[TimelineEvent]:
        """The timeline, oldest first; `after` is the last event id seen."""

    def balance(self, account: str) -> Balance:
        """An account, strongly consistent; a new one has no limit and nothing in it.

        Without a limit a person and the organisation may spend; a business unit may not.
        """

    def balances(self, *, limit: int, after: str | None = None) -> Page[Balance]:
        """The accounts of all business units, by name."""

    def set_limit(self, account: str, limit: int | None, *, by: str, at: str) -> Balance:
        """Set an account's limit; lowering it below what is used is allowed. Writes an entry.

        Raises:
            InvalidInputError: out of range, or no limit for a business unit.
        """

    def entries(self, account: str, *, limit: int, after: str | None = None) -> Page[Entry]:
        """Movements of an account, newest first; `after` is the last entry id seen."""

    def hold(self, hold_id: str) -> Hold | None:
        """A hold."""

    def holds(self, *, limit: int, after: str | None = None) -> Page[Hold]:
        """All holds that count in the accounts (HELD, COMMITTED), oldest first, for the proof."""


class CatalogSource(Protocol):
    """What can be ordered, and the approval policy in force."""

    def catalog(self) -> Catalog:
        """All current blueprints with the prices; may be up to some seconds old."""

    def version(self, blueprint_id: str, version: str) -> PublishedBlueprint:
        """One published version, current or not. Raises NotFoundError."""

    def policy(self) -> Policy:
        """The approval policy in force."""

    def publish_policy(self, policy: Policy, *, by: str, at: str) -> None:
        """Put a policy in force and keep the one before."""


class SecretStore(Protocol):
    """Secrets by reference."""

    def put(self, request_id: str, secrets: Mapping[str, str]) -> str:
        """Keep a request's secrets; putting them again gives the same ARN."""

    def get(self, arn: str) -> dict[str, str]:
        """The secrets. Raises NotFoundError."""

    def forget(self, arn: str) -> None:
        """Delete them at once; gone already is fine."""


class Workflows(Protocol):
    """Step Functions."""

    def start(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> None:
        """Start the workflow under the request's id; running or done already is fine."""

    def state(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> str | None:
        """Status of the execution (RUNNING, SUCCEEDED, FAILED, …), None if it never began."""

    def answer(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a task token. False: it was answered before, timed out or is unknown."""

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task token; the same."""


class Stacks(Protocol):
    """CloudFormation, read."""

    def find(self, name_or_id: str) -> Stack | None:
        """The stack; by id also when it is deleted. None: there is no such stack."""

    def failures(self, stack_id: str) -> list[StackResource]:
        """The resources that failed first, with CloudFormation's reasons."""

    def resources(self, stack_id: str) -> list[StackResource]:
        """All resources of the stack."""


class Waits(Protocol):
    """Task tokens that wait for a stack."""

    def put(self, stack_id: str, token: str, *, request_id: str, purpose: str, at: str) -> None:
        """Remember who waits; a new token replaces the old one, which is dead then."""

    def get(self, stack_id: str) -> tuple[str, str] | None:
        """Token and purpose, strongly consistent."""

    def remove(self, stack_id: str, token: str) -> None:
        """Forget a token that was answered, unless another took its place."""

    def of_request(self, request_id: str, stack_id: str) -> str | None:
        """The token by which a request waits."""


class ApprovalDesk(Protocol):
    """Open questions and their answers; task tokens are kept encrypted."""

    def open(self, approval: Approval, token: str) -> Approval:
        """Open the question for a plan; a later question of the same request replaces it.

        Opening the same question again only renews the token.
        """

    def get(self, request_id: str) -> Approval | None:
        """The question, strongly consistent."""

    def list_open(self, *, limit: int, after: str | None = None) -> Page[Approval]:
        """Open questions, oldest first."""

    def undelivered(self, *, limit: int) -> list[Approval]:
        """Closed questions whose answer the workflow has not taken yet."""

    def save(self, approval: Approval, *, expected_version: int) -> Approval:
        """Write on the condition of the version. Raises ConflictError, code CHANGED_MEANWHILE."""

    def token(self, request_id: str) -> str | None:
        """The task token, decrypted."""


class Signer(Protocol):
    """KMS."""

    def sign(self, payload: bytes) -> tuple[str, str]:
        """Signature in base64 and the key's id."""

    def verify(self, payload: bytes, signature: str, key_id: str) -> bool:
        """Whether the signature is of this payload."""


class Users(Protocol):
    """The users table."""

    def get(self, user_id: str) -> User | None:
        """A user, strongly consistent."""

    def by_email(self, email: str) -> User | None:
        """A user by e-mail, in lower case."""

    def list(self, unit: str | None, *, limit: int, after: str | None = None) -> Page[User]:
        """Users of a unit, or all."""

    def approvers(self, unit: str) -> Sequence[User]:
        """Active people who decide for a unit, admins included."""

    def save(self, user: User) -> None:
        """Write the user."""


class Directory(Protocol):
    """Cognito."""

    def create(self, email: str, attributes: Mapping[str, str], password: str | None) -> str:
        """Create or find the user and give back the `sub`; without a password they are invited."""

    def tag(self, user_id: str, attributes: Mapping[str, str]) -> None:
        """Show attributes such as BusinessUnit and Quota on the user."""

    def set_enabled(self, user_id: str, *, enabled: bool) -> None:
        """Let the user sign in, or not and sign them out everywhere."""


class Mailer(Protocol):
    """SES."""

    def send(self, mail: Mail) -> bool:
        """Send a mail unless its id was sent before. False: it was."""


class EventBus(Protocol):
    """EventBridge."""

    def publish(self, name: EventName, detail: Mapping[str, Any]) -> None:
        """Say what has happened."""


class Operators(Protocol):
    """The SNS topic of the people who run the platform."""

    def tell(self, subject: str, message: str) -> None:
        """Say what needs them."""


class SourceRepository(Protocol):
    """The project's code."""

    def fetch(self, source: GitSource, secrets: Mapping[str, str]) -> SourceTree:
        """The newest tree. Raises SourceError."""


class Sites(Protocol):
    """The bucket and distribution behind a static application."""

    def publish(self, outputs: Mapping[str, str], tree: SourceTree, *, root: str) -> str:
        """Put the files live at once or not at all; gives the release's name back."""

    def unpublish(self, bucket: str) -> None:
        """Empty a bucket, versions too; gone already is fine."""


class UrlProbe(Protocol):
    """Does the application answer?"""

    def check(self, url: str) -> str | None:
        """None when the URL answers below 400, else what is wrong."""


class Intake(Protocol):
    """The bucket that JSON templates can be dropped into."""

    def presign(self, user_id: str, name: str) -> dict[str, Any]:
        """A presigned POST under the uploader's own prefix: url, fields, key, expiresIn."""

    def read(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """The object's first `limit` + 1 bytes and its ETag. Raises NotFoundError."""


@dataclass(frozen=True)
class Begun:
    """An operation under an idempotency key.

    Attributes:
        state: `fresh`: run it; `done`: give `answer` back; `running`: somebody is at it.
        operation_id: a ULID that stays the same however often it is begun.
    """

    state: Literal["fresh", "done", "running"]
    operation_id: str
    answer: dict[str, Any] | None = None


class Idempotency(Protocol):
    """Answers by Idempotency-Key."""

    def begin(self, key: str, body_hash: str) -> Begun:
        """Claim the key. Raises IdempotencyMismatchError for another body."""

    def finish(self, key: str, answer: Mapping[str, Any] | None) -> None:
        """Keep the answer, or with None give the key free because nothing was done."""


class Builds(Protocol):
    """CodeBuild."""

    def start(
        self, project: str, *, buildspec: str, environment: Mapping[str, str],
        secret_environment: Mapping[str, str], token: str,
    ) -> str:  # fmt: skip
        """Start a build; the same token starts one build. Gives its id."""

    def stop(self, build_id: str) -> None:
        """Stop a build; ended already is fine."""

    def log_tail(self, build_id: str, *, lines: int) -> list[str]:
        """The last lines of the build's log."""


@dataclass(frozen=True)
class PlatformSettings:
    """What the rules need to know of the platform; all of it parameters of `infra/`."""

    name: str
    region: str
    sender: str
    allowed_git_hosts: str
    client_id: str = ""
    url_scheme: str = "https"
    domain_name: str = ""
    hosted_zone_id: str = ""
    certificate_arn: str = ""
    portal_url: str = ""


class Platform(Protocol):
    """Everything outside, made when first used: a function only pays for what it touches."""

    @property
    def settings(self) -> PlatformSettings: ...
    @property
    def records(self) -> Records: ...
    @property
    def catalog(self) -> CatalogSource: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def workflows(self) -> Workflows: ...
    @property
    def stacks(self) -> Stacks: ...
    @property
    def waits(self) -> Waits: ...
    @property
    def approvals(self) -> ApprovalDesk: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def users(self) -> Users: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def events(self) -> EventBus: ...
    @property
    def operators(self) -> Operators: ...
    @property
    def source(self) -> SourceRepository: ...
    @property
    def sites(self) -> Sites: ...
    @property
    def probe(self) -> UrlProbe: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def builds(self) -> Builds: ...

    def now(self) -> datetime:
        """The present moment, UTC."""
