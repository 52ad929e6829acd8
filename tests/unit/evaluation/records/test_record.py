from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from config.settings import Promotion
from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import Costs, backtest
from evaluation.records.record import LEAST_BARS, Record, assess, stitched_record
from evaluation.records.standing import RUN, settle
from evaluation.signals import Signals
from tests.support.markets.easy import rough_bars

BARS = rough_bars(500)
TIMES = pd.DatetimeIndex(BARS.frame.index)
COSTS = Costs()
CASH = 100_000.0


def signals(first: int, last: int, seed: int = 0) -> Signals:
    """Long and flat by turns of five bars, on the bars from `first` to before `last`."""
    times = TIMES[first:last]
    position = np.repeat(np.random.default_rng(seed).integers(0, 2, len(times) // 5 + 1), 5)[: len(times)]
    return Signals(pd.Series(position.astype("f8"), times), pd.Series(0.5, times))


def stitched(*parts: Signals, published: pd.Series | None = None, bars: Bars = BARS, costs: Costs = COSTS) -> Record:
    record = stitched_record(bars, parts, published, costs, CASH)
    assert record is not None
    return record


def foresight(edge: float) -> Record:
    """A record of a trader who knows the sign of some of the next sessions."""
    random = np.random.default_rng(1)
    session = (BARS.frame["close"] / BARS.frame["open"] - 1.0).shift(-1, fill_value=0.0)
    knows = random.random(500) < edge
    position = np.where(knows, session > 0.0, random.random(500) < 0.5).astype("f8")
    return stitched(Signals(pd.Series(position, TIMES), pd.Series(1.0, TIMES)), costs=Costs(0.0, 0.0))


def test_folds_are_one_account_without_a_fresh_start_in_each() -> None:
    one, other = signals(100, 200), signals(200, 450, seed=1)
    record = stitched(one, other)
    position = pd.concat([one.position, other.position]).reindex(TIMES[100:], fill_value=0.0)
    whole = backtest(BARS.since(TIMES[100]), position, costs=COSTS, initial_cash=CASH)
    assert record.result.equity.equals(whole.equity)
    assert record.trades == len(whole.trades)


def test_bars_between_two_folds_and_after_the_last_are_flat() -> None:
    record = stitched(signals(100, 150), signals(200, 250))
    assert (record.signals.position[TIMES[150] : TIMES[199]] == 0.0).all()
    assert (record.signals.position[TIMES[250] :] == 0.0).all()
    assert len(record.signals) == 400


def test_live_positions_count_where_there_are_both() -> None:
    fold = signals(100, 300)
    published = pd.Series(-1.0, TIMES[250:310])
    record = stitched(fold, published=published)
    assert (record.signals.position[TIMES[250] : TIMES[309]] == -1.0).all()
    assert record.signals.position[: TIMES[249]].equals(fold.position[: TIMES[249]])
    assert record.live.sum() == 60
    assert record.live_from == TIMES[250].to_pydatetime()
    assert stitched(fold).live_from is None


def test_live_positions_of_bars_before_the_record_or_unknown_are_left_out() -> None:
    published = pd.Series(1.0, TIMES[:110].append(pd.DatetimeIndex([TIMES[120] + pd.Timedelta(minutes=1)])))
    record = stitched(signals(100, 300), published=published)
    assert record.live.sum() == 10
    assert len(record.signals) == 400


def test_there_is_no_record_of_fewer_than_two_bars() -> None:
    assert stitched_record(BARS, [], None, COSTS, CASH) is None
    assert stitched_record(BARS.head(101), [signals(100, 101)], None, COSTS, CASH) is None


def test_a_part_of_a_record_is_an_account_of_its_own() -> None:
    record = stitched(signals(100, 450), published=pd.Series(1.0, TIMES[400:450]))
    since = record.since(TIMES[400].to_pydatetime())
    assert since is not None
    assert len(since.signals) == 100
    assert since.result.equity.iloc[0] == pytest.approx(CASH, rel=0.01)
    assert since.live.sum() == 50
    assert record.since(TIMES[499].to_pydatetime()) is None


def test_the_returns_that_random_traders_are_drawn_from_explain_those_of_the_account() -> None:
    record = stitched(signals(100, 450))
    returns = record.returns
    held = np.concatenate([[0.0], returns.target[:-1]])
    before = np.concatenate([[0.0], held[:-1]])
    earned = before * returns.gap + held * returns.session - returns.cost * np.abs(held - before)
    # whole positions, so that the account differs by products of small returns alone
    assert earned == pytest.approx(returns.excess, abs=2e-4)
    assert earned.sum() == pytest.approx(returns.excess.sum(), abs=2e-3)


def test_an_assessment_holds_the_tests_of_the_last_bars_and_the_figures_of_all() -> None:
    record = foresight(0.2)
    assessment = assess(record, Promotion(), tried=8)
    figures, returns = assessment.figures, record.returns
    assert len(assessment.evidence.skill) == len(assessment.evidence.worse) == RUN
    assert figures.bars == 500
    assert figures.needed == LEAST_BARS
    assert figures.trades == record.trades
    assert figures.years == pytest.approx(500 / 252, rel=0.01)
    assert figures.p_cash == pytest.approx(stats.ttest_1samp(returns.excess, 0.0, alternative="greater").pvalue)
    assert figures.excess == pytest.approx(100.0 * returns.excess.mean() * record.result.periods_per_year)
    assert figures.before_costs == pytest.approx(figures.excess)
    assert figures.sharpe_low < figures.sharpe_ratio < figures.sharpe_high
    largest = max(figures.p_cash, figures.p_exposure, figures.p_alpha, figures.p_random)
    assert assessment.evidence.skill[-1] == largest


def test_costs_are_what_lies_between_the_return_before_and_after_them() -> None:
    free, dear = (stitched(signals(100, 500), costs=Costs(rate, 0.0)) for rate in (0.0, 0.001))
    before, after = (assess(record, Promotion(), tried=1).figures for record in (free, dear))
    assert after.excess < before.excess
    assert after.before_costs == pytest.approx(before.excess, abs=0.1)


def test_a_trader_who_knows_the_next_session_is_proven_and_one_who_knows_nothing_is_not() -> None:
    evidence = {edge: assess(foresight(edge), Promotion(), tried=2).evidence for edge in (0.0, 0.5)}
    assert settle(evidence, {}, tried=2, confidence=0.95) == {0.0: "unproven", 0.5: "proven"}


def test_a_record_of_too_few_trades_passes_nothing_however_good_it_is() -> None:
    record = foresight(0.5)
    assert min(assess(record, Promotion(min_trades=record.trades), tried=1).evidence.skill) < 0.05
    assert set(assess(record, Promotion(min_trades=record.trades + 1), tried=1).evidence.skill) == {1.0}


def test_a_record_shorter_than_a_run_is_filled_up_with_failures() -> None:
    record = stitched(signals(490, 500), bars=BARS)
    evidence = assess(record, Promotion(), tried=1).evidence
    assert evidence.skill == evidence.worse == (1.0,) * RUN


def test_the_same_record_is_assessed_the_same_and_other_seeds_draw_others() -> None:
    record = foresight(0.08)
    rules = Promotion(confidence=0.6)
    one, same, *others = (assess(record, rules, tried=1, seed=seed).evidence.skill for seed in (1, 1, 2, 3, 4))
    assert max(one) < 0.4  # else no random traders were drawn
    assert one == same
    assert any(one != other for other in others)
