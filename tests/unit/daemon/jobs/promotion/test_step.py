"""What a person orders to serve: proved before it serves, and written to the ledger with their name and reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import RunOptions, ServingOrder
from daemon.domain.runs import Run
from daemon.jobs.training.messages import VersionFacts
from daemon.store import servings, versions
from daemon.store.servings import Serving
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk
from tests.support.markets.easy import SYMBOL
from tests.support.models.stored_versions import NAME, NOW, RECIPE, SETTINGS, record

FACTS = VersionFacts(
    manifest_sha256="a" * 64, recipe=RECIPE.fingerprint, params=RECIPE.params,
    window=RECIPE.window, seed=RECIPE.seed, provenance=Provenance.of("yahoo"),
    dataset="d" * 64, train_start=NOW, train_end=NOW, trained_at=NOW, metrics={}, issues={},
)  # fmt: skip


@pytest.fixture
def desk(home: Home) -> Iterator[DeskContext]:
    with scripted_desk(home, SETTINGS) as built:
        built.executor.answers["inspect"] = lambda _: done(FACTS)  # type: ignore[attr-defined]
        yield built


async def ordered(desk: DeskContext, action: str, version: str | None = None, reason: str = "It is better.") -> Run:
    order = ServingOrder(action=action, subject=SYMBOL, model_type=NAME, version=version, author="ana", reason=reason)
    request(desk, "promotion", options=RunOptions(order=order))
    await attend_all(Dispatcher(desk))
    return every_run(desk)[-1]


def stored(desk: DeskContext, *names: str) -> None:
    """Versions, each of which has served after the one before it."""

    def change(c: Any) -> None:
        for name in names:
            servings.serve(c, SYMBOL, NAME, record(c, name).id, NOW, why="refresh", author="evaluation run 1")

    desk.database.write(change)


def serving(desk: DeskContext) -> str | None:
    champion = desk.database.read(lambda c: versions.champion(c, SYMBOL, NAME))
    return champion.version if champion is not None else None


def newest(desk: DeskContext) -> Serving:
    return desk.database.read(lambda c: servings.history(c, SYMBOL, NAME))[0]


def find(desk: DeskContext, name: str) -> Version:
    version = desk.database.read(lambda c: versions.find(c, SYMBOL, NAME, name))
    assert version is not None
    return version


def inspected(desk: DeskContext) -> list[str]:
    return [each.version for each in desk.executor.requests if each.kind == "inspect"]  # type: ignore[attr-defined]


async def test_a_promoted_version_is_proved_and_then_serves_by_the_name_of_who_ordered_it(desk: DeskContext) -> None:
    stored(desk, "v1")
    desk.database.write(lambda c: record(c, "v2"))
    run = await ordered(desk, "promote", "v2")
    assert (run.state, run.detail and run.detail["version"]) == ("succeeded", "v2")
    assert inspected(desk) == ["v2"]
    assert serving(desk) == "v2"
    assert find(desk, "v1").state == "retired"
    entry = newest(desk)
    assert (entry.action, entry.author, entry.why) == ("serve", "ana", "It is better.")


async def test_an_order_without_a_reason_says_what_was_ordered(desk: DeskContext) -> None:
    stored(desk, "v1", "v2")
    await ordered(desk, "promote", "v1", reason="")
    assert newest(desk).why == "promote by a person"


async def test_a_rollback_leads_to_the_version_that_served_before(desk: DeskContext) -> None:
    stored(desk, "v1", "v2", "v3")
    run = await ordered(desk, "rollback")
    assert run.detail is not None
    assert (run.state, run.detail["version"], serving(desk)) == ("succeeded", "v2", "v2")
    await ordered(desk, "rollback", "v1")
    assert serving(desk) == "v1"


async def test_a_pin_holds_the_champion_until_it_is_unpinned(desk: DeskContext) -> None:
    stored(desk, "v1")

    def pinned() -> bool:
        return desk.database.read(lambda c: servings.pinned(c, SYMBOL, NAME))

    await ordered(desk, "pin")
    assert (pinned(), newest(desk).action, newest(desk).author, inspected(desk)) == (True, "pin", "ana", [])
    await ordered(desk, "unpin")
    assert (pinned(), serving(desk)) == (False, "v1")


async def test_a_pin_of_another_version_proves_and_serves_it_first(desk: DeskContext) -> None:
    stored(desk, "v1", "v2")
    await ordered(desk, "pin", "v1")
    actions = [entry.action for entry in desk.database.read(lambda c: servings.history(c, SYMBOL, NAME))]
    assert (serving(desk), inspected(desk), actions[:2]) == ("v1", ["v1"], ["pin", "serve"])


@pytest.mark.parametrize(
    ("action", "version", "sentence"),
    [
        ("promote", "v9", "There is no version v9 of"),
        ("rollback", None, "There is no earlier version of"),
        ("pin", "v9", "There is no version v9 of"),
    ],
)
async def test_an_order_for_a_version_that_does_not_exist_changes_nothing(
    desk: DeskContext, action: str, version: str | None, sentence: str
) -> None:
    stored(desk, "v1")
    run = await ordered(desk, action, version)
    assert (run.state, run.cause) == ("failed", "version.unknown")
    assert run.detail is not None
    assert run.detail["message"].startswith(sentence)
    assert (serving(desk), newest(desk).action) == ("v1", "serve")


@pytest.mark.parametrize("action", ["pin", "unpin"])
async def test_where_nothing_serves_there_is_nothing_to_pin(desk: DeskContext, action: str) -> None:
    run = await ordered(desk, action)
    assert (run.state, run.cause) == ("failed", "version.unknown")


async def test_a_quarantined_version_cannot_serve(desk: DeskContext) -> None:
    stored(desk, "v1")
    bad = desk.database.write(lambda c: record(c, "v2"))
    desk.database.write(lambda c: versions.set_state(c, bad.id, "quarantined", ("challenger",)))
    run = await ordered(desk, "promote", "v2")
    assert (run.state, run.cause, serving(desk)) == ("failed", "version.unfit", "v1")


async def test_a_version_that_does_not_reproduce_its_golden_predictions_does_not_serve(desk: DeskContext) -> None:
    stored(desk, "v1", "v2")
    desk.executor.answers["inspect"] = lambda _: broken("model.golden")  # type: ignore[attr-defined]
    run = await ordered(desk, "rollback")
    assert (run.state, run.cause, serving(desk)) == ("failed", "model.golden", "v2")


async def test_a_run_without_an_order_fails(desk: DeskContext) -> None:
    request(desk, "promotion")
    await attend_all(Dispatcher(desk))
    assert (every_run(desk)[-1].state, every_run(desk)[-1].cause) == ("failed", "order.missing")


@pytest.mark.parametrize(("action", "version"), [("promote", None), ("unpin", "v1")])
def test_a_promotion_needs_a_version_and_an_unpin_takes_none(action: str, version: str | None) -> None:
    with pytest.raises(ValidationError, match="version"):
        ServingOrder(action=action, subject=SYMBOL, model_type=NAME, version=version)
