"""An authenticator app: codes of RFC 6238 from a secret."""

import base64
import hashlib
import hmac
import struct
import time

PERIOD_SECONDS = 30


def code(secret: str, *, at: float | None = None) -> str:
    """The six digits that the app shows at a moment, now by default."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = struct.pack(">Q", int((time.time() if at is None else at) // PERIOD_SECONDS))
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"
