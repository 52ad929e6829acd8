"""Which addresses the desk may call on behalf of a config: public ones, so that no webhook reaches inside a network."""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future
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


# The look-ups under way: a name whose server hangs is asked by one thread, however often it is asked for.
_LOOKUPS: dict[tuple[str, int], Future[list[Any]]] = {}
_LOOKUPS_LOCK = threading.Lock()


def resolve(host: str, port: int, *, allow_private: bool, within: float) -> list[Address]:
    """Ask the name once, for `within` seconds. One private address among the answers is enough to refuse them all."""
    try:
        answers = _look_up(host, port).result(within)
    except TimeoutError as error:
        raise _unresolved(host, f"no answer within {within:g} s") from error
    except OSError as error:
        raise _unresolved(host, error.strerror or str(error)) from error
    addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in answers]
    inside = [address.text for address in addresses if not is_public(address.text)]
    if inside and not allow_private:
        raise NightdeskError(
            "notify.blocked",
            f"The webhook {host} is at {inside[0]}, which is no public address.",
            "If the receiver is yours, set allow_private to true for this webhook in notifications.",
        )
    return addresses


def _look_up(host: str, port: int) -> Future[list[Any]]:
    """The answer of the resolver, which knows no deadline: a daemon thread asks it, and may be left behind."""
    with _LOOKUPS_LOCK:
        if (under_way := _LOOKUPS.get((host, port))) is not None:
            return under_way
        answer: Future[list[Any]] = Future()
        threading.Thread(target=_ask, args=(host, port, answer), name=f"resolve-{host}", daemon=True).start()
        _LOOKUPS[host, port] = answer
    return answer


def _ask(host: str, port: int, answer: Future[list[Any]]) -> None:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except BaseException as error:  # noqa: BLE001 -- it is raised where the answer is awaited
        outcome: BaseException | list[Any] = error
    else:
        outcome = addresses
    with _LOOKUPS_LOCK:
        _LOOKUPS.pop((host, port), None)  # the next one asks anew
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _unresolved(host: str, reason: str) -> NightdeskError:
    return NightdeskError(
        "notify.failed",
        f"The name {host} of the webhook cannot be resolved ({reason}).",
        "It is retried. If it stays so, check the name and the network.",
    )
