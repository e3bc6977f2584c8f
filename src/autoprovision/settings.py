"""Settings of the functions, from environment variables that `infra/app.yaml` gives them.

A function is only given what it needs, so a missing one is a fault when it is used, not before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields


class MissingSettingError(RuntimeError):
    """A function was deployed without an environment variable that it needs."""


@dataclass(frozen=True)
class Settings:
    """One field a variable: `requests_table` is `REQUESTS_TABLE`."""

    platform_name: str = ""
    requests_table: str = ""
    applications_table: str = ""
    ledger_table: str = ""
    approvals_table: str = ""
    users_table: str = ""
    waits_table: str = ""
    idempotency_table: str = ""
    findings_table: str = ""
    catalog_bucket: str = ""
    intake_bucket: str = ""
    builds_bucket: str = ""
    operations_bucket: str = ""
    provision_state_machine_arn: str = ""
    terminate_state_machine_arn: str = ""
    update_state_machine_arn: str = ""
    operate_state_machine_arn: str = ""
    user_pool_id: str = ""
    user_pool_client_id: str = ""
    signing_key_arn: str = ""
    token_key_arn: str = ""
    event_bus_name: str = ""
    operators_topic_arn: str = ""
    sender_address: str = ""
    domain_name: str = ""
    hosted_zone_id: str = ""
    certificate_arns: str = ""
    regional_certificate_arns: str = ""
    control_plane_only: str = ""
    url_scheme: str = ""
    allowed_git_hosts: str = ""
    private_hosts: str = ""
    portal_url: str = ""
    approval_webhook_secret_arn: str = ""
    approval_queue_url: str = ""
    approval_dead_letters_url: str = ""
    approval_expiry: str = ""
    approval_reminders: str = ""
    approval_escalation: str = ""
    approval_zone: str = ""
    approval_holidays: str = ""
    mfa_roles: str = ""
    aws_region: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Read them all; what is not there is empty."""
        return cls(**{one.name: environment.get(one.name.upper(), "") for one in fields(cls)})

    def need(self, name: str) -> str:
        """A setting that must be there.

        Raises:
            MissingSettingError: naming the variable.
        """
        value: str = getattr(self, name)
        if not value:
            raise MissingSettingError(f"The environment variable {name.upper()} is not set.")
        return value
