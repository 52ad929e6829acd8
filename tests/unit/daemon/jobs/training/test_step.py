"""Which recipes a night trains: those of the settings, and the one that serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.recipes import Recipe, recipe_of
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness, TrainRequest, VersionFacts
from daemon.store import servings, versions
from data_pipeline.provenance import Provenance
from tests.support.desks.night import attend_all, done, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.recipe_records import put_record
from tests.support.models.stored_versions import NOW, RECIPE, SETTINGS, TARGET, record

OTHER = replace(RECIPE, params={**RECIPE.params, "n_estimators": 7})


def facts(spec: Any) -> VersionFacts:
    recipe: Recipe = spec.request.recipe
    return VersionFacts(
        manifest_sha256="a" * 64, recipe=recipe.fingerprint, params=recipe.params,
        window=recipe.window, seed=recipe.seed, provenance=Provenance.of("yahoo"),
        dataset="d" * 64, train_start=NOW, train_end=NOW, trained_at=NOW, metrics={}, issues={},
    )  # fmt: skip


def answers(desk: DeskContext) -> None:
    fresh = FreshnessResult(symbols={SYMBOL: SymbolFreshness(fresh=True, as_of=NOW, last_closed=NOW)})
    desk.executor.answers |= {"freshness": lambda _: done(fresh), "train": lambda spec: done(facts(spec))}  # type: ignore[attr-defined]


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        answers(built)
        yield built


async def trained(desk: DeskContext) -> list[TrainRequest]:
    request(desk, "training")
    await attend_all(Dispatcher(desk))
    return [each for each in desk.executor.requests if each.kind == "train"]  # type: ignore[attr-defined]


def serve(desk: DeskContext, recipe: Recipe) -> None:
    def change(c: Any) -> None:
        servings.serve(c, SYMBOL, recipe.model_type, record(c, "v1", recipe=recipe).id, NOW, why="first", author="test")
        put_record(c, recipe, NOW)

    desk.database.write(change)


async def test_the_recipe_of_the_settings_is_trained_and_its_version_names_it(desk: DeskContext) -> None:
    [asked] = await trained(desk)
    assert asked.recipe == RECIPE
    [version] = desk.database.read(versions.versions)
    assert (version.recipe, version.seed, version.state) == (RECIPE.fingerprint, RECIPE.seed, "challenger")


async def test_the_recipe_that_serves_is_trained_on_though_the_settings_ask_for_another(desk: DeskContext) -> None:
    serve(desk, OTHER)
    requests = await trained(desk)
    assert [asked.recipe for asked in requests] == [RECIPE, OTHER]
    assert len({asked.version for asked in requests}) == 2
    recipes = [version.recipe for version in desk.database.read(versions.versions) if version.state == "challenger"]
    assert sorted(map(str, recipes)) == sorted([RECIPE.fingerprint, OTHER.fingerprint])


async def test_a_recipe_that_serves_and_is_configured_is_trained_once(desk: DeskContext) -> None:
    serve(desk, RECIPE)
    assert [asked.recipe for asked in await trained(desk)] == [RECIPE]


async def test_each_iteration_is_a_recipe_with_a_seed_of_its_own(home: Home) -> None:
    settings = Settings.model_validate({"symbols": [SYMBOL], "training_params": {"iterations": 3}})
    with scripted_desk(home, settings) as desk:
        answers(desk)
        requests = await trained(desk)
        assert [asked.seed for asked in requests] == [42, 43, 44]
        assert len({asked.recipe.fingerprint for asked in requests}) == 3


def test_a_recipe_is_named_by_its_params_its_seed_and_its_days_of_history_alone() -> None:
    assert recipe_of(SETTINGS, TARGET).fingerprint == RECIPE.fingerprint
    others = (OTHER, replace(RECIPE, seed=43), replace(RECIPE, window=100), replace(RECIPE, model_type="ppo"))
    assert len({RECIPE.fingerprint, *(each.fingerprint for each in others)}) == 5
    assert replace(RECIPE, subject="MSFT").fingerprint == RECIPE.fingerprint
