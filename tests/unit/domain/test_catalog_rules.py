"""Planning against the catalog: the network that a stack imports from, and who takes which order."""

import pytest
from pydantic import ValidationError
from tests.workflow.world import catalog, manifest, published

from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.orders import orders_of, taken
from autoprovision.domain.planning import resolve
from autoprovision.domain.request import TargetEnvironment, parse_template

REQUEST = {
    "ApplicationName": "shop", "TargetEnvironment": "stag", "ProjectType": "Static",
    "ProjectURL": "github.com/acme/site", "ProjectEmail": "team@uni.edu",
}  # fmt: skip


def planned(networks: tuple[TargetEnvironment, ...], *, needs: bool):
    one = published(manifest(needsNetwork=needs))
    return resolve(
        parse_template(REQUEST), catalog(one).model_copy(update={"networks": networks}),
        platform={}, unit="cs", allowed_hosts=AllowedHosts.parse("github.com"),
    )  # fmt: skip


def test_a_stack_without_its_network_is_refused_before_cloudformation_is_asked():
    with pytest.raises(InvalidInputError) as refused:
        planned((TargetEnvironment.DEV,), needs=True)
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.code) == ("/TargetEnvironment", "NO_NETWORK")
    assert "it has dev" in fault.detail
    assert "autoprovision deploy --network stag" in fault.detail


def test_a_network_that_stands_or_is_not_needed_is_no_fault():
    assert planned((TargetEnvironment.STAG,), needs=True).blueprint
    assert planned((), needs=False).blueprint


NODE = {"type": "choice", "description": "A node.", "default": "none", "choices": ["none", "managed"]}  # fmt: skip
CHAIN = {"type": "integer", "description": "A chain.", "default": 1}
ADDRESS = {"type": "text", "description": "An address.", "default": "", "pattern": "[a-z:/.]*"}
WITH_NODE = {
    "parameters": {"Node": NODE, "ChainId": CHAIN, "RpcUrl": ADDRESS},
    "needsNetwork": {"Node": "managed"},
    "rules": [
        {"when": {"Node": "managed"}, "needs": {"ChainId": ["1", "5"]}, "why": "Others have none."},
        {"when": {"Node": "managed"}, "needs": {"RpcUrl": ""}, "why": "It has its own."},
    ],
}  # fmt: skip


def asked(*networks: TargetEnvironment, **parameters: object):
    return resolve(
        parse_template({**REQUEST, "Parameters": parameters}),
        catalog(published(manifest(**WITH_NODE))).model_copy(update={"networks": networks}),
        platform={}, unit="cs", allowed_hosts=AllowedHosts.parse("github.com"),
    )  # fmt: skip


def test_a_network_may_be_needed_with_some_parameters_only():
    assert asked().values["Node"] == "none"
    assert asked(TargetEnvironment.STAG, Node="managed").values["Node"] == "managed"
    with pytest.raises(InvalidInputError) as refused:
        asked(Node="managed")
    assert [one.code for one in refused.value.faults] == ["NO_NETWORK"]


def test_parameters_that_do_not_go_together_are_all_named():
    stag = TargetEnvironment.STAG
    assert asked(stag, Node="managed", ChainId=5)
    assert asked(stag, ChainId=137, RpcUrl="https://rpc.example.org")
    with pytest.raises(InvalidInputError) as refused:
        asked(stag, Node="managed", ChainId=137, RpcUrl="https://rpc.example.org")
    chain, address = refused.value.faults
    assert (chain.pointer, chain.code) == ("/Parameters/ChainId", "UNFITTING_PARAMETER")
    assert chain.detail == "With Node managed it has to be 1 or 5. Others have none."
    assert (address.pointer, address.detail) == (
        "/Parameters/RpcUrl", "With Node managed it has to be empty. It has its own.",
    )  # fmt: skip


STACKS = [{"projectType": "Static", "techStacks": ["Vue", "Node.js"]}]
OF_STACK = {"when": {"TechStack": "Node.js"}, "needs": {"Node": "none"}, "why": "It is one."}


