"""What a desk starts when a model needs retraining: once, with the reasons on the run, and nothing in vain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.options import RunOptions
from daemon.domain.retraining import DIRECTION_NOW, DIRECTION_TRAINED, REGIME_NOW, REGIME_TRAINED
from daemon.domain.runs import Run
from daemon.domain.tasks import as_object
from daemon.jobs.performance_check.messages import MonitorResult
from daemon.jobs.retraining import max_age, places_of
from daemon.store import jobs, retrainings, runs
from daemon.store.tables import runs as runs_table
from tests.support.desks.inaccurate_champion import DAY, attended, inaccurate_desk, retrainings_started, store_bars
from tests.support.desks.night import broken, done, request
from tests.support.markets.easy import SYMBOL
from tests.support.models.stored_versions import NOW, SETTINGS, TARGET

# A row of a run whose process died at work.
KILLED = {"state": "running", "finished_at": None, "cause": None, "detail": None, "owner": None}


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    """A desk whose champion is inaccurate, and has not learned from the newest bar."""
    with inaccurate_desk(home) as built:
        yield built


async def check(desk: DeskContext) -> Run:
    return await attended(desk, request(desk, "performance_check"))


async def check_hindrance(desk: DeskContext) -> object:
    """What stood against the retraining in a check."""
    detail = (await check(desk)).detail or {}
    return as_object(as_object(detail.get("retraining")).get(TARGET.label)).get("hindrance")


async def test_an_inaccurate_champion_is_retrained_and_judged_with_the_reason_on_the_run(desk: DeskContext) -> None:
    checked = await check(desk)
    [run] = retrainings_started(desk)
    assert (run.options.places, run.chain) == ([TARGET.label], ("evaluation", "signals"))
    [row] = desk.database.read(retrainings.page)
    [diagnosis] = row.diagnoses
    assert (row.run_id, row.data_until, row.own_run) == (run.id, NOW + DAY, True)
    assert (diagnosis.reason, diagnosis.value, diagnosis.threshold) == ("degradation", 55.0, 60.0)
    assert checked.detail is not None
    assert checked.detail["retraining"] == {
        TARGET.label: {"reasons": ["degradation"], "run": run.name, "hindrance": None}
    }
    ended = await attended(desk, run)
    assert ended.detail is not None
    assert ended.detail["retraining"] == {TARGET.label: [diagnosis.message]}


async def test_nothing_is_started_while_the_training_is_due_or_at_work(desk: DeskContext) -> None:
    await check(desk)
    desk.database.write(lambda c: store_bars(c, NOW + 2 * DAY))
    assert await check_hindrance(desk) == "training"
    assert len(retrainings_started(desk)) == 1


async def test_a_check_that_is_killed_after_it_started_a_training_starts_no_other_when_tried_again(
    desk: DeskContext,
) -> None:
    first = request(desk, "performance_check")
    await attended(desk, first)
    [run] = retrainings_started(desk)
    desk.database.write(lambda c: c.execute(update(runs_table).where(runs_table.c.id == first.id).values(**KILLED)))
    assert [each.id for each in Dispatcher(desk).recover()] == [first.id]
    [retry] = [each for each in desk.database.read(lambda c: runs.due(c, desk.clock.now())) if each.trigger == "retry"]
    await attended(desk, retry)
    await attended(desk, run)
    assert await check_hindrance(desk) == "no_new_data"
    assert retrainings_started(desk)[0].id == run.id
    assert len(retrainings_started(desk)) == 1


async def test_a_training_that_fails_is_not_started_again_before_new_data_has_come(desk: DeskContext) -> None:
    desk.executor.answers["train"] = lambda _: broken()  # type: ignore[attr-defined]
    await check(desk)
    assert (await attended(desk, retrainings_started(desk)[0])).state == "failed"
    assert await check_hindrance(desk) == "no_new_data"
    desk.database.write(lambda c: store_bars(c, NOW + 2 * DAY))
    assert await check_hindrance(desk) is None
    assert len(retrainings_started(desk)) == 2


async def test_a_retrained_model_cools_down_whatever_new_data_says(desk: DeskContext) -> None:
    await check(desk)
    await attended(desk, retrainings_started(desk)[0])
    desk.database.write(lambda c: store_bars(c, NOW + 9 * DAY))
    assert await check_hindrance(desk) == "cool_down"
    desk.clock.move(8 * DAY)  # type: ignore[attr-defined]
    assert await check_hindrance(desk) is None
    assert len(retrainings_started(desk)) == 2


async def test_a_training_by_the_schedule_is_explained_and_counts_as_the_retraining(desk: DeskContext) -> None:
    desk.database.write(lambda c: jobs.set_paused(c, "training", True, NOW, "test"))
    assert await check_hindrance(desk) == "paused"  # the alert fires from now on
    desk.database.write(lambda c: jobs.set_paused(c, "training", False, NOW, "test"))
    scheduled = await attended(desk, request(desk, "training"))
    assert scheduled.detail is not None
    assert list(as_object(scheduled.detail["retraining"])) == [TARGET.label]
    assert await check_hindrance(desk) == "no_new_data"
    assert retrainings_started(desk) == []


async def test_a_command_without_a_desk_starts_no_training_that_nobody_would_do(desk: DeskContext) -> None:
    checked = await attended(desk, request(desk, "performance_check"), alone=True)
    assert checked.detail is not None
    assert "retraining" not in checked.detail
    assert retrainings_started(desk) == []


async def test_nothing_is_started_while_training_is_paused(desk: DeskContext) -> None:
    desk.database.write(lambda c: jobs.set_paused(c, "training", True, NOW, "test"))
    assert await check_hindrance(desk) == "paused"


@pytest.mark.parametrize(
    "regimes",
    [{REGIME_TRAINED: 0.0, REGIME_NOW: 2.0}, {DIRECTION_TRAINED: 2.0, DIRECTION_NOW: 0.0}],
    ids=["volatility", "direction"],
)
async def test_another_regime_than_that_of_the_newest_training_retrains(
    desk: DeskContext, regimes: dict[str, float | None]
) -> None:
    moved = MonitorResult(evaluation=MonitoredMetrics(values={}), live=None, regimes=Metrics(values=regimes))
    desk.executor.answers["monitor"] = lambda _: done(moved)  # type: ignore[attr-defined]
    await check(desk)
    [row] = desk.database.read(retrainings.page)
    assert [each.reason for each in row.diagnoses] == ["regime"]
    await attended(desk, retrainings_started(desk)[0])
    [place] = desk.database.read(lambda c: places_of(c, SETTINGS, [TARGET]))
    assert (place.regime, place.direction) == (None, None)  # what was measured of the one before says nothing of this


async def test_only_the_places_that_are_named_are_trained(desk: DeskContext) -> None:
    desk.settings = Settings(symbols=(SYMBOL, "MSFT"))
    options = RunOptions(places=[TARGET.label])
    await attended(desk, request(desk, "training", options=options))
    requests = desk.executor.requests  # type: ignore[attr-defined]
    assert [each.subject for each in requests if each.kind == "train"] == [SYMBOL]
    assert [each.symbols for each in requests if each.kind == "freshness"] == [(SYMBOL,), (SYMBOL,)]


async def test_a_place_that_is_not_configured_is_named_and_nothing_is_trained(desk: DeskContext) -> None:
    ended = await attended(desk, request(desk, "training", options=RunOptions(places=["AAPL/gone"])))
    assert (ended.state, ended.cause) == ("skipped", "training.no_target")
    assert ended.detail is not None
    assert "AAPL/gone" in str(ended.detail["message"])


def test_coins_and_traders_age_in_a_month_and_stocks_in_a_quarter():
    mixed = Settings(symbols=("AAPL", "BTC-USD"))
    ages = {name: max_age(mixed, name).days for name in ("AAPL", "BTC-USD", "universe", "trader:0x1")}
    assert ages == {"AAPL": 91, "BTC-USD": 30, "universe": 30, "trader:0x1": 30}
