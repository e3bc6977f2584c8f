"""The whole deployment, in an order in which every part finds what it needs.

What is kept (data) → code and definitions → the bounds of applications' roles → networks → what can
be ordered → the runbooks → what is replaceable (app) → the first admin. Each part is safe to
repeat, so a run that ended anywhere is simply run again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autoprovision.deployer import artifacts
from autoprovision.deployer.catalog import publish_catalog, read_catalog
from autoprovision.deployer.errors import DeployError
from autoprovision.deployer.first_admin import create_first_admin
from autoprovision.deployer.networks import (
    check_environments,
    check_function_network,
    deploy_networks,
    parameter_names,
)
from autoprovision.deployer.package import build_archive
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.deployer.stacks import (
    Change,
    Confirm,
    Say,
    StackPlan,
    deploy_stack,
    describe,
)
from autoprovision.deployer.templates import Template, read_template
from autoprovision.domain.public_addresses import PrivateHosts
from autoprovision.domain.request import TargetEnvironment

__all__ = ["Change", "DeployOptions", "Deployment", "deploy"]

_FILLED_IN_HERE = frozenset({"PlatformName", "CodeBucket", "CodeKey"})
_DEFINITION_KEY = "DefinitionKey"


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy and where.

    Attributes:
        parameters: values for parameters of infra/data.yaml and infra/app.yaml by name; one left
            left out keeps the value of the last deployment, or takes its default. `prod.Zones`
            is the parameter Zones of prod's network.
        networks: environments that shall have a network; those that have one keep it.
        admin_email: the first admin; also AdminEmail and SenderAddress when those are not set.
        admin_password: theirs at once, instead of an invitation by mail.
        local_runtime: the functions run in this very interpreter, which has their dependencies.
        cache: folder that keeps the functions' dependencies between runs.
    """

    region: str
    platform_name: str = "autoprovision"
    parameters: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    admin_email: str | None = None
    admin_password: str | None = field(default=None, repr=False)
    local_runtime: bool = False
    cache: Path | None = None


@dataclass(frozen=True)
class Deployment:
    """What stands after a deployment.

    Attributes:
        outputs: those of both stacks.
    """

    api_url: str
    user_pool_id: str
    user_pool_client_id: str
    region: str
    outputs: dict[str, str]


def deploy(
    clients: Callable[[str], Any],
    options: DeployOptions,
    *,
    say: Say,
    confirm: Confirm,
    sources: Sources | None = None,
) -> Deployment:
    """Deploy the platform, or bring it up to date.

    Args:
        clients: makes a boto3 client of a service, in the region of the options.
        say: is told what happens, a sentence at a time.
        confirm: is shown each stack's changes before they are made.
        sources: what to deploy; what belongs to this installation when None.

    Raises:
        DeployError: it could not go on; run again, it goes on from where it stopped.
    """
    found = sources or find_sources()
    run = _Run(clients, options, found, say, confirm)
    run.check()
    outputs = run.data_stack()
    keys = run.upload(outputs["ArtifactsBucketName"])
    run.boundary_stack()
    networks = run.network_stacks()
    publish_catalog(
        clients, found, platform_name=options.platform_name, region=options.region,
        bucket=outputs["CatalogBucketName"], parameters=run.parameters, networks=networks,
        say=say, confirm=confirm,
    )  # fmt: skip
    run.runbooks_stack()
    outputs |= run.app_stack(outputs["ArtifactsBucketName"], keys)
    if options.admin_email:
        create_first_admin(
            clients, user_pool_id=outputs["UserPoolId"], users_table=outputs["UsersTableName"],
            email=options.admin_email, password=options.admin_password, say=say,
        )  # fmt: skip
    return Deployment(
        api_url=outputs["ApiUrl"], user_pool_id=outputs["UserPoolId"],
        user_pool_client_id=outputs["UserPoolClientId"], region=options.region, outputs=outputs,
    )  # fmt: skip


