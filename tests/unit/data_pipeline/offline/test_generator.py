"""Datasets of recorded decisions, from a session that has bars and decisions in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline import OfflineDatasetGenerator
from data_pipeline.bars.bars import Bars
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import NAMES, WARM_UP, MarketStates
from tests.support.markets.prices import walk

NOTHING = pd.DataFrame({"seen_at": pd.DatetimeIndex([], tz="UTC"), "title": pd.Series([], dtype="str")})
PORTFOLIO = slice(NAMES.index("position"), NAMES.index("days_since_trade") + 1)
BARS = {name: Bars(walk(150, seed), name) for seed, name in enumerate(("BTC-USD", "ETH-USD"))}
ALWAYS = (date(1990, 1, 1), date(2090, 1, 1))


@dataclass(frozen=True)
class Row:
    time: datetime
    action: str
    strength: float
    position: float
    reward: float | None


class Session:
    """A decision at each of the last 40 bars: bought at the first, sold at the twenty-first."""

    def bars(self, symbol: str) -> Bars:
        return BARS[symbol]

    def headlines(self, source: str, symbol: str) -> pd.DataFrame:
        return NOTHING

    def decisions(self, symbol: str, start: date, end: date, strategy: str | None = None) -> Sequence[Row]:
        bars = BARS[symbol]
        inside = (bars.dates >= pd.Timestamp(start)) & (bars.dates <= pd.Timestamp(end))
        closes = pd.DatetimeIndex(bars.frame.index[-40:][inside[-40:]] if strategy is None else [])
        actions = ["buy", *["hold"] * 19, "sell", *["hold"] * 19]
        return [
            Row(
                close.to_pydatetime(),
                action,
                0.5 * (action != "hold"),
                0.5 * (row < 20),
                row / 100 if row < 39 else None,
            )
            for row, (close, action) in enumerate(zip(closes, actions, strict=False))
        ]


GENERATOR = OfflineDatasetGenerator(Session())


def test_a_dataset_holds_the_state_that_each_decision_was_made_in() -> None:
    experiences = GENERATOR.generate_dataset("BTC-USD", *ALWAYS)
    bars = BARS["BTC-USD"]
    times = bars.frame.index
    assert len(experiences) == 39  # what the newest earns is not known yet
    assert experiences.times is not None
    assert experiences.rewards is not None
    assert experiences.times.tolist() == pd.DatetimeIndex(times[-40:-1]).as_unit("ns").asi8.tolist()
    np.testing.assert_allclose(experiences.rewards, np.arange(39) / 100)
    assert [experiences.actions[row] for row in (0, 1, 20)] == [1, 0, 2]
    held = pd.Series([0.0] * 110 + [0.5] * 20 + [0.0] * 20, times)
    expected = MarketStates.of(bars, NOTHING, NOTHING).rows(Holding.replayed(held))[-40:-1]
    np.testing.assert_array_equal(experiences.states, expected.astype(np.float32))


def test_the_portfolio_is_the_one_that_the_decisions_before_had_come_to_hold() -> None:
    portfolio = GENERATOR.generate_dataset("BTC-USD", *ALWAYS).states[:, PORTFOLIO]
    position, leverage, cash, days = portfolio.T
    np.testing.assert_allclose(position, [0.0] + [0.5] * 20 + [0.0] * 18)
    np.testing.assert_allclose(leverage, position)
    np.testing.assert_allclose(cash, 1.0 - position)
    assert days[0] == 1.0  # no trade yet
    assert (np.diff(days[1:21]) > 0.0).all()
    assert days[21] < days[20]


def test_a_state_does_not_change_with_what_comes_after_it() -> None:
    class Earlier(Session):
        def bars(self, symbol: str) -> Bars:
            return BARS[symbol].head(130)

        def decisions(self, symbol: str, start: date, end: date, strategy: str | None = None) -> Sequence[Row]:
            return super().decisions(symbol, start, end, strategy)[:20]

    whole = GENERATOR.generate_dataset("BTC-USD", *ALWAYS)
    part = OfflineDatasetGenerator(Earlier()).generate_dataset("BTC-USD", *ALWAYS)
    assert part.states.tobytes() == whole.states[:20].tobytes()


def test_several_symbols_are_one_dataset_by_position_or_by_keyword() -> None:
    both = GENERATOR.generate_dataset(symbol=["BTC-USD", "ETH-USD"], start_date=ALWAYS[0], end_date=ALWAYS[1])
    assert both.symbols is not None
    assert both.symbols.tolist() == ["BTC-USD"] * 39 + ["ETH-USD"] * 39
    alone = GENERATOR.generate_dataset("ETH-USD", *ALWAYS)
    assert both.states[39:].tobytes() == alone.states.tobytes()


def test_saving_prints_the_samples_the_path_and_each_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    experiences = GENERATOR.generate_dataset("BTC-USD", *ALWAYS)
    GENERATOR.save_dataset(experiences, output_path="data/offline_dataset.npz")
    assert capsys.readouterr().out.splitlines() == [
        "Generated 39 training samples",
        "Saved to: data/offline_dataset.npz",
        "",
        "Action distribution:",
        "  HOLD: 37 (94.9%)",
        "  BUY: 1 (2.6%)",
        "  SELL: 1 (2.6%)",
    ]
    assert OfflineDataset.load("data/offline_dataset.npz").states.tobytes() == experiences.states.tobytes()


def test_the_portfolio_of_a_later_start_follows_from_the_decisions_before_it() -> None:
    whole = GENERATOR.generate_dataset("BTC-USD", *ALWAYS)
    later = GENERATOR.generate_dataset("BTC-USD", BARS["BTC-USD"].dates[-30].date(), ALWAYS[1])
    assert len(later) == 29
    assert later.states.tobytes() == whole.states[10:].tobytes()  # bought before the start, and held since then


def test_no_decisions_and_no_defined_states_are_errors_that_lead_to_a_dataset() -> None:
    with pytest.raises(NightdeskError, match="2024-01-01 to 2020-01-01") as caught:
        GENERATOR.generate_dataset("BTC-USD", date(2024, 1, 1), date(2020, 1, 1))
    assert caught.value.code == "dataset.no_decisions"
    with pytest.raises(NightdeskError, match="by the strategy mine") as caught:
        GENERATOR.generate_dataset("BTC-USD", *ALWAYS, strategy="mine")
    assert "nightdesk backtest --symbol BTC-USD" in caught.value.cure

    class Young(Session):
        def bars(self, symbol: str) -> Bars:
            return BARS[symbol].since(BARS[symbol].frame.index[-WARM_UP].to_pydatetime())

    with pytest.raises(NightdeskError) as caught:
        OfflineDatasetGenerator(Young()).generate_dataset("BTC-USD", *ALWAYS)
    assert caught.value.code == "dataset.empty"


def test_decisions_at_closes_that_are_no_longer_stored_are_left_out() -> None:
    class Rewritten(Session):
        def bars(self, symbol: str) -> Bars:
            return Bars(BARS[symbol].frame.drop(BARS[symbol].frame.index[-10]), symbol)

    experiences = OfflineDatasetGenerator(Rewritten()).generate_dataset("BTC-USD", *ALWAYS)
    gone = BARS["BTC-USD"].frame.index[-10]
    assert len(experiences) == 38
    assert experiences.times is not None
    assert gone.value not in experiences.times.tolist()
    assert datetime.fromtimestamp(experiences.times[0] / 1e9, UTC) == BARS["BTC-USD"].frame.index[-40]
