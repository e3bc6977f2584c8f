"""A decentralised application with a node of its own: asked about, made, asked by its page, ended."""

from typing import Any

import httpx
from tests.e2e.conftest import Person, World
from tests.e2e.test_approvals import decide, opened
from tests.e2e.test_builds import project
from tests.kit.chain import HEIGHT, chain


def rpc(network: dict[str, Any], method: str) -> dict[str, Any]:
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
    found: dict[str, Any] = httpx.post(network["rpcUrl"], json=question, timeout=60).json()
    return found


def approved(world: World, unit: str, ada: Person, wish: dict[str, Any]) -> dict[str, Any]:
    """The request, once two people have said yes to what it costs."""
    accepted = ada.post("/requests", wish)
    assert accepted.status_code == 202, accepted.text
    question = opened(ada, world, accepted.json()["id"])
    assert question["approversNeeded"] == 2
    for person in (world.person(unit, "approver"), world.admin):
        assert decide(person, question).status_code < 300
    return ada.wait(question["requestId"], seconds=150)


def test_its_page_asks_its_own_node(world: World, template, git):
    unit = world.unit(100_000)
    ada = world.person(unit, quota=None)
    wish = template(
        ProjectURL=git(project("dapp")), ProjectType="Dapp", TechStack="HTML",
        Parameters={"ChainId": 11155111},
    )  # fmt: skip
    without = ada.post("/plans", wish).json()
    wish["Parameters"]["Node"] = "managed"
    plan = ada.post("/plans", wish).json()
    assert (without["monthlyCredits"], plan["monthlyCredits"]) == (4, 31488)
    assert {one["resource"] for one in plan["priceLines"]} > {"NodeMachine", "Proxy", "Api"}
    assert without["approval"]["verdict"] == "AUTOMATIC"
    assert "takes two people" in " ".join(plan["approval"]["reasons"])
    unfitting = ada.post("/plans", {**wish, "Parameters": {"Node": "managed", "ChainId": 137}})
    assert unfitting.status_code == 400
    assert unfitting.json()["errors"][0]["pointer"] == "/Parameters/ChainId"

    done = approved(world, unit, ada, wish)
    assert done["status"] == "SUCCEEDED", done
    assert ada.get(f"/business-units/{unit}").json()["used"] == plan["monthlyCredits"]
    network = httpx.get(done["url"] + "/network.json").json()
    assert network["chainId"] == 11155111
    assert network["rpcUrl"].endswith("/rpc")
    functions = world.client("lambda")
    with chain() as node:
        # The embedded AWS starts no machine; this node stands where it would.
        functions.update_function_configuration(
            FunctionName=f"autoprovision-app-{done['applicationId']}-proxy",
            Environment={"Variables": {"NODE_URL": node.url}},
        )
        assert rpc(network, "eth_blockNumber")["result"] == HEIGHT
        assert rpc(network, "eth_sign")["error"]["code"] == -32601
        assert rpc(network, "admin_nodeInfo")["error"]["code"] == -32601
        assert node.asked == ["eth_blockNumber"]

    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"], seconds=150)["status"] == "SUCCEEDED"
    assert ada.get(f"/business-units/{unit}").json()["used"] == 0
    assert not [one for one in world.stacks() if wish["ApplicationName"] in one["StackName"]]
    names = [one["FunctionName"] for one in functions.list_functions()["Functions"]]
    assert not [one for one in names if done["applicationId"] in one]
    machines = world.client("ec2").describe_instances(
        Filters=[{"Name": "tag:autoprovision:application", "Values": [done["applicationId"]]}]
    )["Reservations"]
    states = {one["State"]["Name"] for each in machines for one in each["Instances"]}
    assert states <= {"terminated", "shutting-down"}
