"""When jobs are due: days when the clock changes, downtime, and what cron text means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from config.errors import ConfigError
from config.settings import JobSchedule, Settings
from daemon.domain.schedule import MOST_MISSED, Plan, check_schedules, next_occurrence, occurrences, plan

NEW_YORK = "America/New_York"
SPRING = datetime(2026, 3, 8, tzinfo=ZoneInfo(NEW_YORK))  # 02:00 becomes 03:00
AUTUMN = datetime(2026, 11, 1, tzinfo=ZoneInfo(NEW_YORK))  # 02:00 becomes 01:00
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _local(instants: list[datetime], zone: str = NEW_YORK) -> list[str]:
    return [instant.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for instant in instants]


def _first(schedule: JobSchedule, after: datetime, count: int, zone: str = NEW_YORK) -> list[str]:
    return _local(occurrences(schedule, zone, after, after + 4000 * DAY, count), zone)


def test_a_time_that_the_clock_skips_happens_once_at_the_first_instant_after_the_gap():
    expected = ["03-07 02:30-0500", "03-08 03:00-0400", "03-09 02:30-0400"]
    assert _first(JobSchedule(at="02:30"), SPRING - DAY, 3) == expected
    assert _first(JobSchedule(cron="30 2 * * *"), SPRING - DAY, 3) == expected


def test_a_time_that_the_clock_shows_twice_happens_the_first_time():
    expected = ["10-31 01:30-0400", "11-01 01:30-0400", "11-02 01:30-0500"]
    assert _first(JobSchedule(at="01:30"), AUTUMN - DAY, 3) == expected
    assert _first(JobSchedule(cron="30 1 * * *"), AUTUMN - DAY, 3) == expected


def test_every_quarter_of_an_hour_comes_by_the_clock_in_the_gap_and_in_both_passes_of_the_fold():
    quarters = JobSchedule(cron="*/15 * * * *")
    assert _first(quarters, SPRING + 1.5 * HOUR, 3) == ["03-08 01:45-0500", "03-08 03:00-0400", "03-08 03:15-0400"]
    assert _first(quarters, AUTUMN + 1.5 * HOUR, 3) == ["11-01 01:45-0400", "11-01 01:00-0500", "11-01 01:15-0500"]
    assert _first(JobSchedule(cron="10 * * * *"), SPRING + 1.5 * HOUR, 1) == ["03-08 03:10-0400"]  # none at 03:00


def test_asking_inside_the_repeated_hour_does_not_repeat_it():
    second_pass = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)
    assert _first(JobSchedule(at="01:30"), second_pass, 1) == ["11-02 01:30-0500"]


def test_a_day_that_a_country_skipped_happens_at_its_first_instant_after():
    before = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    assert _first(JobSchedule(at="02:00"), before, 2, "Pacific/Apia") == ["12-31 00:00+1400", "12-31 02:00+1400"]


def test_intervals_pay_no_heed_to_the_clock_on_the_wall_and_stand_still_across_restarts():
    six_hours = JobSchedule(every=timedelta(hours=6))
    assert _first(six_hours, SPRING, 3) == ["03-08 01:00-0500", "03-08 08:00-0400", "03-08 14:00-0400"]
    odd = JobSchedule(every=timedelta(minutes=7))
    times = occurrences(odd, "UTC", SPRING, SPRING + DAY, 1000)
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=7)}
    assert occurrences(odd, "UTC", times[99], SPRING + DAY, 1000) == times[100:]


def test_a_job_without_a_time_of_its_own_never_comes_by_itself():
    assert next_occurrence(JobSchedule(), NEW_YORK, SPRING) is None
    assert plan(JobSchedule(), NEW_YORK, SPRING, SPRING + DAY) == Plan(None, [])


def test_an_occurrence_belongs_to_the_instant_it_falls_on_and_not_to_the_next():
    nightly = JobSchedule(at="02:00")
    two = datetime(2026, 6, 2, 2, tzinfo=UTC)
    assert next_occurrence(nightly, "UTC", two - timedelta(microseconds=1)) == two
    assert next_occurrence(nightly, "UTC", two) == two + DAY
    assert plan(nightly, "UTC", two - DAY, two).run == two
    assert plan(nightly, "UTC", two - DAY, two - timedelta(microseconds=1)).run is None


def test_three_days_of_downtime_give_one_run_to_catch_up_and_the_rest_missed():
    two = datetime(2026, 6, 2, 2, tzinfo=UTC)
    owed = plan(JobSchedule(at="02:00"), "UTC", two, two + 3 * DAY + HOUR)
    assert owed == Plan(two + 3 * DAY, [two + DAY, two + 2 * DAY])


def test_a_clock_set_back_owes_nothing():
    two = datetime(2026, 6, 2, 2, tzinfo=UTC)
    assert plan(JobSchedule(at="02:00"), "UTC", two, two - HOUR) == Plan(None, [])


@pytest.mark.parametrize("schedule", [JobSchedule(every=timedelta(seconds=1)), JobSchedule(cron="* * * * *")])
def test_a_year_of_downtime_is_told_by_its_newest_occurrences_and_at_once(schedule):
    now = datetime(2026, 6, 2, 2, tzinfo=UTC)
    owed = plan(schedule, "UTC", now - 365 * DAY, now)
    assert owed.run == now
    assert len(owed.missed) == MOST_MISSED
    step = now - owed.missed[-1]
    assert owed.missed == [now - number * step for number in range(MOST_MISSED, 0, -1)]


def test_a_rare_occurrence_is_caught_up_however_long_the_downtime():
    leap_days = JobSchedule(cron="0 2 29 feb *")
    owed = plan(leap_days, "UTC", datetime(2016, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    assert owed == Plan(datetime(2024, 2, 29, 2, tzinfo=UTC), [])  # a miss of 2020 is of no use to anybody


def test_a_clock_that_is_years_ahead_brings_the_misses_of_one_month_only():
    now = datetime(2030, 6, 2, 2, tzinfo=UTC)
    owed = plan(JobSchedule(at="02:00"), "UTC", now - 1200 * DAY, now)
    assert owed.run == now
    assert len(owed.missed) == 31


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("sun", "sun"),
        ("MON-fri", "mon tue wed thu fri"),
        ("sun-thu", "sun mon tue wed thu"),
        ("fri-mon", "fri sat sun mon"),
        ("*/2", "sun tue thu sat"),
        ("mon,wed,mon", "mon wed"),
        ("sun-sat/3", "sun wed sat"),
        ("fri/1", "fri"),
    ],
)
def test_weekdays_mean_what_cron_means(weekdays, expected):
    week = occurrences(JobSchedule(cron=f"0 12 * * {weekdays}"), "UTC", SPRING, SPRING + 7 * DAY, 99)
    assert {f"{day:%a}".lower() for day in week} == set(expected.split())


def test_of_a_day_of_month_and_a_weekday_either_is_enough():
    both = _first(JobSchedule(cron="0 0 1 * mon"), datetime(2026, 3, 20, tzinfo=UTC), 4, "UTC")
    assert both == ["03-23 00:00+0000", "03-30 00:00+0000", "04-01 00:00+0000", "04-06 00:00+0000"]


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("99 * * * *", "higher than the maximum"),
        ("*/0 * * * *", "higher than 0"),
        ("0 25 * * *", "higher than the maximum"),
        ("0 0 32 * *", "higher than the maximum"),
        ("0 0 * foo *", "foo"),
        ("0 0 * * noday", "names no days of the week"),
        ("0 0 * * mon-", "names no days of the week"),
        ("0 0 * * mon/0", "names no days of the week"),
        ("0 0 30 feb *", "no date is ever like that"),
    ],
)
def test_a_cron_text_that_cannot_be_is_refused_with_its_place_its_value_and_a_cure(cron, why):
    settings = Settings(jobs={"backup": JobSchedule(cron=cron)})
    with pytest.raises(ConfigError) as caught:
        check_schedules(settings)
    assert caught.value.code == "config.invalid"
    assert "/jobs/backup/cron" in caught.value.message
    assert cron in caught.value.message
    assert why in caught.value.message
    assert "30 2 * * mon-fri" in caught.value.cure


def test_the_default_schedules_can_be_read_and_their_cron_line_comes():
    settings = Settings()
    check_schedules(settings)
    drill = settings.job_schedule("restore_drill")
    assert drill.cron == "30 4 * * sun"
    assert next_occurrence(drill, "UTC", datetime(2026, 3, 2, tzinfo=UTC)) == datetime(2026, 3, 8, 4, 30, tzinfo=UTC)
