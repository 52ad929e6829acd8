"""What a desk starts when a model needs retraining: once, with the reasons on the run, and nothing in vain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.options import RunOptions
from daemon.domain.recipes import Recipe
from daemon.domain.retraining import REGIME_NOW, REGIME_TRAINED
from daemon.domain.runs import Run
from daemon.domain.tasks import as_object
from daemon.jobs.performance_check.messages import MonitorResult
from daemon.jobs.retraining import max_age, places_of
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness, VersionFacts
from daemon.store import datasets, jobs, retrainings, runs, servings
from daemon.store.tables import runs as runs_table
from data_pipeline.provenance import Provenance
from tests.support.desks.executors import until
from tests.support.desks.night import broken, done, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, TARGET, record

DAY = timedelta(days=1)
# A row of a run whose process died at work.
KILLED = {"state": "running", "finished_at": None, "cause": None, "detail": None, "owner": None}
INACCURATE = MonitorResult(evaluation=MonitoredMetrics(values={"accuracy": 55.0}), live=None)


def trained(spec: Any) -> VersionFacts:
    recipe: Recipe = spec.request.recipe
    return VersionFacts(
        manifest_sha256="a" * 64, recipe=recipe.fingerprint, params=recipe.params, window=recipe.window,
        seed=recipe.seed, provenance=Provenance.of("yahoo"), dataset="d" * 64, train_start=NOW, train_end=NOW + DAY,
        trained_at=NOW + 60 * DAY, metrics={}, issues={},
    )  # fmt: skip


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    """A desk whose champion is inaccurate, and has not learned from the newest bar."""
    with scripted_desk(home, SETTINGS) as built:
        fresh = FreshnessResult(symbols={SYMBOL: SymbolFreshness(fresh=True, as_of=NOW, last_closed=NOW)})
        built.executor.answers |= {  # type: ignore[attr-defined]
            "monitor": lambda _: done(INACCURATE),
            "freshness": lambda _: done(fresh),
            "train": lambda spec: done(trained(spec)),
        }
        built.database.write(serve)
        built.database.write(lambda c: store_bars(c, NOW + DAY))
        yield built


def serve(c: Any) -> None:
    servings.serve(c, SYMBOL, NAME, record(c, "v1").id, NOW, why="first", author="test")
    put_record(c, RECIPE, NOW)


def store_bars(c: Any, last: datetime) -> None:
    new = datasets.NewDataset(
        dataset=f"{last:%Y%m%d}", kind="bars", source="yahoo", symbol=SYMBOL, interval="1d", first=NOW - 900 * DAY,
        last=last, rows=900, pulled_at=last,
    )  # fmt: skip
    datasets.record(c, new)


async def attended(desk: DeskContext, run: Run, *, alone: bool = False) -> Run:
    """The run after its end; what it has started stays due."""
    dispatcher = Dispatcher(desk, alone=alone)
    await dispatcher.start_due(only=run.id)
    await until(lambda: not dispatcher.busy)
    ended = desk.database.read(lambda c: runs.get(c, run.id))
    assert ended is not None
    return ended


async def check(desk: DeskContext) -> Run:
    return await attended(desk, request(desk, "performance_check"))


async def check_hindrance(desk: DeskContext) -> object:
    """What stood against the retraining in a check."""
    detail = (await check(desk)).detail or {}
    return as_object(as_object(detail.get("retraining")).get(TARGET.label)).get("hindrance")


def trainings(desk: DeskContext) -> list[Run]:
    """The trainings that were started for a reason, oldest first."""
    rows = desk.database.read(lambda c: runs.page(c, job="training"))
    return [run for run in reversed(rows) if run.trigger == "retraining"]


async def test_an_inaccurate_champion_is_retrained_and_judged_with_the_reason_on_the_run(desk: DeskContext) -> None:
    checked = await check(desk)
    [run] = trainings(desk)
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
    assert len(trainings(desk)) == 1


async def test_a_check_that_is_killed_after_it_started_a_training_starts_no_other_when_tried_again(
    desk: DeskContext,
) -> None:
    first = request(desk, "performance_check")
    await attended(desk, first)
    [run] = trainings(desk)
    desk.database.write(lambda c: c.execute(update(runs_table).where(runs_table.c.id == first.id).values(**KILLED)))
    assert [each.id for each in Dispatcher(desk).recover()] == [first.id]
    [retry] = [each for each in desk.database.read(lambda c: runs.due(c, desk.clock.now())) if each.trigger == "retry"]
    await attended(desk, retry)
    await attended(desk, run)
    assert await check_hindrance(desk) == "no_new_data"
    assert trainings(desk)[0].id == run.id
    assert len(trainings(desk)) == 1


async def test_a_training_that_fails_is_not_started_again_before_new_data_has_come(desk: DeskContext) -> None:
    desk.executor.answers["train"] = lambda _: broken()  # type: ignore[attr-defined]
    await check(desk)
    assert (await attended(desk, trainings(desk)[0])).state == "failed"
    assert await check_hindrance(desk) == "no_new_data"
    desk.database.write(lambda c: store_bars(c, NOW + 2 * DAY))
    assert await check_hindrance(desk) is None
    assert len(trainings(desk)) == 2


async def test_a_retrained_model_cools_down_whatever_new_data_says(desk: DeskContext) -> None:
    await check(desk)
    await attended(desk, trainings(desk)[0])
    desk.database.write(lambda c: store_bars(c, NOW + 9 * DAY))
    assert await check_hindrance(desk) == "cool_down"
    desk.clock.move(8 * DAY)  # type: ignore[attr-defined]
    assert await check_hindrance(desk) is None
    assert len(trainings(desk)) == 2


async def test_a_training_by_the_schedule_is_explained_and_counts_as_the_retraining(desk: DeskContext) -> None:
    desk.database.write(lambda c: jobs.set_paused(c, "training", True, NOW, "test"))
    assert await check_hindrance(desk) == "paused"  # the alert fires from now on
    desk.database.write(lambda c: jobs.set_paused(c, "training", False, NOW, "test"))
    scheduled = await attended(desk, request(desk, "training"))
    assert scheduled.detail is not None
    assert list(as_object(scheduled.detail["retraining"])) == [TARGET.label]
    assert await check_hindrance(desk) == "no_new_data"
    assert trainings(desk) == []


async def test_a_command_without_a_desk_starts_no_training_that_nobody_would_do(desk: DeskContext) -> None:
    checked = await attended(desk, request(desk, "performance_check"), alone=True)
    assert checked.detail is not None
    assert "retraining" not in checked.detail
    assert trainings(desk) == []


async def test_nothing_is_started_while_training_is_paused(desk: DeskContext) -> None:
    desk.database.write(lambda c: jobs.set_paused(c, "training", True, NOW, "test"))
    assert await check_hindrance(desk) == "paused"


async def test_another_regime_than_that_of_the_newest_training_retrains(desk: DeskContext) -> None:
    moved = MonitorResult(
        evaluation=MonitoredMetrics(values={}),
        live=None,
        regimes=Metrics(values={REGIME_TRAINED: 0.0, REGIME_NOW: 2.0}),
    )
    desk.executor.answers["monitor"] = lambda _: done(moved)  # type: ignore[attr-defined]
    await check(desk)
    [row] = desk.database.read(retrainings.page)
    assert [each.reason for each in row.diagnoses] == ["regime"]
    await attended(desk, trainings(desk)[0])
    [place] = desk.database.read(lambda c: places_of(c, SETTINGS, [TARGET]))
    assert place.regime is None  # what was measured of the version before says nothing of this one


async def test_only_the_places_that_are_named_are_trained(desk: DeskContext) -> None:
    desk.settings = Settings(symbols=(SYMBOL, "MSFT"))
    options = RunOptions(places=[TARGET.label])
    await attended(desk, request(desk, "training", options=options))
    requests = desk.executor.requests  # type: ignore[attr-defined]
    assert [each.subject for each in requests if each.kind == "train"] == [SYMBOL]
    assert [each.symbols for each in requests if each.kind == "freshness"] == [(SYMBOL,), (SYMBOL,)]


def test_coins_and_traders_age_in_a_month_and_stocks_in_a_quarter():
    mixed = Settings(symbols=("AAPL", "BTC-USD"))
    ages = {name: max_age(mixed, name).days for name in ("AAPL", "BTC-USD", "universe", "trader:0x1")}
    assert ages == {"AAPL": 91, "BTC-USD": 30, "universe": 30, "trader:0x1": 30}
