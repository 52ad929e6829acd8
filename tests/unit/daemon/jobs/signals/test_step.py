from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from config.paths import Home
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.recipes import recipe_of
from daemon.domain.targets import Target
from daemon.executors.base import Outcome
from daemon.jobs.signals.messages import LatestSignal, SignalResult
from daemon.jobs.signals.step import action
from daemon.store import servings, signals, versions
from tests.support.desks.night import attend_all, done, every_run, request, scripted_desk
from tests.support.models.recipe_records import put_record


@pytest.mark.parametrize(
    ("before", "position", "expected"),
    [
        (0.0, 1.0, "buy"),
        (1.0, 1.0, "hold"),
        (1.0, 0.0, "sell"),
        (0.0, 0.0, "hold"),
        (-1.0, 0.0, "buy"),
        (0.5, 0.2, "sell"),
    ],
)
def test_an_action_is_the_change_from_the_signal_before(before: float, position: float, expected: str) -> None:
    assert action(before, position) == expected


def published(bar: int, position: float) -> Outcome[Any]:
    signal = LatestSignal(
        symbol="AAPL",
        bar_time=datetime(2026, 3, bar, 21, tzinfo=UTC),
        interval="1d",
        position=position,
        confidence=0.7,
        price=100.0,
        provenance="sample",
        dataset="1" * 64,
        act_by=datetime(2026, 3, bar + 1, 14, 30, tzinfo=UTC),
        expires_at=datetime(2026, 3, bar + 1, 21, tzinfo=UTC),
    )
    return done(SignalResult(signals=(signal,)))


def serve(house: DeskContext, name: str) -> None:
    recipe = recipe_of(house.settings, Target("AAPL", "behavioral_cloner"))

    def change(c: Any) -> None:
        version_row = versions.add_version(
            c,
            versions.NewVersion(
                subject="AAPL",
                model_type="behavioral_cloner",
                version=name,
                manifest_sha256="0" * 64,
                provenance="sample",
                dataset="1" * 64,
                train_start=datetime(2025, 1, 2, tzinfo=UTC),
                train_end=datetime(2026, 1, 2, tzinfo=UTC),
                trained_at=house.clock.now(),
                run_id=None,
                metrics={},
                recipe=recipe.fingerprint,
                seed=recipe.seed,
            ),
        )
        assert version_row is not None
        servings.serve(c, "AAPL", "behavioral_cloner", version_row.id, house.clock.now(), why="test", author="test")

    house.database.write(change)


async def test_a_new_champion_that_is_long_publishes_a_buy_for_a_flat_reader(home: Home) -> None:
    with scripted_desk(home) as house:
        answers = house.executor.answers  # type: ignore[attr-defined]
        serve(house, "old")
        answers["signal"] = lambda spec: published(3, 0.0)
        request(house, "signals")
        await attend_all(Dispatcher(house))
        serve(house, "new")
        answers["signal"] = lambda spec: published(4, 1.0)
        request(house, "signals")
        await attend_all(Dispatcher(house))
        ledger = house.database.read(lambda c: signals.history(c, "AAPL", "behavioral_cloner"))
        assert [(signal.position, signal.action) for signal in ledger] == [(1.0, "buy"), (0.0, "hold")]


async def test_a_signal_carries_the_standing_that_its_recipe_had_when_it_was_published(home: Home) -> None:
    with scripted_desk(home) as house:
        answers = house.executor.answers  # type: ignore[attr-defined]
        recipe = recipe_of(house.settings, Target("AAPL", "behavioral_cloner"))
        serve(house, "only")
        for bar, standing in ((3, None), (4, "proven"), (5, "unproven")):
            if standing is not None:
                now = house.clock.now()
                house.database.write(
                    lambda c, now=now, standing=standing: put_record(
                        c, recipe, now, standing=standing, provenance="sample"
                    )
                )
            answers["signal"] = lambda spec, bar=bar: published(bar, 1.0)
            request(house, "signals")
            await attend_all(Dispatcher(house))
        ledger = house.database.read(lambda c: signals.history(c, "AAPL", "behavioral_cloner"))
        assert [signal.standing for signal in ledger] == ["unproven", "proven", "unproven"]


async def test_a_signal_that_is_in_the_ledger_is_not_published_twice(home: Home) -> None:
    with scripted_desk(home) as house:
        house.executor.answers["signal"] = lambda spec: published(3, 1.0)  # type: ignore[attr-defined]
        serve(house, "only")
        for _ in range(2):
            request(house, "signals")
            await attend_all(Dispatcher(house))
        (signal,) = house.database.read(signals.history)
        assert (signal.act_by, signal.expires_at) == (
            datetime(2026, 3, 4, 14, 30, tzinfo=UTC),
            datetime(2026, 3, 4, 21, tzinfo=UTC),
        )
        assert [run.detail and run.detail["published"] for run in every_run(house)] == [1, 0]


async def test_a_champion_is_handed_the_signals_that_it_published_itself(home: Home) -> None:
    with scripted_desk(home) as house:
        for name, bar in (("old", 3), ("new", 4), ("new", 5)):
            if (name, bar) != ("new", 5):
                serve(house, name)
            house.executor.answers["signal"] = lambda spec, bar=bar: published(bar, 1.0)  # type: ignore[attr-defined]
            request(house, "signals")
            await attend_all(Dispatcher(house))
        task_requests = house.executor.requests  # type: ignore[attr-defined]
        assert [[signal.bar_time.day for signal in each.published] for each in task_requests] == [[], [], [4]]
        assert task_requests[-1].published[0].symbol == "AAPL"


async def test_without_a_champion_nothing_is_published_and_the_run_shows_why(home: Home) -> None:
    with scripted_desk(home) as house:
        request(house, "signals")
        await attend_all(Dispatcher(house))
        assert [(run.state, run.cause) for run in every_run(house)] == [("skipped", "signals.no_champion")]
