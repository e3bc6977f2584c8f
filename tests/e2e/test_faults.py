"""Things die, happen twice or come late, and the outcome is the same."""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx


@contextmanager
def door_before(url):
    """A proxy before a git host whose first call waits until the door opens, and then dies."""
    knocked, opened = threading.Event(), threading.Event()
    first = threading.Lock()

    class Door(BaseHTTPRequestHandler):
        def do(self):
            if first.acquire(blocking=False):
                knocked.set()
                opened.wait(60)
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}
            }
            answer = httpx.request(self.command, url + self.path, content=body, headers=headers)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Cache-Control"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do  # noqa: N815 - names of the base class

        def log_message(self, *_: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", knocked, opened
    finally:
        opened.set()
        server.shutdown()
        server.server_close()


def workers_of(world, function):
    """Process ids of a function on the embedded AWS of this test."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="ignore")
        except OSError:
            continue
        if str(world.aws.data) in command and f"-{function}-" in command:
            found.append(int(entry.name))
    return found


def test_killing_the_publisher_changes_nothing(world, template, git):
    ada = world.person(world.unit())
    host, path = git().rsplit("/acme/site", 1)[0], "/acme/site"
    with door_before(host) as (door, knocked, opened):
        sent = template(ProjectURL=door + path)
        request = ada.post("/requests", sent).json()
        assert knocked.wait(60), "the publisher never asked for the code"
        workers = workers_of(world, "PublishProject")
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        opened.set()
        done = ada.wait(request["id"])
    assert done["status"] == "SUCCEEDED", done["message"]
    assert "From git" in httpx.get(done["url"]).text
    assert len(world.mailed(sent["ProjectEmail"])) == 1


def test_a_wait_answered_twice_and_late_changes_nothing(world, template):
    ada = world.person(world.unit())
    sent = template()
    done = ada.wait(ada.post("/requests", sent).json()["id"])
    before = ada.get(f"/requests/{done['id']}").json()
    event = {
        "source": "aws.cloudformation",
        "detail-type": "CloudFormation Stack Status Change",
        "detail": {
            "stack-id": done["stackId"],
            "status-details": {"status": "CREATE_COMPLETE", "status-reason": ""},
            "client-request-token": "",
        },
    }
    for _ in range(3):
        answer = world.client("lambda").invoke(
            FunctionName="autoprovision-StackEvents", Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
    assert ada.get(f"/requests/{done['id']}").json() == before
    assert len(world.mailed(sent["ProjectEmail"])) == 1


def test_cancelling_while_it_publishes_undoes_everything(world, template, git):
    unit = world.unit()
    ada = world.person(unit)
    host = git().rsplit("/acme/site", 1)[0]
    with door_before(host) as (door, knocked, opened):
        sent = template(ProjectURL=door + "/acme/site")
        request = ada.post("/requests", sent).json()
        assert knocked.wait(60)
        assert ada.post(f"/requests/{request['id']}/cancel").status_code == 202
        opened.set()
        done = ada.wait(request["id"])
    assert done["status"] == "CANCELLED"
    assert ada.get(f"/business-units/{unit}").json()["left"] == 20000
    assert not [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]
    assert len(world.mailed(sent["ProjectEmail"])) == 1
    assert ada.post(f"/requests/{request['id']}/cancel").json()["status"] == "CANCELLED"


def everything_kept(world):
    """Every text that the platform keeps or tells, but for Secrets Manager's own."""
    tables = world.client("dynamodb")
    for name in tables.list_tables()["TableNames"]:
        for page in tables.get_paginator("scan").paginate(TableName=name):
            yield f"table {name}", repr(page["Items"])
    machines = world.client("stepfunctions")
    for machine in machines.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for run in machines.list_executions(stateMachineArn=arn)["executions"]:
            history = machines.get_execution_history(
                executionArn=run["executionArn"], maxResults=1000
            )
            yield f"execution {run['name']}", repr(history["events"])
    logs = world.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])
            yield f"log {name}", repr(events["events"])
    from autoprovision.embedded import mailbox

    yield "mails", "".join(mail.text + (mail.html or "") for mail in mailbox.mailbox(world.aws))
    store = world.client("s3")
    for bucket in store.list_buckets()["Buckets"]:
        for item in store.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            if item["Size"] < 1_000_000:
                body = store.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
                yield f"s3 {item['Key']}", body.decode("utf-8", "ignore")
    stacks = world.client("cloudformation")
    yield "stacks", repr(stacks.describe_stacks()["Stacks"])


def test_a_planted_secret_is_found_nowhere(world, template, git):
    ada = world.person(world.unit())
    canary = f"canary-{time.time_ns()}"
    good = ada.post("/requests", template(ProjectURL=git(token=canary), AccessToken=canary)).json()
    bad = ada.post("/requests", template(ProjectURL=git(token="other"), AccessToken=canary)).json()
    done = ada.wait(good["id"])
    assert done["status"] == "SUCCEEDED", done["message"]
    assert "From git" in httpx.get(done["url"]).text
    refused = ada.wait(bad["id"])
    assert (refused["status"], refused["reason"]) == ("FAILED", "SOURCE_ACCESS_DENIED")
    kept = list(everything_kept(world))
    assert not [where for where, text in kept if canary in text]
    assert {where.split()[0] for where, text in kept if good["id"] in text} >= {
        "table",
        "execution",
        "log",
        "mails",
    }, "the search itself finds what is there"
    kept = [name for name in world.secrets() if bad["id"] in name]
    assert not kept, "a failed request keeps no secret"
    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"
    assert not [name for name in world.secrets() if good["id"] in name]
