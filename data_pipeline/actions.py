"""The only place where one coding of actions becomes another.

Signed: -1 sell, 0 hold, 1 buy, and their words. Graded: five classes from strong buy (0) to strong sell (4).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SELL, HOLD, BUY = -1, 0, 1
ACTIONS: dict[int, str] = {SELL: "sell", HOLD: "hold", BUY: "buy"}

# What traders write for it in their logs.
_SYNONYMS = {
    "buy": BUY, "long": BUY, "enter_long": BUY, "1": BUY, "1.0": BUY,
    "sell": SELL, "short": SELL, "enter_short": SELL, "exit": SELL, "-1": SELL, "-1.0": SELL,
    "hold": HOLD, "0": HOLD, "0.0": HOLD, "": HOLD,
}  # fmt: skip


_JOINT = re.compile(r"[\s_-]+(?=[a-z])")  # `enter long`, `enter-long` and `enter_long` are one action


def word(action: int) -> str:
    """`sell`, `hold` or `buy`."""
    return ACTIONS[int(action)]


def number(text: object) -> int | None:
    """-1, 0 or 1 for what a trader wrote, in any case and spacing; None where nobody knows what it means."""
    return _SYNONYMS.get(_JOINT.sub("_", str(text).strip().lower()))


# Five classes, in which it counts how much is traded: what a Decision Transformer chooses from.
STRONG_BUY, MODERATE_BUY, NO_TRADE, MODERATE_SELL, STRONG_SELL = range(5)
GRADES = ("strong_buy", "buy", "hold", "sell", "strong_sell")


def graded(net: npt.NDArray[np.float64], strong: float) -> npt.NDArray[np.int8]:
    """The class of each net amount (bought +, sold -); strong from the amount `strong` on."""
    import numpy as np  # noqa: PLC0415 -- params are checked by these words where numpy must not be loaded

    grade = np.full(len(net), NO_TRADE, dtype=np.int8)
    grade -= np.sign(net).astype(np.int8)
    grade -= np.where((net != 0) & (np.abs(net) >= strong), np.sign(net), 0).astype(np.int8)
    return grade


def signed(grades: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """-1, 0 or 1 for each of five classes."""
    side: npt.NDArray[np.int8] = (grades < NO_TRADE).astype("int8") - (grades > NO_TRADE).astype("int8")
    return side
