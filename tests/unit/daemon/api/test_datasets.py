"""Where a dataset came from, what took its place, and what was trained on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.store import datasets, models

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OLD, NEW = "a1" * 32, "a2" * 32


def _record(c: Any, dataset: str, why: str, replaces: str | None, days: int) -> None:
    health = {"index": 0.97, "warnings": {"gap": 1}}
    datasets.record(
        c, dataset=dataset, kind="bars", source="yahoo", symbol="AAPL", interval="1d", first=NOON, last=NOON, rows=250,
        pulled_at=NOON + timedelta(days=days), detail={"why": why, "replaces": replaces, "health": health},
    )  # fmt: skip


@pytest.fixture
def split(desk):
    desk.database.write(lambda c: _record(c, OLD, "first", None, 0))
    desk.database.write(lambda c: _record(c, NEW, "split", OLD, 1))
    trained = {"train_start": NOON, "train_end": NOON, "trained_at": NOON, "run_id": None, "metrics": {}}
    for version, dataset in (("v1", OLD), ("v2", NEW), ("v3", OLD)):
        facts = {"symbol": "AAPL", "model_type": "cloner", "version": version, "dataset": dataset, **trained}
        desk.database.write(lambda c, f=facts: models.add_version(c, manifest_sha256="f" * 64, provenance="yahoo", **f))


def test_the_models_trained_on_a_dataset_that_was_replaced_are_listed(live, split):
    told = live.get(f"/api/v1/datasets/{OLD}").json()
    assert [model["version"] for model in told["models"]] == ["v3", "v1"]
    assert (told["dataset"]["why"], told["dataset"]["replaces"]) == ("first", None)
    assert (told["replaced_by"]["dataset"], told["replaced_by"]["why"]) == (NEW, "split")


def test_the_newest_dataset_was_replaced_by_nothing(live, split):
    told = live.get(f"/api/v1/datasets/{NEW[:12]}").json()
    assert (told["dataset"]["replaces"], told["replaced_by"]) == (OLD, None)


@pytest.mark.parametrize("name", ["b" * 64, "a" + "%" * 8, "a1", "A1" * 32])
def test_what_names_no_dataset_is_not_found(live, split, name):
    assert live.get(f"/api/v1/datasets/{name}").status_code in (404, 422)


def test_the_status_tells_the_newest_dataset_of_each_symbol_and_its_health(live, split):
    told = [row for row in live.get("/api/v1/status").json()["data"] if row["symbol"] == "AAPL"]
    assert [(row["dataset"], row["health"], row["warnings"]) for row in told] == [(NEW, 0.97, {"gap": 1})]
