"""One market of a trader's log: every event checked, what is nonsense counted by reason, prices on the side of Up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median_low
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from config.errors import NightdeskError

QUOTE, TRADE, MERGE, REDEEM = 0, 1, 2, 3
SETTLED = 4  # in frames of events: the market is over, and its log complete
UP, DOWN = 1, -1

_LARGEST = 64 * 1024 * 1024  # bytes of one file
_VALUES = 4_000_000  # objects, lists and their members in one file
_EARLIEST, _LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100, in ms
_NEAR = 48 * 3_600_000  # ms; markets last hours, and a time farther off than this is a slip
_MOST = 1e12  # shares or money: more than there is
_TEXT = 256  # characters of an identity

Repeats = Literal["keep", "drop"]


class Event(NamedTuple):
    """One thing that happened. Price is that of Up; NaN for merges and redemptions."""

    t: int  # ms
    kind: int
    price: float
    size: float = 0.0
    money: float = 0.0
    outcome: int = 0  # UP or DOWN
    side: int = 0  # 1 bought, -1 sold
    spread: float = float("nan")  # ask less bid, of a quote that has both


@dataclass(frozen=True, eq=False)
class TraderEvents:
    """The events of one market in time order, as columns; `rejected` counts the others by reason."""

    t: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    price: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    money: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.int64]
    side: npt.NDArray[np.int64]
    spread: npt.NDArray[np.float64]
    rejected: dict[str, int]
    repeats: int  # fills equal to an earlier one in transaction, asset, price and size
    assumed: int = 0  # trades that name no outcome: taken for that of their slug, else for Up
    updated: int = 0  # ms until which the file says that it was brought up to date; 0 where it does not say

    def __len__(self) -> int:
        return len(self.t)

    @property
    def signed(self) -> npt.NDArray[np.float64]:
        """Shares towards Up: Up bought and Down sold are +, Down bought and Up sold are -."""
        return self.size * self.side * self.outcome

    @classmethod
    def of(
        cls,
        events: list[Event],
        rejected: dict[str, int] | None = None,
        repeats: int = 0,
        assumed: int = 0,
        updated: int = 0,
    ) -> TraderEvents:
        """The columns of these events, which stand in time order."""
        t, kind, price, size, money, outcome, side, spread = zip(*events, strict=True) if events else ((),) * 8
        return cls(
            t=np.array(t, dtype="i8"),
            kind=np.array(kind, dtype="i8"),
            price=np.array(price, dtype="f8"),
            size=np.array(size, dtype="f8"),
            money=np.array(money, dtype="f8"),
            outcome=np.array(outcome, dtype="i8"),
            side=np.array(side, dtype="i8"),
            spread=np.array(spread, dtype="f8"),
            rejected=rejected or {},
            repeats=repeats,
            assumed=assumed,
            updated=updated,
        )


class _RejectedError(Exception):
    """An event that is not one; its argument is the reason."""


def document(data: bytes) -> dict[str, Any]:
    """A log file as JSON, if it is one and holds a list of `prices`; bounded in size, nesting and number of values.

    NaN and numbers beyond all bounds are let through, to be rejected with their event.
    """
    if len(data) > _LARGEST or data.count(b",") + data.count(b"{") + data.count(b"[") > _VALUES:
        raise NightdeskError(
            "trades.too_large",
            f"The trade log has more than {_LARGEST >> 20} MiB, or {_VALUES} values.",
            "Keep a market to a file, without what is no event of it.",
        )
    try:
        content = _decoded(data)
    except RecursionError as error:
        raise _torn("is nested too deeply") from error
    except ValueError as error:
        raise _torn(f"is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("prices"), list):
        raise _torn("holds no list `prices`")
    return content


def _decoded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:  # it may be but NaN, which other writers allow themselves
        return json.loads(data.decode(), parse_int=float)


def _torn(problem: str) -> NightdeskError:
    return NightdeskError("trades.torn", f"The trade log {problem}.", "Upload it again, whole.")


def read_events(data: bytes, repeats: Repeats = "keep") -> TraderEvents:
    """The events of one file. Only `prices` is read: the summaries in the file hold the future.

    A transaction often fills several orders at one price and size, so equal fills are kept: with all of them, what
    traders hold agrees with what they merge and redeem. A log whose writer repeated itself needs `drop`.
    """
    content = document(data)
    default = _default_outcome(content.get("slug"))
    rejected: Counter[str] = Counter()
    fills: Counter[tuple[Any, ...]] = Counter()
    events: list[Event] = []
    candles = _Candles()
    assumed = 0
    for nth, raw in enumerate(content["prices"]):
        try:
            event = _checked(raw, default)
            identity = _identity(raw, nth) if event.kind == TRADE else None
        except _RejectedError as reason:
            rejected[str(reason)] += 1
            continue
        if identity is not None:
            assumed += "outcome" not in raw
            fills[identity] += 1
            if fills[identity] > 1 and repeats == "drop":
                rejected["repeated"] += 1
                continue
        elif raw["type"] in _CANDLES:
            events.extend(candles.closed_before(event.t))
            candles.add(event.t, raw)
        events.append(event)
    repeated = sum(fills.values()) - len(fills)
    folded = _folded(_near(events, rejected), rejected)
    return TraderEvents.of(folded, dict(rejected), repeated, assumed, _updated(content.get("lastUpdated")))


def _updated(value: object) -> int:
    """An instant in ms, of a number or of ISO text; 0 for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value[:40]).replace(tzinfo=UTC).timestamp() * 1000
        except (ValueError, OverflowError):
            return 0
    if type(value) is not int and type(value) is not float:
        return 0
    return int(value) if _EARLIEST <= value <= _LATEST else 0


