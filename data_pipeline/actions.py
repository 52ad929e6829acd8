"""The only place where one coding of actions becomes another.

Beneath all codings lies one number, the strength of an action: from -1 (sell all there is) over 0 (do nothing) to 1
(buy all one can). It is a coding too, that of agents whose actions are continuous. On the way from one coding to
another a buy stays a buy, a sell a sell and nothing nothing; an action becomes the weakest of its side that is not
weaker than it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from config.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]
    Strengths = npt.NDArray[np.float64]

# numpy is imported where it is used: the daemon checks params with this module and must not load numpy.

SELL, HOLD, BUY = -1, 0, 1
ACTIONS: dict[int, str] = {SELL: "sell", HOLD: "hold", BUY: "buy"}

# The words for each action in traders' logs.
_SYNONYMS = {
    "buy": BUY, "long": BUY, "enter_long": BUY, "1": BUY, "1.0": BUY,
    "sell": SELL, "short": SELL, "enter_short": SELL, "exit": SELL, "-1": SELL, "-1.0": SELL,
    "hold": HOLD, "0": HOLD, "0.0": HOLD, "": HOLD,
}  # fmt: skip


_SEPARATOR = re.compile(r"[\s_-]+(?=[a-z])")  # `enter long`, `enter-long` and `enter_long` are one action


def word(action: int) -> str:
    """`sell`, `hold` or `buy`."""
    return ACTIONS[int(action)]


def number(text: object) -> int | None:
    """-1, 0 or 1 for what a trader wrote, in any case and spacing; None for any other text."""
    return _SYNONYMS.get(_SEPARATOR.sub("_", str(text).strip().lower()))


@dataclass(frozen=True)
class Coding:
    """Whole numbers for actions: the strength of each. Among equally strong ones, `code` gives the first."""

    name: str
    strengths: dict[int, float]

    def strength(self, codes: npt.ArrayLike) -> Strengths:
        """How strong each action is."""
        import numpy as np  # noqa: PLC0415

        values, available = np.asarray(codes), np.array(sorted(self.strengths))
        unknown = ~np.isin(values, available) if values.dtype.kind in "iuf" else np.ones(values.shape, bool)
        if unknown.any():
            raise UsageError(
                "actions.unknown",
                f"{values[unknown].flat[0]!s} is no action in the coding {self.name}.",
                f"Its actions are {', '.join(map(str, available))}.",
            )
        strengths: Strengths = np.array([self.strengths[code] for code in available.tolist()])
        return strengths[np.searchsorted(available, values)]

    def code(self, strengths: npt.ArrayLike) -> Codes:
        """The weakest action of the same side that is not weaker than each strength."""
        import numpy as np  # noqa: PLC0415

        values = np.asarray(strengths, np.float64)
        beyond = ~(np.abs(values) <= 1.0)
        if beyond.any():
            raise UsageError(
                "actions.strength",
                f"{values[beyond].flat[0]} is no strength of an action.",
                "Give numbers from -1 (sell all) to 1 (buy all).",
            )
        first_codes = sorted({strength: code for code, strength in reversed(self.strengths.items())}.items())
        levels, codes = np.array([level for level, _ in first_codes]), np.array([code for _, code in first_codes])
        buys, sells = np.searchsorted(levels, values, side="left"), np.searchsorted(levels, values, side="right") - 1
        return codes[np.where(values > 0.0, buys, sells)]


def convert(codes: npt.ArrayLike, source: Coding, target: Coding) -> Codes:
    """The same actions in another coding."""
    return target.code(source.strength(codes))


SIGNED = Coding("-1 sell, 0 hold, 1 buy", {SELL: -1.0, HOLD: 0.0, BUY: 1.0})
CHOICES = Coding("0 hold, 1 buy, 2 sell", {0: 0.0, 1: 1.0, 2: -1.0})


class Action(IntEnum):
    """One of the `CHOICES`, by its name."""

    HOLD = 0
    BUY = 1
    SELL = 2


# Five classes, in which it counts how much is traded: what a Decision Transformer chooses from. The plain buy of the
# codings above is a whole one, so that here it is strong.
STRONG_BUY, MODERATE_BUY, NO_TRADE, MODERATE_SELL, STRONG_SELL = range(5)
GRADES = ("strong_buy", "buy", "hold", "sell", "strong_sell")
GRADED = Coding(
    "0 strong buy, 1 buy, 2 hold, 3 sell, 4 strong sell",
    {STRONG_BUY: 1.0, MODERATE_BUY: 0.5, NO_TRADE: 0.0, MODERATE_SELL: -0.5, STRONG_SELL: -1.0},
)


def graded(net: npt.NDArray[np.float64], strong: float) -> npt.NDArray[np.int8]:
    """The class of each net amount (bought +, sold -); strong from the amount `strong` on."""
    import numpy as np  # noqa: PLC0415

    grade = np.full(len(net), NO_TRADE, dtype=np.int8)
    grade -= np.sign(net).astype(np.int8)
    grade -= np.where((net != 0) & (np.abs(net) >= strong), np.sign(net), 0).astype(np.int8)
    return grade


# Branches: two choices at once, of three and of five. Together they are one code, 5 * first + second.
BRANCHES = (3, 5)
SIZES = (0.2, 0.4, 0.6, 0.8, 1.0)
QUANTITIES = (-1.0, -0.5, 0.0, 0.5, 1.0)


def joint(first: npt.ArrayLike, second: npt.ArrayLike) -> Codes:
    """One code for two choices."""
    import numpy as np  # noqa: PLC0415

    pair = np.broadcast_arrays(first, second)
    for choice, count in zip(pair, BRANCHES, strict=True):
        wrong = ~np.isin(choice, np.arange(count))
        if wrong.any():
            raise UsageError(
                "actions.unknown",
                f"{choice[wrong].flat[0]} is no choice of a branch of {count}.",
                f"Its choices are 0 to {count - 1}.",
            )
    return np.ravel_multi_index((pair[0].astype(np.int64), pair[1].astype(np.int64)), BRANCHES)


def apart(codes: npt.ArrayLike) -> tuple[Codes, Codes]:
    """The two choices of each code: (direction, size), or (price, quantity)."""
    import numpy as np  # noqa: PLC0415

    values = np.asarray(codes)
    PRICED.strength(values)
    first, second = np.unravel_index(values, BRANCHES)
    return first, second


# A direction as in CHOICES, and a fifth to all of what can be traded. For a hold, every size means the same.
DIRECTED = Coding(
    "direction (hold, buy, sell) x size (a fifth to all)",
    {5 * way + nth: sign * size for way, sign in CHOICES.strengths.items() for nth, size in enumerate(SIZES)},
)
# A price below, at or above the quote, and how much to sell or buy of it. `code` gives those at the quote.
PRICED = Coding(
    "price (below, at, above) x quantity (sell all, half, none, buy half, all)",
    {5 * price + nth: quantity for price in (1, 0, 2) for nth, quantity in enumerate(QUANTITIES)},
)
