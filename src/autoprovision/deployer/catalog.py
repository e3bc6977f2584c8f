"""Publishes the catalog: each blueprint version under its digest, then the index in one write.

A version is complete once its `blueprint.json` stands, and immutable from then on. The index is
what the platform reads; it is written last, and only over the index that was read.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autoprovision.deployer import artifacts
from autoprovision.deployer.blueprint_folder import (
    BlueprintFolder,
    read_blueprint_folder,
    yaml_document,
)
from autoprovision.deployer.errors import (
    DeployError,
    InvalidCatalogError,
    PublishedDifferentlyError,
)
from autoprovision.deployer.price_books import read_price_book, with_own_prices
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.deployer.stacks import Confirm, Say, StackPlan, deploy_stack, describe
from autoprovision.deployer.templates import read_template
from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.orders import taken
from autoprovision.domain.policy import parse_policy
from autoprovision.domain.price import PriceBook
from autoprovision.domain.request import TargetEnvironment

INDEX_KEY = "index.json"
POLICY_KEY = "policy.json"
POLICY_HISTORY = "policy/"


def read_catalog(sources: Sources) -> tuple[PriceBook, list[BlueprintFolder]]:
    """Read every blueprint's folder, so that faults show before anything is changed.

    Raises:
        InvalidCatalogError: naming the faults.
    """
    prices = read_price_book(sources.catalog / "prices.yaml")
    return prices, [read_blueprint_folder(folder, prices) for folder in sources.blueprint_folders()]


def publish_catalog(
    clients: Callable[[str], Any],
    sources: Sources,
    *,
    platform_name: str,
    region: str,
    bucket: str,
    parameters: Mapping[str, str],
    networks: tuple[TargetEnvironment, ...],
    say: Say,
    confirm: Confirm,
) -> Catalog:
    """Publish all blueprints with their service roles, the prices, and a first policy.

    What was published one by one stays, unless the sources have a blueprint of that id.

    Args:
        bucket: the catalog bucket.
        parameters: those of the platform; a role's template takes the ones it declares.
        networks: the environments that have a network.

    Raises:
        InvalidCatalogError: a folder has faults; nothing was published.
        PublishedDifferentlyError: a version was published with another content.
        DeployError: somebody else published at the same time.
    """
    prices, folders = read_catalog(sources)
    s3 = clients("s3")
    for folder in folders:
        _check_unchanged(s3, bucket, folder)
    published = []
    for folder in folders:
        role = _deploy_role(clients, folder, platform_name, parameters, say, confirm)
        published.append(_publish(s3, bucket, region, folder, role))
    before, etag = read_index(s3, bucket)
    ours = {one.manifest.id for one in published}
    kept = [one for one in _added(before) if one.manifest.id not in ours]
    catalog = index_of(
        (*published, *kept), _with_prices_of(kept, prices, before), networks,
        added=tuple(one.manifest.id for one in kept),
    )  # fmt: skip
    write_index(s3, bucket, catalog, etag, unless=before, say=say)
    _write_first_policy(s3, bucket, sources, say)
    return catalog


def publish_blueprint(
    clients: Callable[[str], Any],
    path: Path,
    *,
    platform_name: str,
    region: str,
    say: Say,
    confirm: Confirm,
) -> PublishedBlueprint:
    """Publish one blueprint's folder to a platform that stands.

    The folder is asked all that `blueprint validate` asks, the linters included where they are
    installed.

    Raises:
        InvalidCatalogError: the folder has faults, or another blueprint takes the same order;
            nothing was published.
        PublishedDifferentlyError: this version was published with another content.
        DeployError: there is no such platform, or somebody else published at the same time.
    """
    bucket, parameters = _standing(clients("cloudformation"), platform_name)
    s3 = clients("s3")
    before, etag = read_index(s3, bucket)
    if before is None:
        raise DeployError(f"{platform_name} has no catalog yet.", "Deploy the platform first.")
    ours = read_price_book(find_sources().catalog / "prices.yaml")
    folder = read_blueprint_folder(path, ours, linters=True)
    for sentence in folder.warnings:
        say(sentence)
    prices = with_own_prices(path, before.prices)
    name = folder.manifest.id
    if unknown := sorted(_prices_named_by(folder.manifest) - {"free", *prices.prices}):
        raise InvalidCatalogError(
            f"The platform has no price {', '.join(unknown)}; it may be older than this program.",
            "Deploy the platform again, or give the prices in the folder's prices.yaml.",
        )
    others = [one for one in before.blueprints if one.manifest.id != name]
    if sentences := taken(folder.manifest, [one.manifest for one in others]):
        lines = "".join(f"\n  {sentence}" for sentence in sentences)
        raise InvalidCatalogError(f"{name} takes orders of others:{lines}\n", "Change `serves`.")
    _check_unchanged(s3, bucket, folder)
    role = _deploy_role(clients, folder, platform_name, parameters, say, confirm)
    published = _publish(s3, bucket, region, folder, role)
    catalog = index_of(
        (*others, published), prices, before.networks, added=tuple({*before.added, name})
    )
    write_index(s3, bucket, catalog, etag, unless=before, say=say)
    return published


def _standing(cloudformation: Any, platform_name: str) -> tuple[str, dict[str, str]]:
    """The catalog bucket and the parameters of a platform that was deployed."""
    data = describe(cloudformation, f"{platform_name}-data")
    app = describe(cloudformation, f"{platform_name}-app")
    if data is None or app is None:
        raise DeployError(
            f"There is no platform {platform_name} in this account and region.",
            "Check --name and --region, or deploy it with `autoprovision deploy`.",
        )
    outputs = {one["OutputKey"]: one["OutputValue"] for one in data["Outputs"]}
    given = {one["ParameterKey"]: one["ParameterValue"] for one in app.get("Parameters", [])}
    return outputs["CatalogBucketName"], given


def _added(before: Catalog | None) -> list[PublishedBlueprint]:
    if before is None:
        return []
    return [one for one in before.blueprints if one.manifest.id in before.added]


def _with_prices_of(
    kept: list[PublishedBlueprint], prices: PriceBook, before: Catalog | None
) -> PriceBook:
    """The prices, and those that only what stays was published with."""
    if before is None or not kept:
        return prices
    used = {name for one in kept for name in _prices_named_by(one.manifest)}
    more = {name: one for name, one in before.prices.prices.items() if name in used}
    return prices.model_copy(update={"prices": more | prices.prices})


def _prices_named_by(manifest: Blueprint) -> set[str]:
    return {line.price for one in manifest.topologies.values() for line in one.prices}


def _check_unchanged(s3: Any, bucket: str, folder: BlueprintFolder) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=folder.version_prefix
    )
    for page in pages:
        for entry in page.get("Contents", []):
            key: str = entry["Key"]
            if key.endswith("/blueprint.json") and not key.startswith(folder.prefix):
                name = f"{folder.manifest.id} {folder.manifest.version}"
                raise PublishedDifferentlyError(
                    f"{name} was published with another content, and versions are immutable.",
                    f"Raise `version` in catalog/{folder.manifest.id}/blueprint.yaml.",
                )


def _deploy_role(
    clients: Callable[[str], Any], folder: BlueprintFolder, platform_name: str,
    parameters: Mapping[str, str], say: Say, confirm: Confirm,
) -> dict[str, str]:  # fmt: skip
    plan = StackPlan(
        name=f"{platform_name}-blueprint-{folder.manifest.id}",
        template=folder.role,
        parameters={
            **parameters,
            "PlatformName": platform_name,
            "BlueprintId": folder.manifest.id,
        },
        capabilities=("CAPABILITY_NAMED_IAM",),
        tags={"autoprovision:platform": platform_name},
    )
    declared = read_template(folder.role).parameter_names
    return deploy_stack(
        clients("cloudformation"), plan, declared=declared, say=say, confirm=confirm
    )


def _publish(
    s3: Any, bucket: str, region: str, folder: BlueprintFolder, role: Mapping[str, str]
) -> PublishedBlueprint:
    key = f"{folder.prefix}template.yaml"
    artifacts.upload_once(s3, bucket, key, folder.template)
    recipe_key = None
    if folder.recipe is not None:
        recipe_key = f"{folder.prefix}recipe"
        artifacts.upload_once(s3, bucket, recipe_key, folder.recipe)
    published = PublishedBlueprint(
        manifest=folder.manifest,
        digest=folder.digest,
        # Path style: AWS takes it, and it names no host of the bucket's own.
        template_url=f"https://s3.{region}.amazonaws.com/{bucket}/{key}",
        role_arn=role["RoleArn"],
        recipe_key=recipe_key,
        resources=folder.parsed.resources,
        build_project=role.get("BuildProject"),
        certificate=folder.certificate,
    )
    content = json.dumps(published.document(), indent=1).encode()
    artifacts.upload_once(s3, bucket, f"{folder.prefix}blueprint.json", content)
    return published


def index_of(
    blueprints: tuple[PublishedBlueprint, ...], prices: PriceBook,
    networks: tuple[TargetEnvironment, ...], *, added: tuple[str, ...] = (),
) -> Catalog:  # fmt: skip
    """The index of a catalog, under the digest of its content."""
    content = {
        "blueprints": [one.document() for one in blueprints],
        "prices": prices.document(),
        "networks": [one.value for one in networks],
    }
    return Catalog(
        blueprints=blueprints, prices=prices, version=digest(content), networks=networks,
        added=tuple(sorted(added)),
    )  # fmt: skip


def read_index(s3: Any, bucket: str) -> tuple[Catalog | None, str | None]:
    """The index that stands with its ETag; None and None before the first."""
    found = artifacts.read(s3, bucket, INDEX_KEY)
    return (None, None) if found is None else (Catalog.model_validate_json(found[0]), found[1])


def write_index(
    s3: Any, bucket: str, catalog: Catalog, etag: str | None, *, unless: Catalog | None, say: Say
) -> None:
    """Write the index over the one that was read, or not at all.

    Args:
        unless: the index that stands; the same again is not written.

    Raises:
        DeployError: it is another one by now.
    """
    if catalog == unless:
        say("Catalog: nothing changes.")
        return
    content = json.dumps(catalog.document(), indent=1).encode()
    if not artifacts.put_if_unchanged(s3, bucket, INDEX_KEY, content, etag):
        raise DeployError(
            "Somebody else published the catalog at the same time.", "Deploy again to see theirs."
        )
    names = ", ".join(f"{one.manifest.id} {one.manifest.version}" for one in catalog.blueprints)
    say(f"Catalog: published {names}.")


def _write_first_policy(s3: Any, bucket: str, sources: Sources, say: Say) -> None:
    """The policy that a new platform starts with; later ones come through the API."""
    path = sources.catalog / "policy.yaml"
    try:
        policy = parse_policy(yaml_document(path))
    except InvalidInputError as error:
        lines = "".join(f"\n  {fault.pointer}: {fault.detail}" for fault in error.faults)
        raise DeployError(f"{path.name} has faults:{lines}\n", "Mend them.") from error
    content = json.dumps(policy.document(), indent=1).encode()
    if artifacts.exists(s3, bucket, POLICY_KEY):
        return
    artifacts.upload_once(s3, bucket, f"{POLICY_HISTORY}{policy.version}.json", content)
    if artifacts.put_new(s3, bucket, POLICY_KEY, content):
        say(f"Policy: {policy.name} {policy.version} is in force.")
