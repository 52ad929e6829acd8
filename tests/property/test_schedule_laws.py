"""Laws of the schedule, over zones, times and clocks that go wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from config.settings import JobSchedule
from daemon.domain.schedule import occurrences, plan
from daemon.store import jobs, runs
from daemon.store.tables import metadata

DAY = timedelta(days=1)
calm = settings(deadline=None, max_examples=40)  # the machine may be busy with other tests
MANY = 100_000
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kolkata",
    "America/Santiago",  # changes at midnight
    "Africa/Casablanca",  # summer time that pauses
    "Pacific/Apia",
)
NO_PLACES = {"Factory", "localtime"}
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Half of them near a change of summer time, where laws break.
changes = st.builds(
    lambda day, seconds: datetime(*day, tzinfo=UTC) + timedelta(seconds=seconds),
    st.sampled_from([(2026, 3, 8), (2026, 11, 1), (2026, 3, 29), (2026, 10, 25), (2026, 4, 5), (2026, 9, 6)]),
    st.integers(-86_400, 86_400),
)
moments = st.one_of(instants, changes)
clock_times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
crons = st.sampled_from(
    [
        "*/15 * * * *",
        "10,40 * * * *",
        "0 * 25 10 *",
        "30 2 * * *",
        "0 */3 * * *",
        "17 1-3 * * sat,sun",
        "0 0 1 * mon",
        "59 23 l * *".replace("l", "last"),
    ]
)
schedules = st.one_of(
    st.builds(JobSchedule, at=clock_times),
    st.builds(JobSchedule, cron=crons),
    st.builds(JobSchedule, every=st.timedeltas(timedelta(minutes=5), 3 * DAY)),
)


@calm
@given(schedules, zones, moments, st.integers(1, 40))
def test_occurrences_strictly_increase_and_stay_within_what_was_asked(schedule, zone, after, days):
    instants = occurrences(schedule, zone, after, after + days * DAY, MANY)
    assert all(earlier < later for earlier, later in pairwise([after, *instants]))
    assert all(instant <= after + days * DAY and instant.tzinfo is UTC for instant in instants)


@calm
@given(schedules, zones, moments, st.integers(1, 10), st.floats(0, 1))
def test_a_restart_at_any_moment_changes_no_occurrence(schedule, zone, after, days, share):
    until = after + days * DAY
    restart = after + share * (until - after)
    whole = occurrences(schedule, zone, after, until, MANY)
    assert whole == [
        *occurrences(schedule, zone, after, restart, MANY),
        *occurrences(schedule, zone, restart, until, MANY),
    ]


@calm
@given(clock_times, zones, moments)
def test_a_time_of_day_comes_once_on_every_date_that_there_is(at, zone, after):
    instants = occurrences(JobSchedule(at=at), zone, after, after + 30 * DAY, MANY)
    dates = Counter(instant.astimezone(ZoneInfo(zone)).date() for instant in instants)
    assert max(dates.values()) <= 2  # a date that was skipped whole is made up for on the next
    assert len(instants) in (29, 30, 31)


MINUTES = {
    "*/15 * * * *": (0, 15, 30, 45),
    "10,40 * * * *": (10, 40),
    "7 * * * *": (7,),
    "*/20 0-23 * * *": (0, 20, 40),
}


@calm
@given(st.sampled_from(list(MINUTES)), zones, moments, st.integers(1, 48))
def test_a_job_of_every_hour_comes_whenever_the_clock_shows_its_minute(cron, zone, after, hours):
    until = after + timedelta(hours=hours)
    minute = after.replace(second=0, microsecond=0)
    showings = [
        instant
        for number in range(hours * 60 + 1)
        if after < (instant := minute + timedelta(minutes=number)) <= until
        and instant.astimezone(ZoneInfo(zone)).minute in MINUTES[cron]
    ]
    assert occurrences(JobSchedule(cron=cron), zone, after, until, MANY) == showings


@calm
@given(st.sampled_from(sorted(available_timezones() - NO_PLACES)), moments)
def test_a_job_of_every_quarter_is_never_silent_for_longer_in_any_zone(zone, after):
    instants = occurrences(JobSchedule(cron="*/15 * * * *"), zone, after, after + 2 * DAY, MANY)
    assert max(later - earlier for earlier, later in pairwise([after, *instants])) <= timedelta(minutes=15)


@calm
@given(schedules, zones, moments, st.integers(0, 40))
def test_after_downtime_the_newest_occurrence_is_due_and_the_others_are_missed(schedule, zone, last, days):
    now = last + days * DAY
    owed = plan(schedule, zone, last, now)
    expected = occurrences(schedule, zone, last, now, MANY)[-1001:]
    assert owed.run == (expected[-1] if expected else None)
    assert owed.missed == [missed for missed in expected[:-1] if now - missed <= 31 * DAY]


def _beat(c: Connection, schedule: JobSchedule, zone: str, now: datetime) -> None:
    """One beat of a desk: what its timetable does."""
    known_since = jobs.state_of(c, "training", now).changed_at
    last = max(known_since, runs.last_scheduled(c, "training", now) or known_since)
    owed = plan(schedule, zone, last, now)
    for missed in owed.missed:
        runs.record(c, "training", missed, now=now, trigger="schedule", state="missed")
    if owed.run:
        runs.record(c, "training", owed.run, now=now, trigger="schedule")


@calm
@given(
    st.builds(JobSchedule, at=clock_times),
    zones,
    moments,
    st.lists(st.one_of(st.integers(1, 30), st.integers(-100, 100)), min_size=1, max_size=12),
)
def test_however_the_clock_jumps_no_occurrence_runs_twice_and_no_jump_brings_two_runs(schedule, zone, start, jumps):
    engine = create_engine("sqlite://")
    with engine.begin() as c:
        metadata.create_all(c)
        now, begun = start, 0
        for hours in (0, *jumps):
            now += timedelta(hours=hours)
            _beat(c, schedule, zone, now)
            done = [run for run in runs.page(c, limit=MANY) if run.state == "due"]
            assert len(done) - begun in (0, 1)
            assert len({run.scheduled_for for run in done}) == len(done)
            begun = len(done)
    engine.dispose()


@calm
@given(st.builds(JobSchedule, at=clock_times), zones, moments, st.integers(6, 30))
def test_after_a_clock_that_ran_ahead_is_mended_every_night_still_runs(schedule, zone, start, days_ahead):
    engine = create_engine("sqlite://")
    with engine.begin() as c:
        metadata.create_all(c)
        _beat(c, schedule, zone, start)
        _beat(c, schedule, zone, start + days_ahead * DAY)
        caught_up = {run.scheduled_for for run in runs.page(c) if run.state == "due"}
        for beat in range(1, 11):
            _beat(c, schedule, zone, start + beat * timedelta(hours=11))
        nights = occurrences(schedule, zone, start, start + timedelta(hours=110), MANY)
        ran = {run.scheduled_for for run in runs.page(c, limit=MANY) if run.state == "due"}
        assert ran == {*nights, *caught_up}
    engine.dispose()
