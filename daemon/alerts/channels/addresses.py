"""Which addresses the desk may call on behalf of a config: public ones, so that no webhook reaches inside a network."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any

from config.errors import NightdeskError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses that look public and are not: protocol assignments and a cloud's metadata service among them, the relays
# of 6to4, and the host agent of another cloud.
_INSIDE_V4 = tuple(ipaddress.IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
# Unicast of the public Internet, less the tunnels in it that carry an IPv4 address of anyone's choice.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_TUNNELS_V6 = tuple(ipaddress.IPv6Network(text) for text in ("2001::/32", "2002::/16"))


@dataclass(frozen=True)
class Address:
    """A resolved address, to be connected to as it is, without a second look-up."""

    family: socket.AddressFamily
    sockaddr: Any

    @property
    def text(self) -> str:
        """The IP address."""
        return str(self.sockaddr[0])


def is_public(text: str) -> bool:
    """Whether an IP address belongs to a host of the public Internet."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _INSIDE_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _TUNNELS_V6)


def resolve(host: str, port: int, *, allow_private: bool) -> list[Address]:
    """Ask the name once. One private address among the answers is enough to refuse them all."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NightdeskError(
            "notify.failed",
            f"The name {host} of the webhook cannot be resolved ({error.strerror or error}).",
            "It is retried. If it stays so, check the name and the network.",
        ) from error
    addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in answers]
    inside = [address.text for address in addresses if not is_public(address.text)]
    if inside and not allow_private:
        raise NightdeskError(
            "notify.blocked",
            f"The webhook {host} is at {inside[0]}, which is no public address.",
            "If the receiver is yours, set allow_private to true for this webhook in notifications.",
        )
    return addresses
