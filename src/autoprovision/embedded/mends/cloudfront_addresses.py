"""A distribution's domain name is an address that answers.

AWS: a distribution's DomainName is `d111111abcdef8.cloudfront.net`, and it answers there by http
and, with CloudFront's own certificate, by https.

MiniStack: names it the same, which leads to the real CloudFront, and serves it on its own port by
http for the host `<label>.cloudfront.localhost`; viewers are redirected to https, where nobody
answers.

Mend: DomainName is `<label>.cloudfront.localhost:PORT`, so that a stack's output can be followed;
as there is no TLS on loopback, a viewer counts as one who came by https.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import os
from typing import Any

_SUFFIX = ".cloudfront.net"


def apply() -> None:
    """Give distributions their local address."""
    from ministack.services import cloudfront

    local = f".cloudfront.{os.environ['MINISTACK_HOST']}:{os.environ['GATEWAY_PORT']}"
    new_domain = cloudfront._new_distribution_domain

    def new_local_domain() -> str:
        return str(new_domain()).removesuffix(_SUFFIX) + local

    def find_distribution(label: str) -> Any:
        for distribution in cloudfront._distributions.values():
            if distribution["DomainName"].lower() == f"{label}{local}":
                return distribution
        return None

    def admit(*_: Any) -> None:
        """Whichever protocol policy: the viewer on loopback may stay."""

    cloudfront._new_distribution_domain = new_local_domain
    cloudfront.find_distribution_for_label = find_distribution
    cloudfront._check_viewer_protocol_policy = admit
