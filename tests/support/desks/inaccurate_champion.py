"""A desk whose champion is less accurate than the settings ask, and has not learned from the newest bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import MonitoredMetrics
from daemon.domain.recipes import Recipe
from daemon.domain.runs import Run
from daemon.jobs.performance_check.messages import MonitorResult
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness, VersionFacts
from daemon.store import datasets, runs, servings, versions
from data_pipeline.provenance import Provenance
from tests.support.desks.executors import until
from tests.support.desks.night import done, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, record

DAY = timedelta(days=1)
INACCURATE = MonitorResult(evaluation=MonitoredMetrics(values={"accuracy": 55.0}), live=None)
FRESH = FreshnessResult(symbols={SYMBOL: SymbolFreshness(fresh=True, as_of=NOW, last_closed=NOW)})


@contextmanager
def inaccurate_desk(home: Home) -> Iterator[DeskContext]:
    """The desk; the same again on a home where it has been."""
    with scripted_desk(home, SETTINGS) as desk:
        desk.executor.answers |= {  # type: ignore[attr-defined]
            "monitor": lambda _: done(INACCURATE),
            "freshness": lambda _: done(FRESH),
            "train": lambda spec: done(trained(spec)),
        }
        if not desk.database.read(versions.versions):
            desk.database.write(_serve)
            desk.database.write(lambda c: store_bars(c, NOW + DAY))
        yield desk


def trained(spec: Any) -> VersionFacts:
    """A version that was trained after the desk's clock, until the newest bar."""
    recipe: Recipe = spec.request.recipe
    return VersionFacts(
        manifest_sha256="a" * 64, recipe=recipe.fingerprint, params=recipe.params, window=recipe.window,
        seed=recipe.seed, provenance=Provenance.of("yahoo"), dataset="d" * 64, train_start=NOW, train_end=NOW + DAY,
        trained_at=NOW + 60 * DAY, metrics={}, issues={},
    )  # fmt: skip


def _serve(c: Connection) -> None:
    servings.serve(c, SYMBOL, NAME, record(c, "v1").id, NOW, why="first", author="test")
    put_record(c, RECIPE, NOW)


def store_bars(c: Connection, last: datetime) -> None:
    """Record bars up to `last`, as a pull does."""
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


def retrainings_started(desk: DeskContext) -> list[Run]:
    """The trainings that were started for a reason, oldest first."""
    rows = desk.database.read(lambda c: runs.page(c, job="training"))
    return [run for run in reversed(rows) if run.trigger == "retraining"]
