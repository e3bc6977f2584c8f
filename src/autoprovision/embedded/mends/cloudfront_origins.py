"""Origins inside AWS are reached.

AWS: an origin without CustomOriginConfig is an S3 origin, `S3OriginConfig: {}` included; an HTTP
API is an origin by its name `<id>.execute-api.<region>.amazonaws.com` (CloudFormation reference of
AWS::CloudFront::Distribution Origin; CloudFront developer guide, "Use various origins").

MiniStack: drops an empty S3OriginConfig and then refuses to call the bucket's name; refuses the
name of an API.

Mend: such an origin counts as S3, and the name of an API leads to MiniStack's own port.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import os
import re
from typing import Any

_API = re.compile(r"(?P<id>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com\Z")


def apply() -> None:
    """Resolve the names of buckets and APIs to this server."""
    from ministack.services import cloudfront

    read_origin = cloudfront._dataplane_origin
    forward = cloudfront._forward_to_origin

    def read_origin_as_aws(element: Any) -> dict[str, Any]:
        origin: dict[str, Any] = read_origin(element)
        if cloudfront._find(element, "CustomOriginConfig") is None:
            origin["s3_bucket"] = cloudfront._s3_origin_bucket(origin["domain_name"])
        return origin

    def forward_to_origin(origin: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        api = _API.match(origin["domain_name"].lower())
        return forward(_local(origin, api["id"]) if api else origin, *arguments, **options)

    cloudfront._dataplane_origin = read_origin_as_aws
    cloudfront._forward_to_origin = forward_to_origin


def _local(origin: dict[str, Any], api_id: str) -> dict[str, Any]:
    return {
        **origin,
        "domain_name": f"{api_id}.execute-api.{os.environ['MINISTACK_HOST']}",
        "http_port": int(os.environ["GATEWAY_PORT"]),
        "protocol_policy": "http-only",
    }
