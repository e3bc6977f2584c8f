"""A WebSocket API of the embedded AWS: connections, routes, messages to connections."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    RejectConnection,
    Request,
    TextMessage,
)

PYTHON = """
import json, os
import boto3

def handler(event, context):
    about = event["requestContext"]
    if about["routeKey"] == "$connect":
        refused = (event.get("queryStringParameters") or {}).get("room") == "closed"
        return {"statusCode": 403 if refused else 200}
    if about["routeKey"] == "$disconnect":
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(about["connectionId"]))
        return {"statusCode": 200}
    client = boto3.client(
        "apigatewaymanagementapi", endpoint_url=f"http://{about['domainName']}/{about['stage']}"
    )
    if about["routeKey"] == "leave":
        client.delete_connection(ConnectionId=about["connectionId"])
        return {"statusCode": 200}
    answer = json.dumps([about["routeKey"], event["body"]])
    client.post_to_connection(ConnectionId=about["connectionId"], Data=answer.encode())
    try:
        client.post_to_connection(ConnectionId="none", Data=b"x")
    except client.exceptions.GoneException:
        client.post_to_connection(ConnectionId=about["connectionId"], Data=b"gone")
    return {"statusCode": 200}
"""
RETURN = """
def handler(event, context):
    if event["body"] == "fail":
        raise ValueError("secret")
    return {"statusCode": 200, "body": "held back"}
"""
NODE = """
exports.handler = async (event) => {
  const about = event.requestContext;
  if (about.routeKey !== "$default") return { statusCode: 200 };
  const address = `http://${about.domainName}/${about.stage}/@connections/x`;
  const answer = await fetch(address, { method: "POST", body: "x" });
  console.log(`answered ${answer.status}`);
  return { statusCode: 200, body: "held back" };
};
"""


class Visitor:
    """A client of one WebSocket."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.scheme == "ws"
        self._socket = socket.create_connection(("127.0.0.1", parts.port), timeout=30)
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events = self._received()
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._send(Request(host=parts.netloc, target=target))
        self.answer = next(self._events)

    def say(self, text: str) -> None:
        self._send(TextMessage(data=text))

    def hear(self) -> str:
        text = ""
        for event in self._events:
            assert isinstance(event, TextMessage), event
            text += event.data
            if event.message_finished:
                return text
        raise AssertionError("the connection ended")

    def ended(self) -> Any:
        return next(self._events)

    def leave(self) -> None:
        self._send(CloseConnection(code=1000))
        self._socket.close()

    def _send(self, event: Any) -> None:
        self._socket.sendall(self._connection.send(event))

    def _received(self) -> Iterator[Any]:
        while True:
            yield from self._connection.events()
            data = self._socket.recv(65536)
            self._connection.receive_data(data or None)


def template(code: str, runtime: str, role: str, queue: str) -> str:
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    routes = {
        name: {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": key,
                "Target": {"Fn::Sub": "integrations/${Integration}"},
            },
        }
        for name, key in {
            "Connect": "$connect",
            "Disconnect": "$disconnect",
            "Default": "$default",
            "Greet": "greet",
            "Leave": "leave",
        }.items()
    }
    return json.dumps(
        {
            "Resources": {
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Runtime": runtime,
                        "Handler": "index.handler",
                        "Role": role,
                        "Timeout": 20,
                        "Code": {"ZipFile": code},
                        "Environment": {"Variables": {"QUEUE": queue}},
                    },
                },
                "Api": {
                    "Type": "AWS::ApiGatewayV2::Api",
                    "Properties": {
                        "Name": "socket",
                        "ProtocolType": "WEBSOCKET",
                        "RouteSelectionExpression": "$request.body.action",
                    },
                },
                "Integration": {
                    "Type": "AWS::ApiGatewayV2::Integration",
                    "Properties": {
                        "ApiId": {"Ref": "Api"},
                        "IntegrationType": "AWS_PROXY",
                        "IntegrationUri": {"Fn::Sub": uri},
                    },
                },
                **routes,
                "Stage": {
                    "Type": "AWS::ApiGatewayV2::Stage",
                    "Properties": {
                        "ApiId": {"Ref": "Api"},
                        "StageName": "live",
                        "AutoDeploy": True,
                    },
                },
                "Permission": {
                    "Type": "AWS::Lambda::Permission",
                    "Properties": {
                        "FunctionName": {"Ref": "Function"},
                        "Action": "lambda:InvokeFunction",
                        "Principal": "apigateway.amazonaws.com",
                    },
                },
            },
            "Outputs": {"Address": {"Value": {"Fn::Sub": "${Api.ApiEndpoint}/live"}}},
        }
    )


