"""Asks every rule of a blueprint's folder."""

from dataclasses import dataclass, field
from pathlib import Path

from autoprovision.deployer.blueprint_pages import monthly_credits
from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.price_books import with_own_prices
from autoprovision.deployer.rules.data import data_findings
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder, read_folder
from autoprovision.deployer.rules.forbidden import declarations, forbidden_findings
from autoprovision.deployer.rules.images import image_findings
from autoprovision.deployer.rules.linters import Linter, exception_findings, lint
from autoprovision.deployer.rules.manifest import manifest_findings, parameter_findings
from autoprovision.deployer.rules.pages import pages_findings
from autoprovision.deployer.rules.prices import price_findings
from autoprovision.deployer.rules.recipe import recipe_findings
from autoprovision.deployer.rules.role import role_findings
from autoprovision.deployer.rules.secrets import secret_findings
from autoprovision.deployer.rules.template import template_findings
from autoprovision.domain.price import PriceBook

_CHECKS = (
    manifest_findings, parameter_findings, data_findings, price_findings, template_findings,
    secret_findings, forbidden_findings, exception_findings, role_findings, recipe_findings,
    image_findings, pages_findings,
)  # fmt: skip


@dataclass(frozen=True)
class Inspection:
    """What the rules say of a folder.

    Attributes:
        linters: the linters that were asked for; empty when none was.
    """

    folder: Folder
    findings: tuple[Finding, ...]
    linters: tuple[Linter, ...] = field(default=())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What has to be mended."""
        return tuple(one for one in self.findings if not one.warning)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth a look."""
        return tuple(one for one in self.findings if one.warning)

    @property
    def credits(self) -> dict[str, int]:
        """Credits a month of each environment."""
        if self.folder.manifest is None:
            return {}
        return {
            environment.value: monthly_credits(
                self.folder.manifest, environment, self.folder.prices
            )
            for environment in self.folder.manifest.topologies
        }

    @property
    def allowed(self) -> tuple[tuple[str, str, str], ...]:
        """What the author declared: resource, rule and comment."""
        if self.folder.template is None:
            return ()
        return tuple(
            (name, rule, comment)
            for name, resource in self.folder.template.section("Resources").items()
            for rule, comment in declarations(resource).items()
        )


def inspect(path: Path, prices: PriceBook, *, linters: bool) -> Inspection:
    """Ask every rule.

    Args:
        prices: what price lines may name, besides the folder's own prices.yaml.
        linters: whether cfn-lint and checkov are asked too; they take seconds.
    """
    try:
        folder = read_folder(path, with_own_prices(path, prices))
    except InvalidCatalogError as error:
        folder = read_folder(path, prices)
        folder.add("price-book", "prices.yaml", "", error.message)
    findings = [*folder.findings, *(one for check in _CHECKS for one in check(folder))]
    asked: list[Linter] = []
    if linters:
        more, asked = lint(folder)
        findings += more
    order = {name: index for index, name in enumerate(folder.files)}
    findings.sort(key=lambda one: (order.get(one.file, len(order)), one.file, one.line or 0))
    return Inspection(folder, tuple(dict.fromkeys(findings)), tuple(asked))
