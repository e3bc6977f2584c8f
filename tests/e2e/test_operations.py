"""A virtual machine's people operate it: from the command line and the API to the runbook and back."""

import json
import time
import uuid
from pathlib import Path

import httpx
import pytest
from tests.e2e.conftest import PASSWORD

EXAMPLE = Path(__file__).parents[2] / "catalog" / "virtual-machine" / "examples" / "dev.json"
SECRET = "canary-command-51f0"


@pytest.fixture(scope="module")
def ada(world):
    return world.person(world.unit(100_000))


@pytest.fixture(scope="module")
def machine(world, ada):
    """A virtual machine that is available, by its application's id."""
    token = uuid.uuid4().hex[:8]
    sent = {**json.loads(EXAMPLE.read_text("utf-8")), "ApplicationName": f"vm-{token}", "ProjectEmail": f"vm-{token}@example.edu"}  # fmt: skip
    sent.pop("BusinessUnit", None)
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    assert done["status"] == "SUCCEEDED", done
    yield done["applicationId"]
    ended = ada.http.delete(f"/applications/{done['applicationId']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"


def operate(ada, machine, operation, **parameters):
    answer = ada.post(
        f"/applications/{machine}/operations", {"operation": operation, "parameters": parameters}
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/requests/{answer.json()['id']}"
    return ada.wait(answer.json()["id"])


def told(ada, request):
    lines = ada.get(f"/requests/{request['id']}/events", limit=100).json()["items"]
    return "\n".join(f"{one['step']} {one['status']} {one['message']}" for one in lines)


def test_what_can_be_done_is_listed(ada, machine):
    offered = ada.get(f"/applications/{machine}/operations").json()
    names = [one["operation"] for one in offered["items"]]
    assert names == ["collect-diagnostics", "patch", "restart", "run-command"]
    assert [one["online"] for one in offered["machines"]] == [True]


def test_a_command_runs_and_its_output_is_told(world, ada, machine):
    done = operate(
        ada,
        machine,
        "run-command",
        command=f"echo out-of-$((6*7)); echo DB_PASSWORD=hunter$((6*7)); : {SECRET}\nexit 0",
    )
    lines = told(ada, done)
    assert done["status"] == "SUCCEEDED", lines
    assert "out-of-42\nDB_PASSWORD=***" in lines
    assert "hunter42" not in lines
    assert "Success, exit code 0" in lines
    assert "This ran on this machine in place of i-" in lines
    assert SECRET not in lines
    assert SECRET in done["template"]["parameters"]["command"]
    application = ada.get(f"/applications/{machine}").json()
    assert (application["status"], application["operation"]) == ("AVAILABLE", None)


def test_the_command_is_in_no_history_log_or_event_and_is_gone_from_the_bucket(world, ada, machine):
    done = operate(ada, machine, "run-command", command=f"true {SECRET}")
    states, ssm = world.client("stepfunctions"), world.client("ssm")
    (arn,) = [
        one["stateMachineArn"] for one in states.list_state_machines()["stateMachines"]
        if one["name"].endswith("-operate")
    ]  # fmt: skip
    execution = f"{arn.replace(':stateMachine:', ':execution:')}:{done['id']}"
    history = json.dumps(states.get_execution_history(executionArn=execution), default=str)
    automation = ssm.get_automation_execution(AutomationExecutionId=done["automationId"])
    assert done["id"] in history
    assert SECRET not in history
    assert SECRET not in json.dumps(automation, default=str)
    s3 = world.client("s3")
    (bucket,) = [
        one["Name"] for one in s3.list_buckets()["Buckets"] if "-operations-" in one["Name"]
    ]
    kept = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert not [key for key in kept if key.endswith(".sh")]


def test_a_command_that_fails_says_why_and_leaves_the_application(world, ada, machine):
    done = operate(ada, machine, "run-command", command="echo before; exit 3")
    lines = told(ada, done)
    assert (done["status"], done["reason"]) == ("FAILED", "RUNBOOK_FAILED"), lines
    assert "RunCommand" in done["message"]
    assert "exit code 3" in lines
    assert "before" in lines
    application = ada.get(f"/applications/{machine}").json()
    assert (application["status"], application["operation"]) == ("AVAILABLE", None)
    assert application["reason"] == "RUNBOOK_FAILED"


def suspended(world, machine) -> list[str]:
    (group,) = world.client("autoscaling").describe_auto_scaling_groups(
        Filters=[{"Name": "tag:autoprovision:application", "Values": [machine]}]
    )["AutoScalingGroups"]
    return sorted(one["ProcessName"] for one in group.get("SuspendedProcesses", []))


def test_restart_goes_through_and_the_group_looks_after_its_machines_again(world, ada, machine):
    done = operate(ada, machine, "restart")
    lines = told(ada, done)
    assert done["status"] == "SUCCEEDED", lines
    assert suspended(world, machine) == []
    assert "RestartEach" in lines


def audited(world) -> dict:
    answer = world.client("lambda").invoke(FunctionName="autoprovision-Audit", Payload=b"{}")
    done = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, done
    return done


def test_what_a_runbook_could_not_resume_the_audit_does(world, ada, machine):
    """And with the function's own rights; what somebody else suspended it tells, and lets be."""
    iam, never = world.client("iam"), {"RoleName": "autoprovision-runbook-patch-instances", "PolicyName": "never"}  # fmt: skip
    denied = {"Effect": "Deny", "Action": "autoscaling:ResumeProcesses", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    iam.put_role_policy(**never, PolicyDocument=document)
    try:
        done = operate(ada, machine, "patch", restart="NoReboot")
    finally:
        iam.delete_role_policy(**never)
    assert (done["status"], done["reason"]) == ("FAILED", "RUNBOOK_FAILED"), told(ada, done)
    assert suspended(world, machine) == ["HealthCheck", "ReplaceUnhealthy"]
    assert audited(world)["resumed"] == 1
    assert suspended(world, machine) == []
    assert "does HealthCheck, ReplaceUnhealthy again" in told(ada, done)
    assert ada.get(f"/applications/{machine}").json()["operation"] is None
    group = f"autoprovision-app-{machine}"
    scaling = world.client("autoscaling")
    scaling.suspend_processes(
        AutoScalingGroupName=group, ScalingProcesses=["HealthCheck", "Launch"]
    )
    seen = audited(world)
    assert (seen["resumed"], seen["found"]["GROUP_SUSPENDED"]) == (0, 1)
    assert suspended(world, machine) == ["HealthCheck", "Launch"]
    scaling.resume_processes(AutoScalingGroupName=group)
    assert "GROUP_SUSPENDED" not in audited(world)["found"]


def test_patch_answers_honestly(ada, machine):
    done = operate(ada, machine, "patch", restart="NoReboot")
    lines = told(ada, done)
    assert done["status"] == "SUCCEEDED", lines
    assert "InstalledCount: 0" in lines
    assert "has no operating system of its own" in lines


def test_diagnostics_are_downloaded_by_their_own_people_only(world, ada, machine):
    done = operate(ada, machine, "collect-diagnostics", logLines=10)
    assert done["status"] == "SUCCEEDED", told(ada, done)
    (file,) = ada.get(f"/requests/{done['id']}/diagnostics").json()["items"]
    text = httpx.get(file["url"]).text
    assert "== uname -a" in text
    assert f"/kept/{machine}/{done['id']}/" in file["url"]
    assert file["size"] == len(text.encode())
    other = world.person(world.unit())
    assert other.get(f"/requests/{done['id']}/diagnostics").status_code == 404
    assert httpx.get(file["url"].partition("?")[0]).status_code == 403


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"operation": "defragment"}, "UNKNOWN_OPERATION", 400),
        ({"operation": "restart", "parameters": {"hard": True}}, "UNKNOWN_PARAMETER", 400),
        ({"operation": "run-command"}, "MISSING", 400),
        ({"operation": "run-command", "parameters": {"command": "a\0b"}}, "INVALID_VALUE", 400),
        ({"operation": "run-command", "parameters": {"command": "  "}}, "INVALID_VALUE", 400),
        ({"operation": "run-command", "parameters": {"command": "x", "timeoutSeconds": 0}}, "INVALID_VALUE", 400),
        ({"operation": "patch", "parameters": {"restart": "Perhaps"}}, "INVALID_VALUE", 400),
    ],
)  # fmt: skip
def test_bad_input_is_named(ada, machine, body, code, status):
    answer = ada.post(f"/applications/{machine}/operations", body)
    assert answer.status_code == status, answer.text
    assert code in answer.text


