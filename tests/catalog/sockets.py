"""A small WebSocket client for tests, on wsproto."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, RejectConnection, Request

_PATIENCE = 20.0


class WebSocket:
    """One connection; messages are JSON."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._socket = socket.create_connection(
            (parts.hostname, parts.port or 80), timeout=_PATIENCE
        )
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._messages: list[Any] = []
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._socket.sendall(self._protocol.send(Request(host=parts.netloc, target=target)))
        self._accepted = False
        while not self._accepted:
            self._read()

    def send(self, message: Any) -> None:
        self._socket.sendall(self._protocol.send(Message(data=json.dumps(message))))

    def receive(self) -> Any:
        """The next message, waited for."""
        while not self._messages:
            self._read()
        return self._messages.pop(0)

    def close(self) -> None:
        self._socket.sendall(self._protocol.send(CloseConnection(code=1000)))
        self._socket.close()

    def _read(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the server closed the connection"
        self._protocol.receive_data(data)
        text = ""
        for event in self._protocol.events():
            if isinstance(event, AcceptConnection):
                self._accepted = True
            elif isinstance(event, RejectConnection):
                raise ConnectionRefusedError(event.status_code)
            elif isinstance(event, Message):
                text += str(event.data)
                if event.message_finished:
                    self._messages.append(json.loads(text))
                    text = ""
