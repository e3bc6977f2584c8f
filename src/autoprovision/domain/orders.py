"""Who takes which order: no two blueprints of a catalog may answer to the same request."""

from collections.abc import Iterable

from autoprovision.domain.blueprint import Blueprint

Order = tuple[str, str, str]
"""Project type, tech stack (empty for none) and environment, as they are compared."""


def orders_of(manifest: Blueprint) -> set[Order]:
    """Every order that a blueprint takes."""
    found = set()
    for entry in manifest.serves:
        stacks = [*entry.tech_stacks, *([] if entry.tech_stack_needed else [""])]
        for environment in entry.environments:
            if environment in manifest.topologies:
                found |= {
                    (entry.project_type.lower(), stack.lower(), environment.value)
                    for stack in stacks
                }
    return found


def taken(manifest: Blueprint, others: Iterable[Blueprint]) -> list[str]:
    """A sentence for each order that another blueprint takes already."""
    mine = orders_of(manifest)
    return [
        f"{kind} with {stack or 'no stack'} in {environment} is taken by {other.id} already."
        for other in others
        if other.id != manifest.id
        for kind, stack, environment in sorted(mine & orders_of(other))
    ]
