"""Which addresses are ordinary ones on the Internet, for whatever calls a host that people name."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# Special-purpose blocks (IANA registries) that older Pythons take for ordinary addresses.
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20")
)
_LOW_32_BITS = 0xFFFFFFFF


def _embedded(address: ipaddress.IPv6Address) -> Address | None:
    """The IPv4 address that packets to this IPv6 address end at, if there is one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    return None


def is_public(address: Address) -> bool:
    """Say whether an address is an ordinary one on the Internet.

    Not: private, loopback, link-local (where the metadata services live), multicast, shared
    (CGNAT), reserved, documentation, or an IPv6 form of such an IPv4 address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.scope_id is not None:
            return False
    if any(address in block for block in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
