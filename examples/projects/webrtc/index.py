"""Signalling for WebRTC: passes offers, answers and candidates between the people of a room."""

import json
import os
import time
from typing import Any

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])
SEND = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_URL"])
LONGEST_SECONDS = 2 * 60 * 60
PASSED_ON = ("offer", "answer", "candidate")
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Call</title></head>
<body>
<h1>Call</h1>
<p>Open this page twice with the same room: <code>?room=blue</code></p>
<video id="mine" autoplay muted playsinline></video>
<video id="theirs" autoplay playsinline></video>
<script type="module">
  const room = new URLSearchParams(location.search).get("room") ?? "blue";
  const socket = new WebSocket(`${SOCKET_URL}?room=${encodeURIComponent(room)}`);
  const tell = (action, content, to) => socket.send(JSON.stringify({ action, content, to }));
  const peer = new RTCPeerConnection();
  const early = [];
  let other;
  peer.onicecandidate = ({ candidate }) => {
    if (!candidate) return;
    if (other) tell("candidate", candidate, other);
    else early.push(candidate);
  };
  peer.ontrack = ({ streams }) => { document.getElementById("theirs").srcObject = streams[0]; };
  const mine = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  document.getElementById("mine").srcObject = mine;
  mine.getTracks().forEach((track) => peer.addTrack(track, mine));
  const meet = (who) => { other = who; early.splice(0).forEach((one) => tell("candidate", one, other)); };
  socket.onmessage = async ({ data }) => {
    const { action, from, people, content } = JSON.parse(data);
    if (action === "people" && people.length) {
      meet(people[0]);
      await peer.setLocalDescription(await peer.createOffer());
      tell("offer", peer.localDescription, other);
    } else if (action === "offer") {
      meet(from);
      await peer.setRemoteDescription(content);
      await peer.setLocalDescription(await peer.createAnswer());
      tell("answer", peer.localDescription, other);
    } else if (action === "answer") {
      await peer.setRemoteDescription(content);
    } else if (action === "candidate") {
      await peer.addIceCandidate(content);
    }
  };
  socket.onopen = () => tell("hello");
</script>
</body>
</html>
"""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the page and the connections."""
    if event.get("version") == "2.0":
        page = PAGE.replace("${SOCKET_URL}", os.environ["SOCKET_URL"])
        return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": page}
    request = event["requestContext"]
    me = request["connectionId"]
    if request["routeKey"] == "$connect":
        room = (event.get("queryStringParameters") or {}).get("room", "lobby")[:50]
        expires = int(time.time()) + LONGEST_SECONDS
        TABLE.put_item(Item={"connection": me, "room": room, "expiresAt": expires})
    elif request["routeKey"] == "$disconnect":
        TABLE.delete_item(Key={"connection": me})
    else:
        _message(me, json.loads(event["body"]))
    return {"statusCode": 200}


def _message(me: str, message: dict[str, Any]) -> None:
    others = [one for one in _room_of(me) if one != me]
    if message["action"] == "hello":
        _send(me, {"action": "people", "people": others})
    elif message["action"] in PASSED_ON and message.get("to") in others:
        # Only to people of the same room: nobody can write to a stranger.
        passed = {"action": message["action"], "from": me, "content": message.get("content")}
        _send(message["to"], passed)


def _room_of(me: str) -> list[str]:
    item = TABLE.get_item(Key={"connection": me}, ConsistentRead=True)["Item"]
    people = TABLE.query(
        IndexName="byRoom",
        KeyConditionExpression="room = :room",
        ExpressionAttributeValues={":room": item["room"]},
    )
    return [one["connection"] for one in people["Items"]]


def _send(to: str, message: dict[str, Any]) -> None:
    try:
        SEND.post_to_connection(ConnectionId=to, Data=json.dumps(message).encode())
    except SEND.exceptions.GoneException:
        TABLE.delete_item(Key={"connection": to})