def _default_outcome(slug: object) -> str:
    """The outcome of trades that name none: that of their token where the slug is one's, else Up."""
    token = slug.rpartition("-")[2].lower() if type(slug) is str else ""
    return "Down" if token in ("down", "no") else "Up"


class _Candles:
    """Bars of the market. Their close is known when the next one begins: none says how long it lasts."""

    def __init__(self) -> None:
        self._open: list[tuple[int, float]] = []

    def add(self, t: int, raw: dict[str, Any]) -> None:
        """A bar has begun."""
        self._open = [(t, _number(raw, "close", 0.0, 1.0))]

    def closed_before(self, t: int) -> Iterator[Event]:
        """The close of the bar before, at `t`, when another begins."""
        yield from (Event(t, QUOTE, close) for began, close in self._open if began < t)


def _checked(raw: Any, default: str) -> Event:
    if type(raw) is not dict:
        raise _RejectedError("not_an_object")
    kind = raw.get("type")
    check = _CHECKS.get(kind) if type(kind) is str else None
    if check is None and kind != "trade":
        raise _RejectedError("unknown_type")
    t = int(_number(raw, "t", _EARLIEST, _LATEST))
    return check(raw, t) if check is not None else _trade(raw, t, default)


def _number(raw: dict[str, Any], name: str, least: float, most: float) -> float:
    value = raw.get(name)
    if type(value) is not float and type(value) is not int:
        raise _RejectedError("not_a_number")
    if least <= value <= most:
        return value
    finite = value - value == 0
    raise _RejectedError("out_of_range" if finite else "not_finite")


def _trade(raw: dict[str, Any], t: int, default: str) -> Event:
    outcome, side = raw.get("outcome", default), raw.get("side")
    if outcome not in ("Up", "Down"):
        raise _RejectedError("unknown_outcome")
    if side not in ("BUY", "SELL"):
        raise _RejectedError("unknown_side")
    price = _number(raw, "price", 0.0, 1.0)
    size = _number(raw, "size", 0.0, _MOST)
    if size == 0:
        raise _RejectedError("out_of_range")
    is_up = outcome == "Up"
    return Event(
        t,
        TRADE,
        price if is_up else 1.0 - price,
        size,
        price * size,
        UP if is_up else DOWN,
        1 if side == "BUY" else -1,
    )


def _identity(raw: dict[str, Any], nth: int) -> tuple[Any, ...]:
    """What two fills must have in common to be the same; one without transaction and asset is like no other."""
    if "tx" not in raw and "aid" not in raw:
        return (nth,)
    tx, asset = raw.get("tx"), raw.get("aid")
    if type(tx) is not str or type(asset) is not str or len(tx) > _TEXT or len(asset) > _TEXT:
        raise _RejectedError("no_identity")
    return tx, asset, raw["price"], raw["size"]


def _quote(raw: dict[str, Any], t: int) -> Event:
    """The middle of bid and ask, else the middle, else the price; `_folded` decides later of which outcome it is."""
    if "bestBid" in raw or "bestAsk" in raw:
        bid, ask = _number(raw, "bestBid", 0.0, 1.0), _number(raw, "bestAsk", 0.0, 1.0)
        if bid > ask:
            raise _RejectedError("crossed")
        return Event(t, QUOTE, (bid + ask) / 2, spread=ask - bid)
    return Event(t, QUOTE, _number(raw, "mid" if "mid" in raw else "price", 0.0, 1.0))


def _candle(raw: dict[str, Any], t: int) -> Event:
    """The opening price, at the time that the bar bears; its close comes later, see `_Candles`."""
    low, high = (_number(raw, name, 0.0, 1.0) for name in ("low", "high"))
    opened, close = (_number(raw, name, 0.0, 1.0) for name in ("open", "close"))
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise _RejectedError("crossed")
    return Event(t, QUOTE, opened)


def _settlement(kind: int) -> Callable[[dict[str, Any], int], Event]:
    def check(raw: dict[str, Any], t: int) -> Event:
        size, money = (_number(raw, name, 0.0, _MOST) for name in ("size", "usdc"))
        return Event(t, kind, float("nan"), size, money)

    return check


_CANDLES = ("ohlcv", "bar", "candle", "kline")
_CHECKS: dict[str, Callable[[dict[str, Any], int], Event]] = {
    **dict.fromkeys(_CANDLES, _candle),
    "price_change": _quote,
    "last_trade_price": _quote,
    "merge": _settlement(MERGE),
    "redeem": _settlement(REDEEM),
}


def _near(events: list[Event], rejected: Counter[str]) -> list[Event]:
    """In time order, without those that happened days away from the others; a redemption may take its time."""
    if not events:
        return events
    middle = median_low([event.t for event in events])
    near = [event for event in events if abs(event.t - middle) <= _NEAR or (event.kind == REDEEM and event.t > middle)]
    if len(near) < len(events):
        rejected["far_off"] += len(events) - len(near)
    return sorted(near, key=lambda event: event.t)


def _folded(events: list[Event], rejected: Counter[str]) -> list[Event]:
    """Quotes of Up (p) and of Down (1 - p) come mixed: each is taken for the one nearer to the last price of Up.

    Before the first trade, which names its outcome, they cannot be told apart, and quotes are rejected.
    """
    folded: list[Event] = []
    last: float | None = None
    for event in events:
        price = event.price
        if event.kind == QUOTE:
            if last is None:
                rejected["before_first_trade"] += 1
                continue
            if abs(1.0 - price - last) < abs(price - last):
                event = event._replace(price=1.0 - price)  # noqa: PLW2901 -- the same event, seen from Up
        if event.kind <= TRADE:
            last = event.price
        folded.append(event)
    return folded
