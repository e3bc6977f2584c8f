"""What people touch: users, approvals, mails, uploads, repeated calls."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from autoprovision.domain.approval import Approval
from autoprovision.domain.approval_authority import Delegation
from autoprovision.domain.events import EventName
from autoprovision.domain.mail import Mail
from autoprovision.domain.user import User
from autoprovision.ports.pages import Page


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


class Delegations(Protocol):
    """Who decides for whom while they are away; one for each person who is away."""

    def save(self, delegation: Delegation) -> None:
        """Keep it; the one that the same person gave before is replaced."""

    def forget(self, user_id: str) -> None:
        """Remove what a person gave; nothing there is fine."""

    def given_by(self, user_ids: Collection[str]) -> Sequence[Delegation]:
        """What these people gave, strongly consistent, whether it holds now or not."""

    def received_by(self, user_id: str) -> Sequence[Delegation]:
        """What was given to a person, whether it holds now or not."""


class Chat(Protocol):
    """Where approvers talk, if an operator has set one."""

    def post(self, message: Mapping[str, Any]) -> None:
        """Post a message in Slack's format.

        Raises:
            ConflictError: code WEBHOOK_REFUSED, it may not be called, or it says no.
        """


class DeadLetters(Protocol):
    """Questions that could not be opened, kept for an operator."""

    def redrive(self, *, limit: int) -> int:
        """Put up to so many back where they came from; they may then come twice. How many."""


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
        """Write the user, whatever is there."""

    def add(self, user: User) -> None:
        """Write a user who is not there yet. Raises ConflictError, code USER_EXISTS."""

    def replace(self, before: User, after: User, *, by_admin: str | None = None) -> User:
        """Write a user as changed from `before`, which is what was read.

        Args:
            by_admin: the id of somebody who must be an active admin when it is written: two
                admins who take each other's role at once cannot both succeed.

        Raises:
            ConflictError: code CHANGED_MEANWHILE, somebody wrote since, or `by_admin` is no
                active admin any more.
        """


class Directory(Protocol):
    """Cognito."""

    def create(self, email: str, attributes: Mapping[str, str], password: str | None) -> str:
        """Create or find the user and give back the `sub`; without a password they are invited."""

    def tag(self, user_id: str, attributes: Mapping[str, str]) -> None:
        """Show attributes such as BusinessUnit and Quota on the user."""

    def set_enabled(self, user_id: str, *, enabled: bool) -> None:
        """Let the user sign in, or not and sign them out everywhere."""

    def has_second_factor(self, user_id: str) -> bool:
        """Whether every sign-in of the user asks for a code of an authenticator app."""

    def forget_second_factor(self, user_id: str) -> None:
        """Let the user sign in without a code, because the device is lost; then they enrol anew."""


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
