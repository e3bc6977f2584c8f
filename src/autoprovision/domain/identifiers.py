"""Identifiers that sort by the time they were made."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """A new identifier.

    Args:
        prefix: `req`, `app`, `evt`, …

    Returns:
        The prefix, an underscore and a lower-case ULID.
    """
    return f"{prefix}_{str(ULID()).lower()}"


def application_id_of(request_id: str) -> str:
    """The application that a first request makes has the request's own ULID."""
    return "app_" + request_id.removeprefix("req_")


def stack_name(environment: str, application_name: str, request_id: str) -> str:
    """The name of the stack that one request launches.

    A failed create burns the name, so it carries the request.

    Returns:
        At most 3 + 5 + 40 + 1 + 10 characters, within CloudFormation's 128.
    """
    return f"ap-{environment}-{application_name}-{request_id[-10:]}"
