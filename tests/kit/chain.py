"""A node of a chain that does not exist: answers a few questions of JSON-RPC, on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HEIGHT = "0x7a69"
_ANSWERS: dict[str, Any] = {
    "eth_blockNumber": HEIGHT,
    "eth_chainId": "0xaa36a7",
    "eth_getLogs": [],
    "eth_syncing": False,
    "eth_getTransactionReceipt": None,
    # What nobody may ask it from outside.
    "admin_nodeInfo": {"enode": "enode://secret"},
    "eth_sign": "0xsigned",
}


@dataclass
class Chain:
    """The node, and what it was asked.

    Attributes:
        url: where it listens.
        asked: the methods, in their order.
        says: what it answers instead, as bytes, whatever it is asked.
        status: the HTTP status it answers with.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    says: bytes | None = None
    status: int = 200

    def answer(self, sent: bytes) -> bytes:
        calls = json.loads(sent)
        batch = calls if isinstance(calls, list) else [calls]
        self.calls += batch
        self.asked += [one["method"] for one in batch]
        if self.says is not None:
            return self.says
        # A node may answer a batch in any order.
        told = [_told(one) for one in reversed(batch)]
        return json.dumps(told if isinstance(calls, list) else told[0]).encode()


def _told(call: dict[str, Any]) -> dict[str, Any]:
    head = {"jsonrpc": "2.0", "id": call["id"]}
    if call["method"] == "eth_call":
        error = {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}
        return head | {"error": error | {"stack": "goroutine 1 [running]"}}
    if call["method"] not in _ANSWERS:
        return head | {"error": {"code": -32601, "message": "the node does not know this"}}
    return head | {"result": _ANSWERS[call["method"]]}


@contextmanager
def chain() -> Iterator[Chain]:
    """A node that listens until the block ends."""
    found = Chain()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = found.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(found.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: tests say what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
