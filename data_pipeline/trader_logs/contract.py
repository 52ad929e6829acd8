"""The contract that a market is: when it opens and when it closes, as its slug says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_BY_EPOCH = re.compile(r".*-updown-(\d{1,4})([mhd])-(\d{9,11})")
_BY_HOUR = re.compile(r".*-up-or-down-([a-z]+)-(\d{1,2})(?:-(\d{4}))?-(\d{1,2})(am|pm)-et")
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NEW_YORK = ZoneInfo("America/New_York")
# A whole contract should fit into one window of bars.
WINDOW = 128
_LENGTHS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 86_400)
_LONGEST = 7 * 86_400  # seconds of a contract
_FARTHEST = 8 * 86_400_000  # ms between an event of a contract and its opening: trading may begin days before
_UNKNOWN = 15  # seconds of a bar where no slug says how long a contract lasts


class Contract(NamedTuple):
    """When a market opens and closes, in ms."""

    opens: int
    closes: int

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return (self.closes - self.opens) // 1000


def contract_of(slug: str, near: int) -> Contract | None:
    """The contract of a slug such as `btc-updown-15m-1768904100` or `ethereum-up-or-down-january-1-10pm-et`.

    A slug that names no year means that which brings the contract closest to `near`, the time (ms) of one of its
    events. None where the slug says no time, or one that cannot be that of these events.
    """
    contract = _by_epoch(slug) or _by_hour(slug, near)
    if contract is None or contract.seconds > _LONGEST or abs(contract.opens - near) > _FARTHEST:
        return None
    return contract


def _by_epoch(slug: str) -> Contract | None:
    match = _BY_EPOCH.fullmatch(slug)
    if match is None or int(match[1]) == 0:
        return None
    opens = int(match[3]) * 1000
    return Contract(opens, opens + int(match[1]) * _UNITS[match[2]] * 1000)


def _by_hour(slug: str, near: int) -> Contract | None:
    match = _BY_HOUR.fullmatch(slug)
    if match is None or match[1] not in _MONTHS or not 1 <= int(match[4]) <= 12:
        return None
    year = datetime.fromtimestamp(near / 1000, UTC).year
    years = [int(match[3])] if match[3] else [year - 1, year, year + 1]
    month, day, hour = _MONTHS.index(match[1]) + 1, int(match[2]), int(match[4]) % 12 + 12 * (match[5] == "pm")
    openings = [instant for each in years if (instant := _opening(each, month, day, hour)) is not None]
    opens = min(openings, key=lambda instant: abs(instant - near), default=None)
    return Contract(opens, opens + 3_600_000) if opens is not None else None


def _opening(year: int, month: int, day: int, hour: int) -> int | None:
    """That hour in New York, in ms; None where the month has no such day."""
    try:
        local = datetime(year, month, day, tzinfo=_NEW_YORK) + timedelta(hours=hour)
    except ValueError:
        return None
    return int(local.timestamp()) * 1000


def bar_seconds(contracts: Iterable[Contract], window: int = WINDOW) -> int:
    """How long bars are by default: the shortest with which the commonest of these contracts fits into one window."""
    lengths = Counter(contract.seconds for contract in contracts)
    if not lengths:
        return _UNKNOWN
    commonest = min(lengths, key=lambda length: (-lengths[length], length))
    return next((length for length in _LENGTHS if commonest <= length * window), _LENGTHS[-1])


def nominal(slug: str) -> Contract | None:
    """The contract of a slug of whose events nothing is known: of any year, and as long as it says."""
    contract = _by_epoch(slug) or _by_hour(slug, 0)
    return contract if contract is not None and contract.seconds <= _LONGEST else None
