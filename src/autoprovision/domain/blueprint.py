"""A blueprint: one orderable thing. Its manifest is data; adding a blueprint is adding a folder.

`catalog/<id>/blueprint.yaml` holds the manifest, `template.yaml` the CloudFormation template.
Published, a version is immutable and named by its digest.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from autoprovision.domain.clock import Duration
from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.declared_parameter import DeclaredParameter, ParameterRule
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault
from autoprovision.domain.held_data import HeldData
from autoprovision.domain.price import PriceBook, Quantity, When, asked_for, holds
from autoprovision.domain.request import (
    RequestTemplate,
    TargetEnvironment,
)
from autoprovision.domain.resource import ManifestPart, Resource

# What a rule may ask for beside the declared parameters.
TECH_STACK = "TechStack"


class Serves(ManifestPart):
    """A project type and the tech stacks that this blueprint runs for it.

    Attributes:
        tech_stack_needed: whether a request must name one.
        environments: where, so that two blueprints can share a stack between the environments.
    """

    project_type: str
    tech_stacks: tuple[str, ...] = ()
    tech_stack_needed: bool = True
    environments: tuple[TargetEnvironment, ...] = tuple(TargetEnvironment)

    def stack_named(self, asked: str | None) -> str | None:
        """The tech stack as the manifest writes it, whatever the request's case and dots."""
        if asked is None:
            return None
        return next((known for known in self.tech_stacks if _same(known) == _same(asked)), None)


class PublishMethod(StrEnum):
    """How the project's code gets onto the stack."""

    FILES = "files"
    BUILD = "build"
    NONE = "none"


class PublishTarget(StrEnum):
    """What the code is put on: a site's bucket, Lambda functions, or a container service."""

    SITE = "site"
    FUNCTION = "function"
    SERVICE = "service"


class StackNeeds(ManifestPart):
    """What a tech stack needs so that its projects can be built.

    Attributes:
        files: what must be in the repository; `*` stands for one name, and of a list of names one
            must be there.
        tools: programs that the recipe calls, so that a home without them says so at once.
    """

    files: tuple[str | tuple[str, ...], ...] = ()
    tools: tuple[str, ...] = ()


class Publish(ManifestPart):
    """How code gets on it.

    Attributes:
        method: `files` copies the repository, `build` runs the recipe, `none` runs an image.
        target: what it is put on. `site` wants outputs SiteBucket and DistributionId, `function`
            FunctionName (or FunctionNames, comma separated), `service` ClusterName, ServiceName,
            RepositoryUri and BuildRoleArn.
        root: folders of the repository that may hold the site, the preferred first.
        needs: files that must be there whatever the stack, relative to the root.
        stacks: what each tech stack needs, for `build`.
        recipe: the build recipe (a CodeBuild buildspec) in the blueprint's folder, for `build`.
        image: build image for CodeBuild, for `build`.
        minutes: longest time it may take.
    """

    method: PublishMethod
    target: PublishTarget = PublishTarget.SITE
    root: tuple[str, ...] = ("",)
    needs: tuple[str, ...] = ()
    stacks: dict[str, StackNeeds] = Field(default_factory=dict)
    recipe: str | None = None
    image: str = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    minutes: Annotated[int, Field(ge=1, le=120)] = 5

    def needed_by(self, stack: str) -> StackNeeds:
        """What a tech stack, as the manifest writes it, needs."""
        return self.stacks.get(stack, StackNeeds())


class Topology(ManifestPart):
    """What one environment chooses.

    Attributes:
        parameters: stack parameters that the environment fixes.
        prices: the price lines; every resource of the template has one. A line with `when` counts
            only where the request's parameters are so.
        facts: what a reader compares: nodes, zones, backup, protection, …
        keeps: what outlives a resource when the application ends, and for how long, in words.
        default_expiry: how long an application lives when the request is silent; None is for ever.
        longest_expiry: the longest life that a request may ask for.
    """

    parameters: dict[str, str] = Field(default_factory=dict)
    prices: tuple[Quantity, ...]
    facts: dict[str, str] = Field(default_factory=dict)
    keeps: dict[str, str] = Field(default_factory=dict)
    default_expiry: Duration | None = None
    longest_expiry: Duration | None = None


