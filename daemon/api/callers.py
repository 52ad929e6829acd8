"""Who calls: a program on this machine, or somebody else, be it through a proxy on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

# Only a proxy sends these; any of them says that the true caller is elsewhere, never that it is here.
FORWARDING = frozenset({"forwarded", "via", "x-real-ip"})
FORWARDING_PREFIX = "x-forwarded-"
# The addresses of one IPv6 subscriber.
SUBSCRIBER = 64


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of this machine for itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def host_name(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.is_loopback:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, SUBSCRIBER), strict=False))


def is_forwarded(headers: Headers) -> bool:
    """Whether a proxy says that it passed the request on."""
    return any(name in FORWARDING or name.startswith(FORWARDING_PREFIX) for name in headers)


def is_local(scope: Scope, headers: Headers) -> bool:
    """Whether the request comes straight from this machine: by its address, by its Host, and through no proxy."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]) or is_forwarded(headers):
        return False
    name = host_name(headers.get("host", ""))
    return name is not None and is_loopback(name)


def caller(scope: Scope, headers: Headers, *, behind_proxy: bool) -> str:
    """The network of whoever called; the address that a proxy adds last counts only if a proxy is configured."""
    added = headers.getlist("x-forwarded-for")[-1:] if behind_proxy else []
    if added and (address := added[0].rpartition(",")[2].strip()):
        return network(address)
    client = scope.get("client")
    return network(client[0]) if client else ""


def is_https(headers: Headers) -> bool:
    """Whether the browser speaks TLS, as its own Origin or the proxy says; the desk itself speaks none."""
    return headers.get("origin", "").startswith("https:") or headers.get("x-forwarded-proto", "") == "https"
