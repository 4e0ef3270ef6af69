"""Addresses: which are of the open internet, and which of somebody's own network."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: an IPv4 address in its last 32 bits


def may_be_posted_to(address: Address, scheme: str, networks: Sequence[Network]) -> bool:
    """Say whether messages may be posted to an address: by https anywhere in public, or within networks of one's own.

    Args:
        address: The address.
        scheme: Of the URL, http or https.
        networks: The private networks that may be reached all the same, and without TLS.
    """
    own = any(address in network for network in networks if network.version == address.version)
    return own or (scheme == "https" and is_public(address))


def is_public(address: Address) -> bool:
    """Say whether an address is one of the open internet, whichever way it is written."""
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
        if embedded is not None:
            return is_public(embedded)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
