"""The job that walks: every fold a task of its own, kept when done, and all of them one history."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.paths import Home
from config.settings import Settings
from daemon.core.dispatcher import Dispatcher
from daemon.domain.runs import Run
from data_pipeline.bars.bars import Bars
from evaluation import Costs, backtest
from evaluation.walk_forward import WalkForwardValidator
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.markets.easy import QUICK, SYMBOL, easy_bars, easy_expert
from tests.support.models.stored_versions import NAME, NOW, Shelf
from trainers import registry
from trainers.needs import Needs

WALK = {"train": 300, "test": 150, "purge": 3, "embargo": 2}
SETTINGS = Settings.model_validate(
    {"symbols": [SYMBOL], "walk_forward": WALK, "model_params": {NAME: {"n_estimators": 10}}}
)


async def walked(home: Home, settings: Settings = SETTINGS) -> Run:
    """The ended run of the job."""
    with scripted_desk(home, settings) as house:
        house.executor = WorkingExecutor(home, lambda: NOW)
        request(house, "walk_forward")
        await attend_all(Dispatcher(house), most=6000)
        return every_run(house)[-1]


@pytest.fixture
def bars(home: Home) -> Bars:
    """The easy market stored, and its expert's log."""
    bars = Bars(easy_bars().frame, SYMBOL, "1d", "yahoo")
    Shelf(home).store(bars)
    log = easy_expert(bars).frame
    home.expert_logs.mkdir(parents=True)
    log.to_csv(home.expert_logs / f"{SYMBOL}.csv", index=False)
    return bars


def folds(home: Home) -> dict[str, int]:
    """The kept folds, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in home.folds(SYMBOL, NAME).iterdir()}


def report(home: Home, run: Run) -> dict[str, Any]:
    """What the run tells of the walk."""
    path = home.root / run.detail["walks"][f"{SYMBOL}/{NAME}"]["report"]
    walk: dict[str, Any] = json.loads(path.read_bytes())
    return walk


async def test_every_fold_is_a_task_and_all_of_them_are_one_history(home: Home, bars: Bars) -> None:
    run = await walked(home)
    assert (run.state, run.detail["tasks"]) == ("succeeded", 5)
    walk = report(home, run)
    expected = WalkForwardValidator(**WALK).folds(bars)
    assert [fold["test"] for fold in walk["folds"]] == [str(fold.test) for fold in expected]
    assert walk["subject"]["walk_forward"] == {**WALK, "step": None, "anchored": False}
    assert walk["subject"]["provenance"] == "yahoo"
    summary = run.detail["walks"][f"{SYMBOL}/{NAME}"]
    assert (summary["folds"], summary["provenance"]) == (4, "yahoo")
    assert summary["total_return"] == walk["metrics"]["total_return"] > 0.0
    records = [json.loads((home.folds(SYMBOL, NAME) / name).read_bytes()) for name in sorted(folds(home))]
    position = pd.Series(
        np.concatenate([fold["signals"][SYMBOL]["position"] for fold in records]), bars.frame.index[305:]
    )
    whole = backtest(bars.since(position.index[0]), position, Costs.of(SETTINGS.costs)).metrics()
    assert whole == walk["metrics"]


async def test_stored_folds_are_not_trained_twice_and_what_is_missing_ends_the_same(home: Home, bars: Bars) -> None:
    first = report(home, await walked(home))
    before = folds(home)
    (home.folds(SYMBOL, NAME) / "fold-0001.json").unlink()
    repeated = report(home, await walked(home))
    assert {name for name, at in folds(home).items() if before[name] != at} == {"fold-0001.json"}
    assert repeated == first
    other = Settings.model_validate(SETTINGS.model_dump() | {"model_params": {NAME: {"n_estimators": 11}}})
    await walked(home, other)
    assert all(before[name] != at for name, at in folds(home).items())


async def test_a_leak_in_a_fold_fails_the_run_by_its_name(
    home: Home, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry._Entry(
        "Leaks.",
        "tests.support.models.leaking_type:PlantedParams",
        "tests.support.models.leaking_type:PlantedType",
        Needs(),
    )
    monkeypatch.setitem(registry._REGISTERED, "planted", entry)
    settings = Settings.model_validate(
        {"symbols": [SYMBOL], "model_types": ["planted"], "walk_forward": WALK}
        | {"model_params": {"planted": {"plant": "next_bar"}}}
    )
    run = await walked(home, settings)
    assert (run.state, run.cause) == ("failed", "training.leak")
    assert "'spread'" in run.detail["failed"][f"{SYMBOL}/planted"]["message"]
    assert run.detail["walks"] == {}


async def test_a_history_too_short_for_a_fold_says_what_to_change(home: Home, bars: Bars) -> None:
    settings = Settings.model_validate(SETTINGS.model_dump() | {"walk_forward": WALK | {"train": 2000}})
    run = await walked(home, settings)
    assert (run.state, run.cause) == ("failed", "splits.walk")
    assert "900 rows do not hold 2000" in run.detail["failed"][f"{SYMBOL}/{NAME}"]["message"]


async def test_agents_that_learn_by_trading_walk_too(home: Home, bars: Bars) -> None:
    document = {
        "symbols": [SYMBOL],
        "model_types": ["a2c"],
        "model_params": {"a2c": QUICK["a2c"]},
        "walk_forward": WALK | {"test": 300},
    }
    run = await walked(home, Settings.model_validate(document))
    assert run.state == "succeeded", run.detail
    assert run.detail is not None
    walk = run.detail["walks"][f"{SYMBOL}/a2c"]
    assert walk["folds"] == 2
    assert walk["total_return"] > 100.0
