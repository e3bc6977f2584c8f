"""Rules of secrets: none stands in a file, none is a plain parameter."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder, walk
from autoprovision.domain.document import pointer

_SECRET = re.compile(
    r"(password|passphrase|secretstring|secretkey|privatekey|accesskey|authtoken|apikey|"
    r"clientsecret|credential)s?$"
)
# What people paste by accident, whatever it is called.
_SHAPES = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a Stripe key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
}
_REFERENCE = "{{resolve:"


def secret_findings(folder: Folder) -> Iterator[Finding]:
    """Secrets in the template, the role, the recipe and what the manifest asks for."""
    for name, text in folder.texts.items():
        for what, shape in _SHAPES.items():
            if match := shape.search(text.decode("utf-8", "replace")):
                line = text[: match.start()].count(b"\n") + 1
                found = folder.found("secret-written", name, "", f"It looks like {what}.")
                yield replace(found, line=line)
    if folder.template is not None:
        yield from _parameters(folder, folder.template.section("Parameters"))
        yield from _values(folder, folder.template.section("Resources"))
    if folder.manifest is not None:
        for name in folder.manifest.parameters:
            if is_secret_name(name):
                at = pointer("parameters", name)
                detail = "A plan shows what users write here."
                yield folder.found("secret-shown", MANIFEST, at, detail)


def is_secret_name(name: str) -> bool:
    """Whether something of that name is a secret."""
    return bool(_SECRET.search(re.sub(r"[_-]", "", name).lower()))


def _parameters(folder: Folder, declared: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for name, one in declared.items():
        at = pointer("Parameters", name)
        hidden = one.get("NoEcho") in (True, "true")
        if hidden and one.get("Default"):
            detail = "The default of a hidden parameter is for everyone to read."
            yield folder.found("secret-default", folder.template_name, at, detail)
        if not hidden and is_secret_name(name) and one.get("Type", "String") == "String":
            detail = "Its name is a secret's, and CloudFormation shows its value."
            yield folder.found("secret-shown", folder.template_name, at, detail)


def _values(folder: Folder, resources: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for at, value in walk(resources, "/Resources"):
        if not isinstance(value, dict):
            continue
        for key, one in value.items():
            # {Name: DATABASE_PASSWORD, Value: …}, as containers and parameters take them.
            named = value.get("Name") if key == "Value" else key
            if isinstance(named, str) and is_secret_name(named) and _is_written(one):
                detail = f"{named} is written out."
                place = at + pointer(key)
                yield folder.found("secret-written", folder.template_name, place, detail)


def _is_written(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and _REFERENCE not in value
