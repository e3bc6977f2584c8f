"""What comes in without AWS: repeated calls under a key, and uploads."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ulid import ULID

from autoprovision.domain.errors import IdempotencyMismatchError, NotFoundError
from autoprovision.memory.outside import Outside
from autoprovision.ports import Begun

KEPT_SECONDS = 24 * 3600
LOCK_SECONDS = 60


@dataclass
class _Key:
    body_hash: str
    operation_id: str
    state: Literal["running", "done", "free"]
    lock_until: float
    expires_at: float
    answer: dict[str, Any] | None = None


class MemoryIdempotency:
    """The port `Idempotency`."""

    def __init__(self, outside: Outside) -> None:
        self._lock = threading.RLock()
        self._outside = outside
        self._keys: dict[str, _Key] = {}

    def begin(self, key: str, body_hash: str) -> Begun:
        """Claim the key, or give back what became of it."""
        with self._lock:
            now = self._outside.seconds()
            found = self._keys.get(key)
            if found is None or found.expires_at <= now:
                return self._claim(key, body_hash, now)
            if found.body_hash != body_hash:
                if found.state != "free":
                    raise IdempotencyMismatchError(
                        "This Idempotency-Key was used with another body; use a new one."
                    )
                return self._claim(key, body_hash, now)
            if found.state == "done":
                return Begun("done", found.operation_id, found.answer)
            if found.state == "running" and found.lock_until > now:
                return Begun("running", found.operation_id)
            found.state, found.lock_until = "running", now + LOCK_SECONDS
            return Begun("fresh", found.operation_id)

    def _claim(self, key: str, body_hash: str, now: float) -> Begun:
        operation_id = str(ULID()).lower()
        self._keys[key] = _Key(
            body_hash, operation_id, "running", now + LOCK_SECONDS, now + KEPT_SECONDS
        )
        return Begun("fresh", operation_id)

    def finish(self, key: str, answer: Mapping[str, Any] | None) -> None:
        """Keep the answer, or with None give the key free."""
        with self._lock:
            found = self._keys.get(key)
            if found is None:
                return
            if answer is None:
                found.state = "free"
            else:
                found.state, found.answer = "done", dict(answer)


class MemoryIntake:
    """The port `Intake`; whoever holds a presigned upload calls `upload`."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def presign(self, user_id: str, name: str) -> dict[str, Any]:
        """A form for one object under the uploader's own prefix."""
        key = f"intake/{user_id}/{name}"
        return {"url": "memory://intake", "fields": {"key": key}, "key": key, "expiresIn": 900}

    def upload(self, key: str, body: bytes) -> None:
        """Put an object, as the holder of the form would."""
        self._objects[key] = body

    def read(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """The object's first `limit` + 1 bytes and its ETag."""
        if key not in self._objects:
            raise NotFoundError(f"There is no upload {key}.")
        body = self._objects[key]
        return body[: limit + 1], hashlib.md5(body, usedforsecurity=False).hexdigest()
