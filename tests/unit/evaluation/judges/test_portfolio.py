"""How the account of a portfolio is judged, on worlds made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.settings import Settings
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation import judges
from evaluation.accounting.backtest import Costs
from evaluation.audit.leak_audit import Span
from evaluation.judges.base import Case
from evaluation.judges.judged_version import JudgedVersion
from evaluation.portfolio.record import PortfolioRecord, portfolio_record
from evaluation.records.folds import DecidedFold
from evaluation.records.record import stitched_record
from evaluation.records.skill import RecordReturns, random_traders
from evaluation.reports.report import read_report
from evaluation.reports.schema import Subject
from evaluation.signals import Signals
from evaluation.walk_forward import Fold
from tests.support.markets.easy import rough_bars

SETTINGS = Settings(symbols=("AAPL", "MSFT", "SPY"), model_types=("portfolio",))
COSTS = Costs(commission=0.0005, slippage=0.0)
NOW = datetime(2026, 3, 4, tzinfo=UTC)
N = 700


def world(seed: int) -> dict[str, Bars]:
    """Three random walks; nothing that is decided at a close can know the next bar."""
    random = np.random.default_rng(seed)
    index = pd.date_range("2020-01-01 21:00", periods=N, freq="B", tz="UTC", name="time").as_unit("ns")
    bars = {}
    for name in SETTINGS.symbols:
        open_ = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.012, N)))
        close = open_ * np.exp(random.normal(0.0, 0.004, N))
        frame = pd.DataFrame({"open": open_, "close": close, "volume": 1e6}, index=index)
        frame["high"], frame["low"] = frame[["open", "close"]].max(axis=1), frame[["open", "close"]].min(axis=1)
        bars[name] = Bars(frame[["open", "high", "low", "close", "volume"]], name, "1d", "test")
    return bars


def decided(bars: dict[str, Bars], seed: int, *, foresight: float) -> list[DecidedFold]:
    """Weights of a third, long or short, held for a week; some of them know how the coming week ends."""
    random = np.random.default_rng(seed)
    signals = {}
    for name, each in bars.items():
        opens = each.frame["open"].to_numpy()
        weeks = np.arange(N) // 5 * 5
        week_return = opens[np.minimum(weeks + 6, N - 1)] / opens[np.minimum(weeks + 1, N - 1)] - 1.0
        coins, knows = random.choice([-1.0, 1.0], N)[weeks], (random.random(N) < foresight)[weeks]
        side = np.where(knows, np.sign(week_return), coins)
        position = pd.Series(side / 3.0, each.frame.index)
        signals[name] = Signals(position, position.abs())
    span = Span(NOW, NOW)
    return [DecidedFold(Fold(0, span, span), signals, dict)]


def record_of(seed: int, foresight: float = 0.0) -> PortfolioRecord:
    bars = world(seed)
    record = portfolio_record(bars, decided(bars, seed, foresight=foresight), [], COSTS, 1000.0)
    assert record is not None
    return record


@pytest.fixture(scope="module")
def skilled() -> PortfolioRecord:
    return record_of(3, foresight=0.5)


def judge():
    return judges.get("portfolio")


def test_foresight_of_half_of_all_weeks_passes_every_test_of_skill(skilled: PortfolioRecord) -> None:
    assessment = judge().assess(skilled, SETTINGS, tried=1)
    assert max(assessment.evidence.skill) < 0.01
    assert assessment.figures.trades > 100
    assert assessment.figures.p_random < 0.01


def test_worlds_without_any_edge_are_seldom_taken_for_skill() -> None:
    """At a level of 5 % by itself, of 40 worlds 2 are expected, and more than 6 in one of a hundred such tests."""
    lucky = 0
    for seed in range(40):
        evidence = judge().assess(record_of(seed), SETTINGS, tried=1).evidence
        lucky += evidence.skill[-1] <= 0.05
    assert lucky <= 6


def test_a_portfolio_of_one_symbol_has_the_record_of_that_symbol() -> None:
    bars = world(4)["AAPL"]
    folds = decided({"AAPL": bars}, 4, foresight=0.2)
    alone = stitched_record(bars, [folds[0].signals["AAPL"]], None, COSTS, 1000.0)
    record = portfolio_record({"AAPL": bars}, folds, [], COSTS, 1000.0)
    assert alone is not None
    assert record is not None
    pd.testing.assert_series_equal(record.result.equity, alone.result.equity, check_freq=False)
    for part in ("excess", "market", "position", "gap", "session"):
        ours, theirs = getattr(record.returns, part), getattr(alone.returns, part)
        np.testing.assert_allclose(ours.reshape(-1), theirs, atol=1e-15, err_msg=part)
    assert record.trades == alone.trades
    same = [judge().assess(record, SETTINGS, tried=1), judges.get("backtest").assess(alone, SETTINGS, tried=1)]
    assert same[0].figures == same[1].figures


def test_random_portfolios_of_one_symbol_are_random_traders() -> None:
    bars = rough_bars(300).frame
    random = np.random.default_rng(0)
    target = np.repeat(random.choice([-1.0, 0.0, 1.0], 60), 5)
    gap, session = random.normal(0, 0.01, (2, len(bars)))
    one = RecordReturns(gap, gap, target, target, gap, session, 0.001)
    many = replace(one, target=target[:, None], gap=gap[:, None], session=session[:, None])
    assert random_traders(one, 300, draws=500, seed=1) == random_traders(many, 300, draws=500, seed=1)


def test_parts_of_a_record_are_accounts_of_their_own(skilled: PortfolioRecord) -> None:
    middle = skilled.signals["AAPL"].index[N // 2]
    before, since = skilled.before(middle), skilled.since(middle)
    assert before is not None
    assert since is not None
    assert before.last < since.first == middle
    assert since.result.equity.iloc[0] == 1000.0
    assert skilled.since(skilled.last) is None


class Fixed:
    """A model that decides what a record holds."""

    def __init__(self, record: PortfolioRecord) -> None:
        self.record = record

    def features(self, inputs: Inputs) -> dict[str, pd.DataFrame]:
        return {name: pd.DataFrame({"weight": each.position}) for name, each in self.record.signals.items()}

    def decide(self, inputs: Inputs, request: object = None) -> dict[str, Signals]:
        return dict(self.record.signals)


def test_a_case_ends_with_a_verdict_and_a_report_that_shows_what_was_held(
    skilled: PortfolioRecord, tmp_path: Path
) -> None:
    version = JudgedVersion("v1", Fixed(skilled), Span(NOW, NOW), ("weight",), None, None, trained_at=NOW)
    case = Case(
        kind="first",
        inputs=Inputs("universe", skilled.bars),
        challenger=version,
        record=skilled,
        standing="unproven",
        sentence="Has a record.",
        settings=SETTINGS,
    )
    judgement = judge().judge(case)
    subject = Subject(symbol="universe", model_type="portfolio", version="v1", provenance="sample")
    judgement.write_report(tmp_path, subject, NOW)
    report = read_report(tmp_path / "report.json")
    portfolio = report.evidence.portfolio
    assert portfolio is not None
    made = sum(part.contribution for part in portfolio.symbols)
    assert made == pytest.approx(report.metrics["model"]["total_return"], abs=1e-6)
    assert {part.symbol for part in portfolio.symbols} == set(SETTINGS.symbols)
    assert (tmp_path / "weights.png").stat().st_size > 5000
    page = (tmp_path / "report.html").read_text()
    assert "Newest weight %" in page
    assert set(report.metrics) == {"model", "buy_and_hold", "flat", "last_action"}
    assert json.loads((tmp_path / "report.json").read_text())["evidence"]["absent"]["slices"] == "not_measured"
