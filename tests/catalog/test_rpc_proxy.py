"""What stands in front of a decentralised application's node: what it lets through, and nothing more."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.catalog.test_folders import FOLDERS, document
from tests.kit.chain import HEIGHT, Chain, chain

Ask = Callable[[Any], Any]


def _code() -> str:
    (folder,) = [one for one in FOLDERS if one.manifest.id == "dapp"]
    return str(document(folder)["Resources"]["Proxy"]["Properties"]["Code"]["ZipFile"])


@pytest.fixture
def node() -> Iterator[Chain]:
    with chain() as found:
        yield found


@pytest.fixture
def send(node: Chain, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The function of the template, in front of the node; gives its HTTP answer."""
    monkeypatch.setenv("NODE_URL", node.url)
    # A proxy of the environment is not for the node.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    space: dict[str, Any] = {}
    exec(compile(_code(), "index.py", "exec"), space)  # noqa: S102

    def call(body: str | bytes) -> dict[str, Any]:
        event = {"body": body}
        if isinstance(body, bytes):
            event = {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        found: dict[str, Any] = space["handler"](event, None)
        return found

    return call


@pytest.fixture
def ask(send: Callable[..., dict[str, Any]]) -> Ask:
    def call(asked: Any) -> Any:
        answer = send(asked if isinstance(asked, str | bytes) else json.dumps(asked))
        assert answer["headers"]["content-type"] == "application/json"
        return json.loads(answer["body"])

    return call


def rpc(method: Any, params: Any = (), name: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": name, "method": method, "params": list(params)}


def fault(found: dict[str, Any]) -> tuple[Any, int]:
    assert set(found) == {"jsonrpc", "id", "error"}
    assert set(found["error"]) == {"code", "message"}
    return found["id"], found["error"]["code"]


def test_it_fits_into_a_template():
    assert len(_code()) <= 4096, "CloudFormation took no more for years"


def test_a_question_of_the_list_is_answered(ask: Ask, node: Chain):
    assert ask(rpc("eth_blockNumber", name="a")) == {"jsonrpc": "2.0", "id": "a", "result": HEIGHT}
    assert ask(json.dumps(rpc("eth_chainId")).encode())["result"] == "0xaa36a7"
    # No result is a result.
    assert ask(rpc("eth_getTransactionReceipt", ["0x1"]))["result"] is None
    assert node.asked == ["eth_blockNumber", "eth_chainId", "eth_getTransactionReceipt"]


@pytest.mark.parametrize(
    "method",
    ["eth_sign", "eth_accounts", "eth_sendTransaction", "eth_subscribe", "eth_newFilter", "admin_nodeInfo",
     "admin_addPeer", "debug_traceCall", "personal_unlockAccount", "miner_start", "txpool_content",
     "engine_newPayloadV3", "ETH_CALL", "eth_call ", "", "rpc_modules"],
)  # fmt: skip
def test_what_is_not_on_the_list_does_not_reach_the_node(ask: Ask, node: Chain, method: str):
    assert fault(ask(rpc(method, name=7))) == (7, -32601)
    assert node.asked == []


def test_only_what_a_call_is_made_of_reaches_the_node(ask: Ask, node: Chain):
    ask(rpc("eth_getLogs", [{"fromBlock": "0x1"}]) | {"jsonrpc": "1.0", "apikey": "x"})
    sent = {"jsonrpc": "2.0", "id": 0, "method": "eth_getLogs", "params": [{"fromBlock": "0x1"}]}
    assert node.calls == [sent]


def test_a_batch_keeps_its_order_and_its_names(ask: Ask, node: Chain):
    found = ask([
        rpc("eth_chainId", name="same"), rpc("eth_sign", name=2), rpc("eth_blockNumber", name="same"),
        "nonsense",
    ])  # fmt: skip
    assert [one.get("result") for one in found] == ["0xaa36a7", None, HEIGHT, None]
    assert [one["id"] for one in found] == ["same", 2, "same", None]
    assert [fault(found[1])[1], fault(found[3])[1]] == [-32601, -32600]
    assert node.asked == ["eth_chainId", "eth_blockNumber"]


@pytest.mark.parametrize("calls", [[], [rpc("eth_chainId")] * 21])
def test_a_batch_has_its_limits(ask: Ask, node: Chain, calls: list[Any]):
    assert fault(ask(calls)) == (None, -32600)
    assert node.asked == []
    assert len(ask([rpc("eth_chainId")] * 20)) == 20


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", -32700), ("{", -32700), (b"\xff\xfe\xfd", -32700), ("[" * 50_000, -32700),
        ("null", -32600), ("7", -32600), ('"eth_chainId"', -32600), ("{}", -32600),
        ('{"id": true, "method": "eth_chainId"}', -32600),
        ('{"id": null, "method": "eth_chainId"}', -32600),
        ('{"method": "eth_chainId"}', -32600), ('{"id": {}, "method": "eth_chainId"}', -32600),
        ('{"id": 1, "method": ["eth_chainId"]}', -32601), ('{"id": 1, "method": {}}', -32601),
        ('{"id": 1}', -32601), ('{"id": 1, "method": "eth_call", "params": {"a": 1}}', -32602),
        ('{"id": 1, "method": "eth_call", "params": "a"}', -32602),
    ],
)  # fmt: skip
def test_what_is_no_question_is_told_so(ask: Ask, node: Chain, body: str | bytes, code: int):
    assert fault(ask(body))[1] == code
    assert node.asked == []


def test_a_question_that_is_too_long_is_refused(send: Callable[..., dict[str, Any]], node: Chain):
    answer = send(json.dumps(rpc("eth_sendRawTransaction", ["0x" + "00" * 70_000])))
    assert answer["statusCode"] == 413
    assert fault(json.loads(answer["body"])) == (None, -32600)
    assert node.asked == []
    assert send(json.dumps(rpc("eth_chainId")))["statusCode"] == 200


def test_the_nodes_own_error_comes_through_without_more(ask: Ask):
    found = ask(rpc("eth_call", [{"to": "0x0"}, "latest"]))
    assert found["error"] == {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (b"<html>panic: runtime error</html>", 200), (b"", 200), (b"[]", 502), (b"{}", 500),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"stack"}}', 200),
        (b"[1, null]", 200), (b'[{"result": 1}]', 200), (b'[{"id": []}]', 200), (b"[" * 50_000, 200),
        (b"[]", 200), (b'[{"id": 0}]', 200), (b'[{"id": 0, "error": "stack"}]', 200), (b'[{"id": 9, "result": 1}]', 200),
    ],
)  # fmt: skip
def test_a_node_that_does_not_answer_is_told_in_one_sentence(
    ask: Ask, node: Chain, says: bytes, status: int
):
    node.says, node.status = says, status
    found = ask(rpc("eth_blockNumber", name=4))
    assert fault(found) == (4, -32000)
    assert "stack" not in str(found)
    assert "panic" not in str(found)
    assert "127.0.0.1" not in str(found)


def test_a_node_that_is_not_there_yet_is_told(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NODE_URL", "http://127.0.0.1:1")
    found = ask([rpc("eth_blockNumber", name=4), rpc("eth_sign", name=5)])
    assert [fault(one) for one in found] == [(4, -32000), (5, -32601)]
    assert "may still be starting" in found[0]["error"]["message"]


def test_an_answer_that_is_too_long_is_not_carried(ask: Ask, node: Chain):
    node.says = json.dumps([{"id": 0, "result": "0" * 5_000_000}]).encode()
    assert fault(ask(rpc("eth_getLogs"))) == (1, -32005)
