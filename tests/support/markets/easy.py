"""An easy market: prices swing in long even waves, and an expert buys every rise and sells every fall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.expert_log import ExpertLog
from data_pipeline.inputs import Inputs
from trainers import TrainingTask, registry

SYMBOL = "EASY"
WAVE = 60
# Small params, so that a contract test trains each model type in about a second.
_WATCHED = {"window_size": 2, "features": ["return_5"]}
_SMALL = {"hidden_dim": 16, "learning_rate": 0.003, "gamma": 0.5}
_REPLAYS = _SMALL | {"learning_starts": 300, "batch_size": 64, "tau": 0.02}
QUICK: dict[str, dict[str, Any]] = {
    "behavioral_cloner": {"n_estimators": 15},
    "ppo": {"total_timesteps": 6000, "agent": _SMALL | {"n_steps": 1024, "batch_size": 256, "n_epochs": 5}},
    "a2c": {"total_timesteps": 6000, "agent": _SMALL},
    "dqn": {"total_timesteps": 6000, "agent": _REPLAYS},
    **{name: {"total_timesteps": 3000, "agent": _REPLAYS} for name in ("sac", "td3", "ddpg")},
}
LEARNERS = ("a2c", "ddpg", "dqn", "ppo", "sac", "td3")
for _name in LEARNERS:
    QUICK[_name] |= {"environment": _WATCHED, "evaluations": 3}


def easy_bars(rows: int = 900, times: pd.DatetimeIndex | None = None) -> Bars:
    """Daily bars whose close is a wave with a little noise."""
    random = np.random.default_rng(7)
    return _bars(0.2 * np.sin(_phase(rows)) + 0.002 * random.standard_normal(rows), random, times)


def rough_bars(rows: int = 300) -> Bars:
    """Daily bars that walk at random: unpredictable, and no two of them look alike."""
    random = np.random.default_rng(8)
    return _bars(np.cumsum(0.01 * random.standard_normal(rows)), random)


def _bars(log_close: np.ndarray, random: np.random.Generator, times: pd.DatetimeIndex | None = None) -> Bars:
    rows = len(log_close)
    whole = calendar.closes(SYMBOL, "1d", datetime(2019, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    index = whole[:rows] if times is None else times
    close = 100.0 * np.exp(log_close)
    open_ = np.concatenate([close[:1], close[:-1]])
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * 1.002,
            "low": np.minimum(open_, close) * 0.998,
            "close": close,
            "volume": random.integers(900, 1100, rows).astype("float64"),
        },
        index=index,
    )
    return Bars(frame, SYMBOL)


def easy_expert(bars: Bars) -> ExpertLog:
    """Buys while the wave rises, sells while it falls."""
    action = np.where(np.cos(_phase(len(bars))) > 0.0, 1, -1)
    return ExpertLog(pd.DataFrame({"date": bars.dates.to_numpy("datetime64[ns]"), "action": action}))


def decided_inputs() -> Inputs:
    """The easy market with headlines, and a teacher that buys every rise and sells every fall, with strength 0.8."""
    bars = easy_bars()
    action = np.where(np.cos(_phase(len(bars))) > 0.0, 1, 2)
    decisions = pd.DataFrame({"action": action.astype(np.int8), "strength": 0.8}, bars.frame.index)
    return replace(Inputs.of(bars), decisions={SYMBOL: decisions}, headlines={SYMBOL: _headlines(bars)})


def _headlines(bars: Bars) -> pd.DataFrame:
    """A headline an hour before every tenth close, good news and bad news in turn."""
    seen_at = pd.DatetimeIndex(bars.frame.index[::10] - pd.Timedelta(hours=1), name="time")
    titles = [("Great profits, a strong win", "Terrible losses, a weak failure")[i % 2] for i in range(len(seen_at))]
    return pd.DataFrame({"seen_at": seen_at, "title": titles}, seen_at)


def write_easy_market(folder: Path, symbols: Iterable[str] = ("AAPL",)) -> dict[str, Any]:
    """Write the easy market of each symbol, up to now, as files of bars and of an expert's trades; returns `sources`.

    For desks whose models must be promoted: the sample market is as hard as a real one, and mostly teaches to stay out.
    """
    for symbol in symbols:
        times = calendar.closes(symbol, "1d", datetime(2019, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=9))
        bars = replace(easy_bars(len(times), times), symbol=symbol)
        (folder / "experts").mkdir(parents=True, exist_ok=True)
        bars.frame.assign(date=bars.dates).to_csv(folder / f"{symbol}.csv", index=False)
        easy_expert(bars).frame.to_csv(folder / "experts" / f"{symbol}.csv", index=False)
    return {"bars": "csv", "csv_folder": str(folder), "expert_logs": {"folder": str(folder / "experts")}}


def easy_task(
    model_type: str,
    bars: Bars | None = None,
    *,
    expert_log: ExpertLog | Literal["easy"] | None = "easy",
    **changes: Any,
) -> TrainingTask:
    """A task on the first 600 bars of the easy market (or on `bars`, all of them)."""
    used = easy_bars().head(600) if bars is None else bars
    facts: dict[str, Any] = {
        "inputs": Inputs.of(used, easy_expert(used) if expert_log == "easy" else expert_log),
        "train_start": used.frame.index[0].to_pydatetime(),
        "train_end": used.frame.index[-1].to_pydatetime(),
        "provenance": "test",
        "params": registry.validate_params(model_type, QUICK[model_type]),
    }
    return TrainingTask(**(facts | changes))


def with_expert(task: TrainingTask, log: ExpertLog) -> TrainingTask:
    """The same task with another expert's log."""
    return replace(task, inputs=Inputs.of(task.bars, log))


def _phase(rows: int) -> np.ndarray:
    return 2.0 * np.pi * np.arange(rows) / WAVE
