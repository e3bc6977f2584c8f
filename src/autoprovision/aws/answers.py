"""What AWS answers when it does not do what was asked, told apart once for all adapters."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name for "no connection", which is what is meant
    HTTPClientError,
)

from autoprovision.domain.errors import UnavailableError

# Too many calls of ours, by any service's name for it: nothing was done.
THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "Throttling",
        "ThrottlingException", "ThrottledException", "TooManyRequestsException", "SlowDown",
        "LimitExceededException", "TransactionInProgressException",
    }
)  # fmt: skip
# A key that is disabled, on its way out, or not ours to use: an operator's to mend.
_KEY_REFUSED = frozenset(
    {"AccessDenied", "AccessDeniedException", "DisabledException", "KMSInvalidStateException"}
)
_FIRST_SERVER_ERROR = 500


def code_of(error: ClientError) -> str:
    """AWS's code of an error, for example `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_outage(error: Exception) -> bool:
    """Whether the service did not answer, or answered that it cannot now."""
    if isinstance(error, ClientError):
        status: Any = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in THROTTLED or int(status) >= _FIRST_SERVER_ERROR
    return isinstance(error, ConnectionError | HTTPClientError)


@contextmanager
def answering(service: str) -> Iterator[None]:
    """Turn a service that does not answer into UnavailableError; let every other error be.

    Raises:
        UnavailableError: whether the call took effect is not known.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if not is_outage(error):
            raise
        raise UnavailableError(f"{service} does not answer now; try again.") from error


@contextmanager
def using_key() -> Iterator[None]:
    """The same for KMS, whose refusal of a key is as good as no answer until somebody mends it.

    Raises:
        UnavailableError: code KEY_UNAVAILABLE when the key is refused.
    """
    with answering("KMS"):
        try:
            yield
        except ClientError as error:
            if code_of(error) not in _KEY_REFUSED:
                raise
            raise UnavailableError(
                "A key of the platform cannot be used now; an operator has to look at KMS.",
                code="KEY_UNAVAILABLE",
            ) from error
