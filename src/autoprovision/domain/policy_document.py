"""An approval policy as a document: its shape, its faults with pointers, its JSON Schema.

What a policy says of a request is in `policy.py`.
"""

import string
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from autoprovision.domain.canonical import digest
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.policy_conditions import (
    Check,
    Patterns,
    PolicyPart,
    When,
    matcher,
)
from autoprovision.domain.policy_facts import NAMED_VALUES

MOST_RULES = 500
MOST_WEIGHT = 1000
# rules / n / when / any / n / time / hours / from: nothing lies deeper in a policy.
_DEEPEST = 8
_LEVELS = ("oneApprover", "twoApprovers", "refuse")


def _reason(template: str) -> str:
    try:
        fields = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError:
        raise ValueError("A brace is left open; write a named value as {monthlyCost}.") from None
    for name, form, conversion in fields:
        if name not in NAMED_VALUES or form or conversion:
            known = ", ".join(sorted(NAMED_VALUES))
            raise ValueError(f"There is no named value {{{name}}}; there are {known}.")
    return template


Weight = Annotated[int, Field(strict=True, ge=0, le=MOST_WEIGHT)]
Level = Annotated[int, Field(strict=True, ge=1, le=MOST_RULES * MOST_WEIGHT + 1)]
Identifier = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Thresholds(PolicyPart):
    """From which summed weight on it takes people, or is refused. Equal levels skip the lower."""

    one_approver: Level
    two_approvers: Level
    refuse: Level


class Override(PolicyPart):
    """Other thresholds for some business units; the first override that names a unit holds.

    Attributes:
        units: patterns of business units.
        thresholds: the levels that differ.
    """

    class Levels(PolicyPart):
        """Levels that differ from the policy's own."""

        one_approver: Level | None = None
        two_approvers: Level | None = None
        refuse: Level | None = None

        @model_validator(mode="after")
        def _not_empty(self) -> Self:
            if not self.model_dump(exclude_none=True):
                raise ValueError("Name at least one threshold that differs.")
            return self

    units: Patterns
    thresholds: Levels


class Rule(PolicyPart):
    """One thing that makes a request weigh more.

    Attributes:
        id: unique in the policy; programs and people name the rule by it.
        reason: a sentence, with named values in braces.
        weight: added to the sum when every condition holds; 0 only tells.
        units: patterns of the business units it is for; all of them when left out.
    """

    id: Identifier
    reason: Annotated[
        str, Field(strict=True, min_length=1, max_length=300), AfterValidator(_reason)
    ]
    weight: Weight
    when: When
    units: Patterns | None = None


class ReadyRule(NamedTuple):
    """A rule, ready to run.

    Attributes:
        reads: the facts it looks at.
    """

    rule: Rule
    checks: tuple[Check, ...]
    groups: tuple[tuple[Check, ...], ...]
    reads: frozenset[str]
    is_for: Callable[[str], bool] | None

    def holds(self, seen: Mapping[str, Any]) -> bool:
        """Whether all conditions hold for the facts, and those of one group if there are any."""
        for fact, test in self.checks:
            if not test(seen[fact]):
                return False
        if not self.groups:
            return True
        return any(all(test(seen[fact]) for fact, test in group) for group in self.groups)


def _ready(rule: Rule) -> ReadyRule:
    checks = rule.when.checks()
    groups = tuple(group.checks() for group in rule.when.any_ or ())
    reads = frozenset(check.fact for part in (checks, *groups) for check in part)
    return ReadyRule(rule, checks, groups, reads, matcher(rule.units) if rule.units else None)


class Policy(PolicyPart):
    """An approval policy: rules that add weight, and thresholds on the sum.

    Attributes:
        version: what people call this state of the policy; the digest is what programs compare.
    """

    name: Identifier
    version: Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    description: Annotated[str, Field(strict=True, max_length=1000)] = ""
    thresholds: Thresholds
    overrides: Annotated[tuple[Override, ...], Field(max_length=100)] = ()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MOST_RULES)]

    @cached_property
    def digest(self) -> str:
        """Digest over the whole document; when it moves, open questions are asked anew."""
        return digest(self.document())

    @cached_property
    def ready(self) -> tuple[ReadyRule, ...]:
        """The rules, ready to run."""
        return tuple(_ready(rule) for rule in self.rules)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that works out its own digest and rules: a changed copy has others."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("digest", "ready"):
            copied.__dict__.pop(name, None)
        return copied

    def ready_for(self, unit: str) -> list[ReadyRule]:
        """The rules that are for a business unit, in the document's order."""
        return [one for one in self.ready if one.is_for is None or one.is_for(unit)]

    def thresholds_for(self, unit: str) -> Thresholds:
        """The thresholds that hold for a business unit."""
        for override in self.overrides:
            if matcher(override.units)(unit):
                return self.thresholds.with_(**override.thresholds.model_dump(exclude_none=True))
        return self.thresholds


