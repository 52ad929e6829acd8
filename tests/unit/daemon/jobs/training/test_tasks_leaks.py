"""Leaks planted in a model type, and trained by the desk's own task: each must end that training by its name."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config import NightdeskError
from config.paths import Home
from daemon.domain.recipes import Recipe
from daemon.domain.tasks import Document
from daemon.jobs.training.messages import TrainRequest, VersionFacts
from daemon.jobs.training.tasks import train
from daemon.jobs.trainings import training_span, training_task
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from tests.support.markets.easy import SYMBOL, rough_bars
from tests.support.models import leaking_type as leaky
from tests.support.models.stored_versions import NAME, Shelf, context
from trainers import read_manifest, registry
from trainers.needs import Needs


@pytest.fixture
def shelf(home: Home, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A home with a market, and a trainer who has stolen all of it."""
    entry = registry._Entry(
        "Leaks.",
        "tests.support.models.leaking_type:PlantedParams",
        "tests.support.models.leaking_type:PlantedType",
        Needs(),
    )
    monkeypatch.setitem(registry._REGISTERED, "planted", entry)
    bars = Bars(rough_bars(900).frame, SYMBOL, "1d", "yahoo")
    monkeypatch.setattr(leaky, "STOLEN", [bars])
    shelf = Shelf(home)
    shelf.store(bars.head(760))
    return shelf


def trained(home: Home, plant: str, model_type: str = "planted") -> VersionFacts:
    params: Document = {"plant": plant} if model_type == "planted" else {"n_estimators": 15}
    request = TrainRequest(subject=SYMBOL, model_type=model_type, version="v1", seed=1, window=1825, params=params)
    return train(context(home), request)


def leak(home: Home, plant: str) -> dict[str, Any]:
    """The error with which the training of a leaking model ends, and the first of its findings."""
    with pytest.raises(NightdeskError) as refused:
        trained(home, plant)
    assert refused.value.code == "training.leak"
    assert not home.model(SYMBOL, "planted", "v1").exists()
    assert json.loads(json.dumps(refused.value.to_dict())) == refused.value.to_dict()
    error: dict[str, Any] = refused.value.to_dict()
    return error


@pytest.mark.parametrize("plant", leaky.FEATURES)
def test_a_feature_that_knows_the_future_fails_the_training_by_its_name(home: Home, shelf: Shelf, plant: str) -> None:
    error = leak(home, plant)
    first = error["detail"]["leaks"]["findings"][0]
    assert (first["kind"], first["name"]) == ("look_ahead", "spread")
    assert "'spread'" in error["message"]
    assert first["at"] is not None
    assert {"change", "trend"}.isdisjoint(error["detail"]["names"])


@pytest.mark.parametrize("plant", ["signals_from_the_next_bar", "signals_on_the_scale_of_all"])
def test_signals_that_know_more_than_their_features_fail_the_training(home: Home, shelf: Shelf, plant: str) -> None:
    error = leak(home, plant)
    assert set(error["detail"]["names"]) <= {"signals.position", "signals.confidence"}
    assert "signals." in error["message"]


@pytest.mark.parametrize(("plant", "kind"), leaky.TRAININGS.items())
def test_what_was_learned_from_elsewhere_fails_the_training(home: Home, shelf: Shelf, plant: str, kind: str) -> None:
    findings = leak(home, plant)["detail"]["leaks"]["findings"]
    assert findings[0]["kind"] == kind
    expected = {
        "scaler_on_all_data": "scaler",
        "scaler_on_all_data_undeclared": "scaler",
        "scaler_on_the_test_span": "measured scaler",
        "scaler_on_the_test_span_undeclared": "measured scaler",
        "label_into_the_test_span": "measured classifier",
        "shuffled_split": "measured classifier",
        "nothing_declared": "training",
    }
    assert {finding["name"] for finding in findings} == {expected.get(plant, "classifier")}


@pytest.mark.parametrize("model_type", ["planted", NAME])
def test_without_a_leak_the_version_is_published_with_what_was_checked(
    home: Home, shelf: Shelf, model_type: str
) -> None:
    experts(home)
    leaks: Any = trained(home, "none", model_type).metrics["leaks"]
    assert leaks["clean"]
    assert leaks["findings"] == []
    assert leaks["checked"]["cuts"] > 20
    assert leaks["checked"]["features"] == read_manifest(home.model(SYMBOL, model_type, "v1")).features
    assert len(leaks["checked"]["fits"]) >= 2
    assert read_manifest(home.model(SYMBOL, model_type, "v1")).leaks == leaks


def test_a_trainer_is_given_no_bar_and_no_trade_from_after_its_span(home: Home, shelf: Shelf) -> None:
    experts(home)
    inputs = Inputs.of(leaky.STOLEN[0].head(760))
    span = training_span(inputs.until(inputs.times[-100]), timedelta(days=365))
    task = training_task(context(home), Recipe(SYMBOL, NAME, {}, seed=1, window=365), span)
    assert task.inputs.times[-1] == span.last == inputs.times[-100]
    assert (task.train_start, task.train_end) == (span.first, span.last)
    assert span.first >= span.last - timedelta(days=365)
    last = task.inputs.expert_logs[SYMBOL].frame["date"].max()
    assert span.last - pd.Timedelta(days=5) < last.tz_localize("UTC") <= span.last


def experts(home: Home) -> Path:
    """A log for the cloner: bought on Mondays, sold on Thursdays."""
    dates = rough_bars(900).dates
    rows = [
        f"{date:%Y-%m-%d},{'buy' if date.day_of_week == 0 else 'sell'}" for date in dates if date.day_of_week in (0, 3)
    ]
    path = home.expert_logs / f"{SYMBOL}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["date,action", *rows]))
    return path
