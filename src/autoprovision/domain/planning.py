"""From a template and the catalog to a plan's parts: parameters, life, price. Pure rules."""

from dataclasses import dataclass
from datetime import timedelta

from autoprovision.domain.blueprint import (
    TECH_STACK,
    Catalog,
    PublishedBlueprint,
    PublishMethod,
    Serves,
    Topology,
)
from autoprovision.domain.clock import duration_text, parse_duration
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.git_source import AllowedHosts, InvalidProjectURL, parse_project_url
from autoprovision.domain.plan import PriceLine
from autoprovision.domain.price import When, credits_of, price_lines, unpriced
from autoprovision.domain.request import RequestTemplate

_ASSIGNED = frozenset(
    {
        "application.id",
        "application.bucket",
        "application.number",
        "application.owner",
        "secret.arn",
    }
)


@dataclass(frozen=True)
class Resolved:
    """A template resolved against the catalog, before quota and policy are asked.

    Attributes:
        values: the blueprint's declared parameters, the silent ones with their defaults.
        parameters: what the stack is given.
    """

    blueprint: PublishedBlueprint
    topology: Topology
    values: dict[str, str]
    parameters: dict[str, str]
    assigned: dict[str, str]
    expires_after: str | None
    project_url: str | None
    price_lines: tuple[PriceLine, ...]
    unpriced: tuple[str, ...]

    @property
    def monthly_credits(self) -> int:
        """Whole credits a month."""
        return credits_of(self.price_lines)


@dataclass(frozen=True)
class Matched:
    """A template matched with the catalog: the blueprint that takes it, and what it takes."""

    blueprint: PublishedBlueprint
    topology: Topology
    values: dict[str, str]
    expires_after: str | None
    project_url: str | None


def matched(template: RequestTemplate, catalog: Catalog, allowed_hosts: AllowedHosts) -> Matched:
    """Match a template with the catalog.

    Raises:
        InvalidInputError: with a fault for everything that is wrong.
    """
    blueprint, faults = catalog.match(template)
    project_url, url_faults = _project_url(template, blueprint, allowed_hosts)
    faults += url_faults
    if blueprint is None:
        raise InvalidInputError(faults)
    topology = blueprint.manifest.topologies[template.TargetEnvironment]
    values, parameter_faults = _declared(template, blueprint)
    expires_after, expiry_faults = _expiry(template, topology)
    faults += parameter_faults + expiry_faults + _network(template, blueprint, catalog, values)
    if not parameter_faults:
        faults += _disagreements(template, blueprint, values)
    if faults:
        raise InvalidInputError(faults)
    return Matched(blueprint, topology, values, expires_after, project_url)


def resolve(
    template: RequestTemplate, catalog: Catalog, *, platform: dict[str, str], unit: str,
    allowed_hosts: AllowedHosts,
) -> Resolved:  # fmt: skip
    """Resolve a template, or name everything that stands in the way.

    Args:
        platform: the settings that a blueprint may use as `platform.<name>`.
        unit: the business unit that pays.

    Raises:
        InvalidInputError: with a fault for everything that is wrong.
    """
    fit = matched(template, catalog, allowed_hosts)
    blueprint, topology, values, project_url = (
        fit.blueprint,
        fit.topology,
        fit.values,
        fit.project_url,
    )
    sources = _sources(template, blueprint, project_url, values, platform, unit)
    parameters = dict(topology.parameters)
    assigned = {}
    for name, source in blueprint.manifest.stack_parameters.items():
        if source in _ASSIGNED:
            assigned[name] = source
        else:
            parameters[name] = sources[source]
    return Resolved(
        blueprint=blueprint, topology=topology, values=values, parameters=parameters,
        assigned=assigned, expires_after=fit.expires_after, project_url=project_url,
        price_lines=price_lines(
            blueprint.manifest.quantities(template.TargetEnvironment, values), catalog.prices
        ),
        unpriced=unpriced(blueprint.resources, topology.prices),
    )  # fmt: skip


def _network(
    template: RequestTemplate, blueprint: PublishedBlueprint, catalog: Catalog,
    values: dict[str, str],
) -> list[Fault]:  # fmt: skip
    """What CloudFormation would find out late: the network to import from is not there."""
    environment = template.TargetEnvironment
    if not blueprint.manifest.takes_network(values) or environment in catalog.networks:
        return []
    having = ", ".join(one.value for one in catalog.networks) or "none"
    sentence = (
        f"{blueprint.manifest.title}, as asked for, needs the network of {environment.value}, "
        f"which this platform does not have (it has {having}); an admin adds it with "
        f"`autoprovision deploy --network {environment.value}`."
    )
    return [Fault(pointer("TargetEnvironment"), sentence, "NO_NETWORK")]


def _disagreements(
    template: RequestTemplate, blueprint: PublishedBlueprint, values: dict[str, str]
) -> list[Fault]:
    """Parameters that are fine alone and not together, or not with the tech stack."""
    known = {TECH_STACK: _tech_stack(template, blueprint), **values}
    return [
        Fault(
            pointer("Parameters", name),
            f"With {_told(rule.when, known)} it has to be {_choice(rule.needs[name])}. {rule.why}",
            "UNFITTING_PARAMETER",
        )
        for rule in blueprint.manifest.rules
        for name in rule.broken(known)
    ]


