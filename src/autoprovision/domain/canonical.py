"""One way to write a document, so that its digest means something."""

import hashlib
import json
from typing import Any


def canonical_json(document: Any) -> bytes:
    """The document with sorted keys and no spaces, in UTF-8."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(document: Any) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the canonical document."""
    return "sha256:" + hashlib.sha256(canonical_json(document)).hexdigest()
