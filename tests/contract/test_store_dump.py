"""The database as blocks, and a database made of them: SQLite and PostgreSQL, each from each."""

from __future__ import annotations

import json
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import MetaData, select

from config.errors import NightdeskError
from daemon.domain.runs import Owner
from daemon.store import alerts, engines, runs, servings
from daemon.store.blocks import rows_of
from daemon.store.database import Database
from daemon.store.dump import LARGEST, SMALLEST, Dump, build_sqlite, dump, fill_postgresql
from daemon.store.tables import measurements, records
from tests.support.desks.databases import DAY, KINDS, NOON, add_version, empty_place, publish
from tests.support.desks.old_homes import old_home


def fill(c):
    """Rows of most tables, with empty documents, text of all alphabets and times to the microsecond."""
    run = runs.request(c, "training", now=NOON + timedelta(microseconds=7), trigger="manual")
    runs.claim(c, run.id, Owner.me(), NOON)
    version = add_version(c, "v1", metrics={"note": "Größe\u2028 \U0001f4b9\n", "undefined": None}, run_id=run.id)
    assert servings.serve(c, "AAPL", "cloner", version.id, NOON, why="first", author="test")
    for day in range(40):
        assert publish(c, version, NOON - day * DAY)
    runs.finish(c, run.id, "failed", NOON, cause="data.stale", detail={"failed": {"AAPL": {"code": "x"}}}, attempts=1)
    measured = {"subject": "AAPL", "model_type": "cloner", "basis": "live", "measured_at": NOON}
    c.execute(measurements.insert(), [{**measured, "metric": f"m{n}", "value": n / 3} for n in range(50)])


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    with closing(Database.open(empty_place(request.param, tmp_path))) as opened:
        opened.write(fill)
        yield opened


def rebuilt(kind, tmp_path, content):
    (tmp_path / "new").mkdir(exist_ok=True)
    place = empty_place(kind, tmp_path / "new")
    if kind == "sqlite":
        build_sqlite(place, content.revision, content.tables)
    else:
        fill_postgresql(place, content.revision, content.tables)
    return Database.open(place)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_made_of_the_blocks_has_the_same_rows_and_its_ids_go_on(database, kind, tmp_path):
    content = database.read(dump)
    with closing(rebuilt(kind, tmp_path, content)) as new:
        assert new.read(dump) == content
        highest = new.read(lambda c: max(c.execute(select(measurements.c.id)).scalars()))
        run = new.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
        assert run.id == 2
        assert highest == 50
        assert new.read(alerts.open_alerts) == []


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_an_older_revision_are_migrated(kind, tmp_path):
    old = old_home(tmp_path / "old").database
    blocks = _blocks_of(old)
    with closing(Database.open(old)) as opened:
        migrated = opened.read(dump)
    with closing(rebuilt(kind, tmp_path, Dump("0001", 0, blocks))) as new:
        assert new.read(dump) == migrated


def _blocks_of(path):
    """The blocks that code of the first revision would have written."""
    tables = MetaData()
    with engines.reading(path) as c:
        tables.reflect(c)
        rows = {table.name: [list(row) for row in c.execute(table.select())] for table in tables.sorted_tables}
    del rows["alembic_version"]
    return {
        name: (_packed([list(tables.tables[name].columns.keys()), *listed]),) if listed else ()
        for name, listed in rows.items()
    }


def _packed(lines):
    utc = [
        [each.replace(tzinfo=UTC).isoformat() if isinstance(each, datetime) else each for each in line]
        for line in lines
    ]
    return zlib.compress("\n".join(map(json.dumps, utc)).encode())


def test_rows_that_are_added_change_the_last_blocks_of_their_table_alone(tmp_path):
    with closing(Database.open(tmp_path / "nightdesk.sqlite3")) as database:
        measured = {"subject": "AAPL", "model_type": "cloner", "metric": "m", "basis": "live", "measured_at": NOON}
        rows = [{**measured, "value": float(n)} for n in range(2 * LARGEST + 100)]
        database.write(lambda c: c.execute(measurements.insert(), rows))
        before = database.read(dump).tables
        database.write(lambda c: c.execute(measurements.insert(), rows[:3]))
        after = database.read(dump).tables
    same = [name for name in before if before[name] == after[name]]
    assert len(same) == len(before) - 1
    new = set(after["measurements"]) - set(before["measurements"])
    assert len(new) == 1
    assert sum(1 for _ in rows_of(new)) <= SMALLEST
    assert sum(1 for _ in rows_of(after["measurements"])) == len(rows) + 3


def test_a_document_that_is_null_stays_one(database, tmp_path):
    row = {
        **dict.fromkeys(("subject", "model_type", "recipe", "provenance", "standing", "sentence"), "x"),
        **dict.fromkeys(("seed", "window", "folds", "missing", "restarts"), 0),
        **dict.fromkeys(("started_at", "updated_at", "standing_since"), NOON),
        "params": {},
        "in_use": True,
        "facts": None,
    }
    database.write(lambda c: c.execute(records.insert().values(row)))
    with closing(rebuilt("sqlite", tmp_path, database.read(dump))) as new:
        assert new.read(lambda c: c.execute(select(records.c.facts)).scalar()) is None


@pytest.mark.parametrize("damage", ["torn", "no compression", "a row too short", "an orphan"])
def test_blocks_that_make_no_sound_database_are_refused(tmp_path, damage):
    with closing(Database.open(tmp_path / "nightdesk.sqlite3")) as database:
        database.write(fill)
        content = database.read(dump)
    tables = dict(content.tables)
    if damage == "torn":
        tables["runs"] = (tables["runs"][0][:-9],)
    elif damage == "no compression":
        tables["runs"] = (b"[]",)
    elif damage == "a row too short":
        tables["runs"] = tables["signals"]
    else:
        del tables["model_versions"]
    with pytest.raises(NightdeskError) as caught:
        build_sqlite(tmp_path / "new.sqlite3", content.revision, tables)
    assert caught.value.code == "backup.damaged"


def test_a_database_in_use_is_never_filled(tmp_path):
    place = empty_place("postgresql", tmp_path)
    with closing(Database.open(place)) as database:
        database.write(fill)
        content = database.read(dump)
    with pytest.raises(NightdeskError) as caught:
        fill_postgresql(place, content.revision, content.tables)
    assert caught.value.code == "restore.not_empty"


def test_a_newer_revision_is_refused(tmp_path):
    with pytest.raises(NightdeskError) as caught:
        build_sqlite(tmp_path / "new.sqlite3", "9999", {})
    assert caught.value.code == "store.newer"
