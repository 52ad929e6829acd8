"""The guide to reinforcement learning runs as it is written, but for where names are imported from."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.paths import Home
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from trainers import list_available_agents
from trainers.rl.environments.market import Market

ROOT = Path(__file__).parents[2]
EXAMPLE, GUIDE = ROOT / "examples" / "rl_agents_example.py", ROOT / "docs" / "python.md"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    BarStore(home).save(SampleSource().fetch("AAPL", "1d", datetime(2020, 1, 4, tzinfo=UTC), NOW), NOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*changes: tuple[str, str]) -> dict[str, Any]:
    """The names that the example has made, after changes to its text."""
    source = EXAMPLE.read_text()
    for old, new in changes:
        assert source.count(old) == 1
        source = source.replace(old, new)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, EXAMPLE.name, "exec"), names)  # the example is a script
    return names


def test_the_training_in_the_documents_runs(desk: Path) -> None:
    (source,) = re.findall(r"```python\n(from data_pipeline.features.registry .*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    short = source.replace("total_episodes=1000", "total_episodes=8").replace("eval_frequency=100", "eval_frequency=8")
    exec(compile(short, GUIDE.name, "exec"), names)
    assert len(names["metrics"]["best_evaluation"]["rewards"]) == 1
    assert Path("models/agent.pt").is_file()
    _require_warm(names["unseen"], names["prices"], names["lead"])


def _require_warm(year: Market, history: pd.DataFrame, lead: int) -> None:
    """What is seen from the first judged bar on is what a model sees that knows all of the history."""
    whole = Market.of(history, year.config).features[-252 - 1 :]
    judged = year.features[lead - 1 :]
    assert judged.shape == whole.shape
    assert (np.abs(judged - whole).max(axis=0) <= 1e-3 * whole.std(axis=0)).all()


def check(names: dict[str, Any], folder: Path) -> None:
    metrics = names["metrics"]
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["agent"] == "sac"
    assert metrics["trading"]
    assert -1.0 <= float(names["action"][0]) <= 1.0
    assert np.isfinite(names["info"]["episode"]["total_return"])
    assert names["info"]["episode"]["l"] == 252  # the year that was kept from training, and not a day before it
    _require_warm(names["year"], names["history"], names["lead"])
    assert (folder / "models" / "sac_trading_agent.pt").is_file()
    assert 1 <= len(list((folder / "checkpoints").iterdir())) <= 5


def test_the_guide_runs_from_end_to_end(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(
        ("total_episodes=5000", "total_episodes=40"), ("commission=0.001", "commission=0.001, episode_length=30")
    )
    check(names, desk)
    assert names["metrics"]["episodes"] == 40
    assert "source: sample" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_guide_runs_at_its_full_length(desk: Path) -> None:
    names = run()
    check(names, desk)
    assert names["metrics"]["episodes"] >= 5000 or names["metrics"]["stopped_by"] == "EarlyStoppingRLCallback"


def test_the_guides_agents_are_all_there() -> None:
    assert set(list_available_agents()) == {"ppo", "dqn", "sac", "td3", "ddpg", "a2c"}


def test_the_price_predictors_run_as_their_example_shows(capsys: pytest.CaptureFixture[str]) -> None:
    source = (ROOT / "examples" / "price_predictors_example.py").read_text()
    for old, new in (("max_epochs=8", "max_epochs=1"), ("days=2500", "days=700"), ("hidden=16", "hidden=4")):
        assert source.count(old) == 1
        source = source.replace(old, new)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "price_predictors_example.py", "exec"), names)  # the example is a script
    assert names["errors"].keys() == {"no return", "LSTM", "transformer", "CNN", "ensemble"}
    assert all(0.5 < error / names["errors"]["no return"] < 1.5 for error in names["errors"].values())
    assert "of that of expecting no return" in capsys.readouterr().out