class _Run:
    """One deployment with what all of its parts share."""

    def __init__(
        self, clients: Callable[[str], Any], options: DeployOptions, sources: Sources,
        say: Say, confirm: Confirm,
    ) -> None:  # fmt: skip
        self._clients, self._options, self._sources = clients, options, sources
        self._say, self._confirm = say, confirm
        self._data, self._app = sources.template("data"), sources.template("app")
        defaults = {"AdminEmail": options.admin_email} if options.admin_email else {}
        self.parameters: dict[str, str] = {**defaults, **options.parameters}

    def check(self) -> None:
        """Find what is wrong before anything is changed."""
        known = (_declared(self._data) | _declared(self._app)) - _FILLED_IN_HERE
        known = frozenset(name for name in known if not name.endswith(_DEFINITION_KEY))
        known |= parameter_names(self._sources.template("network"))
        if unknown := sorted(set(self.parameters) - known):
            raise DeployError(
                f"There is no parameter {', '.join(unknown)}.",
                f"There are {', '.join(sorted(known))}.",
            )
        check_environments(self._options.networks)
        _check_private_hosts(self.parameters.get("PrivateHosts", ""))
        read_catalog(self._sources)
        self._settle_sender()

    def _settle_sender(self) -> None:
        if "SenderAddress" in self.parameters:
            return
        if describe(self._clients("cloudformation"), self._name("app")) is not None:
            return
        if not self._options.admin_email:
            raise DeployError(
                "The platform has no address to send mail from.",
                "Set the parameter SenderAddress, or name an admin's e-mail address.",
            )
        self.parameters["SenderAddress"] = self._options.admin_email

    def data_stack(self) -> dict[str, str]:
        """What is kept."""
        return self._deploy("data", self._data, {}, None)

    def upload(self, bucket: str) -> dict[str, str]:
        """Code and definitions; gives the parameters of app.yaml that name them."""
        options, s3 = self._options, self._clients("s3")
        archive = build_archive(
            self._sources.package, self._sources.lock, cache=options.cache or _default_cache(),
            local_runtime=options.local_runtime, say=self._say,
        )  # fmt: skip
        if artifacts.upload_once(s3, bucket, archive.key, archive.content):
            self._say(f"Uploaded the functions' code ({len(archive.content) / 1e6:.1f} MB).")
        keys = {"CodeBucket": bucket, "CodeKey": archive.key}
        for path in self._sources.workflow_files():
            content = path.read_bytes()
            key = artifacts.digest_key("workflows", path.name, content)
            artifacts.upload_once(s3, bucket, key, content)
            keys[f"{path.name.partition('.')[0].capitalize()}{_DEFINITION_KEY}"] = key
        return keys

    def boundary_stack(self) -> None:
        """What a blueprint's service role may give an application at most."""
        self._deploy("boundary", self._sources.template("boundary"), {}, None)

    def network_stacks(self) -> tuple[TargetEnvironment, ...]:
        """What the applications of an environment share; gives the environments that have it."""
        cloudformation, name = self._clients("cloudformation"), self._options.platform_name
        standing = deploy_networks(
            cloudformation, self._sources.template("network"), self._options.networks,
            platform_name=name, parameters=self.parameters, say=self._say, confirm=self._confirm,
        )  # fmt: skip
        joined = self.parameters.get("FunctionNetwork")
        check_function_network(cloudformation, joined, platform_name=name)
        return standing

    def runbooks_stack(self) -> None:
        """What machines are operated by: a document and a role for each runbook."""
        self._deploy("runbooks", self._sources.runbooks_template(), {}, None)

    def app_stack(self, bucket: str, keys: Mapping[str, str]) -> dict[str, str]:
        """What can be replaced."""
        key = artifacts.digest_key("templates", "app.yaml", self._app)
        artifacts.upload_once(self._clients("s3"), bucket, key, self._app)
        url = f"https://s3.{self._options.region}.amazonaws.com/{bucket}/{key}"
        return self._deploy("app", self._app, keys, url)

    def _deploy(
        self, part: str, template: bytes, extra: Mapping[str, str], url: str | None
    ) -> dict[str, str]:
        platform = self._options.platform_name
        plan = StackPlan(
            name=self._name(part),
            template=template,
            parameters={**self.parameters, **extra, "PlatformName": platform},
            capabilities=("CAPABILITY_NAMED_IAM",),
            tags={"autoprovision:platform": platform},
            template_url=url,
        )
        return deploy_stack(
            self._clients("cloudformation"), plan, declared=_declared(template),
            say=self._say, confirm=self._confirm,
        )  # fmt: skip

    def _name(self, part: str) -> str:
        return f"{self._options.platform_name}-{part}"


def _declared(template: bytes) -> frozenset[str]:
    parsed: Template = read_template(template)
    return parsed.parameter_names


def _check_private_hosts(setting: str) -> None:
    try:
        PrivateHosts.parse(setting)
    except ValueError as error:
        raise DeployError(
            str(error), "Write it as `host=block`, such as git.example.edu=10.8.0.0/24."
        ) from None


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("autoprovision")


def with_parameters(options: DeployOptions, **parameters: str) -> DeployOptions:
    """The options with more parameters, which win over those that are there."""
    return replace(options, parameters={**options.parameters, **parameters})
