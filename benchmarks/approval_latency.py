"""Time from a decision to the workflow going on, on the embedded AWS of this machine.

Run it with `python benchmarks/approval_latency.py [ROUNDS]`. Each round asks for a prod
application, approves it over HTTP, and reads from the execution's own history when AskApproval was
left and when CloudFormation was called. It starts an embedded AWS of its own and ends it.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from autoprovision.embedded import git_host, launcher, localhost_names
from autoprovision.embedded.platform import Installed, install

ROUNDS = 12
PASSWORD = "Correct-horse-battery-9"  # noqa: S105 - of an embedded platform that ends with this
UNIT = "bench"
PATIENCE_SECONDS = 60.0
PERCENT = 0.9


def signed_in(aws: launcher.EmbeddedAws, platform: Installed, email: str, password: str) -> Any:
    """An HTTP client of a person."""
    answer = aws.client("cognito-idp").initiate_auth(
        ClientId=platform.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )  # fmt: skip
    token = answer["AuthenticationResult"]["AccessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=platform.api_url, headers=headers, timeout=60)


def people(aws: launcher.EmbeddedAws, platform: Installed) -> tuple[Any, Any]:
    """A requester and an approver."""
    admin = signed_in(aws, platform, platform.admin_email, platform.admin_password)
    admin.put(f"/business-units/{UNIT}", json={"quota": 1_000_000}).raise_for_status()
    for email, role in (("ada@example.edu", "requester"), ("bob@example.edu", "approver")):
        body = {"email": email, "role": role, "unit": UNIT, "password": PASSWORD}
        admin.post("/users", json=body).raise_for_status()
    ada = signed_in(aws, platform, "ada@example.edu", PASSWORD)
    return ada, signed_in(aws, platform, "bob@example.edu", PASSWORD)


def until(look: Any) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit("It did not happen in time.")
        time.sleep(0.01)
    return found


def one_round(number: int, ada: Any, bob: Any, repository: str) -> tuple[str, float, float]:
    """Ask and approve.

    Returns:
        The request's id, when the approver pressed the button, and how long the answer took.
    """
    template = {
        "ApplicationName": f"bench-{number}", "TargetEnvironment": "prod", "ProjectType": "Static",
        "ProjectURL": repository, "ProjectEmail": "ada@example.edu",
    }  # fmt: skip
    request_id = ada.post("/requests", json=template).raise_for_status().json()["id"]

    def question() -> Any:
        answer = bob.get(f"/approvals/{request_id}")
        return answer.json() if answer.status_code == httpx.codes.OK else None

    digest = until(question)["planDigest"]
    pressed, begun = time.time(), time.perf_counter()
    body = {"decision": "APPROVED", "planDigest": digest, "comment": ""}
    bob.post(f"/approvals/{request_id}", json=body).raise_for_status()
    took = time.perf_counter() - begun
    until(lambda: ada.get(f"/requests/{request_id}").json()["status"] == "SUCCEEDED")
    return request_id, pressed, took


def moments(states: Any, arn: str) -> tuple[float, float]:
    """When the workflow left AskApproval, and when it entered LaunchStack."""
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    left = launched = 0.0
    for event in (one for page in pages for one in page["events"]):
        name = event.get("stateExitedEventDetails", {}).get("name")
        if name == "AskApproval":
            left = event["timestamp"].timestamp()
        if event.get("stateEnteredEventDetails", {}).get("name") == "LaunchStack":
            launched = event["timestamp"].timestamp()
    return left, launched


def main(rounds: int) -> None:
    """Print the numbers."""
    localhost_names.install()
    with tempfile.TemporaryDirectory() as folder:
        data, site = Path(folder) / "aws", Path(folder) / "site"
        site.mkdir()
        (site / "index.html").write_text("<!doctype html><title>Hello</title>", "utf-8")
        git_host.commit_folder(site)
        aws = launcher.start(data)
        try:
            with git_host.serve({"acme/site": site}) as host:
                measure(aws, install(aws, say=lambda _: None), host + "/acme/site", rounds)
        finally:
            launcher.stop(data)


def measure(aws: launcher.EmbeddedAws, platform: Installed, repository: str, rounds: int) -> None:
    """Run the rounds; the first one is cold and told apart."""
    ada, bob = people(aws, platform)
    states = aws.client("stepfunctions")
    machines = states.list_state_machines()["stateMachines"]
    machine = next(one for one in machines if one["name"].endswith("-provision"))
    prefix = machine["stateMachineArn"].replace(":stateMachine:", ":execution:")
    found: dict[str, list[float]] = {"the API answers": [], "goes on": [], "launches": []}
    for number in range(rounds + 1):
        request_id, pressed, took = one_round(number, ada, bob, repository)
        left, launched = moments(states, f"{prefix}:{request_id}")
        found["the API answers"].append(took)
        found["goes on"].append(left - pressed)
        found["launches"].append(launched - pressed)
    print(f"{rounds} warm rounds after a cold one, in ms from the press of the button")
    print(f"{'until':20}{'cold':>8}{'median':>8}{'p90':>8}{'most':>8}")
    for name, (cold, *warm) in found.items():
        ordered = sorted(warm)
        high = ordered[min(len(ordered) - 1, int(PERCENT * len(ordered)))]
        numbers = (cold, statistics.median(warm), high, ordered[-1])
        print(f"{name:20}" + "".join(f"{one * 1000:8.0f}" for one in numbers))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
