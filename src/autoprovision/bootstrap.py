"""Joins the ports to their AWS adapters, each made when first used.

A function pays only for what it touches: adapters and clients are imported and made on first use,
and live as long as the function's environment does.
"""

import os
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from autoprovision.aws.clients import client
from autoprovision.domain.public_addresses import PrivateHosts
from autoprovision.domain.working_days import WorkingCalendar
from autoprovision.ports import PlatformSettings
from autoprovision.settings import Settings

if TYPE_CHECKING:
    from autoprovision import ports

# Below the timeout of the functions that publish, so that they end with a reason of their own.
_SETTLE_SECONDS = 480.0
# Where AWS keeps what belongs to no region.
_GLOBAL = "us-east-1"


class AwsPlatform:
    """The port `Platform` on AWS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def settings(self) -> PlatformSettings:
        given = self._settings
        return PlatformSettings(
            name=given.platform_name,
            region=given.aws_region,
            sender=given.sender_address,
            allowed_git_hosts=given.allowed_git_hosts,
            client_id=given.user_pool_client_id,
            url_scheme=given.url_scheme or "https",
            domain_name=given.domain_name,
            hosted_zone_id=given.hosted_zone_id,
            certificate_arns=_by_environment(given.certificate_arns),
            regional_certificate_arns=_by_environment(given.regional_certificate_arns),
            control_plane_only=frozenset(filter(None, given.control_plane_only.split(","))),
            portal_url=given.portal_url,
            calendar=WorkingCalendar.from_texts(
                expiry=given.approval_expiry,
                reminders=given.approval_reminders,
                escalation=given.approval_escalation,
                zone=given.approval_zone,
                holidays=given.approval_holidays,
            ),
            mfa_roles=frozenset(filter(None, given.mfa_roles.split(","))),
        )

    @cached_property
    def records(self) -> "ports.Records":
        from autoprovision.aws.records import DynamoRecords

        need = self._settings.need
        return DynamoRecords(
            client("dynamodb"),
            requests=need("requests_table"),
            applications=need("applications_table"),
            ledger=need("ledger_table"),
        )

    @cached_property
    def catalog(self) -> "ports.CatalogSource":
        from autoprovision.aws.catalog_bucket import CatalogBucket

        return CatalogBucket(client("s3"), bucket=self._settings.need("catalog_bucket"))

    @cached_property
    def secrets(self) -> "ports.SecretStore":
        from autoprovision.aws.secrets_manager import SecretsManagerStore

        return SecretsManagerStore(
            client("secretsmanager"), platform_name=self._settings.need("platform_name")
        )

    @cached_property
    def workflows(self) -> "ports.Workflows":
        from autoprovision.aws.step_functions import StepFunctions

        given = self._settings
        return StepFunctions(
            client("stepfunctions"),
            machines={
                "provision": given.provision_state_machine_arn,
                "terminate": given.terminate_state_machine_arn,
                "update": given.update_state_machine_arn,
                "operate": given.operate_state_machine_arn,
            },
        )

    @cached_property
    def stacks(self) -> "ports.Stacks":
        from autoprovision.aws.cloudformation import CloudFormationStacks

        return CloudFormationStacks(client("cloudformation"))

    @cached_property
    def names(self) -> "ports.Names":
        from autoprovision.aws.route53_names import Route53Names

        return Route53Names(
            client("route53"), zone_id=self._settings.need("hosted_zone_id"),
            domain=self._settings.need("domain_name"),
        )  # fmt: skip

    @cached_property
    def change_sets(self) -> "ports.ChangeSets":
        from autoprovision.aws.change_sets import CloudFormationChangeSets

        return CloudFormationChangeSets(client("cloudformation"))

    @cached_property
    def drift(self) -> "ports.DriftDetection":
        from autoprovision.aws.drift_detection import CloudFormationDrift

        return CloudFormationDrift(client("cloudformation"))

    @cached_property
    def findings(self) -> "ports.Findings":
        from autoprovision.aws.findings_table import FindingsTable

        return FindingsTable(client("dynamodb"), self._settings.need("findings_table"))

    @cached_property
    def tagged(self) -> "ports.TaggedResources":
        from autoprovision.aws.tagged_resources import TaggingApi

        return TaggingApi(
            client("resourcegroupstaggingapi"),
            client("resourcegroupstaggingapi", region=_GLOBAL),
        )

    @cached_property
    def waits(self) -> "ports.Waits":
        from autoprovision.aws.waits_table import WaitsTable

        return WaitsTable(client("dynamodb"), self._settings.need("waits_table"))

    @cached_property
    def approvals(self) -> "ports.ApprovalDesk":
        from autoprovision.aws.approvals_table import ApprovalsTable

        return ApprovalsTable(
            client("dynamodb"),
            self._settings.need("approvals_table"),
            kms=client("kms"),
            key_arn=self._settings.need("token_key_arn"),
        )

    @cached_property
    def delegations(self) -> "ports.Delegations":
        from autoprovision.aws.delegations_table import DelegationsTable

        return DelegationsTable(client("dynamodb"), self._settings.need("approvals_table"))

    @cached_property
    def chat(self) -> "ports.Chat":
        from autoprovision.aws.webhook import Webhook

        return Webhook(
            client("secretsmanager"), secret_arn=self._settings.need("approval_webhook_secret_arn"),
            may_call=self._private_hosts.may_call,
        )  # fmt: skip

    @cached_property
    def _private_hosts(self) -> PrivateHosts:
        return PrivateHosts.parse(self._settings.private_hosts)

    @cached_property
    def dead_letters(self) -> "ports.DeadLetters":
        from autoprovision.aws.dead_letters import ApprovalDeadLetters

        return ApprovalDeadLetters(
            client("sqs"),
            source=self._settings.need("approval_dead_letters_url"),
            target=self._settings.need("approval_queue_url"),
        )

    @cached_property
    def signer(self) -> "ports.Signer":
        from autoprovision.aws.kms_signer import KmsSigner

        return KmsSigner(client("kms"), key_arn=self._settings.need("signing_key_arn"))

    @cached_property
    def users(self) -> "ports.Users":
        from autoprovision.aws.users_table import UsersTable

        return UsersTable(client("dynamodb"), self._settings.need("users_table"))

    @cached_property
    def directory(self) -> "ports.Directory":
        from autoprovision.aws.cognito import CognitoDirectory

        return CognitoDirectory(
            client("cognito-idp"), user_pool_id=self._settings.need("user_pool_id")
        )

    @cached_property
    def mailer(self) -> "ports.Mailer":
        from autoprovision.aws.ses_mailer import SesMailer

        return SesMailer(
            client("sesv2", repeats=False),
            client("dynamodb"),
            table=self._settings.need("idempotency_table"),
            sender=self._settings.need("sender_address"),
        )

    @cached_property
    def events(self) -> "ports.EventBus":
        from autoprovision.aws.event_bus import EventBridgeBus

        return EventBridgeBus(client("events"), bus=self._settings.need("event_bus_name"))

    @cached_property
    def operators(self) -> "ports.Operators":
        from autoprovision.aws.sns_operators import SnsOperators

        return SnsOperators(client("sns"), topic_arn=self._settings.need("operators_topic_arn"))

    @cached_property
    def source(self) -> "ports.SourceRepository":
        from autoprovision.domain.git_source import AllowedHosts
        from autoprovision.source import GitRepository, Network

        return GitRepository(
            AllowedHosts.parse(self._settings.need("allowed_git_hosts")),
            network=Network(private_hosts=self._private_hosts),
        )

    @cached_property
    def sites(self) -> "ports.Sites":
        from autoprovision.aws.site_bucket import SiteBucket

        return SiteBucket(client("s3"), client("cloudfront"), settle_seconds=_SETTLE_SECONDS)

    @cached_property
    def probe(self) -> "ports.UrlProbe":
        from autoprovision.aws.http_probe import HttpProbe

        return HttpProbe()

    @cached_property
    def intake(self) -> "ports.Intake":
        from autoprovision.aws.intake_bucket import IntakeBucket

        return IntakeBucket(client("s3"), bucket=self._settings.need("intake_bucket"))

    @cached_property
    def idempotency(self) -> "ports.Idempotency":
        from autoprovision.aws.idempotency_table import IdempotencyTable

        return IdempotencyTable(client("dynamodb"), self._settings.need("idempotency_table"))

    @cached_property
    def builds(self) -> "ports.Builds":
        from autoprovision.aws.codebuild import CodeBuildBuilds

        return CodeBuildBuilds(
            client("codebuild"), client("logs"), project=f"{self._settings.platform_name}-build"
        )

    @cached_property
    def build_files(self) -> "ports.BuildFiles":
        from autoprovision.aws.builds_bucket import BuildsBucket

        return BuildsBucket(client("s3"), bucket=self._settings.need("builds_bucket"))

    @cached_property
    def functions(self) -> "ports.Functions":
        from autoprovision.aws.lambda_functions import LambdaFunctions

        return LambdaFunctions(
            client("lambda"), client("s3"), bucket=self._settings.need("builds_bucket")
        )

    @cached_property
    def services(self) -> "ports.Services":
        from autoprovision.aws.ecs_services import EcsServices

        return EcsServices(
            client("ecs"), client("logs"), client("ecr"), settle_seconds=_SETTLE_SECONDS
        )

    @cached_property
    def machines(self) -> "ports.Machines":
        from autoprovision.aws.ssm_machines import SsmMachines

        return SsmMachines(client("ssm"))

    @cached_property
    def machine_groups(self) -> "ports.MachineGroups":
        from autoprovision.aws.auto_scaling_groups import AutoScalingGroups

        return AutoScalingGroups(client("autoscaling"))

    @cached_property
    def automations(self) -> "ports.Automations":
        from autoprovision.aws.ssm_automations import SsmAutomations

        return SsmAutomations(client("ssm"), prefix=f"{self._settings.need('platform_name')}-")

    @cached_property
    def operation_files(self) -> "ports.OperationFiles":
        from autoprovision.aws.operations_bucket import OperationsBucket

        return OperationsBucket(
            client("s3"), bucket=self._settings.need("operations_bucket"),
            region=self._settings.need("aws_region"),
        )  # fmt: skip

    def now(self) -> datetime:
        return datetime.now(UTC)


def _by_environment(text: str) -> dict[str, str]:
    """`dev=…,prod=…` by environment, without those that are empty."""
    pairs = (one.partition("=") for one in text.split(","))
    return {environment: value for environment, _, value in pairs if value}


@cache
def platform() -> "ports.Platform":
    """The platform of this function's environment."""
    return AwsPlatform(Settings.from_env(os.environ))
