"""Documents of Systems Manager: what is kept of them, and what is no runbook.

Checked is what CreateDocument refuses: the schema, steps without a name or an action, names that
stand twice, and ways to steps that are not there.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

# Systems Manager user guide, "Automation actions reference".
ACTIONS = frozenset(
    f"aws:{name}"
    for name in """
    approve assertAwsResourceProperty branch changeInstanceState copyImage createImage createStack
    createTags deleteImage deleteStack executeAutomation executeAwsApi executeScript
    executeStateMachine invokeLambdaFunction invokeWebhook loop pause runCommand runInstances sleep
    updateVariable waitForAwsResourceProperty
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)
_NAME = re.compile(r"^[a-zA-Z0-9_]{3,128}$")
_DOCUMENT_NAME = re.compile(r"^[a-zA-Z0-9_.-]{3,128}$")
_ARN_TYPE = "AWS::IAM::Role::Arn"
# API reference of StartAutomationExecution, "Parameters".
_MOST_PARAMETERS, _MOST_NAME, _MOST_VALUES, _MOST_VALUE = 200, 50, 50, 512


class OutOfBounds(Exception):  # noqa: N818
    """The service's own model refuses a request, before anything looks at the document."""


class InvalidDocument(Exception):  # noqa: N818
    """CreateDocument would refuse it."""


@dataclass
class Document:
    """A document with all of its versions, the first at 1."""

    name: str
    kind: str
    contents: list[dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        """The number of the newest version, which is the default one here."""
        return len(self.contents)

    def content(self, version: str) -> dict[str, Any]:
        """A version's content. Raises KeyError when there is no such version."""
        number = self.newest if version in {"", "$DEFAULT", "$LATEST"} else int(version)
        if not 1 <= number <= self.newest:
            raise KeyError(version)
        return self.contents[number - 1]


def read(name: str, kind: str, content: Any) -> dict[str, Any]:
    """A document's content, checked.

    Raises:
        InvalidDocument: with the reason.
    """
    if not _DOCUMENT_NAME.match(name):
        raise InvalidDocument(f"The name {name} is not one of a document")
    try:
        parsed = yaml.safe_load(content) if isinstance(content, str) else content
    except yaml.YAMLError as problem:
        raise InvalidDocument("The content is neither JSON nor YAML") from problem
    if kind != "Automation":
        raise InvalidDocument(f"Documents of the type {kind} are not kept here")
    if not isinstance(parsed, dict) or str(parsed.get("schemaVersion")) != "0.3":
        raise InvalidDocument("A runbook has the schemaVersion 0.3")
    _check_steps(parsed.get("mainSteps"))
    # What travels as JSON is what was meant: no dates, no tags of YAML.
    copied: dict[str, Any] = json.loads(json.dumps(parsed))
    return copied


def _check_steps(steps: Any) -> None:
    if not isinstance(steps, list) or not steps:
        raise InvalidDocument("A runbook has mainSteps")
    names = [str(step.get("name", "")) for step in steps]
    for step, name in zip(steps, names, strict=True):
        if not _NAME.match(name) or names.count(name) > 1:
            raise InvalidDocument(f"The step name '{name}' is not valid, or stands twice")
        if step.get("action") not in ACTIONS:
            raise InvalidDocument(f"There is no action {step.get('action')} (step {name})")
        ways = [str(step.get(way, "")).removeprefix("step:") for way in ("onFailure", "onCancel")]
        for way in [*ways, str(step.get("nextStep", ""))]:
            if way not in {"", "Abort", "Continue", *names}:
                raise InvalidDocument(f"The step {name} leads to {way}, which is not there")


def check_bounds(given: dict[str, list[str]]) -> None:
    """See that what an execution is given is within what the service's model allows.

    Raises:
        OutOfBounds: with the constraint.
    """
    if len(given) > _MOST_PARAMETERS:
        raise _out_of_bounds(f"length less than or equal to {_MOST_PARAMETERS}")
    for name, values in given.items():
        if not 1 <= len(name) <= _MOST_NAME:
            raise _out_of_bounds(f"keys of length 1 to {_MOST_NAME}")
        if len(values) > _MOST_VALUES:
            raise _out_of_bounds(f"no list longer than {_MOST_VALUES}")
        if any(not 1 <= len(value) <= _MOST_VALUE for value in values):
            raise _out_of_bounds(f"values of length 1 to {_MOST_VALUE}")


def _out_of_bounds(constraint: str) -> OutOfBounds:
    return OutOfBounds(
        f"1 validation error detected: Value at 'parameters' failed to satisfy constraint: "
        f"Member must have {constraint}"
    )


def parameters_of(content: dict[str, Any], given: dict[str, list[str]]) -> dict[str, Any]:
    """What a runbook runs with: what was given, by the declared type, and defaults.

    Raises:
        InvalidDocument: one is unknown, missing, or breaks a rule of its declaration.
    """
    declared = content.get("parameters", {})
    if unknown := sorted(set(given) - set(declared)):
        raise InvalidDocument(f"Parameters {unknown} are not declared in the document")
    values: dict[str, Any] = {}
    for name, one in declared.items():
        if name in given:
            values[name] = _value(name, one, given[name])
        elif "default" in one:
            values[name] = one["default"]
        else:
            raise InvalidDocument(f"Parameter {name} is needed and was not given")
    return values


def _value(name: str, declared: dict[str, Any], given: list[str]) -> Any:
    kind = str(declared.get("type", "String"))
    if kind == "StringList" or kind.startswith("List<"):
        if not declared.get("minItems", 0) <= len(given) <= declared.get("maxItems", len(given)):
            raise InvalidDocument(f"Parameter {name} has {len(given)} items")
        return list(given)
    if len(given) != 1:
        raise InvalidDocument(f"Parameter {name} takes one value")
    value = given[0]
    if kind == _ARN_TYPE and not value.startswith("arn:"):
        raise InvalidDocument(f"Parameter {name} is no ARN of a role")
    if declared.get("allowedValues") and value not in declared["allowedValues"]:
        raise InvalidDocument(f"Parameter {name} is none of {declared['allowedValues']}")
    pattern = declared.get("allowedPattern")
    if pattern and not re.search(pattern, value):
        raise InvalidDocument(f"Parameter {name} does not match {pattern}")
    if kind == "Boolean":
        return value.lower() == "true"
    return int(value) if kind == "Integer" else value
