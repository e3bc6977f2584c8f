"""What can be ordered, and secrets, without AWS."""

import threading
from collections.abc import Mapping

from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.errors import ConflictError, NotFoundError, UnavailableError
from autoprovision.domain.policy import Policy
from autoprovision.memory.outside import Outside
from autoprovision.memory.pages import page
from autoprovision.ports.pages import Page


class MemoryCatalog:
    """The port `CatalogSource`; `publish` puts a catalog in force and keeps its versions."""

    def __init__(self, catalog: Catalog | None = None, policy: Policy | None = None) -> None:
        self._catalog: Catalog | None = None
        self._versions: dict[tuple[str, str], PublishedBlueprint] = {}
        self._policies: dict[str, Policy] = {}
        self._policy = policy
        if policy is not None:
            self._policies[policy.version] = policy
        if catalog is not None:
            self.publish(catalog)

    def publish(self, catalog: Catalog) -> None:
        """Put a catalog in force."""
        self._catalog = catalog
        for one in catalog.blueprints:
            self._versions[one.manifest.id, one.manifest.version] = one

    def catalog(self) -> Catalog:
        """All current blueprints with the prices."""
        if self._catalog is None:
            raise UnavailableError("The catalog has no index.json; publish it.")
        return self._catalog

    def refresh(self) -> None:
        """Nothing is kept."""

    def version(self, blueprint_id: str, version: str) -> PublishedBlueprint:
        """One published version, current or not."""
        if (blueprint_id, version) not in self._versions:
            raise NotFoundError(f"There is no blueprint {blueprint_id} {version}.")
        return self._versions[blueprint_id, version]

    def policy(self) -> Policy:
        """The approval policy in force."""
        if self._policy is None:
            raise UnavailableError("The catalog has no policy.json; publish it.")
        return self._policy

    def publish_policy(self, policy: Policy, *, by: str, at: str) -> None:  # noqa: ARG002 - the port's
        """Put a policy in force and keep the one before."""
        kept = self._policies.setdefault(policy.version, policy)
        if kept.digest != policy.digest:
            raise ConflictError(
                f"Another policy was published as version {policy.version}; choose a new version.",
                code="VERSION_TAKEN",
            )
        self._policy = policy


class MemorySecrets:
    """The port `SecretStore`."""

    def __init__(self, outside: Outside, *, platform_name: str) -> None:
        self._lock = threading.RLock()
        self._outside = outside
        self._platform_name = platform_name
        self.kept: dict[str, dict[str, str]] = {}

    def put(self, request_id: str, secrets: Mapping[str, str]) -> str:
        """Keep a request's secrets; putting them again gives the same ARN."""
        self._outside.does("secrets.put", request_id)
        arn = (
            "arn:aws:secretsmanager:memory:123456789012:secret:"
            f"{self._platform_name}/requests/{request_id}-memory"
        )
        with self._lock:
            self.kept.setdefault(arn, dict(secrets))
        return arn

    def get(self, arn: str) -> dict[str, str]:
        """The secrets."""
        if arn not in self.kept:
            raise NotFoundError("The secrets of this request are forgotten.")
        return dict(self.kept[arn])

    def list(self, *, limit: int, after: str | None = None) -> Page[tuple[str, str]]:
        """The ARN of everything that is kept, with the request that it was kept for."""
        found = page(self.kept, lambda arn: arn, limit=limit, after=after)
        named = ((arn, arn.rpartition("/")[2].removesuffix("-memory")) for arn in found.items)
        return Page(tuple(named), found.next)

    def forget(self, arn: str) -> None:
        """Delete them at once; gone already is fine."""
        self._outside.does("secrets.forget", arn)
        with self._lock:
            self.kept.pop(arn, None)
