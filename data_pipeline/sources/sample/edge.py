"""The one edge of the sample market: after a pull-back, until the recovery, prices drift upwards; else they barely do.

A pull-back is a close more than 1.2 standard deviations below the mean of the last 20 closes, a recovery one more than
1.0 above it. Both are known at the close, and the drift begins with the next session. The sample expert trades this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

PULL_BACK, RECOVERY, BARS = -1.2, 1.0, 20


class PullBack:
    """Whether a series of log closes is between a pull-back and its recovery; `add` takes one close after another."""

    def __init__(self) -> None:
        self.active = False
        self._closes: deque[float] = deque(maxlen=BARS)
        self._sum = self._squares = 0.0

    def add(self, log_close: float) -> bool:
        """Whether it is so at this close."""
        closes = self._closes
        if len(closes) == BARS:
            self._sum -= closes[0]
            self._squares -= closes[0] * closes[0]
        closes.append(log_close)
        self._sum += log_close
        self._squares += log_close * log_close
        if len(closes) == BARS:
            mean = self._sum / BARS
            deviation = max(self._squares / BARS - mean * mean, 0.0) ** 0.5
            distance = log_close - mean
            if distance < PULL_BACK * deviation:
                self.active = True
            elif distance > RECOVERY * deviation:
                self.active = False
        return self.active


def after_pull_back(log_closes: Iterable[float]) -> list[bool]:
    """For each close, whether it lies between a pull-back and its recovery, by closes up to its own."""
    state = PullBack()
    return [state.add(close) for close in log_closes]
