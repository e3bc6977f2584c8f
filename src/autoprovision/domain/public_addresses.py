"""Which addresses may be called, for whatever calls a host that people name.

Ordinary ones on the Internet; and, where an operator says so by name and by block, a host inside
the network that the platform's functions are attached to (decision 27).
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# Special-purpose blocks (IANA registries) that older Pythons take for ordinary addresses.
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20")
)
_LOW_32_BITS = 0xFFFFFFFF
Block = ipaddress.IPv4Network | ipaddress.IPv6Network
# What a private host may be in. Loopback, link-local and the shared space are nobody's to name.
_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# Instance metadata, time and identity answer here, inside the private space of IPv6.
_METADATA = ipaddress.ip_network("fd00:ec2::/32")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")


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


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """Hosts that are inside, and in which blocks: what a name server says outside of them is no."""

    blocks: Mapping[str, tuple[Block, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, setting: str) -> "PrivateHosts":
        """Read a setting such as `git.example.edu=10.8.0.0/24,git.example.edu=fd12::/64`.

        Raises:
            ValueError: an entry that cannot be understood, or a block that is not private space;
                a setting is never half read.
        """
        blocks: dict[str, tuple[Block, ...]] = {}
        for text in filter(None, (part.strip().lower() for part in setting.split(","))):
            host, _, written = text.partition("=")
            if len(host) > 253 or not _HOST.fullmatch(host):
                raise ValueError(f"PRIVATE_HOSTS: {text!r} does not begin with a host and =.")
            blocks[host] = (*blocks.get(host, ()), _private_block(text, written))
        return cls(blocks)

    def may_call(self, host: str, address: Address) -> bool:
        """Say whether a host may be called at this address."""
        if is_public(address):
            return True
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            return False
        return any(address in block for block in self.blocks.get(host, ()))


NOTHING_INSIDE = PrivateHosts()


def _private_block(text: str, written: str) -> Block:
    try:
        block = ipaddress.ip_network(written)
    except ValueError as error:
        raise ValueError(f"PRIVATE_HOSTS: {text!r} has no block of addresses: {error}.") from None
    if not any(_inside(block, private) for private in _PRIVATE):
        raise ValueError(f"PRIVATE_HOSTS: {text!r} is not in private address space.")
    if block.version == _METADATA.version and block.overlaps(_METADATA):
        raise ValueError(f"PRIVATE_HOSTS: {text!r} holds the addresses of AWS's metadata services.")
    return block


def _inside(block: Block, other: Block) -> bool:
    return block.version == other.version and block.subnet_of(other)  # type: ignore[arg-type]
