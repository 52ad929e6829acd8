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
# A whole contract should fit into one context of 128 bars.
_CONTEXT = 128
_LENGTHS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 86_400)
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
    events. None where the slug says no time.
    """
    if match := _BY_EPOCH.fullmatch(slug):
        opens = int(match[3]) * 1000
        return Contract(opens, opens + int(match[1]) * _UNITS[match[2]] * 1000) if int(match[1]) else None
    match = _BY_HOUR.fullmatch(slug)
    if match is None or match[1] not in _MONTHS or not 1 <= int(match[4]) <= 12:
        return None
    year = datetime.fromtimestamp(near / 1000, UTC).year
    years = [int(match[3])] if match[3] else [year - 1, year, year + 1]
    hour = int(match[4]) % 12 + 12 * (match[5] == "pm")
    month, day = _MONTHS.index(match[1]) + 1, int(match[2])
    openings = [opens for each in years if (opens := _opening(each, month, day, hour)) is not None]
    nearest = min(openings, key=lambda instant: abs(instant - near), default=None)
    return Contract(nearest, nearest + 3_600_000) if nearest is not None else None


def _opening(year: int, month: int, day: int, hour: int) -> int | None:
    """That hour in New York, in ms; None where the month has no such day."""
    try:
        local = datetime(year, month, day, tzinfo=_NEW_YORK) + timedelta(hours=hour)
    except ValueError:
        return None
    return int(local.timestamp()) * 1000


def bar_seconds(slugs: Iterable[str]) -> int:
    """How long bars are by default: the shortest with which the commonest contract of these fits into one context."""
    lengths = Counter(contract.seconds for slug in slugs if (contract := contract_of(slug, 0)) is not None)
    if not lengths:
        return _UNKNOWN
    commonest = min(lengths, key=lambda length: (-lengths[length], length))
    return next((length for length in _LENGTHS if commonest <= length * _CONTEXT), _LENGTHS[-1])