@pytest.mark.parametrize("stack", ["Node.js", "nodejs", "NODE.JS"])
def test_a_parameter_may_not_go_with_a_tech_stack(stack: str):
    one = catalog(published(manifest(**{**WITH_NODE, "serves": STACKS, "rules": [OF_STACK]})))

    def planned_with(**changes: object):
        return resolve(
            parse_template(REQUEST | {"TargetEnvironment": "dev", "TechStack": stack} | changes),
            one.model_copy(update={"networks": tuple(TargetEnvironment)}),
            platform={}, unit="cs", allowed_hosts=AllowedHosts.parse("github.com"),
        )  # fmt: skip

    assert planned_with()
    assert planned_with(TechStack="vue", Parameters={"Node": "managed"})
    with pytest.raises(InvalidInputError) as refused:
        planned_with(Parameters={"Node": "managed"})
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.code) == ("/Parameters/Node", "UNFITTING_PARAMETER")
    assert fault.detail == "With TechStack Node.js it has to be none. It is one."


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": [OF_STACK]},
        {"serves": STACKS, "rules": [{**OF_STACK, "when": {"TechStack": "Hugo"}}]},
        {"serves": STACKS, "rules": [{**OF_STACK, "needs": {"TechStack": "Vue"}}]},
        {"serves": STACKS, "needsNetwork": {"TechStack": "Vue"}},
        {"needsNetwork": {"Nod": "managed"}}, {"needsNetwork": {"Node": "many"}}, {"needsNetwork": {}},
        {"rules": [{"when": {"Nod": "managed"}, "needs": {"RpcUrl": ""}, "why": "x"}]},
        {"rules": [{"when": {"Node": "managed"}, "needs": {"ChainId": "one"}, "why": "x"}]},
        {"rules": [{"when": {"Node": "managed"}, "needs": {"RpcUrl": "A"}, "why": "x"}]},
        {"rules": [{"when": {"Node": "managed"}, "needs": {"RpcUrl": ""}}]},
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_kept_is_a_fault(changes: dict[str, object]):
    with pytest.raises(ValidationError):
        Blueprint.model_validate(manifest(**{**WITH_NODE, **changes}))


def blueprint(**changes: object) -> Blueprint:
    return Blueprint.model_validate(manifest(**changes))


def test_an_order_is_taken_by_one_blueprint_only():
    serves = [{"projectType": "Dynamic", "techStacks": ["Flask"], "environments": ["dev", "prod"]}]
    one = blueprint(serves=serves)
    other = blueprint(id="another", serves=[{**serves[0], "environments": ["prod"]}])
    assert orders_of(one) == {("dynamic", "flask", "dev"), ("dynamic", "flask", "prod")}
    assert taken(other, [one]) == ["dynamic with flask in prod is taken by static-site already."]
    assert taken(one, [one]) == []
    assert taken(blueprint(id="another"), [one]) == []


BUILT = {"method": "build", "recipe": "buildspec.yaml"}
SERVES = [{"projectType": "Static", "techStacks": ["Hugo", "Jekyll"]}]


def test_a_built_stack_says_what_it_needs():
    stacks = {"Hugo": {"files": ["hugo.toml"], "tools": ["python3"]}, "Jekyll": {}}
    made = blueprint(serves=SERVES, publish={**BUILT, "stacks": stacks})
    assert made.publish.needed_by("Hugo").tools == ("python3",)
    with pytest.raises(ValueError, match="does not say what Jekyll need"):
        blueprint(serves=SERVES, publish={**BUILT, "stacks": {"Hugo": {}}})
    with pytest.raises(ValueError, match="names Eleventy, which it does not build"):
        blueprint(serves=SERVES, publish={**BUILT, "stacks": {**stacks, "Eleventy": {}}})
    with pytest.raises(ValueError, match="names Hugo, which it does not build"):
        blueprint(serves=SERVES, publish={"method": "none", "stacks": {"Hugo": {}}})
