"""The night of a trader's model: logs are pulled, a version is trained on its markets, signals are published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import RunOptions
from daemon.domain.runs import Run
from daemon.domain.signals import TargetRequest
from daemon.store import servings, signals, versions
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.markets.trader_logs import OPENS, trade, write_log
from tests.support.models import small_types

TRADER, FIRST = "trader:0x6031", OPENS // 1000
NOW = datetime.fromtimestamp(FIRST + 3600 + 485, UTC)


def market(folder: Path, opens: int, seconds: int) -> None:
    """A contract of 15 minutes with a fill every 20 seconds, as far as it has come."""
    at = range(opens - FIRST + 5, opens - FIRST + min(seconds, 900), 20)
    fills = [trade(each, 0.4 + each % 7 / 50, 5.0 + each % 3, tx=f"0x{each}") for each in at]
    write_log(folder / "merged_trades/0x6031" / f"btc-updown-15m-{opens}_prices.json", fills)


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[DeskContext]:
    market(tmp_path / "logs", FIRST, 900)
    market(tmp_path / "logs", FIRST + 3600, 485)
    document: dict[str, Any] = {
        "symbols": ["AAPL"],
        "model_types": ["small_trader"],
        "trader_params": {"target_returns": [0.02]},
        "sources": {"bars": "sample", "bucket": {"url": (tmp_path / "logs").as_uri()}},
    }
    with small_types.registered(), scripted_desk(home, Settings.model_validate(document), NOW) as desk:
        desk.executor = WorkingExecutor(desk.home, desk.clock.now)
        yield desk


async def ran(desk: DeskContext, job: Any, options: RunOptions | None = None, trigger: str = "manual") -> Run:
    request(desk, job, options=options, trigger=trigger)
    await attend_all(Dispatcher(desk))
    return every_run(desk)[-1]


def serve(desk: DeskContext) -> versions.Version:
    (version,) = desk.database.read(versions.versions)
    desk.database.write(
        lambda c: servings.serve(c, TRADER, "small_trader", version.id, desk.clock.now(), why="test", author="test")
    )
    return version


async def test_logs_become_a_version_and_a_version_publishes_a_signal_of_the_open_market_for_each_target(desk):
    assert (await ran(desk, "data_update")).detail["trades"]["table"]["open"] == 1
    trained = await ran(desk, "training")
    assert (trained.state, trained.detail) == ("succeeded", {"tasks": 1, "succeeded": 1}), trained.detail
    version = serve(desk)
    assert (version.subject, version.provenance) == (TRADER, "bucket")
    run = await ran(desk, "signals")
    assert (run.state, run.detail["published"]) == ("succeeded", 2), run.detail
    published = desk.database.read(lambda c: signals.latest(c, TRADER))
    assert [signal.target for signal in published] == ["", "0.02"]
    bar = timedelta(seconds=10)
    for signal in published:
        assert (signal.symbol, signal.interval) == (f"btc-updown-15m-{FIRST + 3600}", "10s")
        assert signal.bar_time == NOW - timedelta(seconds=25), "no bar after the last event"
        assert (signal.act_by, signal.expires_at) == (signal.bar_time, signal.bar_time + bar)
        assert signal.stale(NOW)
    assert not (await ran(desk, "signals")).detail["published"]


async def test_a_run_for_one_target_publishes_its_signals_alone(desk):
    await ran(desk, "data_update")
    await ran(desk, "training")
    serve(desk)
    asked = RunOptions(target=TargetRequest(subject=TRADER, target_return=0.3))
    assert (await ran(desk, "signals", asked)).detail["published"] == 1
    assert [signal.target for signal in desk.database.read(lambda c: signals.latest(c, TRADER))] == ["0.3"]
    assert desk.database.read(lambda c: signals.history(c, TRADER)) == [], "what the model does unasked"


async def test_what_would_come_again_is_not_trained_again_until_a_log_changes(desk, tmp_path):
    await ran(desk, "data_update")
    await ran(desk, "training")
    run = await ran(desk, "training")
    assert (run.state, run.cause) == ("skipped", "training.unchanged")
    assert run.detail["unchanged"] == [f"{TRADER}/small_trader"]
    assert "No log, setting or code has changed" in run.detail["message"]
    assert len(desk.database.read(versions.versions)) == 1
    market(tmp_path / "logs", FIRST + 1800, 900)
    await ran(desk, "data_update")
    assert (await ran(desk, "training")).state == "succeeded"
    newest, oldest = desk.database.read(versions.versions)
    assert newest.recipe == oldest.recipe
    assert newest.dataset != oldest.dataset


async def test_other_params_of_a_trader_s_model_are_trained_on_the_same_logs(desk):
    await ran(desk, "data_update")
    await ran(desk, "training")
    desk.settings = Settings.model_validate(
        {**desk.settings.model_dump(), "model_params": {"small_trader": {"lookback": 7}}}
    )
    assert (await ran(desk, "training")).state == "succeeded"
    assert len({version.recipe for version in desk.database.read(versions.versions)}) == 2


async def test_a_trader_who_has_not_traded_for_long_is_not_trained_unless_the_history_has_ended(desk):
    await ran(desk, "data_update")
    desk.clock.move(timedelta(days=8))
    run = await ran(desk, "training", trigger="chain")
    assert (run.state, run.cause) == ("skipped", "data.stale")
    error = run.detail["failed"][TRADER]
    assert error["code"] == "trades.stale"
    assert "more than 7 days" in error["message"]
    assert "trader_params.stale_after" in error["cure"]
    desk.settings = Settings.model_validate({**desk.settings.model_dump(), "data_params": {"as_of": "data"}})
    assert (await ran(desk, "training", trigger="chain")).state == "succeeded"


async def test_a_trader_without_logs_is_skipped_with_a_cure(desk):
    run = await ran(desk, "training")
    assert (run.state, run.cause) == ("skipped", "training.no_target")
    assert "nightdesk data --trades PLACE" in run.detail["cure"]


async def test_a_trader_whose_markets_are_all_filtered_out_fails_by_name(desk):
    await ran(desk, "data_update")
    desk.settings = Settings.model_validate({**desk.settings.model_dump(), "trader_params": {"markets": ["eth-*"]}})
    run = await ran(desk, "training")
    assert (run.state, run.cause) == ("failed", "trader_log.missing")
    (error,) = run.detail["failed"].values()
    assert "markets called eth-*" in error["message"]
