"""Where a dataset came from, what took its place, and what was trained on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.store import datasets, versions
from tests.support.desks.fake_desk import PIXEL
from tests.support.servers.http import BEARER

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OLD, NEW = "a1" * 32, "a2" * 32


def _record(c: Any, dataset: str, why: str, replaces: str | None, days: int) -> None:
    health = {"index": 0.97, "warnings": {"gap": 1}}
    datasets.record(
        c,
        datasets.NewDataset(
            dataset=dataset,
            kind="bars",
            source="yahoo",
            symbol="AAPL",
            interval="1d",
            first=NOON,
            last=NOON,
            rows=250,
            pulled_at=NOON + timedelta(days=days),
            detail={"why": why, "replaces": replaces, "health": health},
        ),
    )


@pytest.fixture
def split(desk):
    desk.database.write(lambda c: _record(c, OLD, "first", None, 0))
    desk.database.write(lambda c: _record(c, NEW, "split", OLD, 1))
    trained = {"train_start": NOON, "train_end": NOON, "trained_at": NOON, "run_id": None, "metrics": {}}
    for version, dataset in (("v1", OLD), ("v2", NEW), ("v3", OLD)):
        facts = {"subject": "AAPL", "model_type": "cloner", "version": version, "dataset": dataset, **trained}
        desk.database.write(
            lambda c, f=facts: versions.add_version(
                c, versions.NewVersion(manifest_sha256="f" * 64, provenance="yahoo", **f)
            )
        )


def test_the_models_trained_on_a_dataset_that_was_replaced_are_listed(live, split):
    lineage = live.get(f"/api/v1/datasets/{OLD}").json()
    assert [model["version"] for model in lineage["models"]] == ["v3", "v1"]
    assert (lineage["dataset"]["change"], lineage["dataset"]["replaces"]) == ("first", None)
    assert (lineage["replaced_by"]["dataset"], lineage["replaced_by"]["change"]) == (NEW, "split")


def test_the_newest_dataset_was_replaced_by_nothing(live, split):
    lineage = live.get(f"/api/v1/datasets/{NEW[:12]}").json()
    assert (lineage["dataset"]["replaces"], lineage["replaced_by"]) == (OLD, None)


@pytest.mark.parametrize("name", ["b" * 64, "a" + "%" * 8, "a1", "A1" * 32])
def test_an_unknown_dataset_is_not_found(live, split, name):
    assert live.get(f"/api/v1/datasets/{name}").status_code in (404, 422)


def test_the_health_of_the_newest_bars_is_served_as_a_picture(live, desk, split):
    picture = desk.home.health("yahoo", "AAPL", "1d")
    assert live.get(f"/api/v1/datasets/{NEW}/health.png").json()["code"] == "picture.unknown"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(PIXEL)
    (address,) = [row["health_chart"] for row in live.get("/api/v1/status").json()["data"] if row["symbol"] == "AAPL"]
    answer = live.get(address)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", PIXEL)
    assert live.get(f"/api/v1/datasets/{OLD}/health.png").status_code == 404


TABLE = {
    "dataset": "b1" * 32, "name": "decisions", "interval": "15s", "first": "2026-03-01T00:00:00Z",
    "last": "2026-03-02T00:00:00+00:00", "rows": 9, "parameters": {"seconds": 15, "train": 0.8, "repeats": "keep"},
    "logs": {"dataset": "c1" * 32, "place": "folder", "files": 3},
}  # fmt: skip


def test_a_table_made_of_logs_is_recorded_with_them(live, desk):
    lineage = live.post("/api/v1/datasets", headers=BEARER, json=TABLE).json()
    assert lineage["source_logs"]["dataset"] == "c1" * 32
    assert lineage["parameters"] == TABLE["parameters"]
    assert live.get(f"/api/v1/datasets/{'c1' * 32}").json()["dataset"]["kind"] == "trade_logs"


@pytest.mark.parametrize(
    "wrong",
    [{"rows": 0}, {"rows": "9"}, {"dataset": "B1" * 32}, {"first": "yesterday"}, {"last": "2026-03-02T00:00:00"},
     {"last": 0}, {"last": "0"}, {"last": "2026-03-02"}, {"last": "2026-02-28T00:00:00Z"},
     {"interval": "15m"}, {"name": "x" * 33}, {"logs": {}}, {"parameters": {"x": []}}, {"colour": "red"}],
)  # fmt: skip
def test_a_table_with_wrong_fields_is_refused(live, wrong):
    assert live.post("/api/v1/datasets", headers=BEARER, json={**TABLE, **wrong}).status_code == 422
    assert live.post("/api/v1/datasets", json=TABLE).status_code == 401


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30, -(2**63) - 1])
@pytest.mark.parametrize("field", ["rows", "logs/files", "parameters/seconds"])
def test_a_number_that_no_database_holds_is_refused_by_its_name(live, field, number):
    if field == "parameters/seconds" and number == 2**31:
        number = 2**64
    table, (*outer, name) = json.loads(json.dumps(TABLE)), field.split("/")
    (table[outer[0]] if outer else table)[name] = number
    response = live.post("/api/v1/datasets", headers=BEARER, json=table)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"body/{field}")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_parameter_that_is_no_finite_number_is_refused(live, number):
    body = json.dumps(TABLE).replace("0.8", number)
    headers = {**BEARER, "Content-Type": "application/json"}
    assert live.post("/api/v1/datasets", headers=headers, content=body).status_code == 422


def test_the_status_shows_the_newest_dataset_of_each_symbol_and_its_health(live, split):
    lineage = [row for row in live.get("/api/v1/status").json()["data"] if row["symbol"] == "AAPL"]
    assert [(row["dataset"], row["health"], row["warnings"]) for row in lineage] == [(NEW, 0.97, {"gap": 1})]
