"""The platform's stacks on the embedded AWS: once, again, and after being cut short anywhere."""

import json
import stat
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

import pytest

from autoprovision.deployer.deploy import DeployOptions, deploy
from autoprovision.deployer.errors import DeployError, NotConfirmedError, StackFailedError
from autoprovision.embedded import launcher, localhost_names, platform

PASSWORD = "Correct-horse-1"
PARAMETERS = {
    "UrlScheme": "http",
    "SenderAddress": "no-reply@platform.example",
    "DeletionProtection": "false",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    data = tmp_path_factory.mktemp("deploy")
    try:
        yield launcher.start(data)
    finally:
        launcher.stop(data)


@pytest.fixture(scope="module")
def installed(aws):
    return platform.install(aws, say=lambda _: None)


names = (f"try{number}" for number in count())


def run(aws, name, *, clients=None, confirm=lambda *_: True, **changes):
    options = {
        "region": aws.region,
        "platform_name": name,
        "parameters": PARAMETERS,
        "admin_email": "ada@platform.example",
        "admin_password": PASSWORD,
        "local_runtime": True,
        **changes,
    }
    said = []
    made = deploy(
        clients or cache(aws.client), DeployOptions(**options), say=said.append, confirm=confirm
    )
    return made, said


def call(url, token=None):
    request = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=30
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_second_deployment_changes_nothing(aws, installed):
    said = []
    again = platform.install(aws, say=said.append)
    assert again == installed
    stacks = [
        f"autoprovision-{part}: nothing changes."
        for part in ("data", "boundary", "network-prod", "blueprint-static-site", "app")
    ]
    assert [one for one in said if one in stacks] == stacks
    assert "Catalog: nothing changes." in said
    assert not [one for one in said if "making" in one or "Uploaded" in one]


def test_schedules_reach_their_functions_with_their_own_roles(aws, installed):
    scheduler, logs = aws.client("scheduler"), aws.client("logs")
    group = "autoprovision"
    found = {
        name: scheduler.get_schedule(GroupName=group, Name=f"{group}-{name.lower()}")
        for name in ("Sweep", "Audit")
    }
    for name, one in found.items():
        assert one["State"] == "ENABLED"
        assert one["Target"]["Arn"].endswith(f":function:{group}-{name}")
    # The same target once, now: nobody waits five minutes here.
    soon = datetime.now(UTC) + timedelta(seconds=1)
    scheduler.create_schedule(
        Name="once", GroupName=group, ScheduleExpression=soon.strftime("at(%Y-%m-%dT%H:%M:%S)"),
        FlexibleTimeWindow={"Mode": "OFF"}, Target=found["Sweep"]["Target"],
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not any(
        '"swept"' in event["message"]
        for event in logs.filter_log_events(logGroupName=f"/aws/lambda/{group}-Sweep")["events"]
    ):
        assert time.monotonic() < deadline, "the schedule never fired"
        time.sleep(0.5)


def test_admins_password_is_kept_for_its_owner_only(aws, installed):
    path = aws.data / "admin-password"
    assert path.read_text() == installed.admin_password
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert installed.admin_password not in repr(installed)


def test_api_lets_access_tokens_in_and_nothing_else(aws, installed, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", __import__("socket").getaddrinfo)
    localhost_names.install()
    tokens = aws.client("cognito-idp").initiate_auth(
        ClientId=installed.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": installed.admin_email, "PASSWORD": installed.admin_password},
    )["AuthenticationResult"]  # fmt: skip
    assert call(f"{installed.api_url}/me") == 401
    assert call(f"{installed.api_url}/me", tokens["AccessToken"] + "x") == 401
    assert call(f"{installed.api_url}/me", tokens["IdToken"]) == 403
    assert call(f"{installed.api_url}/me", tokens["AccessToken"]) == 200


def test_people_cannot_give_themselves_a_quota(aws, installed):
    cognito = aws.client("cognito-idp")
    token = cognito.initiate_auth(
        ClientId=installed.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": installed.admin_email, "PASSWORD": installed.admin_password},
    )["AuthenticationResult"]["AccessToken"]  # fmt: skip
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": "custom:Quota", "Value": "1"}]
        )


def test_every_function_has_its_role_and_runs_its_own_code(aws, installed):
    pages = aws.client("lambda").get_paginator("list_functions").paginate()
    functions = [
        one
        for page in pages
        for one in page["Functions"]
        if one["FunctionName"].startswith("autoprovision-")
    ]
    assert len(functions) == len({one["Role"] for one in functions}) > 20
    assert len({one["CodeSha256"] for one in functions}) == 1


@pytest.mark.parametrize(
    ("rule", "event", "wanted"),
    [
        ("stack-events", {"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "{stack}/ap-dev-blog-1/x", "status-details": {"status": "CREATE_COMPLETE"}}}, True),
        ("stack-events", {"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "{stack}/ap-dev-blog-1/x", "status-details": {"status": "DELETE_FAILED"}}}, True),
        ("stack-events", {"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "{stack}/ap-dev-blog-1/x", "status-details": {"status": "CREATE_IN_PROGRESS"}}}, False),
        ("stack-events", {"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change", "detail": {"stack-id": "{stack}/payroll/x", "status-details": {"status": "CREATE_COMPLETE"}}}, False),
        ("intake", {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "{intake}"}, "object": {"key": "intake/u/a.json"}}}, True),
        ("intake", {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "{intake}"}, "object": {"key": "other/a.json"}}}, False),
        ("intake", {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "another"}, "object": {"key": "intake/u/a.json"}}}, False),
    ],
)  # fmt: skip
def test_rules_hear_what_they_are_for(aws, installed, rule, event, wanted):
    events = aws.client("events")
    pattern = events.describe_rule(Name=f"autoprovision-{rule}")["EventPattern"]
    stack = f"arn:aws:cloudformation:{aws.region}:{aws.account_id}:stack"
    text = json.dumps(
        {
            "id": "1",
            "account": aws.account_id,
            "time": "2026-11-22T00:00:00Z",
            "region": aws.region,
            "resources": [],
            **event,
        }
    )
    text = text.replace("{stack}", stack).replace("{intake}", installed.outputs["IntakeBucketName"])
    assert events.test_event_pattern(EventPattern=pattern, Event=text)["Result"] is wanted


def test_two_platforms_live_side_by_side(aws, installed):
    made, _ = run(aws, next(names))
    assert made.api_url != installed.api_url
    assert made.user_pool_id != installed.user_pool_id


class Crash(BaseException):
    pass


def crashing(aws, when, moment):
    """Clients that stop the program at the n-th call to AWS, before it is sent or after it was done."""
    calls = count()

    def stop(**_):
        if next(calls) == when:
            raise Crash

    @cache
    def client(service):
        made = aws.client(service)
        made.meta.events.register(moment, stop)
        return made

    return client, calls


def test_a_deployment_that_was_cut_short_anywhere_goes_on(aws):
    client, calls = crashing(aws, -1, "before-call")
    run(aws, next(names), clients=client)
    total = next(calls)
    third = total // 3
    cuts = {
        1: "before-call",
        third: "after-call",
        2 * third: "before-call",
        total - 1: "after-call",
    }
    for when, moment in cuts.items():
        name = next(names)
        with pytest.raises(Crash):
            run(aws, name, clients=crashing(aws, when, moment)[0])
        made, _ = run(aws, name)
        assert made.api_url, (moment, when)
        _, said = run(aws, name)
        assert f"{name}-app: nothing changes." in said, (moment, when)


def test_a_first_deployment_that_failed_is_told_and_done_again(aws):
    name, s3 = next(names), aws.client("s3")
    taken = f"{name}-intake-{aws.account_id}-{aws.region}"
    s3.create_bucket(Bucket=taken, CreateBucketConfiguration={"LocationConstraint": aws.region})
    with pytest.raises(StackFailedError) as caught:
        run(aws, name)
    assert "IntakeBucket (AWS::S3::Bucket)" in caught.value.message
    s3.delete_bucket(Bucket=taken)
    made, said = run(aws, name)
    assert made.api_url
    assert any("deleting it" in one for one in said)


def test_who_says_no_gets_nothing(aws):
    name, asked = next(names), []

    def no(stack, changes):
        asked.append((stack, len(changes)))
        return False

    with pytest.raises(NotConfirmedError):
        run(aws, name, confirm=no)
    assert [stack for stack, changes in asked if changes > 10] == [f"{name}-data"]
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert not [one for one in stacks if one["StackName"].startswith(f"{name}-")]


def test_an_unknown_parameter_is_refused_with_those_there_are(aws):
    name = next(names)
    with pytest.raises(DeployError) as caught:
        run(aws, name, parameters={**PARAMETERS, "Colour": "red", "CodeKey": "mine"})
    assert "CodeKey, Colour" in caught.value.message
    assert "LogRetentionDays" in caught.value.hint
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert not [one for one in stacks if one["StackName"].startswith(f"{name}-")]


def test_a_value_that_a_template_refuses_is_told(aws):
    with pytest.raises(StackFailedError, match="PlatformName"):
        run(aws, "X")


def attached(aws, name):
    functions = aws.client("lambda")
    return {
        one: functions.get_function_configuration(FunctionName=f"{name}-{one}").get("VpcConfig", {})
        for one in ("StageSource", "PublishProject", "CheckUrl", "AwaitStack")
    }


def test_functions_join_a_network_that_has_a_way_out_and_leave_it(aws):
    name = next(names)
    joining = {**PARAMETERS, "FunctionNetwork": "dev"}
    with pytest.raises(DeployError, match="the network of dev: there is none") as without:
        run(aws, name, parameters=joining)
    assert "--network dev" in without.value.hint
    closed = {**joining, "dev.FlowLogs": "false"}
    with pytest.raises(DeployError, match="dev: it has no NAT gateway") as without:
        run(aws, name, parameters=closed, networks=("dev",))
    assert "dev.NatGateways=one" in without.value.hint
    run(aws, name, parameters={**joining, "dev.NatGateways": "one"})
    joined = attached(aws, name)
    assert not joined.pop("AwaitStack").get("SubnetIds")
    (network,) = aws.client("cloudformation").describe_stacks(StackName=f"{name}-network-dev")[
        "Stacks"
    ]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in network["Outputs"]}
    for one in joined.values():
        assert sorted(one["SubnetIds"]) == sorted(outputs["FunctionSubnets"].split(","))
        (group,) = aws.client("ec2").describe_security_groups(GroupIds=one["SecurityGroupIds"])[
            "SecurityGroups"
        ]
        assert group["VpcId"] == outputs["Vpc"]
        assert group["IpPermissions"] == []
    run(aws, name, parameters={**PARAMETERS, "FunctionNetwork": ""})
    assert not [one for one in attached(aws, name).values() if one.get("SubnetIds")]


def test_a_private_host_outside_of_private_space_is_refused_before_anything(aws):
    name = next(names)
    with pytest.raises(DeployError, match=r"169\.254\.0\.0/16.* not in private address space"):
        run(aws, name, parameters={**PARAMETERS, "PrivateHosts": "git.uni.edu=169.254.0.0/16"})


def test_a_sender_is_needed_the_first_time_and_kept_after_that(aws):
    name = next(names)
    with pytest.raises(DeployError, match="no address to send mail from"):
        run(aws, name, parameters={}, admin_email=None)
    run(aws, name, parameters={**PARAMETERS, "LogRetentionDays": "14"}, admin_email=None)
    _, said = run(aws, name, parameters={}, admin_email=None)
    assert f"{name}-app: nothing changes." in said
    kept = aws.client("cloudformation").describe_stacks(StackName=f"{name}-app")["Stacks"][0][
        "Parameters"
    ]
    assert {"ParameterKey": "LogRetentionDays", "ParameterValue": "14"} in kept