class Blueprint(ManifestPart):
    """The manifest of a blueprint version.

    Attributes:
        stack_parameters: how the stack's parameters are filled: parameter name to a source among
            `request.<Key>`, `parameters.<Name>`, `platform.<setting>`, `blueprint.id`,
            `blueprint.version`, `application.id`, `application.bucket`,
            `application.number`, `application.owner`, `secret.arn`. Values are passed as
            parameters, never pasted.
        template_of: the blueprint whose template and service role it uses, so that two that differ
            in what is put on the stack share the stack; its own folder's when None.
        data: what resources hold and which changes lose it, by logical id, where their type does
            not tell.
        operations: what can be done with its machines, by name.
        domain: whether it takes a name in the platform's zone.
        rules: which values of parameters go together; refused at admission otherwise.
        needs: actions that CloudFormation has to be allowed for a resource type that the deployer
            does not know.
        needs_network: whether its stacks take from the network stack of their environment: always,
            or with these values of parameters.
        proven_on: which emulator its tests complete it on: `embedded` or `control plane only`.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    title: str
    description: str
    serves: Annotated[tuple[Serves, ...], Field(min_length=1)]
    publish: Publish
    template_of: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")] | None = None
    parameters: dict[str, DeclaredParameter] = Field(default_factory=dict)
    stack_parameters: dict[str, str]
    topologies: Annotated[dict[TargetEnvironment, Topology], Field(min_length=1)]
    capabilities: tuple[Literal["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"], ...] = ()
    kept_on_terminate: tuple[str, ...] = ()
    data: dict[str, HeldData] = Field(default_factory=dict)
    operations: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")], DeclaredOperation
    ] = Field(default_factory=dict)
    rules: tuple[ParameterRule, ...] = ()
    needs: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    needs_network: bool | When = False
    proven_on: Literal["embedded", "control plane only"] = "embedded"
    minutes_to_create: Annotated[int, Field(ge=1, le=720)] = 30
    expected_seconds: int = 120

    @model_validator(mode="after")
    def _recipe(self) -> Self:
        if (self.publish.method is PublishMethod.BUILD) != (self.publish.recipe is not None):
            raise ValueError("A recipe goes with the publish method build, and only with it.")
        return self

    @model_validator(mode="after")
    def _stacks(self) -> Self:
        built = self.publish.method is PublishMethod.BUILD
        served = {stack for one in self.serves for stack in one.tech_stacks} if built else set()
        named = set(self.publish.stacks)
        if missing := sorted(served - named):
            raise ValueError(f"publish.stacks does not say what {', '.join(missing)} need.")
        if unknown := sorted(named - served):
            raise ValueError(f"publish.stacks names {', '.join(unknown)}, which it does not build.")
        return self

    @model_validator(mode="after")
    def _conditions(self) -> Self:
        for topology in self.topologies.values():
            for line in topology.prices:
                if line.when is not None:
                    self._check(line.when, f"The price line of {line.resource}")
        for rule in self.rules:
            self._check(rule.when, "A rule", stacks=True)
            self._check(rule.needs, "A rule")
        if not isinstance(self.needs_network, bool):
            self._check(self.needs_network, "The need of a network")
        return self

    def _check(
        self, when: Mapping[str, tuple[str, ...]], whose: str, *, stacks: bool = False
    ) -> None:
        """Whether a condition can ever hold. Raises ValueError naming what cannot."""
        if not when:
            raise ValueError(f"{whose} has a condition without a parameter")
        takes: dict[str, Callable[[str], bool]] = {
            name: one.takes for name, one in self.parameters.items()
        }
        if stacks:
            served = {one for each in self.serves for one in each.tech_stacks}
            takes[TECH_STACK] = served.__contains__
        for name, wanted in when.items():
            if name not in takes:
                raise ValueError(f"{whose} depends on {name}, which is not among the parameters")
            if not wanted:
                raise ValueError(f"{whose} waits for {name} to be nothing")
            for value in wanted:
                if not takes[name](value):
                    raise ValueError(f"{whose} waits for {name} to be {value!r}, which it never is")

    @property
    def defaults(self) -> dict[str, str]:
        """The declared parameters of a request that is silent about them."""
        return {
            name: one.text_of(one.default)
            for name, one in self.parameters.items()
            if one.default is not None
        }

    def quantities(
        self, environment: TargetEnvironment, values: Mapping[str, str] | None = None
    ) -> tuple[Quantity, ...]:
        """The price lines that count in an environment.

        Args:
            values: the declared parameters of a request; its defaults when None.
        """
        given = self.defaults if values is None else values
        return asked_for(self.topologies[environment].prices, given)

    def takes_network(self, values: Mapping[str, str]) -> bool:
        """Whether a stack with these declared parameters takes from its environment's network."""
        needs = self.needs_network
        return needs if isinstance(needs, bool) else holds(needs, values)

    def options(self, environment: TargetEnvironment) -> tuple[dict[str, str], ...]:
        """The parameters other than the defaults that price lines of an environment wait for."""
        found: list[dict[str, str]] = []
        for line in self.topologies[environment].prices:
            when = line.when or {}
            for values in product(*when.values()):
                chosen = zip(when, values, strict=True)
                changed = {name: one for name, one in chosen if self.defaults.get(name) != one}
                if changed and changed not in found:
                    found.append(changed)
        return tuple(found)

    def serving(self, project_type: str) -> tuple[Serves, ...]:
        """The entries for a project type, whatever its case."""
        return tuple(one for one in self.serves if one.project_type.lower() == project_type.lower())

    def entry_of(self, template: RequestTemplate) -> Serves | None:
        """The entry that serves a request's project type, tech stack and environment."""
        return next(
            (
                one for one in self.serving(template.ProjectType)
                if _stack_fits(one, template.TechStack)
                and template.TargetEnvironment in _environments(self, one)
            ),
            None,
        )  # fmt: skip


