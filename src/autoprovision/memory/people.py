"""Users, sign-in and signatures without AWS."""

import base64
import hashlib
import hmac
import threading
import uuid
from collections.abc import Mapping, Sequence

from autoprovision.domain.errors import ConflictError, NotFoundError
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.domain.user import User
from autoprovision.memory.outside import Outside
from autoprovision.memory.pages import page
from autoprovision.ports import Page


class MemoryUsers:
    """The port `Users`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users: dict[str, User] = {}

    def get(self, user_id: str) -> User | None:
        """A user."""
        return self._users.get(user_id)

    def by_email(self, email: str) -> User | None:
        """A user by e-mail, in lower case."""
        with self._lock:
            found = (one for one in self._users.values() if one.email == email.lower())
            return next(found, None)

    def list(self, unit: str | None, *, limit: int, after: str | None = None) -> Page[User]:
        """Users of a unit, or all, in the order of their ids."""
        with self._lock:
            found = [one for one in self._users.values() if unit is None or one.unit == unit]
            return page(found, lambda one: one.id, limit=limit, after=after)

    def approvers(self, unit: str) -> Sequence[User]:
        """Active people who decide for a unit, admins included."""
        with self._lock:
            found = [one for one in self._users.values() if one.decides_for(unit)]
            return sorted(found, key=lambda one: one.id)

    def save(self, user: User) -> None:
        """Write the user."""
        with self._lock:
            self._users[user.id] = user.with_(email=user.email.lower())

    def add(self, user: User) -> None:
        """Write a user who is not there yet."""
        with self._lock:
            if user.id in self._users:
                raise ConflictError(f"{user.email} exists already.", code="USER_EXISTS", id=user.id)
            self.save(user)

    def replace(self, before: User, after: User, *, by_admin: str | None = None) -> User:
        """Write a user as changed from what was read."""
        with self._lock:
            standing = self._users.get(before.id)
            admin = self._users.get(by_admin) if by_admin else None
            if standing is None or standing.version != before.version:
                raise changed_meanwhile(f"user {before.email}")
            if by_admin and not (admin and admin.is_active_admin):
                raise changed_meanwhile(f"user {before.email}")
            written: User = after.with_(version=before.version + 1)
            self.save(written)
            return written


class MemoryDirectory:
    """The port `Directory`: who can sign in, with which attributes."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.people: dict[str, dict[str, str]] = {}
        self.enabled: dict[str, bool] = {}
        self.with_second_factor: set[str] = set()

    def create(self, email: str, attributes: Mapping[str, str], password: str | None) -> str:
        """Create or find the user and give back the `sub`."""
        address = email.lower()
        user_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address}"))
        self._outside.does("directory.create", address, "password" if password else "invitation")
        self.people.setdefault(user_id, {"email": address}).update(attributes)
        self.enabled.setdefault(user_id, True)
        return user_id

    def tag(self, user_id: str, attributes: Mapping[str, str]) -> None:
        """Show attributes on the user."""
        self._must_know(user_id)
        self._outside.does("directory.tag", user_id, dict(attributes))
        self.people[user_id].update(attributes)

    def set_enabled(self, user_id: str, *, enabled: bool) -> None:
        """Let the user sign in, or not."""
        self._must_know(user_id)
        self._outside.does("directory.set_enabled", user_id, enabled)
        self.enabled[user_id] = enabled

    def has_second_factor(self, user_id: str) -> bool:
        """Whether every sign-in of the user asks for a code."""
        self._must_know(user_id)
        return user_id in self.with_second_factor

    def forget_second_factor(self, user_id: str) -> None:
        """Let the user sign in without a code."""
        self._must_know(user_id)
        self._outside.does("directory.forget_second_factor", user_id)
        self.with_second_factor.discard(user_id)

    def _must_know(self, user_id: str) -> None:
        if user_id not in self.people:
            raise NotFoundError(f"There is no user {user_id}.")


class MemorySigner:
    """The port `Signer` by a keyed digest, which nobody outside this process can make."""

    KEY_ID = "memory-key"

    def __init__(self) -> None:
        self._key = uuid.uuid4().bytes

    def sign(self, payload: bytes) -> tuple[str, str]:
        """Signature in base64 and the key's id."""
        return base64.b64encode(self._mac(payload)).decode(), self.KEY_ID

    def verify(self, payload: bytes, signature: str, key_id: str) -> bool:
        """Whether the signature is of this payload."""
        try:
            given = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        return key_id == self.KEY_ID and hmac.compare_digest(given, self._mac(payload))

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()
