"""Sample projects, built by their blueprints' recipes, answer on the embedded AWS.

Only what needs nothing from the internet: no npm, no package index.
"""

import hashlib
import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.catalog.recipes import PROJECTS, ROOT, RecipeFailedError, build, zipped
from tests.catalog.sockets import WebSocket
from tests.catalog.stacks import Workbench, get, release_onto
from tests.kit.chain import HEIGHT, chain

from autoprovision.aws.site_bucket import SiteBucket
from autoprovision.domain.git_source import SourceFile, SourceTree


def _environment(outputs: dict[str, str], stack: str) -> dict[str, str]:
    told = {f"OUTPUT_{name}": value for name, value in outputs.items()}
    return {"TECH_STACK": stack, "APPLICATION_NAME": "sample", "TARGET_ENVIRONMENT": "dev", **told}


def _tree(folder: Path) -> SourceTree:
    files: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            text, name = path.read_bytes(), path.relative_to(folder).as_posix()
            files[name] = SourceFile(name, len(text), False, "0" * 40, lambda text=text: text)
    return SourceTree("1" * 40, files)


def _publish(workbench: Workbench, outputs: dict[str, str], folder: Path) -> None:
    sites = SiteBucket(workbench.client("s3"), workbench.client("cloudfront"), sleep=lambda _: None)
    sites.publish(outputs, _tree(folder), root="")


def _end(workbench: Workbench, name: str, outputs: dict[str, str]) -> None:
    sites = SiteBucket(workbench.client("s3"), workbench.client("cloudfront"), sleep=lambda _: None)
    sites.unpublish(outputs["SiteBucket"])
    workbench.delete(name)


def test_the_static_sample_with_its_folder_and_its_404(workbench: Workbench):
    name, outputs = workbench.provision("static-site", "dev")
    _publish(workbench, outputs, ROOT / "examples" / "static-site")
    assert b"Tide tables" in get(outputs["Url"] + "/")[1]
    assert b"How the times are made" in get(outputs["Url"] + "/docs/")[1]
    status, page = get(outputs["Url"] + "/nowhere")
    assert (status, b"No such page" in page) == (404, True)
    _end(workbench, name, outputs)


def test_a_path_of_an_application_opens_its_page(workbench: Workbench, tmp_path: Path):
    (tmp_path / "index.html").write_text("<div id=root></div>")
    (tmp_path / "config.json").write_text('{"apiUrl": "https://api.example.edu/seats"}')
    name, outputs = workbench.provision("spa", "dev")
    assert outputs["ApiUrl"] == "https://api.example.edu/seats"
    _publish(workbench, outputs, tmp_path)
    assert get(outputs["Url"] + "/seats/42") == (200, b"<div id=root></div>")
    assert json.loads(get(outputs["Url"] + "/config.json")[1])["apiUrl"] == outputs["ApiUrl"]
    _end(workbench, name, outputs)


def test_a_decentralised_application_is_named_by_its_content(workbench: Workbench, tmp_path: Path):
    name, outputs = workbench.provision("dapp", "dev")
    release = build("dapp", PROJECTS / "dapp", tmp_path, _environment(outputs, "HTML"))
    _publish(workbench, outputs, release)
    content = json.loads(get(outputs["Url"] + "/content.json")[1])
    for path, digest in content["files"].items():
        assert hashlib.sha256(get(f"{outputs['Url']}/{path}")[1]).hexdigest() == digest
    listing = "".join(f"{digest}  {path}\n" for path, digest in sorted(content["files"].items()))
    assert hashlib.sha256(listing.encode()).hexdigest() == content["root"]
    assert json.loads(get(outputs["Url"] + "/network.json")[1])["chainId"] == 11155111
    _end(workbench, name, outputs)


def test_a_node_of_ones_own_answers_the_page_and_nobody_elses(workbench: Workbench, tmp_path: Path):
    """All but the machine, which the embedded AWS does not start: a node stands in its place."""
    workbench.network("dev")
    name, outputs = workbench.provision("dapp", "dev-node")
    release = build("dapp", PROJECTS / "dapp", tmp_path, _environment(outputs, "HTML"))
    _publish(workbench, outputs, release)
    network = json.loads(get(outputs["Url"] + "/network.json")[1])
    assert network["rpcUrl"] == outputs["RpcUrl"]
    functions = workbench.client("lambda")
    (function,) = [
        one["FunctionName"] for one in functions.list_functions()["Functions"]
        if one["FunctionName"].endswith("-proxy")
    ]  # fmt: skip
    with chain() as node:
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": {"NODE_URL": node.url}}
        )
        headers, found = _rpc(network["rpcUrl"], "eth_blockNumber", origin=outputs["Url"])
        assert found["result"] == HEIGHT
        assert headers["access-control-allow-origin"] == outputs["Url"]
        headers, found = _rpc(network["rpcUrl"], "eth_chainId", origin="https://example.org")
        assert int(found["result"], 16) == network["chainId"]
        assert headers.get("access-control-allow-origin") is None
        for refused in ("eth_sign", "admin_nodeInfo"):
            assert _rpc(network["rpcUrl"], refused)[1]["error"]["code"] == -32601
        assert node.asked == ["eth_blockNumber", "eth_chainId"]
    assert get(network["rpcUrl"])[0] == 404, "it takes POST only"
    _end(workbench, name, outputs)


