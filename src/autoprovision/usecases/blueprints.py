"""Blueprints: what can be ordered."""

from typing import Any

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.drift_reads import unseen
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.price import price_lines
from autoprovision.domain.request import TargetEnvironment
from autoprovision.ports import Platform
from autoprovision.usecases.quota_advice import credits_in


def list_blueprints(actor: Actor, platform: Platform) -> list[dict[str, Any]]:
    """All current blueprints with their types, stacks, environments and credits."""
    units_within(actor, "blueprint.list")
    catalog = platform.catalog.catalog()
    return [_shown(one, catalog) for one in catalog.blueprints]


def show(actor: Actor, blueprint_id: str, platform: Platform) -> dict[str, Any]:
    """One blueprint with its parameters and price lines. Raises NotFoundError."""
    units_within(actor, "blueprint.show")
    catalog = platform.catalog.catalog()
    published = catalog.by_id(blueprint_id)
    if published is None:
        raise NotFoundError(f"There is no blueprint {blueprint_id}.")
    manifest = published.manifest
    return {
        **_shown(published, catalog),
        "digest": published.digest,
        "certificate": published.certificate,
        "driftUnseen": unseen(set(published.resources.values())),
        "data": {name: one.document() for name, one in manifest.data.items()},
        "parameters": {
            name: one.model_dump(mode="json", by_alias=True, exclude_none=True)
            for name, one in manifest.parameters.items()
        },
        "topologies": {
            env.value: {
                "facts": one.facts,
                "defaultExpiry": one.default_expiry,
                "longestExpiry": one.longest_expiry,
                "priceLines": [
                    line.document()
                    for line in price_lines(manifest.quantities(env), catalog.prices)
                ],
                "options": _options(published, env, catalog),
            }
            for env, one in manifest.topologies.items()
        },
    }


def _options(
    published: PublishedBlueprint, environment: TargetEnvironment, catalog: Catalog
) -> list[dict[str, Any]]:
    """What a month costs with parameters that cost more than the default does."""
    manifest = published.manifest
    return [
        {
            "parameters": chosen,
            "monthlyCredits": credits_in(
                published, environment, catalog, manifest.defaults | chosen
            ),
        }
        for chosen in manifest.options(environment)
    ]


def _shown(published: PublishedBlueprint, catalog: Catalog) -> dict[str, Any]:
    manifest = published.manifest
    return {
        "id": manifest.id,
        "version": manifest.version,
        "title": manifest.title,
        "description": manifest.description,
        "projectTypes": list(dict.fromkeys(one.project_type for one in manifest.serves)),
        "techStacks": sorted({stack for one in manifest.serves for stack in one.tech_stacks}),
        "environments": [env.value for env in manifest.topologies],
        "monthlyCredits": {
            env.value: credits_in(published, env, catalog) for env in manifest.topologies
        },
        "publish": manifest.publish.method.value,
        "provenOn": manifest.proven_on,
    }
