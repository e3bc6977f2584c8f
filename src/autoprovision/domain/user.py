"""A user as the users table keeps it; Cognito shows the same as attributes but decides nothing."""

from autoprovision.domain.actor import Actor, Role, SecondFactor, units_within
from autoprovision.domain.errors import ForbiddenError
from autoprovision.domain.resource import Resource


class User(Resource):
    """A person who may sign in.

    Attributes:
        id: the Cognito `sub`.
        status: ACTIVE or DISABLED.
        quota: the person's own limit in credits a month; None is no limit of their own.
        mfa_since: when the platform first saw their second factor; sign-ins since then had it.
        version: one more with every change, so that a late writer notices.
    """

    id: str
    email: str
    role: Role
    unit: str | None = None
    approves_for: tuple[str, ...] = ()
    status: str = "ACTIVE"
    quota: int | None = None
    mfa_since: str | None = None
    version: int = 0
    created_at: str
    updated_at: str

    def actor(self, second_factor: SecondFactor = SecondFactor.NOT_NEEDED) -> Actor:
        """The person as the one who asks."""
        return Actor(
            id=self.id, email=self.email, role=self.role, unit=self.unit,
            approves_for=self.approves_for, second_factor=second_factor,
        )  # fmt: skip

    @property
    def is_active_admin(self) -> bool:
        """Whether they run the platform at this moment."""
        return self.role is Role.ADMIN and self.status == "ACTIVE"

    def decides_for(self, unit: str) -> bool:
        """Whether they may decide on the requests of a business unit, and are active."""
        if self.status != "ACTIVE":
            return False
        try:
            units = units_within(self.actor(), "approval.decide")
        except ForbiddenError:
            return False
        return units is None or unit in units
