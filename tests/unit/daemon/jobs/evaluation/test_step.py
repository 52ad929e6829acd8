"""What verdicts do to the serving ledger: real steps over a real database, the workers' answers told by the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.runs import Run
from daemon.domain.signals import PublishedSignal
from daemon.executors.base import Outcome
from daemon.jobs.evaluation.messages import EvaluateResult, FindingInfo
from daemon.jobs.performance_check.messages import (
    LivePerformanceRequest,
    LivePerformanceResult,
    MonitorResult,
)
from daemon.store import alerts, evaluations, measurements, servings, signals, versions
from daemon.store.evaluations import Evaluation
from daemon.store.versions import Version
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.stored_versions import NAME, NOW, SETTINGS, record

DRIFTED = MonitoredMetrics(values={"side_psi": 0.6, "action_psi": 0.9}, by_chance={"action_psi": 1.2})
MONITORED = MonitorResult(evaluation=DRIFTED, live=None)


@pytest.fixture
def house(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        built.executor.answers["monitor"] = lambda _: done(MONITORED)  # type: ignore[attr-defined]
        yield built


def finding(verdict: str, sharpe: float) -> FindingInfo:
    metrics = Metrics(values={"sharpe_ratio": sharpe, "max_drawdown": -5.0})
    return FindingInfo(metrics=metrics, verdict=verdict, reasons=("sharpe_diff",))


def judged(verdict: str, *, sharpe: float = 1.0, champion: float | None = None) -> Outcome[Any]:
    """The findings on a challenger, and on the champion over the same bars."""
    return done(
        EvaluateResult(
            dataset="d" * 64,
            first=NOW,
            last=NOW,
            report="results/run",
            challenger=finding(verdict, sharpe),
            champion=None if champion is None else finding("better", champion),
        )
    )


def serving(house: DeskContext, version: str = "v1", provenance: str = "yahoo") -> Version:
    def serve(c: Any) -> Version:
        version_row = record(c, version, provenance=provenance)
        servings.serve(c, SYMBOL, NAME, version_row.id, NOW, why="better", author="test")
        return version_row

    return house.database.write(serve)


def challenger(house: DeskContext, version: str, provenance: str = "yahoo") -> Version:
    return house.database.write(lambda c: record(c, version, provenance=provenance))


async def evaluation(house: DeskContext, answers: dict[str, Outcome[Any]]) -> Run:
    """The run of an evaluation in which each version is judged as `answers` say."""
    house.executor.answers["evaluate"] = lambda spec: answers[spec.request.challenger.name]  # type: ignore[attr-defined]
    request(house, "evaluation")
    await attend_all(Dispatcher(house))
    return every_run(house)[-1]


def state(house: DeskContext, version: Version) -> str:
    now = house.database.read(lambda c: versions.version(c, version.id))
    assert now is not None
    return now.state


def judgements(house: DeskContext, version: Version) -> list[Evaluation]:
    return house.database.read(lambda c: evaluations.history(c, version.id))


async def test_a_better_challenger_serves_and_the_champion_retires(house: DeskContext) -> None:
    old, new = serving(house), challenger(house, "v2")
    await evaluation(house, {"v2": judged("better", champion=0.5)})
    assert (state(house, old), state(house, new)) == ("retired", "champion")


async def test_after_the_judgements_every_version_of_one_provenance_is_put_beside_the_others(
    house: DeskContext,
) -> None:
    serving(house), challenger(house, "v2"), challenger(house, "v3", "yahoo, sample expert")
    run = await evaluation(house, {version: judged("worse", champion=0.5) for version in ("v2", "v3")})
    task_requests = [each for each in house.executor.requests if each.kind.startswith("compare")]  # type: ignore[attr-defined]
    assert [each.kind for each in task_requests] == ["compare_models", "compare_symbols"]
    named = [(version.name, version.state) for version in task_requests[0].versions]
    assert named == [("v2", "rejected"), ("v1", "champion")]
    assert task_requests[1].subjects == (SYMBOL,)
    assert run.detail is not None
    assert run.detail["recommendations"][SYMBOL]["recommendation"] == "Stay in cash."


async def test_how_far_an_evaluation_is_never_goes_back(house: DeskContext) -> None:
    serving(house), challenger(house, "v2"), challenger(house, "v3")
    dispatcher, shares = Dispatcher(house), []
    run = request(house, "evaluation")

    def outcome_of(outcome: Outcome[Any]) -> Outcome[Any]:
        progress = dispatcher.progress(run.id)
        assert progress is not None
        shares.append(progress.done / progress.expected)
        return outcome

    answers = house.executor.answers  # type: ignore[attr-defined]
    answers["evaluate"] = lambda _: outcome_of(judged("worse", champion=0.5))
    answers["compare_models"] = lambda _: outcome_of(broken("evaluation.too_short"))
    await attend_all(dispatcher)
    assert shares == [0.0, 1 / 3, 2 / 3]


async def test_a_comparison_that_fails_is_told_and_changes_no_verdict(house: DeskContext) -> None:
    serving(house), challenger(house, "v2")
    house.executor.answers["compare_models"] = lambda _: broken("evaluation.too_short")  # type: ignore[attr-defined]
    run = await evaluation(house, {"v2": judged("worse", champion=0.5)})
    assert run.state == "partial"
    assert run.detail is not None
    assert run.detail["failed"][SYMBOL]["code"] == "evaluation.too_short"
    assert run.detail["recommendations"] == {}
    assert len(run.detail["verdicts"]) == 1


@pytest.mark.parametrize("verdict", ["worse", "inconclusive"])
async def test_any_other_verdict_keeps_the_champion(house: DeskContext, verdict: str) -> None:
    old, new = serving(house), challenger(house, "v2")
    await evaluation(house, {"v2": judged(verdict, champion=0.5)})
    assert (state(house, old), state(house, new)) == ("champion", "rejected")


async def test_a_champion_that_keeps_its_place_is_measured_every_night(house: DeskContext) -> None:
    old = serving(house)
    for night, sharpe in enumerate((1.5, 0.5, -0.5)):
        challenger(house, f"c{night}")
        await evaluation(house, {f"c{night}": judged("worse", champion=sharpe)})
    assert [row.metrics["sharpe_ratio"] for row in judgements(house, old)] == [-0.5, 0.5, 1.5]


async def test_a_decayed_champion_is_told_by_the_next_performance_check(house: DeskContext) -> None:
    serving(house)
    challenger(house, "v2")
    await evaluation(house, {"v2": judged("worse", champion=-0.5)})
    request(house, "performance_check")
    await attend_all(Dispatcher(house))
    newest = house.database.read(lambda c: measurements.history(c, SYMBOL, NAME, "sharpe_ratio", "evaluation"))
    assert newest[0].value == -0.5


async def test_a_clone_of_the_sample_expert_never_takes_the_place_of_a_real_one(house: DeskContext) -> None:
    old, new = serving(house), challenger(house, "v2", "yahoo, sample expert")
    run = await evaluation(house, {"v2": judged("better")})
    assert (state(house, old), state(house, new)) == ("champion", "rejected")
    assert [(row.verdict, row.reasons) for row in judgements(house, new)] == [("inconclusive", ["provenance"])]
    assert run.detail is not None
    assert run.detail["verdicts"][f"{SYMBOL}/{NAME}"]["reasons"] == ["provenance"]


async def test_a_clone_of_a_real_expert_need_only_beat_cash_where_a_made_up_one_serves(house: DeskContext) -> None:
    old, new = serving(house, provenance="yahoo, sample expert"), challenger(house, "v2")
    await evaluation(house, {"v2": judged("better")})
    assert (state(house, old), state(house, new)) == ("retired", "champion")


async def test_a_challenger_of_other_bars_is_rejected_and_not_met_again(house: DeskContext) -> None:
    left_over = challenger(house, "v1", "sample")
    run = await evaluation(house, {"v1": broken("model.other_bars")})
    assert (run.state, run.cause, state(house, left_over)) == ("failed", "model.other_bars", "rejected")


async def test_two_challengers_of_a_pair_that_both_fail_are_two_failures(house: DeskContext) -> None:
    challenger(house, "v1")
    challenger(house, "v2")
    run = await evaluation(house, {"v1": broken(), "v2": broken()})
    assert run.detail is not None
    assert (run.state, run.detail["tasks"], run.detail["succeeded"]) == ("failed", 2, 0)


async def test_what_was_published_is_measured_with_when_it_was(house: DeskContext) -> None:
    old = serving(house)
    house.database.write(lambda c: _publish(c, old))
    earned = LivePerformanceResult(metrics=Metrics(values={"sharpe_ratio": 1.0, "max_drawdown": -1.0}))
    house.executor.answers["live_performance"] = lambda _: done(earned)  # type: ignore[attr-defined]
    request(house, "performance_check")
    await attend_all(Dispatcher(house))
    signal = PublishedSignal(symbol=SYMBOL, bar_time=NOW, published_at=NOW, position=1.0, confidence=0.7)
    live = LivePerformanceRequest(subject=SYMBOL, model_type=NAME, version="v1", signals=(signal,))
    assert live in house.executor.requests  # type: ignore[attr-defined]


async def test_a_champion_that_has_moved_from_its_training_raises_an_alert(house: DeskContext) -> None:
    old = serving(house)
    request(house, "performance_check")
    await attend_all(Dispatcher(house))
    firing = house.database.read(lambda c: alerts.page(c, state="firing"))
    assert [(alert.rule, alert.value, alert.threshold) for alert in firing] == [("drift.sides", 0.6, 0.25)]
    assert old.version in firing[0].message


async def test_a_version_is_held_to_what_it_said_itself(house: DeskContext) -> None:
    old = serving(house)
    house.database.write(lambda c: _publish(c, old))
    new = serving(house, "v2")
    house.executor.answers["live_performance"] = lambda _: broken()  # type: ignore[attr-defined]
    request(house, "performance_check")
    await attend_all(Dispatcher(house))
    task_requests = {each.kind: each for each in house.executor.requests}  # type: ignore[attr-defined]
    assert task_requests["monitor"].signals == ()
    assert task_requests["monitor"].version.name == task_requests["live_performance"].version == new.version
    assert len(task_requests["live_performance"].signals) == 1


def _publish(c: Any, version: Version) -> bool:
    return signals.publish(
        c,
        signals.NewSignal(
            run_id=None,
            subject=SYMBOL,
            symbol=SYMBOL,
            model_type=NAME,
            version_id=version.id,
            bar_time=NOW,
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
