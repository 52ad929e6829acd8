"""A database of an older Nightdesk, made by its own code, opens with this one and keeps everything it held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from daemon.store import (
    alerts,
    datasets,
    engines,
    evaluations,
    jobs,
    measurements,
    outbox,
    records,
    runs,
    schema,
    servings,
    signals,
    tasks,
    versions,
)
from daemon.store.database import Database, check
from daemon.store.tables import metadata
from tests.support.desks.databases import DAY, KINDS, NOON, add_version, publish
from tests.support.desks.old_homes import old_home, old_place, rows_of

CLONER = "behavioral_cloner"
FIRST, SECOND = "20261130_150251_026537", "20261130_150408_345989"
# What a column of revision 0001 is called now, and the columns that came later, as they are in old rows.
RENAMED = {table: {"symbol": "subject"} for table in ("model_versions", "servings", "measurements", "tasks")}
RENAMED["servings"]["who"] = "author"
LATER: dict[str, dict[str, Any]] = {
    "model_versions": {"recipe": None, "seed": None},
    "evaluations": {"kind": None},
    "signals": {"standing": None, "act_by": None, "target": "", "remark": None},
    "servings": {"action": "serve"},
}


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(old_place(request.param, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def read(database: Database) -> Callable[..., Any]:
    return lambda query, *args, **named: database.read(lambda c: query(c, *args, **named))


def test_every_row_keeps_its_values(tmp_path: Path):
    home = old_home(tmp_path)
    younger = ("trials", "job_states", "records", "desks", "retrainings", "decisions")
    names = [table.name for table in metadata.sorted_tables if table.name not in younger]
    before = {name: rows_of(home.database, name) for name in names}
    assert all(before.values()), "the old home has rows in each of its tables"
    Database.open(home.database).close()
    check(home.database)
    for name, rows in before.items():
        renamed = [{RENAMED.get(name, {}).get(column, column): row[column] for column in row} for row in rows]
        extra = [LATER.get(name, {}) | ({"subject": row["symbol"]} if name == "signals" else {}) for row in rows]
        assert rows_of(home.database, name) == [old | more for old, more in zip(renamed, extra, strict=True)], name


def test_a_migrated_database_is_at_the_newest_revision_and_has_no_trials_yet(database):
    assert database.write(schema.version) == schema.HEAD
    assert database.read(lambda c: c.execute(select(metadata.tables["trials"])).all()) == []


def test_champions_serve_on_and_their_ledger_is_kept(read):
    champions = read(versions.champions)
    assert [(each.subject, each.model_type, each.version) for each in champions] == [
        ("AAPL", CLONER, FIRST),
        ("MSFT", CLONER, FIRST),
    ]
    assert read(versions.champion, "AAPL", CLONER) == champions[0] == read(versions.find, "AAPL", CLONER, FIRST)
    assert [serving.version_id for serving in read(servings.history, "MSFT", CLONER)] == [champions[1].id]
    assert {each.state for each in read(versions.versions, model_type="a2c")} == {"rejected"}
    assert read(evaluations.latest, champions[0].id).metrics["sharpe_ratio"] is not None


def test_signals_name_their_subject_and_their_symbol(read):
    newest = read(signals.latest)
    assert [(signal.subject, signal.symbol, signal.action) for signal in newest] == [
        ("AAPL", "AAPL", "hold"),
        ("MSFT", "MSFT", "buy"),
    ]
    assert read(signals.latest, "MSFT") == newest[1:] == read(signals.history, "MSFT", CLONER)


def test_open_alerts_stay_open_and_undelivered_notifications_stay_due(read):
    firing = read(alerts.open_alerts)
    assert [(alert.subject, alert.state) for alert in firing] == [
        (f"{symbol}/{CLONER}/evaluation", "firing") for symbol in ("AAPL", "MSFT")
    ]
    assert [delivery.channel for delivery in read(outbox.deliveries, firing[0].id)] == ["log", "webhook"]


def test_runs_tasks_measurements_and_datasets_are_kept(read):
    nights = read(runs.page, limit=100)
    assert [run.state for run in nights] == ["succeeded"] * 12
    (training,) = [run for run in nights if run.id == 2]
    trained = [(task.subject, task.model_type) for task in read(tasks.of, training.id) if task.kind == "train"]
    assert trained == [("AAPL", CLONER), ("AAPL", "a2c"), ("MSFT", CLONER), ("MSFT", "a2c")]
    assert {measurement.subject for measurement in read(measurements.latest)} == {"AAPL", "MSFT"}
    assert [row.symbol for row in read(datasets.latest)] == ["AAPL", "MSFT"]


def test_there_are_no_records_yet_and_old_versions_have_no_recipe(read):
    assert (read(records.of), read(records.tried)) == ([], 0)
    assert {version.recipe for version in read(versions.versions)} == {None}
    assert read(evaluations.challenges, "AAPL", CLONER) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_runs_and_pauses_of_the_job_walk_forward_are_those_of_records(kind: str, tmp_path: Path):
    place = old_place(kind, tmp_path)
    engine = engines.postgresql_engine(place) if isinstance(place, str) else engines.sqlite_engine(place)
    with engine.begin() as c:
        c.execute(text("UPDATE runs SET job = 'walk_forward' WHERE id = 2"))
        c.execute(
            text(
                "INSERT INTO job_states (job, paused, changed_at, changed_by) VALUES ('walk_forward', :yes, :at, 'me')"
            ),
            {"yes": True, "at": "2026-11-30 12:00:00"},
        )
    engine.dispose()
    database = Database.open(place)
    try:
        run = database.read(lambda c: runs.get(c, 2))
        assert run is not None
        assert run.job == "records"
        assert database.read(jobs.paused) == {"records"}
    finally:
        database.close()


def test_a_migrated_database_takes_new_rows_and_enforces_its_constraints(database, read):
    facts = {"model_type": CLONER, "subject": "AAPL"}
    new = database.write(lambda c: add_version(c, "v1", **facts))
    assert new.id == 9, "ids go on"
    assert database.write(lambda c: servings.serve(c, "AAPL", CLONER, new.id, NOON, why="better", author="me"))
    assert read(servings.predecessor, "AAPL", CLONER).version == FIRST
    assert database.write(lambda c: publish(c, new, NOON + 1000 * DAY))
    assert not database.write(lambda c: publish(c, new, NOON + 1000 * DAY))
    assert read(signals.latest, "AAPL")[0].version_id == new.id
    with pytest.raises(IntegrityError):
        database.write(lambda c: add_version(c, "v2", state="champion", **facts))
