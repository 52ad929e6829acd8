"""What performance_check measures of each champion, and the alerts that it raises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.signals import PublishedSignal
from daemon.jobs.performance_check.messages import LivePerformanceRequest, LivePerformanceResult, MonitorResult
from daemon.store import alerts, evaluations, measurements, servings, signals
from daemon.store.versions import Version
from tests.support.desks.night import attend_all, broken, done, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, record

DRIFTED = MonitoredMetrics(values={"side_psi": 0.6, "action_psi": 0.9}, by_chance={"action_psi": 1.2})
MONITORED = MonitorResult(evaluation=DRIFTED, live=None)


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        built.executor.answers["monitor"] = lambda _: done(MONITORED)  # type: ignore[attr-defined]
        yield built


def serving(desk: DeskContext, version: str = "v1") -> Version:
    def serve(c: Any) -> Version:
        version_row = record(c, version)
        servings.serve(c, SYMBOL, NAME, version_row.id, NOW, why="better", author="test")
        return version_row

    return desk.database.write(serve)


async def test_the_sharpe_ratio_of_the_newest_evaluation_is_measured(desk: DeskContext) -> None:
    champion = serving(desk)
    new = evaluations.NewEvaluation(
        run_id=None, version_id=champion.id, champion_id=None, dataset="d" * 64, first=NOW, last=NOW, evaluated_at=NOW,
        metrics={"sharpe_ratio": -0.5}, verdict="measured", reasons=["serves"], report=None, kind="alone",
    )  # fmt: skip
    desk.database.write(lambda c: evaluations.add(c, new))
    request(desk, "performance_check")
    await attend_all(Dispatcher(desk))
    newest = desk.database.read(lambda c: measurements.history(c, SYMBOL, NAME, "sharpe_ratio", "evaluation"))
    assert newest[0].value == -0.5


async def test_a_champion_is_monitored_by_the_record_of_its_recipe_and_all_signals_of_it(desk: DeskContext) -> None:
    old = serving(desk)
    desk.database.write(lambda c: _publish(c, old))
    new = serving(desk, "v2")
    desk.database.write(lambda c: _publish(c, new, hours=24))
    desk.database.write(lambda c: put_record(c, RECIPE, NOW, standing="proven"))
    desk.executor.answers["live_performance"] = lambda _: broken()  # type: ignore[attr-defined]
    request(desk, "performance_check")
    await attend_all(Dispatcher(desk))
    [monitor] = [each for each in desk.executor.requests if each.kind == "monitor"]  # type: ignore[attr-defined]
    assert (monitor.record.standing, monitor.record.seed) == ("proven", RECIPE.seed)
    assert [signal.bar_time for signal in monitor.signals] == [NOW, NOW + timedelta(hours=24)]
    assert monitor.record.published == monitor.signals


async def test_what_was_published_is_measured_with_when_it_was(desk: DeskContext) -> None:
    old = serving(desk)
    desk.database.write(lambda c: _publish(c, old))
    earned = LivePerformanceResult(metrics=Metrics(values={"sharpe_ratio": 1.0, "max_drawdown": -1.0}))
    desk.executor.answers["live_performance"] = lambda _: done(earned)  # type: ignore[attr-defined]
    request(desk, "performance_check")
    await attend_all(Dispatcher(desk))
    signal = PublishedSignal(symbol=SYMBOL, bar_time=NOW, published_at=NOW, position=1.0, confidence=0.7)
    live = LivePerformanceRequest(subject=SYMBOL, model_type=NAME, version="v1", signals=(signal,))
    assert live in desk.executor.requests  # type: ignore[attr-defined]


async def test_a_champion_that_has_moved_from_its_training_raises_an_alert(desk: DeskContext) -> None:
    old = serving(desk)
    request(desk, "performance_check")
    await attend_all(Dispatcher(desk))
    firing = desk.database.read(lambda c: alerts.page(c, state="firing"))
    assert [(alert.rule, alert.value, alert.threshold) for alert in firing] == [("drift.sides", 0.6, 0.25)]
    assert old.version in firing[0].message


async def test_a_version_without_a_record_is_monitored_by_its_own_signals(desk: DeskContext) -> None:
    old = serving(desk)
    desk.database.write(lambda c: _publish(c, old))
    new = serving(desk, "v2")
    desk.executor.answers["live_performance"] = lambda _: broken()  # type: ignore[attr-defined]
    request(desk, "performance_check")
    await attend_all(Dispatcher(desk))
    task_requests = {each.kind: each for each in desk.executor.requests}  # type: ignore[attr-defined]
    assert task_requests["monitor"].signals == ()
    assert task_requests["monitor"].version.name == task_requests["live_performance"].version == new.version
    assert len(task_requests["live_performance"].signals) == 1


def _publish(c: Any, version: Version, hours: int = 0) -> bool:
    return signals.publish(
        c,
        signals.NewSignal(
            run_id=None,
            subject=SYMBOL,
            symbol=SYMBOL,
            model_type=NAME,
            version_id=version.id,
            bar_time=NOW + timedelta(hours=hours),
            interval="1d",
            action="buy",
            position=1.0,
            confidence=0.7,
            price=100.0,
            provenance="yahoo",
            dataset="d" * 64,
            published_at=NOW,
            act_by=NOW,
            expires_at=NOW,
        ),
    )
