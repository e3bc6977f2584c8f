"""A chat: whoever is connected hears what the others of the room say."""

import json
import os
import time
from typing import Any

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])
SEND = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_URL"])
LONGEST_SECONDS = 2 * 60 * 60
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Chat</title></head>
<body>
<h1>Chat</h1>
<ul id="said"></ul>
<form><input id="text" autofocus autocomplete="off"><button>Say</button></form>
<script>
  const socket = new WebSocket(SOCKET_URL);
  socket.onmessage = ({ data }) => {
    const line = document.createElement("li");
    line.textContent = JSON.parse(data).text;
    document.getElementById("said").append(line);
  };
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    const field = document.getElementById("text");
    socket.send(JSON.stringify({ action: "say", text: field.value }));
    field.value = "";
  };
</script>
</body>
</html>
"""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the page and the connections."""
    if event.get("version") == "2.0":
        page = PAGE.replace("SOCKET_URL", json.dumps(os.environ["SOCKET_URL"]))
        return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": page}
    request = event["requestContext"]
    connection = request["connectionId"]
    if request["routeKey"] == "$connect":
        room = (event.get("queryStringParameters") or {}).get("room", "lobby")
        expires = int(time.time()) + LONGEST_SECONDS
        TABLE.put_item(Item={"connection": connection, "room": room, "expiresAt": expires})
    elif request["routeKey"] == "$disconnect":
        TABLE.delete_item(Key={"connection": connection})
    else:
        _say(connection, str(json.loads(event["body"]).get("text", ""))[:500])
    return {"statusCode": 200}


def _say(connection: str, text: str) -> None:
    me = TABLE.get_item(Key={"connection": connection}, ConsistentRead=True)["Item"]
    heard = TABLE.query(
        IndexName="byRoom",
        KeyConditionExpression="room = :room",
        ExpressionAttributeValues={":room": me["room"]},
    )
    for other in heard["Items"]:
        try:
            SEND.post_to_connection(
                ConnectionId=other["connection"], Data=json.dumps({"text": text}).encode()
            )
        except SEND.exceptions.GoneException:
            TABLE.delete_item(Key={"connection": other["connection"]})
