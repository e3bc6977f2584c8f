"""Identifiers that sort by the time they were made."""

from ulid import ULID

from autoprovision.domain.clock import iso


def new_id(prefix: str) -> str:
    """A new identifier.

    Args:
        prefix: `req`, `app`, `evt`, …

    Returns:
        The prefix, an underscore and a lower-case ULID.
    """
    return f"{prefix}_{str(ULID()).lower()}"


def made_at(identifier: str) -> str:
    """The moment that an identifier was made at; the beginning of time for what is none of ours."""
    try:
        return iso(ULID.from_str(identifier.rpartition("_")[2].upper()).datetime)
    except ValueError:
        return ""


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
