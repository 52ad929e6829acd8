"""The table of open connections: whoever waits the longest makes place, so that nobody can hold the desk's door shut.

A full table takes a new connection in this order:

    a caller with its share of places       its oldest waiting connection is dropped
    callers of other machines have theirs   the oldest waiting one of the caller with the most is dropped
    all places are taken                    the same, among all callers
    nothing waits, all are being answered   one of a few places for health checks, which may ask for nothing else
    these are taken too                     the oldest waiting one of them is dropped; else refused

A connection waits while its request is not complete, and between two requests. Dropping it loses no work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol

from daemon.api.callers import is_loopback

Admission = Literal["any", "health", "refused"]
_is_here = lru_cache(1024)(is_loopback)  # asked for every caller whenever the table is full


class Connection(Protocol):
    """An open connection."""

    caller: str

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered."""

    def drop(self) -> None:
        """Close it at once."""


@dataclass(frozen=True)
class Limits:
    """How many connections there may be.

    Args:
        total: of all callers.
        reserve: those of `total` that only callers on this machine may take.
        caller: of one caller on another machine.
        health: more, which may only ask for health.
    """

    total: int = 256
    reserve: int = 32
    caller: int = 64
    health: int = 16


@dataclass
class Connections:
    """The open connections by caller, those that have waited longest first."""

    limits: Limits = field(default_factory=Limits)
    _places: dict[str, dict[Connection, None]] = field(default_factory=dict)
    _health: dict[Connection, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self._places.values())) + len(self._health)

    def admit(self, new: Connection) -> Admission:
        """Take in a connection, and say what it may ask for."""
        if self._make_place(new.caller):
            self._places.setdefault(new.caller, {})[new] = None
            return "any"
        if len(self._health) < self.limits.health or self._drop_oldest(self._health):
            self._health[new] = None
            return "health"
        return "refused"

    def answered(self, connection: Connection) -> None:
        """A connection waits again: from now on it is the youngest of its caller."""
        for places in (self._places.get(connection.caller, {}), self._health):
            if connection in places:
                del places[connection]
                places[connection] = None

    def remove(self, connection: Connection) -> None:
        """A connection has been closed."""
        self._health.pop(connection, None)
        places = self._places.get(connection.caller, {})
        places.pop(connection, None)
        if not places:
            self._places.pop(connection.caller, None)

    def _make_place(self, caller: str) -> bool:
        limits, own = self.limits, self._places.get(caller, {})
        if not _is_here(caller):
            remote = [places for other, places in self._places.items() if not _is_here(other)]
            if len(own) >= limits.caller:
                return self._drop_oldest(own)
            if sum(map(len, remote)) >= limits.total - limits.reserve:
                return self._drop_of_largest(remote)
        if sum(map(len, self._places.values())) >= limits.total:
            return self._drop_of_largest(self._places.values())
        return True

    def _drop_of_largest(self, callers: Iterable[dict[Connection, None]]) -> bool:
        return any(self._drop_oldest(places) for places in sorted(callers, key=len, reverse=True))

    def _drop_oldest(self, places: dict[Connection, None]) -> bool:
        oldest = next((connection for connection in places if connection.waits), None)
        if oldest is None:
            return False
        self.remove(oldest)
        oldest.drop()
        return True
