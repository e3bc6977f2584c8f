"""`MemoryPlatform`: every port without AWS, one clock, one diary. The engine of simulations."""

from datetime import datetime

from autoprovision.domain.blueprint import Catalog
from autoprovision.domain.policy import Policy
from autoprovision.memory.approvals import MemoryApprovalDesk
from autoprovision.memory.builds import (
    MemoryBuildFiles,
    MemoryBuilds,
    MemoryFunctions,
    MemoryServices,
)
from autoprovision.memory.calls import MemoryIdempotency, MemoryIntake
from autoprovision.memory.delegations import MemoryDeadLetters, MemoryDelegations
from autoprovision.memory.findings import MemoryFindings, MemoryTaggedResources
from autoprovision.memory.messages import MemoryChat, MemoryEventBus, MemoryMailer, MemoryOperators
from autoprovision.memory.names import MemoryNames
from autoprovision.memory.operations import (
    MemoryAutomations,
    MemoryMachineGroups,
    MemoryMachines,
    MemoryOperationFiles,
)
from autoprovision.memory.orders import MemoryCatalog, MemorySecrets
from autoprovision.memory.outside import START, Outside
from autoprovision.memory.people import MemoryDirectory, MemorySigner, MemoryUsers
from autoprovision.memory.records import MemoryRecords
from autoprovision.memory.stacks import MemoryChangeSets, MemoryDrift, MemoryStacks
from autoprovision.memory.workflow import (
    MemoryProbe,
    MemorySites,
    MemorySources,
    MemoryWaits,
    MemoryWorkflows,
)
from autoprovision.ports import PlatformSettings

SETTINGS = PlatformSettings(
    name="autoprovision",
    region="ap-southeast-1",
    sender="no-reply@example.edu",
    allowed_git_hosts="github.com",
)


class MemoryPlatform:
    """The port `Platform`; its members are the fakes themselves, so that tests can look inside."""

    def __init__(
        self, *, clock: datetime = START, settings: PlatformSettings = SETTINGS,
        catalog: Catalog | None = None, policy: Policy | None = None,
    ) -> None:  # fmt: skip
        self.outside = Outside(clock)
        self.settings = settings
        self.records = MemoryRecords()
        self.catalog = MemoryCatalog(catalog, policy)
        self.secrets = MemorySecrets(self.outside, platform_name=settings.name)
        self.workflows = MemoryWorkflows(self.outside)
        self.stacks = MemoryStacks()
        self.names = MemoryNames(self.outside, domain=settings.domain_name)
        self.change_sets = MemoryChangeSets(self.outside)
        self.drift = MemoryDrift(self.outside)
        self.findings = MemoryFindings()
        self.tagged = MemoryTaggedResources()
        self.waits = MemoryWaits()
        self.approvals = MemoryApprovalDesk()
        self.delegations = MemoryDelegations()
        self.chat = MemoryChat(self.outside)
        self.dead_letters = MemoryDeadLetters(self.outside)
        self.signer = MemorySigner()
        self.users = MemoryUsers()
        self.directory = MemoryDirectory(self.outside)
        self.mailer = MemoryMailer(self.outside)
        self.events = MemoryEventBus(self.outside)
        self.operators = MemoryOperators(self.outside)
        self.source = MemorySources(self.outside)
        self.sites = MemorySites(self.outside)
        self.probe = MemoryProbe(self.outside)
        self.intake = MemoryIntake()
        self.idempotency = MemoryIdempotency(self.outside)
        self.builds = MemoryBuilds(self.outside)
        self.build_files = MemoryBuildFiles(self.outside)
        self.functions = MemoryFunctions(self.outside)
        self.services = MemoryServices(self.outside)
        self.machines = MemoryMachines(self.outside)
        self.machine_groups = MemoryMachineGroups(self.outside)
        self.automations = MemoryAutomations(self.outside)
        self.operation_files = MemoryOperationFiles(self.outside)

    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return self.outside.clock
