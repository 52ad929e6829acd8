"""Verdicts and the serving ledger: real steps over a real database; the test sets the answers of the workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.metrics import Metrics
from daemon.domain.runs import Run
from daemon.executors.base import Outcome
from daemon.jobs.evaluation.messages import EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.promotion import Judgement, settle
from daemon.jobs.records.messages import RecordFacts
from daemon.store import evaluations, records, servings, versions
from daemon.store.evaluations import Evaluation
from daemon.store.versions import Version
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record, record_facts, record_result
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, record

OTHER = replace(RECIPE, seed=RECIPE.seed + 1)
THIRD = replace(RECIPE, seed=RECIPE.seed + 2)
REFUTED = record_facts(worse=1e-6)


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        built.executor.answers["record"] = lambda _: done(record_result(record_facts()))  # type: ignore[attr-defined]
        yield built


def result(outcome: str, *reasons: str, sharpe: float = 1.0) -> EvaluateResult:
    return EvaluateResult(
        dataset="d" * 64,
        first=NOW,
        last=NOW,
        report="results/run",
        metrics=Metrics(values={"sharpe_ratio": sharpe, "max_drawdown": -5.0}),
        outcome=outcome,
        reasons=reasons or ("first",),
        note="",
    )


def judged(outcome: str, *reasons: str, sharpe: float = 1.0) -> Outcome[Any]:
    """The judgement of a worker."""
    return done(result(outcome, *reasons, sharpe=sharpe))


MEASURED = judged("measured", "serves")


def serving(desk: DeskContext, version: str = "v1", **changes: Any) -> Version:
    def serve(c: Any) -> Version:
        version_row = record(c, version, **changes)
        servings.serve(c, SYMBOL, NAME, version_row.id, NOW, why="better", author="test")
        return version_row

    return desk.database.write(serve)


def challenger(desk: DeskContext, version: str, **changes: Any) -> Version:
    return desk.database.write(lambda c: record(c, version, **changes))


async def evaluation(desk: DeskContext, answers: dict[str, Outcome[Any]]) -> Run:
    """The run of an evaluation in which each version is judged as `answers` say."""
    desk.executor.answers["evaluate"] = lambda spec: answers[spec.request.challenger.name]  # type: ignore[attr-defined]
    request(desk, "evaluation")
    await attend_all(Dispatcher(desk))
    return every_run(desk)[-1]


def facts_by_seed(desk: DeskContext, facts: dict[int, RecordFacts]) -> None:
    """Let the record of each seed have these facts."""
    desk.executor.answers["record"] = lambda spec: done(record_result(facts[spec.request.seed]))  # type: ignore[attr-defined]


def evaluate_requests(desk: DeskContext) -> list[EvaluateRequest]:
    return [each for each in desk.executor.requests if each.kind == "evaluate"]  # type: ignore[attr-defined]


def state(desk: DeskContext, version: Version) -> str:
    now = desk.database.read(lambda c: versions.version(c, version.id))
    assert now is not None
    return now.state


def judgements(desk: DeskContext, version: Version) -> list[Evaluation]:
    return desk.database.read(lambda c: evaluations.history(c, version.id))


async def test_where_nothing_serves_a_version_is_judged_as_the_first_and_serves(desk: DeskContext) -> None:
    new = challenger(desk, "v1")
    run = await evaluation(desk, {"v1": judged("takes_over", "first")})
    [asked] = evaluate_requests(desk)
    assert (asked.case, asked.champion, asked.champion_record, asked.pinned) == ("first", None, None, False)
    assert (asked.record.standing, asked.record.seed) == ("unproven", RECIPE.seed)
    assert state(desk, new) == "champion"
    assert run.detail is not None
    verdict = run.detail["verdicts"][f"{SYMBOL}/{NAME}"]
    assert (verdict["verdict"], verdict["promoted"], verdict["serves"]) == ("takes_over", True, True)
    assert verdict["standing"] == "unproven"
    assert verdict["sentence"].startswith("Earned nothing that cash would not have earned")


async def test_a_retrained_champion_is_a_refresh_and_takes_over(desk: DeskContext) -> None:
    old, new = serving(desk), challenger(desk, "v2")
    await evaluation(desk, {"v2": judged("takes_over", "refresh")})
    [asked] = evaluate_requests(desk)
    assert asked.champion is not None
    assert (asked.case, asked.champion.name, asked.champion_record) == ("refresh", "v1", None)
    assert (state(desk, old), state(desk, new)) == ("retired", "champion")
    [entry, _] = desk.database.read(lambda c: servings.history(c, SYMBOL, NAME))
    assert (entry.version_id, entry.author[:14]) == (new.id, "evaluation run")


async def test_another_recipe_is_a_challenge_and_is_compared_by_its_record(desk: DeskContext) -> None:
    serving(desk)
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    challenger(desk, "v2", recipe=OTHER)
    await evaluation(desk, {"v2": judged("refused", "not_surely_better"), "v1": MEASURED})
    [asked] = evaluate_requests(desk)
    assert asked.champion_record is not None
    assert (asked.case, asked.champion_record.seed, asked.record.seed) == ("challenge", RECIPE.seed, OTHER.seed)
    assert (asked.challenges, asked.tried) == (1, 2)


async def test_each_recipe_that_challenges_is_counted_once(desk: DeskContext) -> None:
    serving(desk)
    for recipe in (OTHER, THIRD):
        desk.database.write(lambda c, recipe=recipe: put_record(c, recipe, NOW))
    refused = judged("refused", "not_surely_better")
    for name, recipe in (("v2", OTHER), ("v3", OTHER), ("v4", THIRD)):
        challenger(desk, name, recipe=recipe)
        await evaluation(desk, {name: refused})
    assert [asked.challenges for asked in evaluate_requests(desk)] == [1, 1, 2]


@pytest.mark.parametrize("outcome", ["held_back", "refused"])
async def test_what_does_not_take_over_is_rejected_and_the_champion_stays(desk: DeskContext, outcome: str) -> None:
    old, new = serving(desk), challenger(desk, "v2")
    await evaluation(desk, {"v2": judged(outcome, "discontinuous")})
    assert (state(desk, old), state(desk, new)) == ("champion", "rejected")
    [judgement] = judgements(desk, new)
    assert (judgement.kind, judgement.verdict, judgement.champion_id) == ("refresh", outcome, old.id)


async def test_of_several_versions_of_one_recipe_only_the_newest_is_judged(desk: DeskContext) -> None:
    older, newer = challenger(desk, "v1"), challenger(desk, "v2")
    await evaluation(desk, {"v2": judged("takes_over")})
    assert [asked.challenger.name for asked in evaluate_requests(desk)] == ["v2"]
    assert (state(desk, older), state(desk, newer)) == ("rejected", "champion")


async def test_challengers_of_several_recipes_meet_the_champion_that_the_one_before_left(desk: DeskContext) -> None:
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    challenger(desk, "v1")
    challenger(desk, "v2", recipe=OTHER)
    await evaluation(desk, {"v1": judged("takes_over"), "v2": judged("refused", "not_surely_better")})
    asked = [
        (each.challenger.name, each.case, each.champion and each.champion.name) for each in evaluate_requests(desk)
    ]
    assert asked == [("v1", "first", None), ("v2", "challenge", "v1")]


async def test_a_champion_without_a_challenger_is_measured_every_night(desk: DeskContext) -> None:
    old = serving(desk)
    for sharpe in (1.5, 0.5, -0.5):
        await evaluation(desk, {"v1": judged("measured", "serves", sharpe=sharpe)})
    assert [row.metrics["sharpe_ratio"] for row in judgements(desk, old)] == [-0.5, 0.5, 1.5]
    assert {(row.kind, row.champion_id) for row in judgements(desk, old)} == {("alone", None)}
    assert state(desk, old) == "champion"


async def test_a_champion_whose_recipe_is_refuted_stops_serving(desk: DeskContext) -> None:
    old = serving(desk)
    facts_by_seed(desk, {RECIPE.seed: REFUTED})
    run = await evaluation(desk, {})
    assert state(desk, old) == "retired"
    [entry, _] = desk.database.read(lambda c: servings.history(c, SYMBOL, NAME))
    assert (entry.action, entry.version_id) == ("stop", old.id)
    assert entry.why.startswith("its recipe is refuted: Surely earned less than cash")
    assert run.detail is not None
    assert run.detail["stopped"] == [f"{SYMBOL}/{NAME} v1 stopped serving: {entry.why}"]
    assert evaluate_requests(desk) == []


async def test_a_pinned_champion_serves_on_though_its_recipe_is_refuted(desk: DeskContext) -> None:
    old = serving(desk)
    desk.database.write(lambda c: servings.pin(c, old, NOW, pinned=True, why="I insist.", author="ana"))
    facts_by_seed(desk, {RECIPE.seed: REFUTED})
    new = challenger(desk, "v2")
    run = await evaluation(desk, {"v2": judged("refused", "pinned")})
    assert [asked.pinned for asked in evaluate_requests(desk)] == [True]
    assert (state(desk, old), state(desk, new)) == ("champion", "rejected")
    assert run.detail is not None
    assert "stopped" not in run.detail


async def test_a_pin_holds_also_against_versions_trained_on_other_bars(desk: DeskContext) -> None:
    old = serving(desk, provenance="yahoo, sample expert")
    desk.database.write(lambda c: servings.pin(c, old, NOW, pinned=True, why="I insist.", author="ana"))
    challenger(desk, "v2")
    await evaluation(desk, {"v2": judged("refused", "pinned")})
    assert [(asked.case, asked.pinned) for asked in evaluate_requests(desk)] == [("first", True)]


async def test_where_a_champion_stopped_the_recipe_with_the_next_best_record_serves(desk: DeskContext) -> None:
    def earlier(c: Any) -> tuple[Version, Version]:
        put_record(c, OTHER, NOW, facts=record_facts(sharpe_ratio=0.5))
        put_record(c, THIRD, NOW, facts=record_facts(sharpe_ratio=0.8))
        worse, better = record(c, "v8", recipe=OTHER), record(c, "v9", recipe=THIRD)
        for version in (worse, better):
            versions.set_state(c, version.id, "rejected", ("challenger",))
        return worse, better

    serving(desk)
    worse, better = desk.database.write(earlier)
    facts_by_seed(desk, {RECIPE.seed: REFUTED, THIRD.seed: record_facts(sharpe_ratio=0.8)})
    await evaluation(desk, {"v9": judged("takes_over", "first")})
    assert [(asked.challenger.name, asked.case) for asked in evaluate_requests(desk)] == [("v9", "first")]
    assert (state(desk, worse), state(desk, better)) == ("rejected", "champion")


async def test_the_records_are_extended_before_anything_is_judged(desk: DeskContext) -> None:
    challenger(desk, "v1")
    await evaluation(desk, {"v1": judged("takes_over")})
    kinds = [each.kind for each in desk.executor.requests]  # type: ignore[attr-defined]
    assert kinds == ["record", "evaluate", "compare_models", "compare_symbols"]
    [row] = desk.database.read(records.of)
    assert (row.recipe, row.standing, row.in_use, row.folds) == (RECIPE.fingerprint, "unproven", True, 8)
    assert desk.executor.requests[0].first_look  # type: ignore[attr-defined]


async def test_a_version_whose_recipe_has_no_record_is_not_judged(desk: DeskContext) -> None:
    unknown = challenger(desk, "v1", recipe=OTHER)
    run = await evaluation(desk, {})
    assert (run.state, state(desk, unknown)) == ("succeeded", "challenger")
    assert evaluate_requests(desk) == []


async def test_versions_of_one_provenance_are_compared_after_the_judgements(desk: DeskContext) -> None:
    serving(desk)
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    challenger(desk, "v2", recipe=OTHER)
    run = await evaluation(desk, {"v2": judged("refused", "not_surely_better")})
    requests = [each for each in desk.executor.requests if each.kind.startswith("compare")]  # type: ignore[attr-defined]
    assert [each.kind for each in requests] == ["compare_models", "compare_symbols"]
    assert [(each.name, each.state) for each in requests[0].versions] == [("v1", "champion"), ("v2", "rejected")]
    assert requests[1].subjects == (SYMBOL,)
    assert run.detail is not None
    assert run.detail["recommendations"][SYMBOL]["recommendation"] == "Stay in cash."


async def test_the_progress_of_an_evaluation_never_falls(desk: DeskContext) -> None:
    serving(desk)
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    challenger(desk, "v2")
    challenger(desk, "v3", recipe=OTHER)
    dispatcher, shares = Dispatcher(desk), []
    run = request(desk, "evaluation")

    def noted(outcome: Outcome[Any]) -> Outcome[Any]:
        progress = dispatcher.progress(run.id)
        assert progress is not None
        shares.append(progress.done / progress.expected)
        return outcome

    answers = desk.executor.answers  # type: ignore[attr-defined]
    answers["record"] = lambda _: noted(done(record_result(record_facts())))
    answers["evaluate"] = lambda _: noted(judged("refused", "not_surely_better"))
    answers["compare_models"] = lambda _: noted(broken("evaluation.too_short"))
    await attend_all(dispatcher)
    assert len(shares) >= 4
    assert shares == sorted(shares)


async def test_a_comparison_that_fails_is_reported_and_changes_no_verdict(desk: DeskContext) -> None:
    serving(desk), challenger(desk, "v2")
    desk.executor.answers["compare_models"] = lambda _: broken("evaluation.too_short")  # type: ignore[attr-defined]
    run = await evaluation(desk, {"v2": judged("held_back", "discontinuous")})
    assert run.state == "partial"
    assert run.detail is not None
    assert run.detail["failed"][SYMBOL]["code"] == "evaluation.too_short"
    assert run.detail["recommendations"] == {}
    assert len(run.detail["verdicts"]) == 1


async def test_a_clone_of_the_sample_expert_is_marked_where_a_real_one_serves(desk: DeskContext) -> None:
    serving(desk)
    desk.database.write(lambda c: put_record(c, RECIPE, NOW, provenance="yahoo, sample expert"))
    challenger(desk, "v2", provenance="yahoo, sample expert")
    await evaluation(desk, {"v2": judged("refused", "provenance")})
    assert [(asked.case, asked.sample_teacher) for asked in evaluate_requests(desk)] == [("first", True)]


async def test_a_clone_of_a_real_expert_is_judged_as_the_first_where_a_made_up_one_serves(desk: DeskContext) -> None:
    old, new = serving(desk, provenance="yahoo, sample expert"), challenger(desk, "v2")
    await evaluation(desk, {"v2": judged("takes_over", "first")})
    assert [(asked.case, asked.sample_teacher) for asked in evaluate_requests(desk)] == [("first", False)]
    assert (state(desk, old), state(desk, new)) == ("retired", "champion")


async def test_a_challenger_of_other_bars_is_rejected_and_not_judged_again(desk: DeskContext) -> None:
    desk.database.write(lambda c: put_record(c, RECIPE, NOW, provenance="sample"))
    left_over = challenger(desk, "v1", provenance="sample")
    run = await evaluation(desk, {"v1": broken("model.other_bars")})
    assert (run.state, run.cause, state(desk, left_over)) == ("partial", "model.other_bars", "rejected")


async def test_two_recipes_of_a_place_that_both_fail_are_two_failures(desk: DeskContext) -> None:
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    challenger(desk, "v1")
    challenger(desk, "v2", recipe=OTHER)
    run = await evaluation(desk, {"v1": broken(), "v2": broken()})
    assert run.detail is not None
    assert run.detail["tasks"] - run.detail["succeeded"] == 2


async def test_without_a_version_there_is_nothing_to_judge(desk: DeskContext) -> None:
    run = await evaluation(desk, {})
    assert (run.state, run.cause) == ("skipped", "evaluation.nothing")


async def test_a_challenger_is_judged_again_where_the_champion_changed_during_its_judgement(desk: DeskContext) -> None:
    old, new = serving(desk), challenger(desk, "v2")
    run = request(desk, "evaluation")
    judgement = Judgement(
        run_id=run.id, case="refresh", candidate=new, champion=old, result=result("takes_over", "refresh")
    )
    serving(desk, "v3")
    later = NOW + timedelta(hours=1)
    assert desk.database.write(lambda c: settle(c, judgement, later)) is False
    assert state(desk, new) == "challenger"
    assert len(judgements(desk, new)) == 1
