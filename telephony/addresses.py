"""Where a request comes from, and whether it may."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressError(Exception):
    """Not an address or a network. One line."""


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Of "192.0.2.7" and "2001:db8::/32". Raises AddressError."""
    try:
        return tuple(ip_network(text.strip()) for text in written)
    except ValueError as exc:
        raise AddressError(f"{exc}; write an address or a network like 192.0.2.0/24") from exc


def among(address: Address | None, allowed: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in allowed)


def caller_address(
    peer: str, forwarded: Sequence[str], trusted: Sequence[Network]
) -> Address | None:
    """Who sent a request: the socket's other end, or whoever stands before our own proxies.

    `forwarded` are the X-Forwarded-For headers in their order. They are read from the right, and
    only as far as trusted proxies wrote them: everything left of that may be made up. None where
    it cannot be told.
    """
    address = _address(peer)
    hops = [hop.strip() for header in forwarded for hop in header.split(",")]
    while hops and among(address, trusted):
        address = _address(hops.pop())
    return address


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # a socket of both families sees ::ffff:192.0.2.7
    return address
