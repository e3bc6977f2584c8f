"""What can be ordered, and the secrets that come with an order."""

from collections.abc import Mapping
from typing import Protocol

from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.policy import Policy
from autoprovision.ports.pages import Page


class CatalogSource(Protocol):
    """What can be ordered, and the approval policy in force."""

    def catalog(self) -> Catalog:
        """All current blueprints with the prices; may be up to some seconds old."""

    def refresh(self) -> None:
        """Let the next reads see what is published now, for whoever decides on it."""

    def version(self, blueprint_id: str, version: str) -> PublishedBlueprint:
        """One published version, current or not. Raises NotFoundError."""

    def policy(self) -> Policy:
        """The approval policy in force."""

    def publish_policy(self, policy: Policy, *, by: str, at: str) -> None:
        """Put a policy in force and keep the one before."""


class SecretStore(Protocol):
    """Secrets by reference."""

    def put(self, request_id: str, secrets: Mapping[str, str]) -> str:
        """Keep a request's secrets; putting them again gives the same ARN."""

    def get(self, arn: str) -> dict[str, str]:
        """The secrets. Raises NotFoundError."""

    def list(self, *, limit: int, after: str | None = None) -> Page[tuple[str, str]]:
        """The ARN of everything that is kept, with the request that it was kept for; no secret."""

    def forget(self, arn: str) -> None:
        """Delete them at once; gone already is fine."""
