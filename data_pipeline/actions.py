"""The only place where one coding of actions becomes another: -1, 0, 1 and the words sell, hold, buy."""

from __future__ import annotations

import re

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