def parse_policy(document: Any) -> Policy:
    """A policy from JSON or YAML that was read into plain values.

    Args:
        document: what the reader gave; its size is the caller's to bound.

    Raises:
        InvalidInputError: naming every fault, with JSON pointers into the document.
    """
    if not isinstance(document, Mapping):
        raise InvalidInputError([Fault("", "A policy is one object.", "NOT_AN_OBJECT")])
    faults = [*_faults_across(document), *_empty_values(document, (), set())]
    try:
        policy = Policy.model_validate(document)
    except ValidationError as error:
        faults += faults_within(error)
    if faults:
        raise InvalidInputError(sorted(faults, key=lambda fault: fault.pointer))
    return policy


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a policy document, made from the models that validate."""
    schema = _without_null(Policy.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(schema: Any) -> Any:
    """A key may be left out but not be empty, and the schema says so."""
    if isinstance(schema, list):
        return [_without_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: _without_null(value)
        for key, value in schema.items()
        if not (key == "default" and value is None)
    }
    kinds = [one for one in found.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1 and found.pop("anyOf"):
        return {**found, **kinds[0]}
    return found


def _empty_values(value: Any, path: tuple[str | int, ...], seen: set[int]) -> Iterator[Fault]:
    """Keys without a value: taken as left out they would make a rule hold for more than meant.

    What stands in several places is looked at once: YAML can fold a document that is endless.
    """
    if value is None:
        yield Fault(pointer(*path), f"{path[-1]} has no value; give one or delete the key.")
    if len(path) > _DEEPEST or id(value) in seen:
        return
    if isinstance(value, Mapping):
        seen.add(id(value))
        for key, member in value.items():
            yield from _empty_values(member, (*path, str(key)), seen)
    elif isinstance(value, list | tuple):
        seen.add(id(value))
        for index, member in enumerate(value):
            yield from _empty_values(member, (*path, index), seen)


def _faults_across(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults that lie between parts, looked for even when parts have faults of their own."""
    first: dict[str, int] = {}
    for index, rule in enumerate(_listed(document.get("rules"))):
        name = rule.get("id") if isinstance(rule, Mapping) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Fault(
                pointer("rules", index, "id"),
                f"The id {name!r} stands at {pointer('rules', first[name])} too.",
                "DUPLICATE_ID",
            )
    levels = document.get("thresholds")
    if not isinstance(levels, Mapping):
        return
    yield from _order_fault(levels, pointer("thresholds"))
    for index, override in enumerate(_listed(document.get("overrides"))):
        other = override.get("thresholds") if isinstance(override, Mapping) else None
        if isinstance(other, Mapping):
            at = pointer("overrides", index, "thresholds")
            yield from _order_fault({**levels, **other}, at)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _order_fault(levels: Mapping[str, Any], at: str) -> Iterator[Fault]:
    values = [levels.get(name) for name in _LEVELS]
    numbers = [value for value in values if type(value) is int]
    if len(numbers) == len(_LEVELS) and numbers != sorted(numbers):
        yield Fault(
            at,
            "The thresholds must rise: oneApprover ≤ twoApprovers ≤ refuse; here they are "
            f"{', '.join(str(number) for number in numbers)}.",
            "NOT_ORDERED",
        )


_CODES = {
    "missing": "MISSING",
    "extra_forbidden": "UNKNOWN_KEY",
    "invalid_key": "UNKNOWN_KEY",
    "model_type": "WRONG_TYPE",
    "tuple_type": "WRONG_TYPE",
}
_SENTENCES = {
    "missing": "{key} is needed.",
    "extra_forbidden": "There is no key {key!r} here.",
    "invalid_key": "There is no key {key!r} here.",
    "model_type": "{key} must be an object.",
    "tuple_type": "{key} must be a list.",
    "too_short": "{key} must have {min_length} members or more.",
    "too_long": "{key} must have {max_length} members or fewer.",
}


def faults_within(error: ValidationError) -> Iterator[Fault]:
    """Pydantic's findings as faults, in the words of policy documents."""
    found = error.errors(include_url=False, include_input=False)
    for one in found:
        kind, path = one["type"], one["loc"]
        inner = any(len(x["loc"]) > len(path) and x["loc"][: len(path)] == path for x in found)
        if kind == "too_short" and inner:
            continue  # it only counts the members that have no faults of their own
        key = str(path[-1]) if path else "the policy"
        code = _CODES.get(kind, "WRONG_TYPE" if kind.endswith("_type") else "INVALID_VALUE")
        at = pointer(*(part for part in path if part != "[key]"))
        yield Fault(at, _sentence(kind, key, one["msg"], one.get("ctx", {})), code)


def _sentence(kind: str, key: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**{**context, "key": key})
    words = message.removeprefix("Value error, ")
    for start in ("Input should", "String should"):
        if words.startswith(start):
            words = f"{key} must{words.removeprefix(start)}"
    return words.rstrip(".") + "."
