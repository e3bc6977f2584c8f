"""A distribution of the embedded AWS is reached by its own domain name."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from autoprovision.embedded import localhost_names

SITE = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Access": {
            "Type": "AWS::CloudFront::OriginAccessControl",
            "Properties": {
                "OriginAccessControlConfig": {
                    "Name": {"Ref": "AWS::StackName"},
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        },
        "Headers": {
            "Type": "AWS::CloudFront::ResponseHeadersPolicy",
            "Properties": {
                "ResponseHeadersPolicyConfig": {
                    "Name": {"Ref": "AWS::StackName"},
                    "SecurityHeadersConfig": {
                        "ContentTypeOptions": {"Override": True},
                        "FrameOptions": {"FrameOption": "DENY", "Override": True},
                    },
                }
            },
        },
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Enabled": True,
                    "DefaultRootObject": "index.html",
                    "Origins": [
                        {
                            "Id": "bucket",
                            "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]},
                            "OriginAccessControlId": {"Ref": "Access"},
                            "S3OriginConfig": {},
                        }
                    ],
                    "DefaultCacheBehavior": {
                        "TargetOriginId": "bucket",
                        "ViewerProtocolPolicy": "redirect-to-https",
                        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
                        "ResponseHeadersPolicyId": {"Ref": "Headers"},
                    },
                    "CustomErrorResponses": [
                        {"ErrorCode": code, "ResponseCode": 404, "ResponsePagePath": "/404.html"}
                        for code in (403, 404)
                    ],
                }
            },
        },
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudfront.amazonaws.com"},
                            "Action": "s3:GetObject",
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                            "Condition": {
                                "StringEquals": {
                                    "AWS:SourceArn": {
                                        "Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
                                    }
                                }
                            },
                        }
                    ],
                },
            },
        },
    },
    "Outputs": {
        "Url": {"Value": {"Fn::Sub": "http://${Distribution.DomainName}"}},
        "Bucket": {"Value": {"Ref": "Bucket"}},
    },
}


def site(workshop: Any) -> str:
    stack = workshop.client("cloudformation").create_stack(
        StackName=workshop.name("site"), TemplateBody=json.dumps(SITE)
    )["StackId"]
    settled = workshop.stack_settled(stack)
    assert settled["StackStatus"] == "CREATE_COMPLETE", settled
    outputs = {output["OutputKey"]: output["OutputValue"] for output in settled["Outputs"]}
    for key, text in (("index.html", "home"), ("404.html", "lost"), ("a/b.html", "deep")):
        workshop.client("s3").put_object(
            Bucket=outputs["Bucket"], Key=key, Body=text.encode(), ContentType="text/html"
        )
    return str(outputs["Url"])


def get(url: str) -> tuple[int, str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode(), refused.headers


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    localhost_names.install()


@pytest.mark.usefixtures("names")
def test_the_stack_output_answers_with_the_site(workshop: Any):
    url = site(workshop)
    assert url.endswith(f".cloudfront.localhost:{workshop.aws.port}")
    status, text, headers = get(url)
    assert (status, text) == (200, "home")
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert get(f"{url}/a/b.html")[:2] == (200, "deep")
    assert get(f"{url}/nothing")[:2] == (404, "lost")


def test_ministack_alone_names_the_real_cloudfront(unmended: Any):
    assert site(unmended).endswith(".cloudfront.net")
