"""A function made by CloudFormation gets new code: from S3, as versions, behind an alias and a URL."""

import io
import json
import urllib.error
import urllib.request
import zipfile
from typing import Any

import pytest

from autoprovision.embedded import localhost_names

FIRST = {
    "nodejs22.x": "exports.handler = async () => ({statusCode: 200, body: 'first'});",
    "python3.13": "def handler(event, context):\n    return {'statusCode': 200, 'body': 'first'}",
}
RELEASE = {
    "nodejs22.x": {
        "index.js": "const word = require('words');"
        "exports.handler = async (event) => ({statusCode: 200, body: word + ' ' + (event.rawPath || '')});",
        "node_modules/words/package.json": '{"name": "words", "version": "1.0.0", "main": "w.js"}',
        "node_modules/words/w.js": "module.exports = 'second';",
    },
    "python3.13": {
        "index.py": "import words\n\ndef handler(event, context):\n"
        "    return {'statusCode': 200, 'body': words.WORD + ' ' + event.get('rawPath', '')}",
        "words.py": "WORD = 'second'",
    },
}


def package(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def made(workshop: Any, runtime: str) -> tuple[str, str]:
    """Name of a function of a stack and the address of its URL."""
    name, function = workshop.name("stack"), workshop.name("function")
    template = {
        "Resources": {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": function,
                    "Runtime": runtime,
                    "Handler": "index.handler",
                    "Role": workshop.role("lambda"),
                    "Code": {"ZipFile": FIRST[runtime]},
                },
            },
            "Url": {
                "Type": "AWS::Lambda::Url",
                "Properties": {"TargetFunctionArn": {"Ref": "Function"}, "AuthType": "NONE"},
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "Action": "lambda:InvokeFunctionUrl",
                    "Principal": "*",
                    "FunctionUrlAuthType": "NONE",
                },
            },
        },
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": "Url.FunctionUrl"}}},
    }
    workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(template)
    )
    stack = workshop.stack_settled(name)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return function, stack["Outputs"][0]["OutputValue"]


def fetched(address: str) -> str:
    localhost_names.install()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as problem:
        return f"{problem.code} {problem.read().decode()}"


def answered(workshop: Any, function: str, qualifier: str = "$LATEST") -> str:
    answer = workshop.client("lambda").invoke(FunctionName=function, Qualifier=qualifier)
    return str(json.loads(answer["Payload"].read())["body"]).strip()


@pytest.mark.parametrize("runtime", FIRST)
def test_a_release_goes_live(workshop, runtime):
    functions, s3, bucket = workshop.client("lambda"), workshop.client("s3"), workshop.name("code")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    s3.put_object(Bucket=bucket, Key="release.zip", Body=package(RELEASE[runtime]))
    function, address = made(workshop, runtime)
    assert fetched(address) == "first"
    first = functions.publish_version(FunctionName=function)["Version"]
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion=first)
    updated = functions.update_function_code(
        FunctionName=function, S3Bucket=bucket, S3Key="release.zip"
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert fetched(f"{address}some/path") == "second /some/path"
    assert answered(workshop, function) == "second"
    assert answered(workshop, function, "live") == "first"
    second = functions.publish_version(FunctionName=function, CodeSha256=updated["CodeSha256"])
    functions.update_alias(FunctionName=function, Name="live", FunctionVersion=second["Version"])
    assert answered(workshop, function, "live") == "second"
    # Back to what was there before.
    functions.update_alias(FunctionName=function, Name="live", FunctionVersion=first)
    assert answered(workshop, function, "live") == "first"


def test_a_url_with_iam_lets_nobody_in(workshop):
    function, address = made(workshop, "python3.13")
    workshop.client("lambda").update_function_url_config(FunctionName=function, AuthType="AWS_IAM")
    assert fetched(address).startswith("403")


def test_ministack_alone_gives_a_url_of_aws(unmended):
    function, address = made(unmended, "python3.13")
    assert function
    assert address.endswith(".on.aws/"), "the mend is no longer needed"