def test_an_application_without_machines_says_so(world, ada, template):
    sent = template()
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    answer = ada.post(f"/applications/{done['applicationId']}/operations", {"operation": "restart"})
    assert answer.status_code == 400
    assert "static-site has no operation" in answer.text
    assert ada.get(f"/applications/{done['applicationId']}/operations").json()["items"] == []


def test_one_at_a_time_and_a_cancel_in_the_middle_stops_it(world, ada, machine):
    answer = ada.post(
        f"/applications/{machine}/operations",
        {"operation": "run-command", "parameters": {"command": "echo began; sleep 300"}},
    )
    request = answer.json()
    second = ada.post(f"/applications/{machine}/operations", {"operation": "restart"})
    assert second.status_code == 409
    assert "OPERATION_IN_PROGRESS" in second.text
    ada.wait(request["id"], until=lambda one: one["automationId"] is not None)
    time.sleep(1)
    assert ada.post(f"/requests/{request['id']}/cancel").status_code == 202
    done = ada.wait(request["id"])
    lines = told(ada, done)
    assert done["status"] == "CANCELLED", lines
    assert "Done by then, and not taken back" in lines
    seen = world.client("ssm").get_automation_execution(AutomationExecutionId=done["automationId"])
    assert seen["AutomationExecution"]["AutomationExecutionStatus"] == "Cancelled"
    assert ada.get(f"/applications/{machine}").json()["operation"] is None


def test_the_command_line_does_the_same(world, ada, machine):
    installed = world.installed
    signed_in = world.command(
        *("--profile", "ada", "login", ada.email, "--password-stdin"),
        *("--api-url", installed.api_url, "--region", installed.region),
        *("--cognito-endpoint", installed.cognito_endpoint),
        stdin=f"{PASSWORD}\n",
    )
    assert signed_in.returncode == 0, signed_in.stderr
    listed = world.command("--profile", "ada", "application", "operations", machine)
    assert "run-command" in listed.stdout, listed.stderr
    done = world.command(
        "--profile", "ada", "--json", "application", "operate", machine, "run-command", "--command", "-",
        "--watch", "--yes", stdin="echo from-the-line\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "SUCCEEDED"
    assert "from-the-line" in done.stderr
