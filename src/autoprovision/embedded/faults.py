"""Lets calls to the embedded AWS go wrong, so that a whole platform can be tested for it.

On only when the server is started with `EMBEDDED_AWS_FAULTS=<file>`. The file holds rules, is read
anew whenever it changes, and may be written while the platform runs:

    [{"call": "DynamoDB.*TransactWriteItems", "caller": "CommitQuotaRole", "how": "error-after",
      "times": 3}]

`call` is a pattern over what is called (`DynamoDB_20120810.PutItem`, `CreateStack`,
`POST /v2/email/outbound-emails`), `caller` one over the ARN of whoever calls. `how`: `error-before`
and `error-after` answer 500 without and with the effect, `throttle` refuses, `kill-before` and
`kill-after` end the process of the function that calls; each of them after `seconds`. `skip` lets
so many calls pass first. What struck is appended to `<file>.struck`, a line a call.

What CloudFormation does to a resource in an update, or in the rollback of one, is a call too:
`update AWS::Lambda::Function Greeter`, by the stack of that name. It fails whatever `how` says.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "EMBEDDED_AWS_FAULTS"
_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_MOST_BODY = 4096
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


@dataclass
class Rule:
    """What goes wrong, how, and how often."""

    call: str
    how: str
    caller: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0

    def strikes(self, call: str, caller: str) -> bool:
        """Whether it happens to this call; it counts as one of its times."""
        if self.times <= 0 or not re.search(self.call, call):
            return False
        if not re.search(self.caller, caller):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """The rules of a file, as they stand in it now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._rules: list[Rule] = []

    def of(self, call: str, caller: str) -> Rule | None:
        """The rule that strikes this call, if any."""
        try:
            changed_at = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if changed_at != self._read_at:
            rules = json.loads(self._path.read_text("utf-8"))
            self._rules, self._read_at = [Rule(**one) for one in rules], changed_at
        found = next((rule for rule in self._rules if rule.strikes(call, caller)), None)
        if found is not None:
            with self._path.with_name(self._path.name + ".struck").open(
                "a", encoding="utf-8"
            ) as log:
                log.write(f"{found.how} {call} {caller}\n")
        return found


def apply() -> None:
    """Put the rules before MiniStack, when the server was started with a file for them."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    from ministack import app
    from ministack.services.cloudformation import stacks

    faults = Faults(Path(path))
    app.app = _faulty(app.app, faults)
    stacks._update_resource = _faulty_updates(stacks._update_resource, faults)  # noqa: SLF001 - no other place


def _faulty_updates(update: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    def update_with_faults(
        kind: str, physical_id: str, before: Any, now: Any, stack: str, logical_id: str, *more: Any
    ) -> Any:
        if before != now and faults.of(f"update {kind} {logical_id}", stack):
            raise RuntimeError("Injected")
        return update(kind, physical_id, before, now, stack, logical_id, *more)

    return update_with_faults


def _faulty(serve: App, faults: Faults) -> App:
    async def serve_with_faults(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await serve(scope, receive, send)
            return
        messages, body = await _received(receive)
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        caller = _caller(headers)
        rule = faults.of(_call(scope, headers, body), caller) if caller else None
        again = _replay(messages, receive)
        if rule is None:
            await serve(scope, again, send)
            return
        if rule.how.endswith("-after"):
            await serve(scope, again, _nowhere)
        await asyncio.sleep(rule.seconds)
        if rule.how.startswith("kill"):
            _kill_worker(caller)
        await _answer(send, headers, throttled=rule.how == "throttle")

    return serve_with_faults


async def _received(receive: Receive) -> tuple[list[Any], bytes]:
    messages, body = [], b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return messages, body


def _replay(messages: list[Any], receive: Receive) -> Receive:
    waiting = list(messages)

    async def receive_again() -> Any:
        return waiting.pop(0) if waiting else await receive()

    return receive_again


async def _nowhere(message: Any) -> None:
    del message


def _call(scope: dict[str, Any], headers: dict[str, str], body: bytes) -> str:
    if target := headers.get("x-amz-target"):
        return target
    if action := _ACTION.search(body[:_MOST_BODY]):
        return action[1].decode()
    return f"{scope['method']} {scope['path']}"


def _caller(headers: dict[str, str]) -> str:
    """The ARN of the role session that signed; nothing for root and for what is not signed."""
    from ministack.services import sts

    found = _ACCESS_KEY.search(headers.get("authorization", ""))
    session = sts._sessions.get(found[1]) if found else None  # noqa: SLF001 - no other place
    return str(session["Arn"]) if session else ""


def _kill_worker(caller: str) -> None:
    """End the processes of the function whose role this is: its name is the session's."""
    function = caller.rpartition("/")[2].encode()
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = f"EMBEDDED_AWS_DATA={os.environ['EMBEDDED_AWS_DATA']}".encode()
        if ours in environment and b"AWS_LAMBDA_FUNCTION_NAME=" + function in environment:
            os.kill(int(entry.name), signal.SIGKILL)


async def _answer(send: Send, headers: dict[str, str], *, throttled: bool) -> None:
    code = "ThrottlingException" if throttled else "InternalServerError"
    status = 400 if throttled else 500
    if "x-amz-target" in headers or "json" in headers.get("content-type", ""):
        kind, text = (
            "application/x-amz-json-1.0",
            json.dumps({"__type": code, "message": "Injected"}),
        )
    else:
        kind = "text/xml"
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            "<Message>Injected</Message></Error><RequestId>0</RequestId></ErrorResponse>"
        )
    own = [(b"content-type", kind.encode()), (b"x-amzn-errortype", code.encode())]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": text.encode()})
