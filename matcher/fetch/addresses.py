"""Which network addresses may be connected to: those of the public internet.

A feed is written by a stranger and fetched from inside somebody's network, so a name that leads to a private,
loopback, link-local or otherwise special address is refused (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

Resolver = Callable[[str, int], Sequence[str]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 prefixes that carry an IPv4 address: NAT64 (RFC 6052) and 6to4 (RFC 3056), with the bits behind it.
_CARRIERS = ((ipaddress.IPv6Network("64:ff9b::/96"), 0), (ipaddress.IPv6Network("2002::/16"), 80))


class Refused(Exception):
    """A host that must not be connected to; the message is the reason."""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, as the system's resolver gives them.

    Raises:
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def checked(host: str, port: int, resolver: Resolver = resolve, allow_private: bool = False) -> list[str]:
    """The addresses of a host, each of which may be connected to; nobody must ask for the name again.

    Raises:
        Refused: one of them is not public, or there is none.
        OSError: the name is not known.
    """
    found = list(resolver(host, port))
    bad = next((address for address in found if not is_public(address)), None)
    if not found or (bad is not None and not allow_private):
        where = f"leads to {bad}, which is not a public address" if bad else "has no address"
        raise Refused(f"the host {host} {where}" + ("; --allow-private allows it" if bad else ""))
    return found


def is_public(text: str) -> bool:
    """Whether an address in text form belongs to the public internet."""
    try:
        address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address carries, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    for network, shift in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address
