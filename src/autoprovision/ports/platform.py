"""`Platform`, the bundle of all ports, and the settings that the rules need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from autoprovision.domain.working_days import WorkingCalendar
from autoprovision.ports.catalog import CatalogSource, SecretStore
from autoprovision.ports.findings import Findings, TaggedResources
from autoprovision.ports.operations import (
    Automations,
    MachineGroups,
    Machines,
    OperationFiles,
)
from autoprovision.ports.people import (
    ApprovalDesk,
    Chat,
    DeadLetters,
    Delegations,
    Directory,
    EventBus,
    Idempotency,
    Intake,
    Mailer,
    Operators,
    Signer,
    Users,
)
from autoprovision.ports.records import Records
from autoprovision.ports.workflow import (
    BuildFiles,
    Builds,
    ChangeSets,
    DriftDetection,
    Functions,
    Names,
    Services,
    Sites,
    SourceRepository,
    Stacks,
    UrlProbe,
    Waits,
    Workflows,
)


@dataclass(frozen=True)
class PlatformSettings:
    """What the rules need to know of the platform; all of it parameters of `infra/`.

    Attributes:
        certificate_arns: by environment, of us-east-1, for CloudFront; one without has no names.
        regional_certificate_arns: by environment, of the platform's region, for APIs.
        control_plane_only: blueprints whose stacks can be made here but not run.
    """

    name: str
    region: str
    sender: str
    allowed_git_hosts: str
    client_id: str = ""
    url_scheme: str = "https"
    domain_name: str = ""
    hosted_zone_id: str = ""
    certificate_arns: Mapping[str, str] = field(default_factory=dict)
    regional_certificate_arns: Mapping[str, str] = field(default_factory=dict)
    control_plane_only: frozenset[str] = frozenset()
    portal_url: str = ""
    calendar: WorkingCalendar = field(default_factory=WorkingCalendar)
    mfa_roles: frozenset[str] = frozenset()


class Platform(Protocol):
    """Everything outside, made when first used: a function only pays for what it touches."""

    @property
    def settings(self) -> PlatformSettings: ...
    @property
    def records(self) -> Records: ...
    @property
    def catalog(self) -> CatalogSource: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def workflows(self) -> Workflows: ...
    @property
    def stacks(self) -> Stacks: ...
    @property
    def names(self) -> Names: ...
    @property
    def change_sets(self) -> ChangeSets: ...
    @property
    def drift(self) -> DriftDetection: ...
    @property
    def findings(self) -> Findings: ...
    @property
    def tagged(self) -> TaggedResources: ...
    @property
    def waits(self) -> Waits: ...
    @property
    def approvals(self) -> ApprovalDesk: ...
    @property
    def delegations(self) -> Delegations: ...
    @property
    def chat(self) -> Chat: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def users(self) -> Users: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def events(self) -> EventBus: ...
    @property
    def operators(self) -> Operators: ...
    @property
    def source(self) -> SourceRepository: ...
    @property
    def sites(self) -> Sites: ...
    @property
    def probe(self) -> UrlProbe: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def builds(self) -> Builds: ...
    @property
    def build_files(self) -> BuildFiles: ...
    @property
    def functions(self) -> Functions: ...
    @property
    def services(self) -> Services: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def machine_groups(self) -> MachineGroups: ...
    @property
    def automations(self) -> Automations: ...
    @property
    def operation_files(self) -> OperationFiles: ...

    def now(self) -> datetime:
        """The present moment, UTC."""
