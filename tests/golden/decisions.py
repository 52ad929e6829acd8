"""Decisions of every model type as its revision made them: a change of code that changes them is noticed here.

Stored folds are used again as long as the revision of their model type (`trainers/registry.py`) is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.signals import Signals
from trainers import registry

TABLE = Path(__file__).with_name("decisions.json")
NEWEST = 40  # bars of each symbol or market, of which there may be many
MARKETS = 3
# Other processors round otherwise, and a long training makes more of it; a change of formulas changes much more.
CLOSE, ALIKE = 0.02, 0.85


def recorded_types() -> list[str]:
    """The model types that the table has decisions of."""
    return sorted(json.loads(TABLE.read_text(encoding="utf-8")))


def newest(decided: Mapping[str, Signals]) -> dict[str, list[float]]:
    """The newest positions of the first symbols or markets."""
    return {
        name: [round(float(value), 4) for value in decided[name].position.to_numpy()[-NEWEST:]]
        for name in sorted(decided)[:MARKETS]
    }


def assert_unchanged(name: str, decided: Mapping[str, Signals]) -> None:
    """The decisions are those of the table, or of a revision that the table does not have yet."""
    golden: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))[name]
    assert golden["revision"] == registry.revision(name), "run `python -m tests.golden.regenerate_decisions`"
    now = newest(decided)
    assert now.keys() == golden["positions"].keys()
    before, after = (np.concatenate(list(positions.values())) for positions in (golden["positions"], now))
    alike = float(np.mean(np.abs(before - after) <= CLOSE))
    assert alike >= ALIKE, (
        f"{name} decides otherwise than before on {1.0 - alike:.0%} of bars; if that is meant, raise its revision in "
        "trainers/registry.py, so that stored folds are computed anew, and regenerate the table"
    )
