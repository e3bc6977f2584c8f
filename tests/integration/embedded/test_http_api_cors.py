"""An HTTP API from a template lets the pages of its origins read what it answers."""

import json
import urllib.error
import urllib.request
from email.message import Message

from tests.integration.embedded.conftest import Workshop
from tests.integration.embedded.test_http_api import function

ECHO = """
def handler(event, context):
    return {"statusCode": 200, "body": "hello"}
"""
OURS, OTHERS = "http://ours.example", "http://others.example"


def _template(arn: str, origin: str) -> str:
    cors = {"AllowOrigins": [origin], "AllowMethods": ["POST"], "AllowHeaders": ["content-type"], "MaxAge": 60}  # fmt: skip
    api = {"Name": "cors", "ProtocolType": "HTTP", "CorsConfiguration": cors}
    integration = {
        "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": arn,
        "PayloadFormatVersion": "2.0",
    }  # fmt: skip
    route = {
        "ApiId": {"Ref": "Api"}, "RouteKey": "POST /ask",
        "Target": {"Fn::Sub": "integrations/${Integration}"},
    }  # fmt: skip
    stage = {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True}
    kinds = {"Api": api, "Integration": integration, "Route": route, "Stage": stage}
    return json.dumps({
        "Resources": {
            name: {"Type": f"AWS::ApiGatewayV2::{name}", "Properties": one}
            for name, one in kinds.items()
        },
        "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
    })  # fmt: skip


def _stack(workshop: Workshop, arn: str) -> tuple[str, str]:
    """A stack with such an API: its name, and where the API is."""
    name = workshop.name("cors")
    workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=_template(arn, OURS)
    )
    found = workshop.stack_settled(name)
    assert found["StackStatus"] == "CREATE_COMPLETE"
    (output,) = found["Outputs"]
    host = f"{workshop.aws.endpoint_url}/_aws/execute-api"
    return name, f"{host}/{output['OutputValue']}/$default/ask"


def _asked(url: str, origin: str, method: str = "POST") -> tuple[int, Message]:
    request = urllib.request.Request(url, b"", {"Origin": origin}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers


def test_an_origin_that_is_named_is_answered(workshop: Workshop):
    arn = function(workshop, ECHO)
    name, url = _stack(workshop, arn)
    assert _asked(url, OURS)[1]["Access-Control-Allow-Origin"] == OURS
    status, headers = _asked(url, OURS, "OPTIONS")
    assert (status, headers["Access-Control-Allow-Methods"]) == (204, "POST")
    status, headers = _asked(url, OTHERS)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, None)
    workshop.client("cloudformation").update_stack(
        StackName=name, TemplateBody=_template(arn, OTHERS)
    )
    assert workshop.stack_settled(name)["StackStatus"] == "UPDATE_COMPLETE"
    assert _asked(url, OTHERS)[1]["Access-Control-Allow-Origin"] == OTHERS
    assert _asked(url, OURS)[1]["Access-Control-Allow-Origin"] is None


def test_the_mend_is_still_needed(unmended: Workshop):
    _, url = _stack(unmended, function(unmended, ECHO))
    assert _asked(url, OURS)[1]["Access-Control-Allow-Origin"] is None
