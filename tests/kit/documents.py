"""A stand-in for DocumentDB: MongoDB's wire protocol over TLS, with a password, for a few commands.

It knows what an application of one collection needs, and refuses everything to whom it does not know
(SCRAM-SHA-1, RFC 5802). It shows that a project finds its database, trusts the right authority and
says the right words; what DocumentDB makes of them it does not show.
"""

import base64
import hashlib
import hmac
import itertools
import os
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit import bson

USER, PASSWORD = "application", "a-Password-of-letters-1"
_MESSAGE, _QUERY, _REPLY = 2013, 2004, 1
_KINDS = {"hello", "ismaster", "isMaster", "ping", "saslStart", "saslContinue", "endSessions"}
_ROUNDS = 4096
_UNAUTHORIZED, _UNKNOWN = 13, 59


@dataclass
class Documents:
    """The database, and what it was told.

    Attributes:
        port: where it listens, as `localhost`.
        held: the documents of every collection.
        commands: the names of the commands that were obeyed, in their order.
        refused: the names of those that came without the password.
    """

    port: int = 0
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def answer(  # noqa: PLR0911 - a command, an answer
        self, told: dict[str, Any], session: "_Session"
    ) -> dict[str, Any]:
        """What it says to one command."""
        name = next(iter(told))
        if name not in _KINDS and not session.known:
            self.refused.append(name)
            return _fault(_UNAUTHORIZED, "command requires authentication")
        self.commands.append(name)
        if name in {"hello", "ismaster", "isMaster"}:
            return self._hello()
        if name in {"saslStart", "saslContinue"}:
            return session.prove(name, told)
        if name == "insert":
            self.held.setdefault(told["insert"], []).extend(told["documents"])
            return {"ok": 1.0, "n": len(told["documents"])}
        if name == "find":
            return self._find(told)
        if name in {"create", "createIndexes", "ping", "endSessions"}:
            return {"ok": 1.0}
        return _fault(_UNKNOWN, f"no such command: '{name}'")

    def _hello(self) -> dict[str, Any]:
        me = f"localhost:{self.port}"
        return {
            "ok": 1.0, "ismaster": True, "isWritablePrimary": True, "setName": "rs0", "setVersion": 1,
            "hosts": [me], "me": me, "primary": me, "minWireVersion": 0, "maxWireVersion": 21,
            "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
            "logicalSessionTimeoutMinutes": 30, "readOnly": False,
        }  # fmt: skip

    def _find(self, told: dict[str, Any]) -> dict[str, Any]:
        assert told["sort"] == {"_id": -1}, told
        found = sorted(self.held.get(told["find"], []), key=lambda one: one["_id"].value)
        batch = found[::-1][: told["limit"]]
        place = f"{told['$db']}.{told['find']}"
        return {"ok": 1.0, "cursor": {"id": bson.Long(0), "ns": place, "firstBatch": batch}}


def _fault(code: int, sentence: str) -> dict[str, Any]:
    return {"ok": 0.0, "code": code, "errmsg": sentence}


class _Session:
    """One connection, and whether it has proved that it knows the password."""

    def __init__(self) -> None:
        self.known = False
        self._said = ""
        self._salt = base64.b64encode(os.urandom(16)).decode()

    def prove(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        """A step of SCRAM-SHA-1."""
        payload = bytes(told["payload"]).decode()
        if name == "saslStart":
            if told["mechanism"] != "SCRAM-SHA-1":
                return _fault(301, "Unsupported mechanism")
            first = payload.removeprefix("n,,")
            user, nonce = (one[2:] for one in first.split(",")[:2])
            if user != USER:
                return _fault(18, "Authentication failed.")
            server = f"r={nonce}{os.urandom(9).hex()},s={self._salt},i={_ROUNDS}"
            self._said = f"{first},{server}"
            return {"ok": 1.0, "conversationId": 1, "done": False, "payload": server.encode()}
        final, _, proof = payload.rpartition(",p=")
        said = f"{self._said},{final}".encode()
        # SHA-1 and MD5 are the protocol's.
        digest = hashlib.md5(f"{USER}:mongo:{PASSWORD}".encode()).hexdigest()  # noqa: S324
        salted = hashlib.pbkdf2_hmac("sha1", digest.encode(), base64.b64decode(self._salt), _ROUNDS)
        key = _mac(salted, b"Client Key")
        signed = _mac(hashlib.sha1(key).digest(), said)  # noqa: S324
        self.known = base64.b64decode(proof) == bytes(
            a ^ b for a, b in zip(key, signed, strict=True)
        )
        if not self.known:
            return _fault(18, "Authentication failed.")
        mine = base64.b64encode(_mac(_mac(salted, b"Server Key"), said))
        return {"ok": 1.0, "conversationId": 1, "done": True, "payload": b"v=" + mine}


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha1").digest()


@contextmanager
def documents(certificate: Path, key: Path) -> Iterator[Documents]:
    """The stand-in, on a port of its own, with a certificate for `localhost`."""
    held, numbers = Documents(), itertools.count(1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            session = _Session()
            # Whoever distrusts the certificate ends the handshake, and every client ends some time.
            with (
                suppress(OSError, EOFError),
                context.wrap_socket(self.request, server_side=True) as line,
            ):
                while True:
                    _serve(line, held, session, next(numbers))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        held.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield held
        finally:
            server.shutdown()


def _serve(line: ssl.SSLSocket, held: Documents, session: _Session, number: int) -> None:
    length, asked, _, kind = struct.unpack("<4i", _exactly(line, 16))
    body = _exactly(line, length - 16)
    if kind == _QUERY:
        # What drivers greet with, before they know who answers.
        document = body[body.index(b"\0", 4) + 9 :]
        answer = bson.encode(held.answer(bson.decode(document), session))
        reply, said = struct.pack("<iqii", 8, 0, 0, 1) + answer, _REPLY
    else:
        assert kind == _MESSAGE, kind
        reply = struct.pack("<iB", 0, 0) + bson.encode(held.answer(_message(body), session))
        said = _MESSAGE
    line.sendall(struct.pack("<4i", 16 + len(reply), number, asked, said) + reply)


def _message(body: bytes) -> dict[str, Any]:
    """The command of a message: its body, and the lists that come in sections of their own."""
    told: dict[str, Any] = {}
    at = 4
    while at < len(body):
        kind, (size,) = body[at], struct.unpack_from("<i", body, at + 1)
        part = body[at + 1 : at + 1 + size]
        if kind == 0:
            told = bson.decode(part) | told
        else:
            end = part.index(b"\0", 4)
            told[part[4:end].decode()] = list(bson.every(part[end + 1 :]))
        at += 1 + size
    # The command's name is the first key of its body.
    lists = {name: one for name, one in told.items() if isinstance(one, list)}
    return {name: one for name, one in told.items() if name not in lists} | lists


def _exactly(line: ssl.SSLSocket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        more = line.recv(size - len(read))
        if not more:
            raise EOFError
        read += more
    return read