class PublishedBlueprint(Resource):
    """A blueprint version in the catalog.

    Attributes:
        digest: over the manifest and every file of its folder that matters to a stack.
        template_url: S3 URL in the path style, its key holding the digest.
        role_arn: the CloudFormation service role that its stacks run under.
        recipe_key: key of the build recipe in the catalog bucket, for `build`.
        certificate: how many points of the rollback certificate were tested and hold, by workflow;
            None: it was not certified.
    """

    manifest: Blueprint
    digest: str
    template_url: str
    role_arn: str
    recipe_key: str | None = None
    resources: dict[str, str] = Field(default_factory=dict)
    build_project: str | None = None
    certificate: dict[str, Any] | None = None


class Catalog(Resource):
    """All blueprints that can be ordered now, with the prices and their version.

    Attributes:
        networks: the environments that have a network stack.
        added: blueprints that were published one by one; a deployment of the platform keeps them.
    """

    blueprints: tuple[PublishedBlueprint, ...]
    prices: PriceBook
    version: str
    networks: tuple[TargetEnvironment, ...] = ()
    added: tuple[str, ...] = ()

    def by_id(self, blueprint_id: str) -> PublishedBlueprint | None:
        """The current version of a blueprint."""
        return next((one for one in self.blueprints if one.manifest.id == blueprint_id), None)

    def match(self, template: RequestTemplate) -> tuple[PublishedBlueprint | None, list[Fault]]:
        """The blueprint for a project type, tech stack and environment.

        Returns:
            The blueprint and no faults, or the faults that say what is offered instead.
        """
        serving = [
            (one, entry)
            for one in self.blueprints
            for entry in one.manifest.serving(template.ProjectType)
        ]
        if not serving:
            types = sorted({s.project_type for one in self.blueprints for s in one.manifest.serves})
            sentence = f"There is no project type {template.ProjectType!r}; there are "
            return None, [
                Fault(
                    pointer("ProjectType"),
                    f"{sentence}{', '.join(types)}.",
                    "UNSUPPORTED_PROJECT_TYPE",
                )
            ]
        fitting = [(one, entry) for one, entry in serving if _stack_fits(entry, template.TechStack)]
        if not fitting:
            return None, [_stack_fault(template, [entry for _, entry in serving])]
        here = [
            one
            for one, entry in fitting
            if template.TargetEnvironment in _environments(one.manifest, entry)
        ]
        if not here:
            offered = sorted(
                {env.value for one, entry in fitting for env in _environments(one.manifest, entry)}
            )
            asked = f"{template.ProjectType} with {template.TechStack or 'no stack'}"
            return None, [
                Fault(
                    pointer("TargetEnvironment"),
                    f"{asked} is offered in {', '.join(offered)} only.",
                    "UNSUPPORTED_ENVIRONMENT",
                )
            ]
        return here[0], []


def _environments(manifest: Blueprint, entry: Serves) -> tuple[TargetEnvironment, ...]:
    return tuple(env for env in entry.environments if env in manifest.topologies)


def _same(stack: str) -> str:
    return re.sub(r"[^a-z0-9+#]", "", stack.lower())


def _stack_fits(entry: Serves, stack: str | None) -> bool:
    if stack is None:
        return not entry.tech_stack_needed
    return entry.stack_named(stack) is not None


def _stack_fault(template: RequestTemplate, entries: list[Serves]) -> Fault:
    stacks = sorted({stack for entry in entries for stack in entry.tech_stacks})
    offered = f"{template.ProjectType} is offered with {', '.join(stacks)}."
    if template.TechStack is None:
        return Fault(pointer("TechStack"), f"TechStack is needed: {offered}", "MISSING")
    return Fault(
        pointer("TechStack"), f"There is no stack {template.TechStack!r} here; {offered}",
        "UNSUPPORTED_TECH_STACK",
    )  # fmt: skip
