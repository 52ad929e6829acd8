from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.timetable import Timetable
from daemon.domain.options import RunOptions
from daemon.domain.runs import Owner
from daemon.store import jobs, runs
from daemon.store.faults import StoreError, fault
from tests.support.desks.night import every_run, request, scripted_desk

JOBS = {
    "data_update": {"at": "01:30"},
    "training": {"at": "02:00"},
    "maintenance": {"enabled": False},
    "restore_drill": {"enabled": False},
}
SETTINGS = Settings.model_validate({"symbols": ["AAPL"], "jobs": JOBS})


def recorded(house: DeskContext, job: str) -> list[tuple[datetime, str, str | None]]:
    return [(run.scheduled_for, run.state, run.cause) for run in every_run(house) if run.job == job]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_an_occurrence_is_recorded_when_its_time_has_come_and_only_once(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        assert not timetable.record_due()
        house.clock.move(timedelta(hours=5, minutes=30))
        assert timetable.record_due()
        assert not timetable.record_due()
        assert recorded(house, "data_update") == [(at(5, 1, 30), "due", None)]


def test_a_new_desk_owes_nothing_from_before_its_first_start(home: Home) -> None:
    with scripted_desk(home, SETTINGS, now=at(5, 23)) as house:
        assert not Timetable(house).record_due()
        assert every_run(house) == []


def test_a_training_of_some_places_for_a_reason_does_not_take_the_place_of_the_nightly_one(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        request(house, "training", options=RunOptions(places=["AAPL/behavioral_cloner"]))
        house.clock.move(timedelta(hours=8))
        timetable.record_due()
        assert recorded(house, "training")[1:] == [(at(5, 2), "due", None)]


def test_three_days_of_downtime_give_one_catch_up_and_the_rest_as_missed(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        Timetable(house).record_due()
        house.clock.move(timedelta(days=3, hours=8))
        Timetable(house).record_due()  # as after a restart: nothing is remembered but what is in the database
        assert recorded(house, "data_update") == [
            (at(5, 1, 30), "missed", "desk.down"),
            (at(6, 1, 30), "missed", "desk.down"),
            (at(7, 1, 30), "missed", "desk.down"),
            (at(8, 1, 30), "due", None),
        ]
        assert [run.trigger for run in every_run(house) if run.state == "due"] == ["catch_up"] * 3


def test_what_was_missed_while_nothing_could_be_recorded_has_that_cause(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate({"symbols": ["AAPL"], "jobs": {**JOBS, "data_update": {"every": "1h"}}})
    with scripted_desk(home, settings) as house:
        Timetable(house).record_due()
        house.clock.move(timedelta(hours=2))  # no desk runs
        timetable = Timetable(house)

        def full(_: object) -> None:
            raise fault("store.disk_full", "database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(house.database, "write", full)
            for _ in range(3):
                with pytest.raises(StoreError):
                    timetable.record_due()
                house.clock.move(timedelta(hours=1))
        timetable.record_due()
        causes = [cause for _, state, cause in recorded(house, "data_update") if state == "missed"]
        assert causes == ["desk.down"] * (len(causes) - 2) + ["disk.full"] * 2
        house.clock.move(timedelta(hours=3))
        timetable.record_due()
        assert [cause for _, state, cause in recorded(house, "data_update") if state == "missed"][-1] == "desk.down"


def test_an_occurrence_while_the_job_is_at_work_is_skipped(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.clock.move(timedelta(hours=6))
        timetable.record_due()
        [run] = [run for run in every_run(house) if run.job == "data_update"]
        house.database.write(lambda c: runs.claim(c, run.id, Owner.me(), house.clock.now()))
        house.clock.move(timedelta(days=1))
        timetable.record_due()
        assert recorded(house, "data_update")[1:] == [(at(6, 1, 30), "skipped", "overlap")]


def test_the_followers_of_a_skipped_occurrence_come_after_the_run_at_work(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        request(house, "evaluation")
        house.clock.move(timedelta(hours=8))
        timetable.record_due()
        assert [(run.job, run.state, run.chain) for run in every_run(house) if run.trigger in ("schedule", "chain")][
            2:
        ] == [
            ("evaluation", "skipped", ("signals", "performance_check", "backup", "records")),
            ("signals", "due", ("performance_check", "backup", "records")),
        ]


def test_followers_that_will_run_anyway_are_not_requested_again_by_each_skipped_occurrence(home: Home) -> None:
    settings = Settings.model_validate({"symbols": ["AAPL"], "jobs": {**JOBS, "evaluation": {"every": "1h"}}})
    with scripted_desk(home, settings) as house:
        timetable = Timetable(house)
        request(house, "evaluation")  # by a person, who has asked for nothing behind it
        for _ in range(5):
            timetable.record_due()
            house.clock.move(timedelta(hours=1))
        assert [(run.job, run.state) for run in every_run(house) if run.trigger == "chain"] == [("signals", "due")]
        skipped = [run for run in every_run(house) if run.job == "evaluation" and run.cause == "overlap"]
        assert len(skipped) == 4

        [signals] = [run for run in every_run(house) if run.job == "signals"]
        house.database.write(lambda c: runs.claim(c, signals.id, Owner.me(), house.clock.now()))
        for _ in range(3):  # one at work may have begun before what is new now
            timetable.record_due()
            house.clock.move(timedelta(hours=1))
        assert [run.state for run in every_run(house) if run.job == "signals"] == ["running", "due"]


def test_a_run_at_work_whose_followers_come_by_themselves_gets_no_others(home: Home) -> None:
    settings = Settings.model_validate({"symbols": ["AAPL"], "jobs": {**JOBS, "evaluation": {"every": "1h"}}})
    with scripted_desk(home, settings) as house:
        timetable = Timetable(house)
        for _ in range(5):
            timetable.record_due()
            house.clock.move(timedelta(hours=1))
        assert {run.job for run in every_run(house) if run.trigger == "chain"} == set()


def test_a_clock_set_back_repeats_nothing(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.clock.move(timedelta(hours=6))
        timetable.record_due()
        house.clock.move(timedelta(hours=-3))
        timetable.record_due()
        house.clock.move(timedelta(hours=3))
        timetable.record_due()
        assert recorded(house, "data_update") == [(at(5, 1, 30), "due", None)]


def test_what_falls_into_a_pause_is_not_caught_up(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.database.write(lambda c: jobs.set_paused(c, "data_update", True, house.clock.now(), "test"))
        house.clock.move(timedelta(days=2))
        timetable.clear()
        timetable.record_due()
        assert timetable.next_runs()["data_update"] is None
        house.database.write(lambda c: jobs.set_paused(c, "data_update", False, house.clock.now(), "test"))
        timetable.clear()
        timetable.record_due()
        assert recorded(house, "data_update") == []
        assert timetable.next_runs()["data_update"] == at(7, 1, 30)


def test_a_timed_job_brings_the_jobs_of_the_night_that_have_no_time_of_their_own(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        Timetable(house).record_due()
        house.clock.move(timedelta(hours=8))
        Timetable(house).record_due()
        chains = {run.job: run.chain for run in every_run(house)}
        assert chains == {
            "data_update": (),
            "training": (),
            "evaluation": ("signals", "performance_check", "backup", "records"),
        }


def test_an_occurrence_that_the_database_could_not_keep_is_still_owed(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.clock.move(timedelta(hours=6))
        real_write, house.database.write = house.database.write, _refuse  # type: ignore[method-assign]
        try:
            timetable.record_due()
        except OSError:
            house.database.write = real_write  # type: ignore[method-assign]
        timetable.record_due()
        assert recorded(house, "data_update") == [(at(5, 1, 30), "due", None)]


def _refuse(change: object) -> None:
    raise OSError("no room")


def test_a_clock_that_ran_ahead_and_was_set_right_leaves_no_gap(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.clock.move(timedelta(days=30))
        timetable.record_due()
        house.clock.move(timedelta(days=-30))
        for run in every_run(house):
            house.database.write(lambda c, run=run: runs.move(c, run.id, "cancelled", house.clock.now()))
        timetable.record_due()
        house.clock.move(timedelta(hours=6))
        timetable.record_due()
        assert (at(5, 1, 30), "due", None) in recorded(house, "data_update")


def test_a_paused_job_is_not_started_by_its_upstream_job_either(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        Timetable(house).record_due()
        house.database.write(lambda c: jobs.set_paused(c, "signals", True, house.clock.now(), "test"))
        house.clock.move(timedelta(hours=8))
        Timetable(house).record_due()
        assert [run.chain for run in every_run(house) if run.job == "evaluation"] == [
            ("performance_check", "backup", "records")
        ]


def test_resuming_a_job_that_is_not_paused_costs_it_no_occurrence(home: Home) -> None:
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.clock.move(timedelta(hours=6))
        house.database.write(lambda c: jobs.set_paused(c, "data_update", False, house.clock.now(), "test"))
        timetable.record_due()
        assert recorded(house, "data_update") == [(at(5, 1, 30), "due", None)]


def test_a_job_that_the_settings_took_out_and_put_back_owes_nothing_from_between(home: Home) -> None:
    without = Settings.model_validate({"symbols": ["AAPL"], "jobs": JOBS | {"data_update": {"enabled": False}}})
    with scripted_desk(home, SETTINGS) as house:
        timetable = Timetable(house)
        timetable.record_due()
        house.settings = without
        timetable.clear()
        timetable.record_due()
        house.clock.move(timedelta(days=10))
        house.settings = SETTINGS
        timetable.clear()
        timetable.record_due()
        assert recorded(house, "data_update") == []
        assert timetable.next_runs()["data_update"] == at(15, 1, 30)