def served(workshop: Any, code: str, runtime: str, *statements: Any) -> tuple[str, str]:
    """The address of a new WebSocket API and the queue that hears of the leaving."""
    url, _ = workshop.queue()
    role = workshop.role("lambda", *statements)
    name = workshop.name("socket")
    workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=template(code, runtime, role, url)
    )
    stack = workshop.stack_settled(name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return stack["Outputs"][0]["OutputValue"], url


MAY = (
    {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": "execute-api:ManageConnections",
        "Resource": "arn:aws:execute-api:ap-southeast-1:123456789012:*/live/*/@connections/*",
    },
)


def test_visitors_talk_with_a_function(workshop):
    address, queue = served(workshop, PYTHON, "python3.13", *MAY)
    visitor = Visitor(address)
    assert isinstance(visitor.answer, AcceptConnection)
    visitor.say(json.dumps({"action": "greet", "text": "hello"}))
    route, body = json.loads(visitor.hear())
    assert route == "greet"
    assert json.loads(body)["text"] == "hello"
    assert visitor.hear() == "gone"
    visitor.say("no JSON")
    assert json.loads(visitor.hear()) == ["$default", "no JSON"]
    assert visitor.hear() == "gone"
    visitor.leave()
    assert workshop.message(queue)


def test_a_function_refuses_and_ends_connections(workshop):
    address, _ = served(workshop, PYTHON, "python3.13", *MAY)
    assert isinstance(Visitor(f"{address}?room=closed").answer, RejectConnection)
    visitor = Visitor(f"{address}?room=open")
    visitor.say('{"action": "leave"}')
    assert isinstance(visitor.ended(), CloseConnection)


def test_a_function_needs_permission_to_send(workshop):
    address, _ = served(workshop, PYTHON, "python3.13", MAY[0])
    visitor = Visitor(address)
    visitor.say('{"action": "greet"}')
    assert "Internal server error" in visitor.hear()


def test_functions_of_node_reach_the_addresses_of_apis(workshop):
    """Unsigned, so it is refused, but by the API; and what they write is in their log."""
    address, _ = served(workshop, NODE, "nodejs22.x")
    visitor = Visitor(address)
    visitor.say("x")
    logs = workshop.client("logs")

    def written() -> bool:
        groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        lines = [
            event["message"]
            for group in groups
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        ]
        return any("answered 403" in line for line in lines)

    workshop.until(written)


def test_what_a_function_returns_is_held_back(workshop):
    address, _ = served(workshop, RETURN, "python3.13")
    visitor = Visitor(address)
    visitor.say("quiet")
    visitor.say("fail")
    # The first answer that comes is of the second message.
    answer = json.loads(visitor.hear())
    assert answer["message"] == "Internal server error"
    assert "secret" not in json.dumps(answer)


def test_ministack_alone_gives_other_addresses(unmended):
    api = unmended.client("apigatewayv2").create_api(
        Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    assert not api["ApiEndpoint"].startswith("ws"), "the mend is no longer needed"


@pytest.mark.parametrize("protocol", ["WEBSOCKET", "HTTP"])
def test_the_endpoint_names_its_protocol(workshop, protocol):
    api = workshop.client("apigatewayv2").create_api(
        Name="api", ProtocolType=protocol, RouteSelectionExpression="$request.body.action"
    )
    scheme = api["ApiEndpoint"].partition(":")[0]
    assert scheme == {"WEBSOCKET": "ws", "HTTP": "http"}[protocol]
