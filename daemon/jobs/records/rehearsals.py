"""Rehearsals: how much a retraining usually changes, measured by training the recipe at earlier dates."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np

from config.errors import NightdeskError
from config.publish import publish_bytes
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.trainings import fitted, training_span, training_task
from evaluation.metrics.formulas import Array
from evaluation.records.continuity import COMPARED_BARS, REHEARSALS, Likeness, likeness
from evaluation.signal_model import SignalModel


def rehearsed(keeper: RecordKeeper, lag: int, before: datetime) -> list[Likeness]:
    """The stored rehearsals of retrainings `lag` bars apart whose newer model ended before `before`, the newest few.

    Where there are not enough of them, as after a night that was missed, those of the nearest lag stand in.
    """
    stored: dict[int, list[tuple[str, Path]]] = {}
    for path in (keeper.folder / "rehearsals").glob("*-*.json"):
        bars, _, end = path.stem.partition("-")
        if bars.isdigit() and end < f"{before:%Y%m%d%H%M%S}":
            stored.setdefault(int(bars), []).append((end, path))
    enough = [bars for bars, paths in stored.items() if len(paths) >= REHEARSALS]
    nearest = lag if lag in enough or not enough else min(enough, key=lambda bars: abs(bars - lag))
    newest = sorted(stored.get(nearest, ()), reverse=True)[:REHEARSALS]
    likenesses = [_read(path) for _, path in newest]
    return [likeness for likeness in likenesses if likeness is not None]


def next_lag(keeper: RecordKeeper, serving_until: datetime, trained_until: tuple[datetime, ...]) -> int:
    """How many bars after the champion the next version of its recipe will be trained."""
    last = keeper.inputs.times[-1].to_pydatetime()
    step = _bars_between(keeper, trained_until[1], trained_until[0]) if len(trained_until) > 1 else 1
    return _bars_between(keeper, serving_until, last) + max(step, 1)


def _bars_between(keeper: RecordKeeper, earlier: datetime, later: datetime) -> int:
    return max(len(keeper.inputs.until(later)) - len(keeper.inputs.until(earlier)), 0)


def rehearse_missing(keeper: RecordKeeper, lag: int) -> tuple[int, int]:
    """Compute the rehearsals that are not stored; how many there are then, and how many cannot be made yet."""
    todo = [end for end in _ends(keeper, lag)[:REHEARSALS] if _read(_path(keeper, lag, end)) is None]
    models: dict[datetime, SignalModel] = {}
    for done, end in enumerate(todo):
        keeper.context.progress(done / len(todo), f"rehearsing the retraining of {end:%Y-%m-%d}")
        earlier = keeper.inputs.until(end).times[-1 - lag].to_pydatetime()
        one, other = (models.get(each) or _model(keeper, each) for each in (end, earlier))
        models = {earlier: other}  # the newer model of the next rehearsal, if that is missing too
        alike = compared(keeper, one, other, end)
        publish_bytes(
            _path(keeper, lag, end), json.dumps({"agreement": alike.agreement, "kappa": alike.kappa}).encode()
        )
    made = sum(_read(_path(keeper, lag, end)) is not None for end in _ends(keeper, lag)[:REHEARSALS])
    return made, REHEARSALS - made


def forget_rehearsals(keeper: RecordKeeper) -> None:
    """Delete all rehearsals."""
    shutil.rmtree(keeper.folder / "rehearsals", ignore_errors=True)


def compared(keeper: RecordKeeper, one: SignalModel, other: SignalModel, end: datetime) -> Likeness:
    """How alike two models decide on the last bars up to `end`, over all symbols or markets."""
    inputs = keeper.inputs.for_decisions().until(end)
    decided, before = one.decide(inputs), other.decide(inputs)
    pairs = [(_newest(decided[name].position), _newest(before[name].position)) for name in decided if name in before]
    return likeness(np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs]))


def _newest(position: object) -> Array:
    return np.asarray(position, dtype=np.float64)[-COMPARED_BARS:]


def _model(keeper: RecordKeeper, end: datetime) -> SignalModel:
    """The model that a training at `end` would have made."""
    span = training_span(keeper.inputs.until(end), keeper.recipe.lookback)
    task = training_task(keeper.context, keeper.recipe, span)
    return fitted(keeper.context, keeper.recipe, task, 0).model


def _ends(keeper: RecordKeeper, lag: int) -> list[datetime]:
    """The closes at which the newer models of rehearsals end, newest first; each has one `lag` bars before it."""
    times = keeper.inputs.times
    rows = range(len(times) - 1, lag - 1, -lag)
    return [times[row].to_pydatetime() for row in list(rows)[: 4 * REHEARSALS]]


def _path(keeper: RecordKeeper, lag: int, end: datetime) -> Path:
    return keeper.folder / "rehearsals" / f"{lag}-{end:%Y%m%d%H%M%S}.json"


def _read(path: Path) -> Likeness | None:
    try:
        document = json.loads(path.read_bytes())
        return Likeness(float(document["agreement"]), float(document["kappa"]))
    except (OSError, ValueError, KeyError, TypeError, NightdeskError):
        return None
