"""What performance_check asks of a worker: a trained version held against its training and its expert."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from daemon.work.conduct import conduct
from tests.support.easy_market import SYMBOL, easy_expert
from tests.support.judged import NAME, Shelf, context, market
from trainers.manifest import MANIFEST, manifest_sha256

WATCHED = {"action_psi", "side_psi", "drifted_features", "accuracy", "calibration_error"}


@pytest.fixture
def shelf(home: Home) -> Shelf:
    made = Shelf(home)
    made.store(market())
    return made


def measured(home: Home, shelf: Shelf, signals: list[dict[str, Any]], version: str = "v1") -> dict[str, Any]:
    sha256 = shelf.put(version)
    args = {"symbol": SYMBOL, "model_type": NAME, "version": version, "manifest_sha256": sha256, "signals": signals}
    told = conduct(context(home), args)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    return told


def write_log(home: Home, rows: int) -> None:
    """The expert's trades of the first so many bars."""
    frame = easy_expert(market().head(rows)).frame
    home.expert_logs.mkdir(parents=True, exist_ok=True)
    frame.assign(action=frame["action"].map({1: "buy", -1: "sell"})).to_csv(home.expert_logs / f"{SYMBOL}.csv")


def said(first: int, last: int, position: float) -> list[dict[str, Any]]:
    times = market().frame.index[first:last]
    return [{"bar_time": time.isoformat(), "position": position, "confidence": 0.8} for time in times]


def test_in_a_market_that_stays_the_same_a_model_does_not_drift(home: Home, shelf: Shelf) -> None:
    write_log(home, 900)
    told = measured(home, shelf, [])["evaluation"]
    assert told["side_psi"] < max(0.25, told["by_chance"]["side_psi"])
    assert told["accuracy"] > 90.0
    assert told["reasons"] == {}


def test_signals_that_are_not_the_models_own_ways_are_drift(home: Home, shelf: Shelf) -> None:
    told = measured(home, shelf, said(700, 800, -1.0))["live"]
    assert told["side_psi"] > 1.0 > told["by_chance"]["side_psi"]


def test_an_experts_log_that_ends_before_the_bars_tells_nothing_of_them(home: Home, shelf: Shelf) -> None:
    write_log(home, 600)
    told = measured(home, shelf, [])["evaluation"]
    assert (told["accuracy"], told["reasons"]["accuracy"]) == (None, "too_few_bars")


def test_without_a_log_there_is_no_accuracy_and_without_bars_no_drift(home: Home, shelf: Shelf) -> None:
    told = measured(home, shelf, said(700, 720, 1.0))
    assert told["evaluation"]["reasons"] == {"accuracy": "no_expert", "calibration_error": "no_expert"}
    assert told["live"]["reasons"] == {
        "action_psi": "too_few_bars",
        "side_psi": "too_few_bars",
        "drifted_features": "too_few_bars",
        "accuracy": "no_expert",
        "calibration_error": "no_expert",
    }


def test_a_version_without_unseen_bars_has_reasons_and_no_figures(home: Home) -> None:
    shelf = Shelf(home)
    shelf.store(market().head(600))
    told = measured(home, shelf, [])["evaluation"]
    assert {name for name in WATCHED if told[name] is None} == WATCHED == set(told["reasons"])


def test_a_version_from_before_there_were_references_says_so(home: Home, shelf: Shelf) -> None:
    shelf.put("v1")
    path = home.model(SYMBOL, NAME, "v1") / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"reference": None}), encoding="utf-8")
    args = {"symbol": SYMBOL, "model_type": NAME, "version": "v1", "signals": []}
    told = conduct(context(home), args | {"manifest_sha256": manifest_sha256(path.parent)})["evaluation"]
    assert told["reasons"]["side_psi"] == "no_reference"


def test_a_log_that_cannot_be_read_is_not_taken_for_none(home: Home, shelf: Shelf) -> None:
    home.expert_logs.mkdir(parents=True)
    pd.DataFrame({"when": [1]}).to_csv(home.expert_logs / f"{SYMBOL}.csv")
    with pytest.raises(NightdeskError, match="date"):
        measured(home, shelf, [])
