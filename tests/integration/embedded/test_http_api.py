"""An HTTP API of the embedded AWS lets in who has a token of the pool."""

import io
import json
import urllib.error
import urllib.request
import zipfile
from typing import Any

import pytest

from autoprovision.embedded import localhost_names

ECHO = """
import json

def handler(event, context):
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps([event["rawPath"], claims["sub"]])}
"""
PASSWORD = "Correct-Horse-1"


def function(workshop: Any, text: str = ECHO) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", text)
    functions = workshop.client("lambda")
    arn = functions.create_function(
        FunctionName=workshop.name("api"),
        Runtime="python3.13",
        Handler="index.handler",
        Role=workshop.role("lambda"),
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=arn,
        StatementId="a",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return str(arn)


def signed_in(workshop: Any) -> tuple[str, str, str, str]:
    """Issuer, client, access token and subject."""
    idp = workshop.client("cognito-idp")
    pool = idp.create_user_pool(PoolName=workshop.name("pool"), UsernameAttributes=["email"])[
        "UserPool"
    ]["Id"]
    client = idp.create_user_pool_client(
        UserPoolId=pool, ClientName="c", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    idp.admin_create_user(UserPoolId=pool, Username="a@example.com", MessageAction="SUPPRESS")
    idp.admin_set_user_password(
        UserPoolId=pool, Username="a@example.com", Password=PASSWORD, Permanent=True
    )
    token = idp.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "a@example.com", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]["AccessToken"]
    subject = idp.get_user(AccessToken=token)["Username"]
    return f"https://cognito-idp.{workshop.aws.region}.amazonaws.com/{pool}", client, token, subject


def get(url: str, token: str | None) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, None


def test_a_token_opens_the_api_by_name_and_by_path(workshop: Any, monkeypatch: pytest.MonkeyPatch):
    import socket

    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    localhost_names.install()
    issuer, client, token, subject = signed_in(workshop)
    apis = workshop.client("apigatewayv2")
    api = apis.create_api(Name=workshop.name("api"), ProtocolType="HTTP")
    integration = apis.create_integration(
        ApiId=api["ApiId"],
        IntegrationType="AWS_PROXY",
        IntegrationUri=function(workshop),
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    authorizer = apis.create_authorizer(
        ApiId=api["ApiId"],
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": issuer, "Audience": [client]},
    )["AuthorizerId"]
    apis.create_route(
        ApiId=api["ApiId"],
        RouteKey="GET /things",
        Target=f"integrations/{integration}",
        AuthorizationType="JWT",
        AuthorizerId=authorizer,
    )
    apis.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    by_name = f"{api['ApiEndpoint']}/things"
    assert by_name == f"http://{api['ApiId']}.execute-api.localhost:{workshop.aws.port}/things"
    by_path = f"{workshop.aws.endpoint_url}/_aws/execute-api/{api['ApiId']}/$default/things"
    for url in (by_name, by_path):
        assert get(url, token) == (200, ["/things", subject])
        assert get(url, None) == (401, None)
        assert get(url, token[:-4] + "AAAA") == (401, None)


HEALTH = """
def handler(event, context):
    return {"statusCode": 200, "body": "the application's own"}
"""


def health_of(workshop: Any) -> bytes:
    apis = workshop.client("apigatewayv2")
    api = apis.create_api(Name=workshop.name("api"), ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=function(workshop, HEALTH),
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="GET /health", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    request = urllib.request.Request(
        f"{workshop.aws.endpoint_url}/health",
        headers={"Host": f"{api}.execute-api.localhost:{workshop.aws.port}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def test_an_application_has_its_own_health(workshop: Any):
    assert health_of(workshop) == b"the application's own"


def test_plain_ministack_still_answers_it_itself(unmended: Any):
    assert health_of(unmended) != b"the application's own"
