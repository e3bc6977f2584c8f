"""Lets the embedded AWS's services act with a role's permissions, as they do on AWS.

A service of AWS assumes the role it was given: the role's trust policy must name the service,
and every call is then checked against the role's policies. Calls to MiniStack itself go over
HTTP with the role's credentials, so its own IAM enforcement decides.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any


class RoleNotAssumable(Exception):  # noqa: N818
    """The role does not exist or its trust policy does not name the service."""


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials of a role, registered with MiniStack's STS."""

    principal_arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """What a process finds in its environment to call the embedded AWS as the role."""
        region = os.environ["AWS_REGION"]
        return {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


_session: ContextVar[RoleSession] = ContextVar("embedded_role_session")


def assume(
    role_arn: str, service: str, session_name: str, *, source_arn: str | None = None
) -> RoleSession:
    """Give a service a role's credentials.

    Args:
        role_arn: The role.
        service: The service's principal, such as `states.amazonaws.com`.
        session_name: What names the session in denials; letters, digits and `=,.@-`.
        source_arn: What the service works for, which trust policies know as `aws:SourceArn`.

    Raises:
        RoleNotAssumable: AWS would not let the service assume the role.
    """
    from ministack.services import sts

    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    _check_trust(account, name, role_arn, service, source_arn)
    digest = hashlib.sha256(f"{role_arn} {service} {session_name}".encode()).hexdigest()
    session = RoleSession(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        access_key_id=f"ASIA{digest[:16].upper()}",
        # Only this process knows the seed, so nobody else can sign as the role.
        secret_access_key=hashlib.sha256(f"secret {_seed()} {digest}".encode()).hexdigest(),
        session_token=hashlib.sha256(f"token {_seed()} {digest}".encode()).hexdigest(),
    )
    sts.register_session(
        session.access_key_id,
        {
            "Arn": session.principal_arn,
            "UserId": f"{name}:{session_name}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
        },
    )
    return session


def denial(
    session: RoleSession,
    action: str,
    resource: str,
    region: str,
    conditions: Mapping[str, str] | None = None,
) -> str | None:
    """Why a role may not do something, in AWS's words, or None if it may.

    Args:
        conditions: condition keys of the call with their values.
    """
    from ministack.core import iam_evaluator

    service = action.partition(":")[0]
    answer = iam_evaluator.enforce(
        session.access_key_id,
        action,
        service,
        region,
        resource_arn=resource,
        service_context=dict(conditions or {}),
    )
    if answer is None:
        return None
    return (
        f"User: {session.principal_arn} is not authorized to perform: {action} on resource: "
        f"{resource} because no identity-based policy allows the {action} action"
    )


@contextmanager
def acting_as(session: RoleSession) -> Iterator[None]:
    """Within this block (and this context), `client` calls with the session's credentials."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def client(service: str, region: str) -> Any:
    """A boto3 client of this very server, signing with the role of the current `acting_as`."""
    with _client_lock:
        return _client(service, region)


_client_lock = Lock()  # botocore's client creation is not thread-safe


@cache
def _client(service: str, region: str) -> Any:
    from botocore.config import Config

    return _sdk().create_client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        config=Config(
            # A workflow's Retry decides, nothing below it.
            retries={"total_max_attempts": 1},
            # States and workflows run side by side, each with calls of its own.
            max_pool_connections=64,
            read_timeout=300,
            proxies={},
            inject_host_prefix=False,
        ),
    )


@cache
def _sdk() -> Any:
    from botocore.session import Session

    session = Session()
    session._credentials = _RoleCredentials()  # noqa: SLF001 - botocore has no setter for a provider object
    return session


class _RoleCredentials:
    """Credentials for botocore that follow `acting_as`, so one client serves every role."""

    method = "embedded-role"
    account_id = None

    def get_frozen_credentials(self) -> Any:
        from botocore.credentials import ReadOnlyCredentials

        session = _session.get()
        return ReadOnlyCredentials(
            session.access_key_id, session.secret_access_key, session.session_token, None
        )

    def get_deferred_property(self, name: str) -> Any:
        return lambda: getattr(self, name, None)


def _check_trust(
    account: str, name: str, role_arn: str, service: str, source_arn: str | None
) -> None:
    from ministack.core import iam_evaluator
    from ministack.services import iam

    role = iam._roles.get_scoped(account, None, name)  # noqa: SLF001
    if role is None:
        raise RoleNotAssumable(f"The role {role_arn} does not exist.")
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=os.environ["AWS_REGION"],
        service_context={
            "aws:sourceaccount": account,
            **({"aws:sourcearn": source_arn} if source_arn else {}),
        },
    )
    answer = iam_evaluator.evaluate_resource_policy(_trust_policy(role), context, service=service)
    if answer.decision != "Allow":
        raise RoleNotAssumable(
            f"Neither the global service principal {service}, nor the regional one is authorized "
            f"to assume the provided role {role_arn}."
        )


def _trust_policy(role: dict[str, Any]) -> dict[str, Any]:
    """A role's trust policy as a resource policy, where each statement names its resource."""
    document = role["AssumeRolePolicyDocument"]
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return {**policy, "Statement": [{**statement, "Resource": "*"} for statement in listed]}


@cache
def _seed() -> str:
    return secrets.token_hex(16)


@cache
def available_services() -> tuple[str, ...]:
    """The services botocore has models of, by botocore's names."""
    return tuple(_sdk().get_available_services())
