"""The port `Signer` on KMS: decisions are signed by a key that nobody can take out."""

import base64
import binascii
import hashlib
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import code_of, using_key

_ALGORITHM = "ECDSA_SHA_256"
_NOT_OURS = frozenset(
    {"KMSInvalidSignatureException", "NotFoundException", "InvalidKeyUsageException"}
)


class KmsSigner:
    """Signs and verifies SHA-256 digests, so the payload may have any size."""

    def __init__(self, client: Any, *, key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn

    def sign(self, payload: bytes) -> tuple[str, str]:
        """Signature in base64 and the key's id."""
        with using_key():
            answer = self._client.sign(
                KeyId=self._key_arn, Message=hashlib.sha256(payload).digest(),
                MessageType="DIGEST", SigningAlgorithm=_ALGORITHM,
            )  # fmt: skip
        return base64.b64encode(answer["Signature"]).decode(), str(answer["KeyId"])

    def verify(self, payload: bytes, signature: str, key_id: str) -> bool:
        """Whether the signature is of this payload, by this key."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        with using_key():
            try:
                answer = self._client.verify(
                    KeyId=key_id, Message=hashlib.sha256(payload).digest(), MessageType="DIGEST",
                    Signature=raw, SigningAlgorithm=_ALGORITHM,
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) not in _NOT_OURS:
                    raise
                return False
        return bool(answer["SignatureValid"])
