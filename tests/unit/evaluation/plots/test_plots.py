"""Every picture, of ordinary and of odd accounts: it is drawn, and what should show in it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from data_pipeline.provenance import Provenance
from evaluation import backtest, plots
from evaluation.monitoring.drift import Shift
from evaluation.plots.returns import monthly
from evaluation.portfolio.evidence import PortfolioEvidence
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from tests.support.markets.prices import frame, series, walk

CAPTION = plots.Caption("AAPL  ·  " + "a_$long$_name" * 20, Provenance.of("sample"))
ORANGE = (0xB4, 0x53, 0x09)


def drawn(path: Path) -> Any:
    return (matplotlib.image.imread(path)[..., :3] * 255).round().astype(int)


def edges_are_white(picture: Any) -> bool:
    """Whether nothing is cut off at the paper's edge."""
    return all((side == 255).all() for side in (picture[:3], picture[-3:], picture[:, :3], picture[:, -3:]))


@pytest.mark.parametrize(
    ("bars", "weight"),
    [
        (walk(1), 1.0),
        (walk(2), -1.0),
        (walk(45), 0.0),
        (walk(60).reset_index(drop=True), -0.7),
        (walk(2600, drift=0.002), 0.7),
    ],
)
def test_every_picture_of_an_account_is_complete_and_names_its_data(tmp_path, bars, weight):
    target = series(np.where(np.arange(len(bars)) % 5 < 3, weight, 0.0), bars)
    test, buy_and_hold = backtest(bars, target), backtest(bars, series([1.0] * len(bars), bars))
    baselines = {"champion": buy_and_hold, "buy_and_hold": buy_and_hold}
    plots.draw_equity(tmp_path / "equity.png", CAPTION, test, baselines)
    plots.draw_distribution(tmp_path / "returns.png", CAPTION, test)
    plots.draw_rolling_sharpe(tmp_path / "rolling.png", CAPTION, test, baselines)
    plots.draw_months(tmp_path / "months.png", CAPTION, test)
    plots.draw_costs(tmp_path / "costs.png", CAPTION, cost_sensitivity(bars, target))
    for file in tmp_path.iterdir():
        picture = drawn(file)
        assert (picture == ORANGE).all(axis=-1).sum() > 1000, file.name
        assert edges_are_white(picture), file.name


def test_any_number_of_models_can_be_drawn_in_one_picture(tmp_path):
    random = np.random.default_rng(0)
    for count in (0, 1, 2, 200):
        points = {f"{'long_name_' * 9}{at}": plots.Risk(*random.normal(10.0, 5.0, 2)) for at in range(count)}
        plots.draw_risk_return(tmp_path / "risk.png", CAPTION, points, undefined=1)
        assert edges_are_white(drawn(tmp_path / "risk.png"))


def test_decisions_and_features_are_drawn(tmp_path):
    plots.draw_confusion(tmp_path / "a.png", CAPTION, np.eye(3, dtype=np.int64))
    same = Shift(0.0, 0.1, False, 1.0, None, 50.0, (0.0, 0.995, 0.005), (0.0, 1.0, 0.0), None)
    plots.draw_actions(tmp_path / "b.png", CAPTION, same, replace(same, drifted=True))
    weights = {f"feature_of_a_very_long_name_{at}_$": 1.0 / (at + 1) for at in range(50)}
    plots.draw_importance(tmp_path / "d.png", CAPTION, weights, "measure")
    plots.draw_importance(tmp_path / "e.png", CAPTION, {"one": -0.1}, "measure")
    assert all(edges_are_white(drawn(file)) for file in tmp_path.iterdir())


def test_other_data_than_the_sample_has_no_badge(tmp_path):
    plots.draw_months(
        tmp_path / "a.png",
        plots.Caption("AAPL", Provenance.of("yahoo")),
        backtest(walk(50), series([1.0] * 50, walk(50))),
    )
    assert not (drawn(tmp_path / "a.png") == ORANGE).all(axis=-1).any()


def test_returns_compound_within_months_and_within_years():
    bars = frame([100.0] * 60, [100.0 + at for at in range(60)])
    returns = backtest(bars, series([1.0] * 60, bars)).returns
    table = monthly(returns)
    assert table is not None
    assert list(table.index) == [2023, 2024]  # the first bar closes as 2023 ends
    whole = np.prod(1.0 + table["Year"] / 100.0)
    assert whole == pytest.approx(np.prod(1.0 + returns.to_numpy()))
    assert np.isnan(table.loc[2024, "Dec"])
    assert monthly(returns.reset_index(drop=True)) is None


def weights_of(symbols: int, *, short: bool, name: str) -> PortfolioEvidence:
    random = np.random.default_rng(symbols)
    shares = random.dirichlet(np.ones(symbols), 60) * (random.choice([-1.0, 1.0], (60, symbols)) if short else 1.0)
    times = tuple(time.isoformat() for time in pd.date_range("2024-01-01", periods=60, freq="W", tz="UTC"))
    return PortfolioEvidence((), 0.0, times, {f"{name}{i}": tuple(map(float, shares[:, i])) for i in range(symbols)})


@pytest.mark.parametrize(("symbols", "short", "name"), [(2, False, "A"), (3, True, "A"), (40, False, "LONG_NAME" * 4)])
def test_weights_over_time_are_drawn_of_few_and_many_symbols(tmp_path, symbols, short, name):
    plots.draw_weights(tmp_path / "weights.png", CAPTION, weights_of(symbols, short=short, name=name))
    picture = drawn(tmp_path / "weights.png")
    assert edges_are_white(picture)
    assert (picture == ORANGE).all(axis=-1).sum() > 1000
    coloured = (picture.max(axis=-1) - picture.min(axis=-1)) > 60
    assert coloured.mean() > 0.1  # the account is held throughout, others in grey