def _told(when: When, values: dict[str, str]) -> str:
    return " and ".join(f"{name} {values[name] or 'empty'}" for name in when)


def _choice(values: tuple[str, ...]) -> str:
    return " or ".join(value or "empty" for value in values)


def source_names(declared: set[str], platform: set[str]) -> set[str]:
    """Every source that a manifest's `stackParameters` may name.

    Args:
        declared: the manifest's own `parameters`.
        platform: names of the platform's settings.
    """
    request = {f"request.{key}" for key in ("ApplicationName", "TargetEnvironment", "ProjectType",
                                            "TechStack", "ProjectURL", "BusinessUnit")}  # fmt: skip
    return (
        request | set(_ASSIGNED) | {"blueprint.id", "blueprint.version"}
        | {f"parameters.{name}" for name in declared} | {f"platform.{name}" for name in platform}
    )  # fmt: skip


def _sources(
    template: RequestTemplate, blueprint: PublishedBlueprint, project_url: str | None,
    values: dict[str, str], platform: dict[str, str], unit: str,
) -> dict[str, str]:  # fmt: skip
    entry = _entry(template, blueprint)
    return {
        "request.ApplicationName": template.ApplicationName,
        "request.TargetEnvironment": template.TargetEnvironment.value,
        # As the manifest writes them: a template's conditions know no other case.
        "request.ProjectType": entry.project_type,
        "request.TechStack": _tech_stack(template, blueprint),
        "request.ProjectURL": project_url or "",
        "request.BusinessUnit": unit,
        "blueprint.id": blueprint.manifest.id,
        "blueprint.version": blueprint.manifest.version,
        **{f"parameters.{name}": value for name, value in values.items()},
        **{f"platform.{name}": value for name, value in platform.items()},
    }


def _entry(template: RequestTemplate, blueprint: PublishedBlueprint) -> Serves:
    entry = blueprint.manifest.entry_of(template)
    assert entry is not None, "the catalog has matched it"  # noqa: S101
    return entry


def _tech_stack(template: RequestTemplate, blueprint: PublishedBlueprint) -> str:
    """As the manifest writes it; empty where the request names none."""
    return _entry(template, blueprint).stack_named(template.TechStack) or ""


def _project_url(
    template: RequestTemplate, blueprint: PublishedBlueprint | None, allowed: AllowedHosts
) -> tuple[str | None, list[Fault]]:
    needed = blueprint is None or blueprint.manifest.publish.method is not PublishMethod.NONE
    at = pointer("ProjectURL")
    if template.ProjectURL is None:
        if blueprint is not None and needed:
            return None, [Fault(at, "ProjectURL is needed.", "MISSING")]
        return None, []
    if not needed:
        return None, [
            Fault(
                at, "This blueprint runs a ready-made image and takes no ProjectURL.", "UNUSED_KEY"
            )
        ]
    try:
        source = parse_project_url(
            template.ProjectURL, allowed_hosts=allowed,
            with_private_key=template.PrivateKey is not None,
        )  # fmt: skip
    except InvalidProjectURL as error:
        return None, [Fault(at, str(error), "INVALID_PROJECT_URL")]
    return source.url, []


def values_of(template: RequestTemplate, blueprint: PublishedBlueprint) -> dict[str, str]:
    """The declared parameters of a template that was accepted once, as CloudFormation takes them.

    What a newer version of the blueprint does not take any more is left out.
    """
    return _declared(template, blueprint)[0]


def _declared(
    template: RequestTemplate, blueprint: PublishedBlueprint
) -> tuple[dict[str, str], list[Fault]]:
    declared = blueprint.manifest.parameters
    known = {name.lower(): name for name in declared}
    faults: list[Fault] = []
    given: dict[str, str] = {}
    for key, value in template.Parameters.items():
        at = pointer("Parameters", key)
        name = known.get(key.lower())
        if name is None or template.TargetEnvironment not in declared[name].environments:
            offered = ", ".join(sorted(declared)) or "none"
            faults.append(
                Fault(
                    at, f"This blueprint has no parameter {key!r}; it has {offered}.", "UNKNOWN_KEY"
                )
            )
            continue
        if name in given:
            faults.append(Fault(at, f"{name} stands twice.", "DUPLICATE_KEY"))
            continue
        try:
            given[name] = declared[name].text_of(value)
        except ValueError as error:
            faults.append(Fault(at, f"{name} {error}"))
            given[name] = ""
    for name, parameter in declared.items():
        if name in given:
            continue
        if parameter.default is None:
            faults.append(
                Fault(
                    pointer("Parameters", name),
                    f"{name} is needed: {parameter.description}",
                    "MISSING",
                )
            )
        else:
            given[name] = parameter.text_of(parameter.default)
    return given, faults


def _expiry(template: RequestTemplate, topology: Topology) -> tuple[str | None, list[Fault]]:
    asked = template.ExpiresAfter or topology.default_expiry
    if asked is None:
        return None, []
    span = parse_duration(asked)
    if span < timedelta(hours=1):
        return None, [Fault(pointer("ExpiresAfter"), "An application lives at least 1h.")]
    if topology.longest_expiry and span > parse_duration(topology.longest_expiry):
        return None, [
            Fault(pointer("ExpiresAfter"),
                  f"In {template.TargetEnvironment} an application lives at most "
                  f"{topology.longest_expiry}.", "TOO_LONG")
        ]  # fmt: skip
    return duration_text(span), []
