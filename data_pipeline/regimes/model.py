"""The regimes of one market: fitted to its returns up to an instant, then told bar by bar from what was known."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from config.section import Section
from data_pipeline.bars.bars import Bars
from data_pipeline.features.rolling import Floats
from data_pipeline.regimes.hmm import GaussianHmm, fit

VOLATILITIES = ("low", "normal", "high")
DIRECTIONS = ("bear", "sideways", "bull")
# A state rises or falls if what it earns over an expected stay is more than this share of the deviation of that.
_DRIFT = 0.25

Row = Annotated[tuple[float, ...], Field(strict=False)]


class RegimeDocument(Section):
    """A fitted model as JSON."""

    format: Literal[1] = 1
    first: datetime = Field(strict=False)
    last: datetime = Field(strict=False)
    bars: int
    start: Row
    transitions: tuple[Row, ...] = Field(strict=False)
    means: tuple[Row, ...] = Field(strict=False)
    variances: tuple[Row, ...] = Field(strict=False)


@dataclass(frozen=True, eq=False)
class RegimeModel:
    """A hidden Markov model of log returns, its states ordered by variance, and the span that it was fitted to."""

    hmm: GaussianHmm
    first: datetime
    last: datetime
    bars: int

    @classmethod
    def fit(cls, bars: Bars, states: int = 3) -> RegimeModel:
        """Fit it to all of these bars, so give those of the training span alone."""
        hmm = fit(log_returns(bars)[1:], states)
        index = bars.frame.index
        return cls(hmm, index[0].to_pydatetime(), index[-1].to_pydatetime(), len(index))

    def probabilities(self, bars: Bars) -> pd.DataFrame:
        """The probability of each state, the calmest first, at each bar's close, from the bars up to it."""
        columns = [f"state_{number}" for number in range(self.hmm.states)]
        return pd.DataFrame(self.hmm.filtered(log_returns(bars)), bars.frame.index, columns)

    def volatility(self, bars: Bars) -> pd.DataFrame:
        """The probabilities of low, normal and high volatility: of the calmest state, the wildest, and those between.

        With two states none is normal.
        """
        last = self.hmm.states - 1
        names = [VOLATILITIES[0], *[VOLATILITIES[1]] * (last - 1), VOLATILITIES[2]]
        return self._view(bars, names, VOLATILITIES)

    def direction(self, bars: Bars) -> pd.DataFrame:
        """The probabilities of a bear market, one without a direction, and a bull market."""
        return self._view(bars, self.directions, DIRECTIONS)

    @property
    def directions(self) -> list[str]:
        """The direction of each state.

        A state is left with probability 1 - p at each bar, so a stay is expected to last n = 1 / (1 - p) bars. It is
        bull where its mean earns more over n bars than a quarter of the deviation of their sum, m sqrt(n) / s > 1/4,
        bear where it loses so much, and sideways otherwise.
        """
        stay = 1.0 / np.maximum(1.0 - np.diag(self.hmm.transitions), 1.0 / max(self.bars, 1))
        drift = self.hmm.means[:, 0] * np.sqrt(stay / self.hmm.variances[:, 0])
        return [DIRECTIONS[1 + int(d > _DRIFT) - int(d < -_DRIFT)] for d in drift]

    def _view(self, bars: Bars, names: list[str], every: tuple[str, ...]) -> pd.DataFrame:
        values = self.probabilities(bars).to_numpy()
        sums = {name: values[:, [own == name for own in names]].sum(axis=1) for name in every}
        return pd.DataFrame(sums, bars.frame.index)

    def document(self) -> RegimeDocument:
        """As JSON; read again it tells the same to the last bit."""
        hmm = self.hmm
        return RegimeDocument(
            first=self.first,
            last=self.last,
            bars=self.bars,
            start=tuple(hmm.start.tolist()),
            transitions=_rows(hmm.transitions),
            means=_rows(hmm.means),
            variances=_rows(hmm.variances),
        )

    @classmethod
    def of(cls, document: RegimeDocument) -> RegimeModel:
        """The model of a document."""
        hmm = GaussianHmm(
            *(np.array(part) for part in (document.start, document.transitions, document.means, document.variances))
        )
        return cls(hmm, document.first, document.last, document.bars)

    def numbers(self) -> Floats:
        """Everything that was fitted, in one row."""
        hmm = self.hmm
        return np.concatenate([part.ravel() for part in (hmm.start, hmm.transitions, hmm.means, hmm.variances)])

    def fingerprint(self) -> str:
        """The sha256 of its document, which names this version of it."""
        return hashlib.sha256(json.dumps(self.document().model_dump(mode="json")).encode()).hexdigest()


def log_returns(bars: Bars) -> Floats:
    """log(close_t / close_t-1) [bars, 1]; NaN at the first bar, and where a price is missing or not above zero."""
    close = bars.frame["close"].to_numpy(np.float64)
    logs = np.log(np.where(close > 0.0, close, np.nan))
    return np.diff(logs, prepend=np.nan)[:, None]


def most_likely(probabilities: pd.DataFrame) -> pd.Series:
    """The name of the likeliest column of each row, as an ordered category; of equal ones the first."""
    kind = pd.CategoricalDtype(list(probabilities.columns), ordered=True)
    codes = probabilities.to_numpy().argmax(axis=1)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=kind), probabilities.index, name="regime")


def _rows(values: Floats) -> tuple[Row, ...]:
    return tuple(tuple(row) for row in values.tolist())
