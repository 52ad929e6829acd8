"""What every database must do, whichever server keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from config.errors import NightdeskError
from config.settings import Settings
from daemon.alerts.rules import event, run_ended
from daemon.domain.options import RunOptions
from daemon.domain.retraining import Diagnosis
from daemon.domain.runs import Owner
from daemon.domain.signals import TargetRequest
from daemon.domain.targets import Target
from daemon.store import (
    alerts,
    datasets,
    desks,
    engines,
    evaluations,
    jobs,
    measurements,
    overview,
    records,
    retrainings,
    runs,
    schema,
    servings,
    signals,
    tasks,
    trials,
    versions,
)
from daemon.store.database import Database
from daemon.store.evaluations import Evaluation
from daemon.store.faults import StoreError
from daemon.store.overview import DeskRecord
from daemon.store.records import RecordRow
from daemon.store.tables import metadata
from daemon.store.versions import Version
from tests.support.desks.databases import DAY, DEAD, KINDS, NOON, add_version, empty_place, publish

SECOND = timedelta(seconds=1)
ME = Owner.me()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return empty_place(request.param, tmp_path)


@pytest.fixture
def database(place: Path | str) -> Iterator[Database]:
    opened = Database.open(place)
    yield opened
    opened.close()


@pytest.fixture
def write(database: Database) -> Callable[..., Any]:
    return lambda query, *args, **named: database.write(lambda c: query(c, *args, **named))


@pytest.fixture
def read(database: Database) -> Callable[..., Any]:
    return lambda query, *args, **named: database.read(lambda c: query(c, *args, **named))


# The database


def test_what_was_written_is_there_after_a_restart(place, database):
    database.write(lambda c: runs.record(c, "backup", NOON, now=NOON, trigger="schedule"))
    database.close()
    reopened = Database.open(place)
    assert [run.job for run in reopened.read(runs.page)] == ["backup"]
    reopened.close()


def test_a_write_that_raises_is_rolled_back_and_raises_in_the_caller(database, read):
    def half(c: Connection) -> None:
        runs.record(c, "backup", NOON, now=NOON, trigger="schedule")
        raise ZeroDivisionError("in the middle")

    with pytest.raises(ZeroDivisionError, match="in the middle"):
        database.write(half)
    assert read(runs.page) == []


def test_a_query_that_breaks_a_rule_keeps_its_own_error(write):
    with pytest.raises(IntegrityError):
        write(tasks.add, run_id=4711, kind="train")


def test_readers_cannot_write(database):
    with pytest.raises((DBAPIError, NightdeskError)):
        database.read(lambda c: runs.record(c, "backup", NOON, now=NOON, trigger="schedule"))
    assert database.read(runs.page) == []


def test_a_reader_sees_one_moment_however_much_is_written_meanwhile(place, database):
    def look(c: Connection) -> tuple[int, int]:
        before = len(runs.page(c))
        other = threading.Thread(
            target=lambda: database.write(lambda w: runs.record(w, "backup", NOON, now=NOON, trigger="manual"))
        )
        other.start()
        other.join()
        return before, len(runs.page(c))

    assert database.read(look) == (0, 0)
    assert len(database.read(runs.page)) == 1


def test_writing_inside_a_write_is_refused_and_not_a_deadlock(database):
    with pytest.raises(RuntimeError, match="pass the connection on"):
        database.write(lambda _: database.write(runs.any_run))


def test_a_closed_database_takes_no_more_work(database):
    database.close()
    with pytest.raises(StoreError, match="closed"):
        database.write(runs.any_run)
    assert database.tick() == float("inf")


def test_a_write_that_comes_while_the_database_closes_is_refused_and_not_forgotten(database):
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Connection) -> bool:
        begun.set()
        return go_on.wait(10)

    with ThreadPoolExecutor(3) as pool:
        early = pool.submit(database.write, slow)
        assert begun.wait(10)
        closing = pool.submit(database.close)
        threading.Event().wait(0.1)
        late = pool.submit(database.write, runs.any_run)
        with pytest.raises(StoreError, match="closed"):
            late.result(5)
        go_on.set()
        assert early.result(10)
        closing.result(10)


def test_the_writer_reports_how_long_its_current_write_has_taken(database):
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: Connection) -> bool:
        begun.set()
        return go_on.wait(10)

    assert database.tick() == 0.0
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(database.write, slow)
        assert begun.wait(10)
        threading.Event().wait(0.05)
        assert database.tick() >= 0.05
        assert database.problems(patience=0.01) == ["store.stalled"]
        go_on.set()
        assert answer.result(10)
    database.write(runs.any_run)
    assert database.problems(patience=10.0) == []


def test_every_committed_write_is_counted(database):
    before = database.changes
    database.write(runs.any_run)
    with pytest.raises(ZeroDivisionError):
        database.write(lambda _: 1 / 0)
    assert database.changes == before + 1


def test_an_instant_comes_back_equal_and_in_utc_whatever_zone_it_had(database):
    there = datetime(2026, 3, 2, 7, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    run = database.write(lambda c: runs.record(c, "backup", there, now=there, trigger="manual"))
    assert run.scheduled_for == there
    assert run.scheduled_for.utcoffset() == timedelta(0)


def test_an_instant_without_a_zone_is_refused(write):
    with pytest.raises(Exception, match="no time zone"):
        write(runs.record, "backup", NOON.replace(tzinfo=None), now=NOON, trigger="manual")


def test_a_document_with_nan_is_refused_where_it_is_written(write, read):
    with pytest.raises(Exception, match="not JSON compliant"):
        write(add_version, "v1", metrics={"sharpe_ratio": float("nan")})
    assert read(versions.versions) == []


def test_a_database_of_another_program_is_left_alone(place):
    engine = _engine(place)
    with engine.begin() as c:
        c.execute(text("CREATE TABLE runs (id integer)"))
    engine.dispose()
    with pytest.raises(NightdeskError, match="not Nightdesk's: runs") as caught:
        Database.open(place)
    assert caught.value.code == "store.foreign"


def test_a_database_of_a_newer_nightdesk_is_refused_with_a_cure(place, database):
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close()
    with pytest.raises(NightdeskError, match="revision 9999") as caught:
        Database.open(place)
    assert caught.value.code == "store.newer"
    assert "newer Nightdesk" in caught.value.cure


# The schema


def _engine(place: Path | str) -> Any:
    return engines.sqlite_engine(place) if isinstance(place, Path) else engines.postgresql_engine(place)


def _differences(c: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(c, opts={"compare_server_default": True}), metadata)


def test_a_new_database_has_the_tables_of_the_code(database):
    assert database.write(_differences) == []
    assert database.write(schema.version) == schema.HEAD


def test_migrating_from_nothing_gives_the_tables_of_the_code(place):
    engine = _engine(place)
    with engine.begin() as c:
        schema.migrate(c)
    with engine.begin() as c:
        assert _differences(c) == []
        assert schema.version(c) == schema.HEAD
    engine.dispose()
    Database.open(place).close()


def test_an_older_database_is_migrated_when_it_is_opened(place):
    engine = _engine(place)
    with engine.begin() as c:
        c.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    engine.dispose()
    opened = Database.open(place)
    assert opened.write(_differences) == []
    opened.close()


# The run ledger


def _recorded(write: Callable[..., Any], job: str = "training", **facts: Any) -> Any:
    return write(runs.record, job, facts.pop("at", NOON), **({"now": NOON, "trigger": "schedule"} | facts))


def test_an_occurrence_is_recorded_once(write, read):
    first = _recorded(write, chain=("evaluation", "signals"), options=RunOptions(symbols=["AAPL"]))
    assert _recorded(write) is None
    assert read(runs.page) == [first]
    assert (first.state, first.attempt, first.chain, first.options) == (
        "due",
        1,
        ("evaluation", "signals"),
        RunOptions(symbols=["AAPL"]),
    )


def test_a_missed_occurrence_is_recorded_at_its_end(write):
    missed = _recorded(write, state="missed", cause="desk.down")
    assert (missed.state, missed.finished_at, missed.cause) == ("missed", NOON, "desk.down")


def test_a_miss_noted_by_a_clock_that_ran_ahead_does_not_cost_the_night(write):
    _recorded(write, state="missed", now=NOON + 90 * DAY)
    assert _recorded(write, now=NOON).state == "due"
    assert _recorded(write, now=NOON) is None


def test_a_run_done_by_a_clock_that_ran_ahead_is_not_done_again(write):
    _recorded(write, now=NOON + 90 * DAY)
    assert _recorded(write, now=NOON) is None


def test_requests_at_one_instant_are_separate_runs_and_replace_no_scheduled_one(write):
    requested = [write(runs.request, "training", now=NOON, trigger="manual") for _ in range(3)]
    assert len({run.id for run in requested}) == 3
    assert all(run.not_before == NOON for run in requested)
    assert _recorded(write) is not None


def test_of_many_who_claim_a_run_one_wins(place, write, read):
    run = _recorded(write)
    start = threading.Barrier(8)

    def claim(number: int) -> bool:
        rival = Database.open(place)
        start.wait(20)
        won = rival.write(lambda c: runs.claim(c, run.id, Owner(number, number, "boot"), NOON))
        rival.close()
        return won

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(claim, range(8)))
    assert sum(wins) == 1
    assert read(runs.get, run.id).owner.pid == wins.index(True)


def test_a_claimed_run_waits_then_runs_then_ends(write, read):
    run = _recorded(write)
    assert not write(runs.move, run.id, "running", NOON), "only a claim takes a due run"
    assert write(runs.claim, run.id, ME, NOON, "waiting", settings_fingerprint="f" * 64)
    waiting = read(runs.get, run.id)
    assert (waiting.state, waiting.started_at, waiting.owner, waiting.settings_fingerprint) == (
        "waiting",
        None,
        ME,
        "f" * 64,
    )
    assert write(runs.move, run.id, "running", NOON + SECOND)
    assert read(runs.get, run.id).started_at == NOON + SECOND
    assert read(runs.active, "training")
    assert write(runs.finish, run.id, "succeeded", NOON + 2 * SECOND, detail={"models": 4}, attempts=3) is None
    ended = read(runs.get, run.id)
    assert (ended.state, ended.finished_at, ended.detail) == ("succeeded", NOON + 2 * SECOND, {"models": 4})
    assert not read(runs.active)


def test_an_end_is_final(write, read):
    run = _recorded(write)
    write(runs.claim, run.id, ME, NOON)
    write(runs.finish, run.id, "failed", NOON, cause="data.empty", attempts=3)
    assert write(runs.finish, run.id, "succeeded", NOON, attempts=3) is None
    assert not write(runs.move, run.id, "running", NOON)
    assert not write(runs.claim, run.id, ME, NOON)
    assert read(runs.get, run.id).cause == "data.empty"


def test_the_last_result_of_a_job_ignores_missed_cancelled_and_overlapping_runs(write, read):
    assert read(runs.last_result, "training") is None
    failed = _recorded(write)
    write(runs.claim, failed.id, ME, NOON)
    write(runs.finish, failed.id, "failed", NOON, cause="data.empty", attempts=1)
    _recorded(write, at=NOON + DAY, state="missed", cause="desk.down")
    _recorded(write, at=NOON + 2 * DAY, state="skipped", cause="overlap")
    cancelled = _recorded(write, at=NOON + 3 * DAY)
    write(runs.finish, cancelled.id, "cancelled", NOON, cause="person", attempts=1)
    later = _recorded(write, at=NOON + 4 * DAY, not_before=NOON + 4 * DAY)
    assert read(runs.last_result, "training").id == failed.id
    assert [run.id for run in read(runs.pending)] == [later.id]
    write(runs.claim, later.id, ME, NOON)
    assert [run.id for run in read(runs.pending)] == [later.id]
    write(runs.finish, later.id, "skipped", NOON, cause="data.stale", attempts=1)
    assert read(runs.last_result, "training").id == later.id
    assert read(runs.last_result, "evaluation") is None
    assert read(runs.pending) == []


def test_a_run_for_one_target_return_is_no_result_of_the_job(write, read):
    night = write(lambda c: runs.request(c, "signals", now=NOON, trigger="manual"))
    target = RunOptions(target=TargetRequest(subject="trader:0x6031", target_return=0.3))
    asked = write(lambda c: runs.request(c, "signals", now=NOON + SECOND, trigger="manual", options=target))
    for run, end in ((night, "succeeded"), (asked, "failed")):
        write(runs.claim, run.id, ME, NOON)
        write(runs.finish, run.id, end, NOON + 2 * SECOND, attempts=1)
    assert read(runs.last_result, "signals").id == night.id
    assert read(lambda c: runs.last_result(c, "signals", one_target=True)).id == asked.id
    assert read(overview.desk_record, {Target("trader:0x6031", "cloner")}, NOON).results["signals"].id == night.id
    assert run_ended(read(runs.get, asked.id)) is None


def test_the_record_of_the_desk_counts_the_configured_champions_and_the_last_expiry(write, read):
    settings, targets = Settings(symbols=("AAPL",)), {Target("AAPL", "cloner")}
    assert read(overview.desk_record, targets, NOON) == DeskRecord({}, [], 0, None, [], {}, None, [])
    for symbol in ("AAPL", "MSFT"):
        version = write(add_version, "v1", subject=symbol)
        write(servings.serve, symbol, "cloner", version.id, NOON, why="better", author="evaluation")
        write(publish, version, NOON)
    run = _recorded(write)
    record = read(overview.desk_record, targets, NOON)
    assert (record.champions, record.signals_expire) == (1, NOON + DAY)
    assert [pending.id for pending in record.pending] == [run.id]
    write(alerts.observe, event("disk.full", "disk", "The disk is full.", "Free space."), settings, NOON)
    assert [alert.rule for alert in read(overview.desk_record, targets, NOON).firing] == ["disk.full"]


def test_a_run_ends_only_in_an_end(write):
    run = _recorded(write)
    with pytest.raises(ValueError, match="not an end"):
        write(runs.finish, run.id, "running", NOON, attempts=3)


@pytest.mark.parametrize("end", ["succeeded", "partial", "failed", "skipped", "timed_out"])
def test_the_night_goes_on_after_any_end_of_its_own(write, read, end):
    run = _recorded(write, chain=("evaluation", "signals"), options=RunOptions(symbols=["AAPL"]))
    write(runs.claim, run.id, ME, NOON)
    following = write(runs.finish, run.id, end, NOON + SECOND, attempts=3)
    assert (following.job, following.trigger, following.chain) == ("evaluation", "chain", ("signals",))
    assert (following.state, following.parent_id, following.options) == ("due", run.id, RunOptions(symbols=["AAPL"]))
    assert read(runs.follower, run.id) == following
    assert read(runs.due, NOON + SECOND) == [following]


def test_a_person_who_cancels_a_run_cancels_the_rest_of_its_night(write, read):
    run = _recorded(write, chain=("evaluation",))
    assert write(runs.finish, run.id, "cancelled", NOON, cause="person", attempts=3) is None
    assert read(runs.due, NOON + DAY) == []


def test_a_crash_is_tried_again_with_its_chain_until_the_attempts_are_spent(write, read):
    run, attempts = _recorded(write, chain=("evaluation",)), []
    while run.job == "training":
        attempts.append(run.attempt)
        write(runs.claim, run.id, ME, run.not_before)
        run = write(runs.finish, run.id, "crashed", run.not_before, attempts=3, retry_delay=SECOND)
    assert attempts == [1, 2, 3]
    assert (run.job, run.trigger, run.not_before) == ("evaluation", "chain", NOON + 2 * SECOND)
    retried = [(r.state, r.trigger, r.scheduled_for) for r in read(runs.page, job="training")]
    assert retried == [("crashed", "retry", NOON), ("crashed", "retry", NOON), ("crashed", "schedule", NOON)]


def test_a_retry_waits_for_its_delay(write, read):
    run = _recorded(write)
    write(runs.claim, run.id, ME, NOON)
    retry = write(runs.finish, run.id, "crashed", NOON, attempts=3, retry_delay=timedelta(minutes=5))
    assert read(runs.due, NOON + timedelta(minutes=4)) == []
    assert read(runs.due, NOON + timedelta(minutes=5)) == [retry]


def test_a_shutdown_uses_up_no_attempt(write):
    run = _recorded(write)
    for expected in range(2, 7):
        write(runs.claim, run.id, ME, NOON)
        run = write(runs.finish, run.id, "cancelled", NOON, cause="shutdown", attempts=1)
        assert (run.attempt, run.trigger) == (expected, "retry")
    write(runs.claim, run.id, ME, NOON)
    assert write(runs.finish, run.id, "crashed", NOON, attempts=1) is None


def test_only_a_transient_failure_is_tried_again(write):
    run = _recorded(write)
    write(runs.claim, run.id, ME, NOON)
    retry = write(runs.finish, run.id, "failed", NOON, cause="data.unreachable", attempts=2, transient=True)
    assert retry.attempt == 2
    write(runs.claim, retry.id, ME, NOON)
    assert write(runs.finish, retry.id, "failed", NOON, attempts=2, transient=True) is None


def test_the_oldest_due_occurrence_comes_first(write, read):
    late = _recorded(write, at=NOON - SECOND)
    early = _recorded(write, job="data_update", at=NOON - DAY)
    _recorded(write, job="backup", not_before=NOON + SECOND)
    assert read(runs.due, NOON) == [early, late]


def test_orphans_are_the_claimed_runs_of_the_dead(write, read):
    mine, dead = _recorded(write), _recorded(write, job="backup")
    write(runs.claim, mine.id, ME, NOON)
    write(runs.claim, dead.id, DEAD, NOON, "waiting")
    _recorded(write, job="maintenance")
    assert [run.id for run in read(runs.orphans, leased=False)] == [dead.id]


def test_with_the_lease_every_other_owner_is_dead_and_without_it_one_of_this_namespace_is_looked_for(write, read):
    other = replace(ME, instance="another")  # alive, as far as its pid says
    hidden = replace(other, namespace="pid:[1]")
    for job, owner in (("backup", ME), ("training", other), ("signals", hidden)):
        write(runs.claim, _recorded(write, job=job).id, owner, NOON)
    assert [run.job for run in read(runs.orphans, leased=True)] == ["training", "signals"]
    assert [run.job for run in read(runs.orphans, leased=False)] == ["signals"]


def test_runs_are_numbered_above_what_files_have_used(write, read):
    assert _recorded(write).id == 1
    write(desks.enter, "d" * 32, instance="me", host="here", now=NOON)
    assert _recorded(write, job="backup").id == 2
    write(desks.continue_above, 40)
    assert [_recorded(write, job=job).id for job in ("signals", "maintenance")] == [41, 42]
    write(desks.enter, "d" * 32, instance="another", host="there", now=NOON + DAY)
    assert _recorded(write, job="evaluation").id == 43
    row = read(desks.current)
    assert (row.id, row.instance, row.host, row.made_at, row.since) == ("d" * 32, "another", "there", NOON, NOON + DAY)


def test_a_process_that_another_has_followed_writes_no_more_and_its_database_says_so(database, write):
    write(desks.enter, "d" * 32, instance="first", host="here", now=NOON)
    database.require("first")
    _recorded(write)
    database.require("nobody")
    with pytest.raises(StoreError) as caught:
        _recorded(write, job="backup")
    assert caught.value.code == "store.taken"
    assert database.fatal == caught.value
    assert "store.taken" in database.problems(10.0)
    assert [run.job for run in database.read(runs.page)] == ["training"]


def test_a_probe_reads_and_finds_nothing_wrong(database, write):
    write(desks.enter, "d" * 32, instance="first", host="here", now=NOON)
    database.require("first")
    database.probe()
    assert database.problems(10.0) == []
    assert database.fatal is None
    write(desks.enter, "d" * 32, instance="first", host="here", now=NOON)
    database.require("second")
    database.probe()
    assert database.problems(10.0) == ["store.taken"]


def test_the_last_scheduled_occurrence_is_the_schedules_own_and_not_of_the_future(write, read):
    assert read(runs.last_scheduled, "training", NOON) is None
    _recorded(write, at=NOON - 3 * DAY)
    _recorded(write, at=NOON - 2 * DAY, state="missed", trigger="schedule")
    write(runs.request, "training", now=NOON - DAY, trigger="manual")
    _recorded(write, job="backup", at=NOON)
    assert read(runs.last_scheduled, "training", NOON) == NOON - 2 * DAY
    _recorded(write, at=NOON + 300 * DAY, trigger="catch_up")
    assert read(runs.last_scheduled, "training", NOON) == NOON - 2 * DAY


def test_runs_are_read_in_pages_from_the_newest(write, read):
    recorded = [_recorded(write, at=NOON + number * DAY).id for number in range(5)]
    newest = read(runs.page, limit=2)
    older = read(runs.page, limit=2, before=newest[-1].id)
    assert [run.id for run in newest + older] == recorded[:0:-1]
    assert read(runs.page, job="training", state="missed") == []


def test_the_first_run_of_a_desk_is_noticed(write, read):
    assert not read(runs.any_run)
    assert not read(runs.unfinished, "training")
    _recorded(write)
    assert read(runs.any_run)
    assert read(runs.unfinished, "training")
    assert not read(runs.unfinished, "backup")


def test_tasks_end_once_and_with_their_result(write, read):
    run = _recorded(write)
    task = write(tasks.add, run.id, "train", subject="AAPL", model_type="cloner", iteration=2)
    assert write(tasks.start, task.id, NOON)
    assert not write(tasks.start, task.id, NOON)
    assert write(tasks.finish, task.id, "succeeded", NOON + SECOND, result={"version": "v1"})
    assert not write(tasks.finish, task.id, "failed", NOON + DAY, cause="too.late")
    (ended,) = read(tasks.of, run.id)
    assert (ended.state, ended.result, ended.cause, ended.iteration) == ("succeeded", {"version": "v1"}, None, 2)
    with pytest.raises(ValueError, match="not an end"):
        write(tasks.finish, task.id, "running", NOON)


@pytest.mark.parametrize(
    ("end", "state"),
    [("crashed", "crashed"), ("timed_out", "timed_out"), ("cancelled", "cancelled"), ("partial", "cancelled")],
)
def test_the_end_of_a_run_closes_the_tasks_it_left_unfinished(write, read, end, state):
    run = _recorded(write)
    write(runs.claim, run.id, ME, NOON)
    done, begun, _ = (write(tasks.add, run.id, "train", subject=subject) for subject in ("A", "B", "C"))
    write(tasks.finish, done.id, "succeeded", NOON)
    write(tasks.start, begun.id, NOON)
    write(runs.finish, run.id, end, NOON + SECOND, cause="why", attempts=1)
    assert [task.state for task in read(tasks.of, run.id)] == ["succeeded", state, state]
    assert [task.cause for task in read(tasks.of, run.id)] == [None, "why", "why"]


# Model versions


def test_a_version_is_recorded_once_and_found_by_its_name(write, read):
    first = write(add_version, "v1")
    with pytest.raises(LookupError):
        write(add_version, "v1")
    write(add_version, "v1", subject="MSFT")
    assert read(versions.find, "AAPL", "cloner", "v1") == first == read(versions.version, first.id)
    assert read(versions.find, "AAPL", "cloner", "v2") is None
    assert first.metrics == {"accuracy": 0.6, "undefined": None}


def test_serving_moves_the_pointer_and_writes_the_ledger_in_one_step(write, read):
    one, two = write(add_version, "v1"), write(add_version, "v2")
    assert write(servings.serve, "AAPL", "cloner", one.id, NOON, why="first", author="evaluation run 1")
    assert write(servings.serve, "AAPL", "cloner", two.id, NOON + DAY, why="better", author="evaluation run 2")
    assert read(versions.champion, "AAPL", "cloner").id == two.id
    assert [version.id for version in read(versions.champions)] == [two.id]
    assert read(versions.version, one.id).state == "retired"
    assert [(s.version_id, s.why) for s in read(servings.history, "AAPL", "cloner")] == [
        (two.id, "better"),
        (one.id, "first"),
    ]
    assert read(servings.predecessor, "AAPL", "cloner").id == one.id


def test_a_rollback_leads_back_to_the_version_before(write, read):
    one, two = write(add_version, "v1"), write(add_version, "v2")
    for number, version in enumerate((one, two, one)):
        assert write(servings.serve, "AAPL", "cloner", version.id, NOON + number * DAY, why="w", author="person")
    assert read(versions.champion, "AAPL", "cloner").id == one.id
    assert read(servings.predecessor, "AAPL", "cloner").id == two.id
    assert len(read(servings.history)) == 3


def test_a_champion_that_stops_leaves_its_place_empty_and_the_ledger_says_why(write, read):
    version = write(add_version, "v1")
    write(servings.serve, "AAPL", "cloner", version.id, NOON, why="first", author="evaluation run 1")
    champion = read(versions.champion, "AAPL", "cloner")
    assert write(servings.stop, champion, NOON + DAY, why="its recipe is refuted", author="evaluation run 2")
    assert read(versions.champion, "AAPL", "cloner") is None
    assert read(versions.version, version.id).state == "retired"
    [newest, first] = read(servings.history, "AAPL", "cloner")
    assert (newest.action, newest.serving_from, newest.author) == ("stop", NOON + DAY, "evaluation run 2")
    assert first.action == "serve"
    assert not write(servings.stop, champion, NOON + DAY, why="again", author="me")
    assert len(read(servings.history)) == 2
    places = {Target("AAPL", "cloner")}
    assert read(overview.desk_record, places, NOON).stopped == (newest,)
    assert read(overview.desk_record, {Target("MSFT", "cloner")}, NOON).stopped == ()
    assert write(servings.serve, "AAPL", "cloner", version.id, NOON + 2 * DAY, why="next best", author="evaluation")
    assert read(overview.desk_record, places, NOON).stopped == ()


def test_the_newest_comparison_of_a_subject_is_what_recommends(write, read):
    named = {"recommended": "ppo v2", "recommendation": "Rely on it."}
    nothing = {"recommended": None, "recommendation": "Stay in cash."}
    compared = ({"AAPL": nothing, "MSFT": named}, {"AAPL": named}, {"MSFT": nothing})
    for night, recommendations in enumerate(compared):
        run = _recorded(write, job="evaluation", at=NOON + night * DAY)
        write(runs.claim, run.id, ME, NOON)
        detail = {"recommendations": recommendations}
        write(runs.finish, run.id, "succeeded", NOON + night * DAY, detail=detail, attempts=3)
    assert read(overview.recommendations) == {"AAPL": "ppo v2"}


def test_a_pin_holds_until_it_is_taken_away_or_another_version_serves(write, read):
    one, two = write(add_version, "v1"), write(add_version, "v2")
    assert not read(servings.pinned, "AAPL", "cloner")
    write(servings.serve, "AAPL", "cloner", one.id, NOON, why="first", author="me")
    write(servings.pin, one, NOON, pinned=True, why="I insist", author="ana")
    assert read(servings.pinned, "AAPL", "cloner")
    assert not read(servings.pinned, "MSFT", "cloner")
    write(servings.pin, one, NOON, pinned=False, why="enough", author="ana")
    assert not read(servings.pinned, "AAPL", "cloner")
    write(servings.pin, one, NOON, pinned=True, why="I insist", author="ana")
    write(servings.serve, "AAPL", "cloner", two.id, NOON, why="a person", author="ana")
    assert not read(servings.pinned, "AAPL", "cloner")
    assert [entry.action for entry in read(servings.history)] == ["serve", "pin", "unpin", "pin", "serve"]


def test_a_rollback_ignores_pins_and_stops(write, read):
    one, two = write(add_version, "v1"), write(add_version, "v2")
    for version in (one, two):
        write(servings.serve, "AAPL", "cloner", version.id, NOON, why="w", author="me")
    write(servings.pin, two, NOON, pinned=True, why="I insist", author="ana")
    assert read(servings.predecessor, "AAPL", "cloner").id == one.id


def test_what_may_not_serve_does_not(write, read):
    good, other = write(add_version, "v1"), write(add_version, "v2", subject="MSFT")
    broken = write(add_version, "v3", state="quarantined")
    write(servings.serve, "AAPL", "cloner", good.id, NOON, why="first", author="me")
    for version_id in (other.id, broken.id, good.id, 4711):
        assert not write(servings.serve, "AAPL", "cloner", version_id, NOON, why="no", author="me")
    assert read(versions.champion, "AAPL", "cloner").id == good.id
    assert len(read(servings.history)) == 1


def test_a_pair_never_has_two_champions(write):
    write(servings.serve, "AAPL", "cloner", write(add_version, "v1").id, NOON, why="first", author="me")
    with pytest.raises(IntegrityError):
        write(add_version, "v2", state="champion")
    with pytest.raises(ValueError, match="serve"):
        write(versions.set_state, 1, "champion", ("challenger",))


def test_a_state_changes_only_from_where_it_may(write, read):
    version = write(add_version, "v1")
    assert not write(versions.set_state, version.id, "deleted", ("retired", "rejected"))
    assert write(versions.set_state, version.id, "rejected", ("challenger",))
    assert read(versions.challengers, "AAPL", "cloner") == []
    assert read(versions.version, version.id).state == "rejected"


def test_retention_spares_the_champion_its_predecessor_challengers_and_the_newest(write, read):
    old = [write(add_version, f"v{number}") for number in range(6)]
    for version in old[:3]:
        write(servings.serve, "AAPL", "cloner", version.id, NOON, why="w", author="me")
    write(versions.set_state, old[3].id, "rejected", ("challenger",))
    newest = [write(add_version, f"n{number}", state="rejected") for number in range(3)]
    write(add_version, "other", subject="MSFT", state="rejected")
    assert {version.id for version in read(servings.expendable, 3)} == {old[0].id, old[3].id}
    assert not {version.id for version in newest} & {version.id for version in read(servings.expendable, 1)}


def judge_at(write, version: Version, sharpe: float | None, verdict: str = "refused", **changes: Any) -> Evaluation:
    new = evaluations.NewEvaluation(
        run_id=None,
        version_id=version.id,
        champion_id=None,
        dataset="d" * 64,
        first=NOON - DAY,
        last=NOON,
        evaluated_at=NOON,
        metrics={"sharpe_ratio": sharpe, "calmar_ratio": None},
        verdict=verdict,
        reasons=["not_surely_better"],
        report="results/evaluation-1/report.json",
        **changes,
    )
    return write(evaluations.add, new)


def test_each_recipe_that_challenged_counts_once_for_its_place(write, read):
    rivals = [write(add_version, f"v{number}", recipe=recipe) for number, recipe in enumerate("aab")]
    for version in rivals:
        judge_at(write, version, 1.0, kind="challenge")
    judge_at(write, write(add_version, "v9", recipe="c"), 1.0, kind="refresh")
    judge_at(write, write(add_version, "v1", subject="MSFT", recipe="d"), 1.0, kind="challenge")
    assert read(evaluations.challenges, "AAPL", "cloner") == 2
    assert read(evaluations.challenges, "AAPL", "cloner", besides="a") == 1
    assert read(evaluations.challenges, "AAPL", "cloner", besides="e") == 2


# Records


def put_progress(write, recipe: str = "a" * 64, **changes: Any) -> RecordRow:
    values: dict[str, Any] = {
        "subject": "AAPL", "model_type": "cloner", "recipe": recipe, "provenance": "yahoo", "params": {"trees": 50},
        "seed": 42, "window": 1825, "run_id": None, "folds": 9, "missing": 4, "restarted": 0, "facts": None,
    }  # fmt: skip
    at = changes.pop("at", NOON)
    return write(records.put, records.RecordProgress(**(values | changes)), at)


def test_a_new_record_begins_unproven_and_without_facts(write, read):
    row = put_progress(write)
    assert (row.standing, row.standing_since, row.sentence) == ("unproven", NOON, "Has no record yet.")
    assert (row.in_use, row.restarts, row.facts, row.params) == (True, 0, None, {"trees": 50})
    assert read(records.find, "AAPL", "cloner", "a" * 64, "yahoo") == row
    assert read(records.find, "AAPL", "cloner", "a" * 64, "sample") is None
    assert records.rank(row) == float("-inf")


def test_a_record_is_written_over_by_its_next_night_and_keeps_its_standing(write, read):
    first = put_progress(write)
    write(records.set_standing, first, "proven", "Earned more than cash.", NOON + DAY)
    later = put_progress(write, missing=0, at=NOON + 2 * DAY, facts={"figures": {"sharpe_ratio": 1.5}})
    assert (later.id, later.started_at, later.updated_at) == (first.id, NOON, NOON + 2 * DAY)
    assert (later.standing, later.standing_since, later.missing) == ("proven", NOON + DAY, 0)
    assert records.rank(later) == 1.5
    assert read(records.of) == [later]


def test_a_standing_that_stays_keeps_its_date(write, read):
    row = put_progress(write)
    write(records.set_standing, row, "unproven", "Its record is short.", NOON + DAY)
    (row,) = read(records.of)
    assert (row.standing_since, row.sentence) == (NOON, "Its record is short.")
    write(records.set_standing, row, "refuted", "x" * 900, NOON + DAY)
    (row,) = read(records.of)
    assert (row.standing_since, len(row.sentence)) == (NOON + DAY, 512)


def test_recipes_records_made_anew_and_measured_trials_are_all_tries(write, read):
    assert read(records.tried) == 0
    put_progress(write)
    put_progress(write, "b" * 64)
    put_progress(write, provenance="sample")
    assert read(records.tried) == 3
    put_progress(write, "b" * 64, restarted=5)  # one revision, however many folds saw it
    put_progress(write, "b" * 64, restarted=0)
    assert read(records.tried) == 4
    for number, state in enumerate(("complete", "pruned", "failed")):
        begun = write(trials.add, _trial(number))
        write(trials.finish, begun.id, state, NOON, value=9.0 if state == "complete" else None)
    write(trials.add, _trial(3))  # still running
    assert read(records.tried) == 6


def test_a_record_that_is_no_longer_in_use_stays_and_counts(write, read):
    first, second = put_progress(write), put_progress(write, "b" * 64)
    elsewhere = put_progress(write, subject="MSFT")
    write(records.keep_in_use, "AAPL", "cloner", {second.recipe})
    assert [row.id for row in read(records.of, in_use=True)] == [second.id, elsewhere.id]
    assert [row.id for row in read(records.of, "AAPL", "cloner", in_use=False)] == [first.id]
    assert read(records.tried) == 3
    assert put_progress(write).in_use


def _trial(number: int, **changes: Any) -> trials.NewTrial:
    facts = {"run_id": None, "subject": "AAPL", "model_type": "cloner", "study": "spring", "params": {"trees": 50}}
    return trials.NewTrial(number=number, dataset="d" * 64, started_at=NOON, **(facts | changes))


def test_a_trial_is_recorded_once_and_ends_once_with_its_value(write, read):
    begun = write(trials.add, _trial(0, params={"trees": 50, "depth": None}))
    assert write(trials.add, _trial(0)) is None
    assert (begun.state, begun.value, begun.intermediate, begun.finished_at) == ("running", None, {}, None)
    assert write(trials.finish, begun.id, "complete", NOON + DAY, value=1.5, intermediate={20: 1.5, 10: 0.5})
    assert not write(trials.finish, begun.id, "failed", NOON + 2 * DAY)
    (ended,) = read(trials.of, "AAPL", "cloner")
    assert (ended.state, ended.value, ended.finished_at) == ("complete", 1.5, NOON + DAY)
    assert ended.intermediate == {10: 0.5, 20: 1.5}
    assert ended.params == {"trees": 50, "depth": None}


def test_a_trial_ends_only_in_an_end_and_complete_only_with_a_value(write, read):
    begun = write(trials.add, _trial(0))
    with pytest.raises(ValueError, match="not an end"):
        write(trials.finish, begun.id, "running", NOON)
    with pytest.raises(ValueError, match="has a value"):
        write(trials.finish, begun.id, "complete", NOON)
    assert read(trials.of, "AAPL", "cloner")[0].state == "running"


def test_trials_are_listed_by_subject_model_type_and_study(write, read):
    universe = write(trials.add, _trial(0, subject="universe"))
    first = [write(trials.add, _trial(number)) for number in (1, 0)]
    second = write(trials.add, _trial(0, study="autumn"))
    assert read(trials.of, "AAPL", "cloner") == [*first, second]
    assert read(trials.of, "AAPL", "cloner", "autumn") == [second]
    assert read(trials.of, "universe", "cloner") == [universe]


def test_evaluations_are_read_newest_first(write, read):
    version = write(add_version, "v1")
    judged = [judge_at(write, version, 1.25, verdict) for verdict in ("refused", "takes_over")]
    assert read(evaluations.history, version.id) == judged[::-1]
    assert read(evaluations.latest, version.id) == judged[1]
    assert read(evaluations.history, before=judged[1].id) == judged[:1]
    assert read(evaluations.latest, 4711) is None


# Signals, datasets, measurements, jobs


def test_a_version_publishes_one_signal_for_a_bar(write, read):
    version = write(add_version, "v1")
    assert write(publish, version, NOON)
    assert not write(publish, version, NOON, action="sell", position=-1.0)
    assert write(publish, version, NOON + DAY)
    assert [signal.action for signal in read(signals.history, "AAPL", "cloner")] == ["buy", "buy"]
    assert len(read(signals.history, since=NOON + DAY)) == 1


def test_signals_of_a_target_return_stand_beside_those_of_a_model_by_itself(write, read):
    version = write(add_version, "v1")
    write(servings.serve, "AAPL", "cloner", version.id, NOON, why="w", author="me")
    assert [write(publish, version, NOON, target=target) for target in ("", "0.02", "0.02", "")] == [1, 1, 0, 0]
    assert [signal.target for signal in read(signals.latest)] == ["", "0.02"]
    assert [signal.target for signal in read(signals.history, "AAPL", "cloner")] == [""]
    assert [len(read(signals.page, "AAPL", target=target)) for target in (None, "0.02", "")] == [2, 1, 1]


def test_the_latest_signal_of_each_pair_is_about_its_newest_bar(write, read):
    one, other = write(add_version, "v1"), write(add_version, "v1", subject="MSFT")
    for version in (one, other):
        write(servings.serve, version.subject, "cloner", version.id, NOON, why="w", author="me")
        for days in (1, 0, -1):
            write(publish, version, NOON + days * DAY)
    assert [(s.symbol, s.bar_time) for s in read(signals.latest)] == [("AAPL", NOON + DAY), ("MSFT", NOON + DAY)]
    assert [s.symbol for s in read(signals.latest, "MSFT")] == ["MSFT"]


def test_a_version_over_a_universe_publishes_a_signal_for_each_symbol(write, read):
    version = write(add_version, "v1", subject="universe")
    write(servings.serve, "universe", "cloner", version.id, NOON, why="w", author="me")
    for symbol in ("AAPL", "MSFT"):
        assert write(publish, version, NOON, symbol=symbol)
        assert not write(publish, version, NOON, symbol=symbol, position=-1.0)
    assert write(publish, version, NOON + DAY, symbol="MSFT")
    assert [(s.subject, s.symbol, s.bar_time) for s in read(signals.latest)] == [
        ("universe", "AAPL", NOON),
        ("universe", "MSFT", NOON + DAY),
    ]
    assert [s.symbol for s in read(signals.latest, "AAPL")] == ["AAPL"]
    assert len(read(signals.latest, "universe")) == 2
    assert [s.bar_time for s in read(signals.page, "MSFT")] == [NOON + DAY, NOON]
    assert len(read(signals.page, "universe")) == 3
    assert len(read(signals.history, "universe", "cloner", symbol="MSFT")) == 2


def test_two_subjects_may_publish_signals_of_one_symbol(write, read):
    for subject in ("AAPL", "universe"):
        version = write(add_version, "v1", subject=subject)
        write(servings.serve, subject, "cloner", version.id, NOON, why="w", author="me")
        assert write(publish, version, NOON, symbol="AAPL")
    assert [s.subject for s in read(signals.latest, "AAPL")] == ["AAPL", "universe"]
    assert [s.subject for s in read(signals.history, "AAPL", "cloner")] == ["AAPL"]


def test_a_market_whose_last_signal_had_expired_is_no_longer_among_the_latest(write, read):
    trader = f"trader:0x{'a' * 40}"
    version = write(add_version, "v1", subject=trader)
    write(servings.serve, trader, "cloner", version.id, NOON, why="w", author="me")
    markets = ["ethereum-up-or-down-january-8-11am-et", "ethereum-up-or-down-january-8-12pm-et"]
    for hour, market in enumerate(markets):
        at = NOON + timedelta(hours=hour)
        assert write(publish, version, at, symbol=market, expires_at=at + timedelta(minutes=30))
    assert [s.symbol for s in read(signals.latest)] == markets[1:]
    assert [s.symbol for s in read(signals.page, trader)] == markets[::-1]


def test_after_a_rollback_the_latest_signal_is_the_older_one_of_the_champion(write, read):
    one, two = write(add_version, "v1"), write(add_version, "v2")
    for version in (one, two):
        write(servings.serve, "AAPL", "cloner", version.id, NOON, why="w", author="me")
        write(publish, version, NOON)
    assert [signal.version_id for signal in read(signals.latest)] == [two.id]
    write(servings.serve, "AAPL", "cloner", one.id, NOON, why="rollback", author="person")
    assert not write(publish, one, NOON)
    assert [signal.version_id for signal in read(signals.latest)] == [one.id]


def test_a_signal_is_stale_from_the_instant_it_expires(write, read):
    write(servings.serve, "AAPL", "cloner", write(add_version, "v1").id, NOON, why="w", author="me")
    write(publish, read(versions.champions)[0], NOON)
    (signal,) = read(signals.latest)
    assert not signal.stale(NOON + DAY - SECOND)
    assert signal.stale(NOON + DAY)


def test_a_signal_of_a_clock_that_ran_ahead_is_stale_and_makes_place_for_the_true_one(write, read):
    version = write(add_version, "v1")
    write(servings.serve, "AAPL", "cloner", version.id, NOON, why="w", author="me")
    assert write(publish, version, NOON, published_at=NOON + 1200 * DAY, expires_at=NOON + 1201 * DAY)
    (signal,) = read(signals.latest)
    assert signal.stale(NOON)
    targets = {Target("AAPL", "cloner")}
    assert read(overview.desk_record, targets, NOON).signals_expire == NOON
    assert write(publish, version, NOON, published_at=NOON + SECOND)
    (signal,) = read(signals.latest)
    assert not signal.stale(NOON + SECOND)
    assert read(overview.desk_record, targets, NOON).signals_expire == signal.expires_at
    assert not write(publish, version, NOON, published_at=NOON + 2 * SECOND)


def test_false_misses_of_a_clock_that_ran_ahead_are_removed_and_true_ones_stay(write, read):
    for days, now in ((-1, NOON), (100, NOON + 200 * DAY)):
        _recorded(write, at=NOON + days * DAY, now=now, state="missed")
    ended = _recorded(write, job="backup", at=NOON + 200 * DAY, now=NOON + 200 * DAY)
    write(runs.delete_false_misses, NOON)
    assert [run.scheduled_for for run in read(runs.page)] == [ended.scheduled_for, NOON - DAY]


def test_a_clock_is_believed_after_a_long_gap_only_when_the_desk_has_worked_by_it_for_a_week(write, read):
    month, week = 30 * DAY, 7 * DAY
    assert read(runs.clock_jumped_at, NOON, month, week) is None
    for days in (-10, -9, 0):
        _recorded(write, at=NOON + days * DAY, now=NOON + days * DAY)
    assert read(runs.clock_jumped_at, NOON, month, week) is None
    ahead = NOON + 1200 * DAY
    assert read(runs.clock_jumped_at, ahead, month, week) == NOON
    _recorded(write, at=ahead, now=ahead)
    assert read(runs.clock_jumped_at, ahead + 6 * DAY, month, week) == NOON
    assert read(runs.clock_jumped_at, NOON + DAY, month, week) is None  # back again: the future is not looked at
    for days in (2, 5, 7):
        _recorded(write, at=ahead + days * DAY, now=ahead + days * DAY)
    assert read(runs.clock_jumped_at, ahead + 8 * DAY, month, week) is None


def _dataset(c: Connection, content: str, pulled_at: datetime, source: str = "yahoo", **detail: Any) -> None:
    facts = {"kind": "bars", "source": source, "symbol": "AAPL", "interval": "1d", "detail": {"new_rows": 1, **detail}}
    datasets.record(
        c, datasets.NewDataset(dataset=content * 64, first=NOON - DAY, last=NOON, rows=2, pulled_at=pulled_at, **facts)
    )


def test_the_latest_dataset_is_the_one_pulled_last_even_if_its_content_was_seen_before(write, read):
    for days, content in enumerate("aba"):
        write(_dataset, content, NOON + days * DAY)
    write(_dataset, "c", NOON, source="sample")
    assert [(d.source, d.dataset[0], d.pulled_at) for d in read(datasets.latest)] == [
        ("sample", "c", NOON),
        ("yahoo", "a", NOON + 2 * DAY),
    ]
    assert read(datasets.latest, "MSFT") == []


def test_the_successor_of_a_dataset_is_what_replaced_it_last_in_its_own_series(write, read):
    write(_dataset, "a", NOON)
    write(_dataset, "b", NOON + DAY, replaces="a" * 64)
    write(_dataset, "c", NOON + 2 * DAY, replaces="a" * 64)
    write(_dataset, "d", NOON + 3 * DAY, source="sample", replaces="a" * 64)
    first, newest = read(datasets.find, "a"), read(datasets.find, "c")
    assert read(datasets.successor, first) == newest
    assert read(datasets.successor, newest) is None


def test_content_that_is_pulled_again_keeps_its_earlier_details(write, read):
    write(_dataset, "a", NOON, accepted={"who": "anna"})
    write(_dataset, "a", NOON + DAY, new_rows=0)
    row = read(datasets.find, "a")
    assert (row.pulled_at, row.detail) == (NOON + DAY, {"new_rows": 0, "accepted": {"who": "anna"}})


def test_a_measurement_without_a_value_keeps_its_reason(write, read):
    pair = {"subject": "AAPL", "model_type": "cloner", "version_id": None, "run_id": None}
    for value, reason in ((1.5, None), (None, "too_short")):
        for basis in ("evaluation", "live"):
            new = measurements.NewMeasurement(
                **pair, metric="sharpe_ratio", basis=basis, value=value, reason=reason, measured_at=NOON
            )
            write(measurements.add, new)
    assert [(m.basis, m.value, m.reason) for m in read(measurements.latest)] == [
        ("evaluation", None, "too_short"),
        ("live", None, "too_short"),
    ]
    assert [m.value for m in read(measurements.history, "AAPL", "cloner", "sharpe_ratio", "live")] == [None, 1.5]


def test_the_state_of_a_job_dates_from_its_first_lookup_or_its_last_pause(write, read):
    assert write(jobs.state_of, "training", NOON).changed_at == NOON
    assert write(jobs.state_of, "training", NOON + DAY).changed_at == NOON
    assert read(jobs.paused) == frozenset()
    write(jobs.set_paused, "training", True, NOON + DAY, "anna")
    assert read(jobs.paused) == {"training"}
    assert read(jobs.states)["training"].changed_by == "anna"
    write(jobs.set_paused, "training", False, NOON + 2 * DAY, "anna")
    assert read(jobs.paused) == frozenset()
    assert write(jobs.state_of, "training", NOON + 3 * DAY).changed_at == NOON + 2 * DAY


def test_the_state_of_a_job_never_dates_from_the_future(write):
    write(jobs.state_of, "training", NOON + 900 * DAY)
    assert write(jobs.state_of, "training", NOON).changed_at == NOON


# Retrainings


def test_a_place_is_retrained_once_on_its_newest_bar_and_each_attempt_has_the_diagnosis(write, read):
    first = write(runs.record, "training", NOON, now=NOON, trigger="retraining")
    new = retrainings.NewRetraining(
        subject="AAPL", model_type="cloner", data_until=NOON, version_id=write(add_version, "v1").id,
        diagnoses=(Diagnosis(reason="drift", message="It moved.", value=0.5, threshold=0.25),), started_at=NOON,
        run_id=first.id, own_run=True,
    )  # fmt: skip
    assert [write(retrainings.claim, new) for _ in range(2)] == [True, False]
    later = replace(new, data_until=NOON + DAY, started_at=NOON + DAY, own_run=False)
    assert write(retrainings.claim, later)
    assert [row.data_until for row in read(retrainings.page)] == [NOON + DAY, NOON]
    assert read(retrainings.page)[1].diagnoses == new.diagnoses
    assert read(retrainings.newest)["AAPL", "cloner"].data_until == NOON + DAY
    assert [read(retrainings.count, NOON - SECOND, NOON + hours * DAY) for hours in (0, 2)] == [1, 1]
    second = write(runs.record, "training", NOON, now=NOON, trigger="retry", attempt=2)
    assert [row.run_id for row in read(retrainings.of_run, second)] == [first.id, first.id]
    assert read(retrainings.of_run, write(runs.record, "backup", NOON, now=NOON, trigger="manual")) == []
