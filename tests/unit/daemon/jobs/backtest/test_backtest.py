"""A strategy on past bars: its run as a desk does it, the decisions recorded, the session that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import RunOptions
from daemon.domain.runs import Run
from daemon.store import get_session
from daemon.store.decisions import Decision
from data_pipeline import OfflineDatasetGenerator, RlStateBuilder
from data_pipeline.bars.store import BarStore
from data_pipeline.policy_states.states import NAMES
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.models.small_policies import small_network
from trainers.analysts.strategies import load_strategy

NOW = datetime(2024, 1, 3, tzinfo=UTC)
FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)
SYMBOLS = ["BTC-USD", "AAPL"]
BARS = {name: SampleSource().fetch(name, "1d", datetime(2022, 9, 1, tzinfo=UTC), NOW) for name in SYMBOLS}
pytestmark = pytest.mark.filterwarnings("ignore::data_pipeline.loader.SampleDataWarning")


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    for bars in BARS.values():
        BarStore(home).save(bars, NOW)
    settings = Settings.model_validate({"symbols": SYMBOLS, "sources": {"bars": "sample"}})
    with scripted_desk(home, settings, NOW) as desk:
        desk.executor = WorkingExecutor(desk.home, desk.clock.now)
        yield desk


async def ran(desk: DeskContext, symbols: list[str], start: date = FIRST, end: date = LAST, **rl: Any) -> Run:
    strategy = load_strategy("baseline_v1").model_dump(mode="json")
    strategy["ensemble"]["rl_policy"].update(rl)
    order = {"name": "baseline_v1", "strategy": strategy, "symbols": symbols, "start": start, "end": end}
    request(desk, "backtest", options=RunOptions.of(backtest=order))
    await attend_all(Dispatcher(desk))
    return every_run(desk)[-1]


def detail(run: Run) -> dict[str, Any]:
    """What a run has come to, as JSON."""
    assert run.detail is not None
    return dict(run.detail)


def recorded(desk: DeskContext, symbol: str) -> list[Decision]:
    with get_session(desk.home) as session:
        return session.decisions(symbol, date(2000, 1, 1), date(2100, 1, 1))


async def test_every_session_of_the_span_is_decided_once_however_often_it_is_run(desk: DeskContext) -> None:
    run = await ran(desk, SYMBOLS)
    assert run.state == "succeeded"
    results = detail(run)["backtests"]
    first = {symbol: recorded(desk, symbol) for symbol in SYMBOLS}
    assert (await ran(desk, SYMBOLS)).state == "succeeded"
    for symbol, bars in BARS.items():
        rows = recorded(desk, symbol)
        closes = bars.frame.index[(bars.dates >= str(FIRST)) & (bars.dates <= str(LAST))]
        assert [row.time for row in rows] == closes.to_pydatetime().tolist()
        facts = [[getattr(row, name) for name in ("action", "strength", "position", "reward", "votes")] for row in rows]
        assert facts == [
            [getattr(row, name) for name in ("action", "strength", "position", "reward", "votes")]
            for row in first[symbol]
        ]
        result = results[symbol]
        assert result["bars"] == len(rows) == sum(result["actions"].values())
        assert result["absent"] == ["news"]  # there are no headlines
        assert result["provenance"] == "sample"
        assert result["cash"]["total_return"] == 0.0


async def test_the_rewards_of_the_decisions_are_what_the_account_earned(desk: DeskContext) -> None:
    run = await ran(desk, ["BTC-USD"])
    rows = recorded(desk, "BTC-USD")
    assert rows[-1].reward is None
    earned = np.prod([1.0 + (row.reward or 0.0) for row in rows]) - 1.0
    result = detail(run)["backtests"]["BTC-USD"]
    assert result["earned"]["total_return"] == pytest.approx(earned * 100.0, rel=1e-9)
    assert result["earned"]["trades"] > 0


async def test_a_decision_does_not_change_with_bars_that_come_after_it(desk: DeskContext) -> None:
    await ran(desk, ["BTC-USD"], end=date(2023, 6, 30))
    half = {row.time: (row.action, row.strength, row.probability_up, row.votes) for row in recorded(desk, "BTC-USD")}
    await ran(desk, ["BTC-USD"])
    whole = {row.time: (row.action, row.strength, row.probability_up, row.votes) for row in recorded(desk, "BTC-USD")}
    assert len(half) < len(whole)
    assert half == {time: whole[time] for time in half}


async def test_dates_without_bars_fail_with_the_dates_that_there_are_and_leave_no_decision(desk: DeskContext) -> None:
    run = await ran(desk, ["BTC-USD"], date(2010, 1, 1), date(2011, 1, 1))
    assert (run.state, run.cause) == ("failed", "backtest.no_bars")
    error = detail(run)["failed"]["BTC-USD"]
    assert "2022-08-31" in error["message"]
    assert "data_params.history_days" in error["cure"]
    assert recorded(desk, "BTC-USD") == []


async def test_decisions_become_a_dataset_of_states_by_a_session(desk: DeskContext) -> None:
    await ran(desk, SYMBOLS)
    with get_session() as session:  # the home is found as a command finds it
        dataset = OfflineDatasetGenerator(session).generate_dataset(SYMBOLS, FIRST, LAST)
        state = RlStateBuilder(session).build_state("BTC-USD", LAST)
    rows = [row for symbol in SYMBOLS for row in recorded(desk, symbol) if row.reward is not None]
    assert len(dataset) == len(rows)
    assert dataset.counts.tolist() == [sum(row.action == name for row in rows) for name in ("hold", "buy", "sell")]
    positions = dataset.states[:, NAMES.index("position")]
    assert positions[0] == 0.0  # before the first decision
    assert positions.any()
    assert np.isfinite(state.features).all()


async def test_a_policy_votes_where_a_strategy_names_its_file_and_a_missing_file_is_an_error(desk: DeskContext) -> None:
    small_network().save(desk.home.root / "models" / "policy.pt", {"val_action_acc": 0.7})
    run = await ran(desk, ["BTC-USD"], enabled=True, model_path="models/policy.pt")
    assert run.state == "succeeded"
    assert detail(run)["policy"] is True
    votes = [row.votes["rl"] for row in recorded(desk, "BTC-USD")]
    assert all(vote is not None and 0.0 <= vote[0] <= 1.0 for vote in votes)
    missing = await ran(desk, ["BTC-USD"], enabled=True, model_path="models/nothing.pt")
    assert missing.state == "failed"
    assert "nothing.pt" in detail(missing)["failed"]["BTC-USD"]["message"]


def test_a_session_that_has_no_decisions_leads_to_the_backtest(desk: DeskContext) -> None:
    with get_session(desk.home) as session, pytest.raises(NightdeskError, match="No decisions") as caught:
        OfflineDatasetGenerator(session).generate_dataset("BTC-USD", FIRST, LAST)
    assert "nightdesk backtest --symbol BTC-USD --start-date 2023-01-01" in caught.value.cure
