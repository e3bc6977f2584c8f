"""What the rules need from outside, as Protocols, and `Platform`, the bundle of them.

Every port raises the errors of `domain.errors`, and `UnavailableError` for whatever the service
behind it does not answer. Every write is safe to repeat.
"""

from autoprovision.ports.catalog import CatalogSource, SecretStore
from autoprovision.ports.findings import Findings, TaggedResource, TaggedResources
from autoprovision.ports.operations import (
    Automations,
    MachineGroups,
    Machines,
    OperationFiles,
)
from autoprovision.ports.pages import Page
from autoprovision.ports.people import (
    ApprovalDesk,
    Begun,
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
from autoprovision.ports.platform import Platform, PlatformSettings
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

__all__ = [
    "ApprovalDesk",
    "Automations",
    "Begun",
    "BuildFiles",
    "Builds",
    "CatalogSource",
    "ChangeSets",
    "Chat",
    "DeadLetters",
    "Delegations",
    "Directory",
    "DriftDetection",
    "EventBus",
    "Findings",
    "Functions",
    "Idempotency",
    "Intake",
    "MachineGroups",
    "Machines",
    "Mailer",
    "Names",
    "OperationFiles",
    "Operators",
    "Page",
    "Platform",
    "PlatformSettings",
    "Records",
    "SecretStore",
    "Services",
    "Signer",
    "Sites",
    "SourceRepository",
    "Stacks",
    "TaggedResource",
    "TaggedResources",
    "UrlProbe",
    "Users",
    "Waits",
    "Workflows",
]
