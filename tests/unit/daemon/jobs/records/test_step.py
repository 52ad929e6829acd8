"""The job that keeps records: which recipes it extends, how it settles their standings, and when it makes way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.runs import Run
from daemon.jobs.records.messages import RehearseResult
from daemon.store import records, servings
from daemon.store.records import RecordRow
from tests.support.desks.fake_desk import publish
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record, record_facts, record_result
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, record

OTHER = replace(RECIPE, seed=RECIPE.seed + 1)


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        answers = built.executor.answers  # type: ignore[attr-defined]
        answers["record"] = lambda _: done(record_result(record_facts()))
        answers["rehearse"] = lambda _: done(RehearseResult(rehearsals=8, missing=0))
        yield built


async def kept(desk: DeskContext) -> Run:
    """The ended run of the job."""
    request(desk, "records")
    await attend_all(Dispatcher(desk))
    return every_run(desk)[-1]


def requests(desk: DeskContext, kind: str = "record") -> list[Any]:
    return [each for each in desk.executor.requests if each.kind == kind]  # type: ignore[attr-defined]


def answer(desk: DeskContext, **p_values: float) -> None:
    """Let every record have these p-values."""
    desk.executor.answers["record"] = lambda _: done(record_result(record_facts(**p_values)))  # type: ignore[attr-defined]


def rows(desk: DeskContext) -> list[RecordRow]:
    return desk.database.read(records.of)


def row_of(desk: DeskContext, recipe: Any = RECIPE) -> RecordRow:
    [row] = [row for row in rows(desk) if row.recipe == recipe.fingerprint]
    return row


def serve(desk: DeskContext, recipe: Any = RECIPE) -> None:
    def change(c: Any) -> None:
        version = record(c, "v1", recipe=recipe)
        assert servings.serve(c, SYMBOL, NAME, version.id, NOW, why="first", author="test")

    desk.database.write(change)


async def test_folds_are_computed_a_few_at_a_time_until_none_is_missing(desk: DeskContext) -> None:
    left = iter([5, 1, 0])
    desk.executor.answers["record"] = lambda _: done(  # type: ignore[attr-defined]
        record_result(record_facts(), computed=4, missing=next(left))
    )
    run = await kept(desk)
    assert [(asked.at_most, asked.first_look) for asked in requests(desk)] == [(4, False)] * 3
    assert run.state == "succeeded"
    assert run.detail is not None
    assert (run.detail["folds"], run.detail["missing"]) == (12, {})


async def test_the_job_ends_with_its_budget_and_reports_what_is_missing(home: Home) -> None:
    settings = Settings.model_validate({"symbols": [SYMBOL], "records": {"nightly_budget": "1h"}})
    with scripted_desk(home, settings) as desk:

        def slow(_: Any) -> Any:
            desk.clock.move(timedelta(minutes=40))  # type: ignore[attr-defined]
            return done(record_result(record_facts(), computed=4, missing=9))

        desk.executor.answers["record"] = slow  # type: ignore[attr-defined]
        run = await kept(desk)
        assert len(requests(desk)) == 2
        assert run.detail is not None
        assert run.detail["missing"] == {f"{SYMBOL}/{NAME}": 9}


async def test_a_recipe_that_passes_every_test_is_proven(desk: DeskContext) -> None:
    answer(desk, skill=0.04)
    await kept(desk)
    row = row_of(desk)
    assert (row.standing, row.in_use) == ("proven", True)
    assert row.sentence.startswith("Earned more than cash")
    assert row.sentence.endswith("among 1 recipe tried here.")


async def test_every_recipe_that_was_ever_tried_makes_proof_harder(desk: DeskContext) -> None:
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    answer(desk, skill=0.04)
    await kept(desk)
    assert row_of(desk).standing == "unproven"
    assert (row_of(desk).in_use, row_of(desk, OTHER).in_use) == (True, False)
    assert [asked.tried for asked in requests(desk)] == [1]  # as it was before this night: the other one


async def test_a_record_that_was_made_anew_is_a_further_try(desk: DeskContext) -> None:
    desk.executor.answers["record"] = lambda _: done(  # type: ignore[attr-defined]
        record_result(record_facts(skill=0.04), restarted=2)
    )
    await kept(desk)
    assert (row_of(desk).restarts, desk.database.read(records.tried)) == (1, 2)
    assert row_of(desk).standing == "unproven"


async def test_recipes_of_two_places_are_settled_together_by_holm(home: Home) -> None:
    settings = Settings.model_validate({"symbols": [SYMBOL, "MSFT"]})
    p_values = {SYMBOL: 0.02, "MSFT": 0.04}
    with scripted_desk(home, settings) as desk:
        answers = desk.executor.answers  # type: ignore[attr-defined]
        answers["record"] = lambda spec: done(record_result(record_facts(skill=p_values[spec.request.subject])))
        await kept(desk)
        assert {row.subject: row.standing for row in rows(desk)} == {SYMBOL: "proven", "MSFT": "proven"}
        p_values[SYMBOL] = 0.03
        p_values["MSFT"] = 0.9
        await kept(desk)
        assert {row.subject: row.standing for row in rows(desk)} == {SYMBOL: "unproven", "MSFT": "unproven"}


async def test_a_standing_has_the_date_since_when_it_holds(desk: DeskContext) -> None:
    await kept(desk)
    first = row_of(desk).standing_since
    desk.clock.move(timedelta(days=1))  # type: ignore[attr-defined]
    await kept(desk)
    assert row_of(desk).standing_since == first
    desk.clock.move(timedelta(days=1))  # type: ignore[attr-defined]
    answer(desk, worse=1e-6)
    await kept(desk)
    row = row_of(desk)
    assert (row.standing, row.standing_since > first + timedelta(days=1)) == ("refuted", True)
    assert row.sentence.startswith("Surely earned less than cash")


async def test_the_recipe_of_a_champion_is_kept_though_the_settings_ask_for_another(desk: DeskContext) -> None:
    desk.database.write(lambda c: put_record(c, OTHER, NOW))
    serve(desk, OTHER)
    await kept(desk)
    assert {asked.seed for asked in requests(desk)} == {RECIPE.seed, OTHER.seed}
    assert {row.in_use for row in rows(desk)} == {True}


async def test_the_next_retraining_of_what_serves_is_rehearsed(desk: DeskContext) -> None:
    await kept(desk)
    assert requests(desk, "rehearse") == []
    serve(desk)
    await kept(desk)
    (rehearsal,) = requests(desk, "rehearse")
    assert rehearsal.seed == RECIPE.seed
    assert rehearsal.trained_until == (rehearsal.serving_until,)


async def test_a_record_that_fails_leaves_the_others_alone(home: Home) -> None:
    settings = Settings.model_validate({"symbols": [SYMBOL, "MSFT"]})
    with scripted_desk(home, settings) as desk:
        answers = desk.executor.answers  # type: ignore[attr-defined]
        answers["record"] = lambda spec: (
            broken("bars.missing") if spec.request.subject == "MSFT" else done(record_result(record_facts()))
        )
        run = await kept(desk)
        assert run.state == "partial"
        assert run.detail is not None
        assert run.detail["failed"][f"MSFT/{NAME}"]["code"] == "bars.missing"
        assert [row.subject for row in rows(desk)] == [SYMBOL]


async def test_signals_of_every_version_of_a_recipe_continue_its_record(desk: DeskContext) -> None:
    def change(c: Any) -> None:
        for name, recipe in (("v1", RECIPE), ("v2", RECIPE), ("v3", OTHER)):
            version = record(c, name, recipe=recipe)
            publish(c, version, bar_time=NOW + timedelta(days=int(name[1])))

    desk.database.write(change)
    await kept(desk)
    [asked] = requests(desk)
    assert [signal.bar_time for signal in asked.published] == [NOW + timedelta(days=1), NOW + timedelta(days=2)]