def _rpc(url: str, method: str, *, origin: str = "") -> tuple[Any, dict[str, Any]]:
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    headers = {"content-type": "application/json"} | ({"origin": origin} if origin else {})
    with urllib.request.urlopen(
        urllib.request.Request(url, question, headers), timeout=60
    ) as answer:
        return answer.headers, json.loads(answer.read())


def test_people_of_a_room_hear_each_other(workbench: Workbench, tmp_path: Path):
    name, outputs = workbench.provision("realtime", "dev")
    release = build(
        "realtime", PROJECTS / "websocket", tmp_path, _environment(outputs, "WebSocket")
    )
    release_onto(workbench, outputs["FunctionName"], zipped(release))
    assert outputs["SocketUrl"].encode() in get(outputs["Url"] + "/")[1]
    ada, bob, eve = (
        WebSocket(f"{outputs['SocketUrl']}?room={room}") for room in ("blue", "blue", "red")
    )
    ada.send({"action": "say", "text": "hello"})
    assert ada.receive() == bob.receive() == {"text": "hello"}
    eve.send({"action": "say", "text": "nobody else here"})
    assert eve.receive() == {"text": "nobody else here"}
    for one in (ada, bob, eve):
        one.close()
    workbench.delete(name)


def test_offers_pass_within_a_room_and_not_to_strangers(workbench: Workbench, tmp_path: Path):
    name, outputs = workbench.provision("realtime", "stag")
    release = build("realtime", PROJECTS / "webrtc", tmp_path, _environment(outputs, "WebRTC"))
    release_onto(workbench, outputs["FunctionName"], zipped(release))
    ada, bob, eve = (
        WebSocket(f"{outputs['SocketUrl']}?room={room}") for room in ("blue", "blue", "red")
    )
    ada.send({"action": "hello"})
    (whom,) = ada.receive()["people"]
    eve.send({"action": "offer", "to": whom, "content": "stranger"})
    eve.send({"action": "hello"})
    assert eve.receive() == {"action": "people", "people": []}
    ada.send({"action": "offer", "to": whom, "content": {"sdp": "v=0"}})
    offer = bob.receive()
    assert (offer["action"], offer["content"]) == ("offer", {"sdp": "v=0"})
    bob.send({"action": "answer", "to": offer["from"], "content": {"sdp": "v=1"}})
    assert ada.receive()["content"] == {"sdp": "v=1"}
    for one in (ada, bob, eve):
        one.close()
    workbench.delete(name)


@pytest.mark.parametrize(
    ("blueprint", "stack", "fault"),
    [
        ("spa", "React", "no package.json"),
        ("static-generated", "Jekyll", "no Gemfile.lock"),
        ("static-generated", "Eleventy", "no recipe for Eleventy"),
        ("dapp", "HTML", "no index.html"),
        ("serverless-web", "Flask", "no requirements.txt"),
        ("serverless-web", "Node.js", "no package-lock.json"),
        ("realtime", "WebSocket", "no index.py"),
        ("web-service", "COBOL", "no recipe for COBOL"),
        ("web-service", "Django", "no requirements.txt"),
    ],
)
def test_a_project_that_does_not_fit_is_told_why(
    blueprint: str, stack: str, fault: str, tmp_path: Path
):
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").write_text("nothing else")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(RecipeFailedError, match=fault):
        build(
            blueprint,
            project,
            scratch,
            _environment({"RepositoryUri": "registry/x", "ChainId": "1"}, stack),
        )


def test_a_recipe_leaves_the_project_as_it_was(tmp_path: Path):
    outputs = {"ChainId": "1"}
    build("dapp", PROJECTS / "dapp", tmp_path, _environment(outputs, "HTML"))
    shutil.rmtree(tmp_path / "source" / ".release")
    left = {path.name for path in (tmp_path / "source").iterdir()}
    assert left == {path.name for path in (PROJECTS / "dapp").iterdir()}
