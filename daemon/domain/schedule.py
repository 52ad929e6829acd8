"""When jobs are due: pure functions from a schedule and the clock to instants.

APScheduler reads the cron text. Its clock is the wall's, taken here as a plain date and time without a zone, so that
two laws cover every change of summer time. A job of certain hours runs once for each time on the wall: one that the
clock skips happens at the first instant after the gap, one that it shows twice happens the first time. A job of every
hour, such as `*/15 * * * *`, runs whenever the clock shows its minute: in both passes of an hour that is repeated, and
not for an hour that is skipped, so that it is never silent for longer than usual.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from config.errors import ConfigError
from config.settings import JOBS, JobName, JobSchedule, Settings

# Intervals count from this Monday, so that a restart of the desk does not move them.
ANCHOR = datetime(2001, 1, 1, tzinfo=UTC)
# After a very long downtime only the newest missed occurrences are recorded, each by itself.
MOST_MISSED = 1000
# Nor are older ones: after a clock that ran ahead by years, all of them would be false.
MISSED_FOR = timedelta(days=31)
_END = datetime(2400, 1, 1, tzinfo=UTC)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_INSTANT = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_EVERY_HOUR = ("*", "*/1", "0-23")


@dataclass(frozen=True)
class Plan:
    """What a job owes: the one occurrence to run now, and those before it that nobody was there to start."""

    run: datetime | None
    missed: list[datetime]


def plan(schedule: JobSchedule, time_zone: str, last: datetime, now: datetime) -> Plan:
    """What a job owes at `now` whose occurrences up to `last` are recorded, or none of the schedule's business."""
    owed = _newest(schedule, time_zone, last, now)
    return Plan(owed[-1], [missed for missed in owed[:-1] if now - missed <= MISSED_FOR]) if owed else Plan(None, [])


def occurrences(schedule: JobSchedule, time_zone: str, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The first `limit` occurrences later than `after` and not later than `until`, UTC."""
    return list(islice(_until(schedule, time_zone, after, until), limit))


def next_occurrence(schedule: JobSchedule, time_zone: str, after: datetime) -> datetime | None:
    """The first occurrence later than `after`; None without a time of its own."""
    return next(_after(schedule, time_zone, after), None)


def check_schedules(settings: Settings) -> None:
    """Raise ConfigError for a cron text that cannot be read or never comes."""
    for job in JOBS:
        cron = settings.job_schedule(job).cron
        if cron is None:
            continue
        try:
            never = _wall_trigger(cron).get_next_fire_time(None, ANCHOR) is None
        except ValueError as error:
            raise _bad_cron(job, cron, str(error)) from error
        if never:
            raise _bad_cron(job, cron, "no date is ever like that")


def _bad_cron(job: JobName, cron: str, why: str) -> ConfigError:
    return ConfigError(
        "config.invalid",
        f"/jobs/{job}/cron is {cron!r}: {why}.",
        'Write minute, hour, day of month, month and day of week, such as "30 2 * * mon-fri".',
        pointer=f"/jobs/{job}/cron",
    )


def _newest(schedule: JobSchedule, time_zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The newest occurrences in (after, until], looking back ever further until there are enough."""
    span = timedelta(hours=1)
    while True:
        since = max(after, until - span)
        occurrences = deque(_until(schedule, time_zone, since, until), maxlen=MOST_MISSED + 1)
        if since == after or len(occurrences) > MOST_MISSED:
            return list(occurrences)
        span *= 4


def _until(schedule: JobSchedule, time_zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    return takewhile(lambda instant: instant <= until, _after(schedule, time_zone, after))


def _after(schedule: JobSchedule, time_zone: str, after: datetime) -> Iterator[datetime]:
    if schedule.every is not None:
        return _intervals(schedule.every, after)
    if schedule.at is not None:
        hour, minute = schedule.at.split(":")
        return _instants(f"{minute} {hour} * * *", ZoneInfo(time_zone), after)
    if schedule.cron is not None:
        return _instants(schedule.cron, ZoneInfo(time_zone), after)
    return iter(())


def _intervals(every: timedelta, after: datetime) -> Iterator[datetime]:
    instant = ANCHOR + ((after - ANCHOR) // every + 1) * every
    while True:
        yield instant
        instant += every


def _instants(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    trigger = _wall_trigger(cron)
    by_hour = cron.split()[1] in _EVERY_HOUR
    return _each_showing(trigger, zone, after) if by_hour else _each_time(trigger, zone, after)


def _each_showing(trigger: BaseTrigger, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Every instant after `after` at which a clock in `zone` shows a time of the trigger."""
    since = after.astimezone(UTC) + _INSTANT
    while (wall := trigger.get_next_fire_time(None, _wall(since, zone).replace(tzinfo=UTC))) is not None:
        instant = since + (wall.replace(tzinfo=None) - _wall(since, zone))
        if _offset(instant, zone) == _offset(since, zone):
            yield instant
            since = instant + _INSTANT
        else:  # the clock is changed before it shows that time: look on from there
            since = _change(since, instant, zone)


def _change(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The second between the two from which the clock in `zone` is no longer as far from UTC as at `early`."""
    offset, early = _offset(early, zone), early.replace(microsecond=0)
    while late - early > _SECOND:
        middle = early + (late - early) // (2 * _SECOND) * _SECOND
        early, late = (middle, late) if _offset(middle, zone) == offset else (early, middle)
    return late


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def _each_time(trigger: BaseTrigger, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The first instant of every time of the trigger on the wall."""
    wall = after.astimezone(zone).replace(tzinfo=UTC)
    while (wall := trigger.get_next_fire_time(None, wall + _INSTANT)) is not None:
        instant = _first_instant(wall.replace(tzinfo=None), zone)
        # Times inside a gap fall together; in a repeated hour, those of its first pass are over.
        if instant > after:
            yield instant
            after = instant


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock in `zone` shows `wall` or, if it skips that time, a later one."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    # Before the gap the clock is behind `wall`, after it ahead: find the second at which it jumps.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    while late - early > _SECOND:
        middle = early + (late - early) // (2 * _SECOND) * _SECOND
        early, late = (early, middle) if _wall(middle, zone) > wall else (middle, late)
    return late


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@lru_cache(maxsize=64)
def _wall_trigger(cron: str) -> BaseTrigger:
    """The cron text as a trigger on wall time, with the meaning crontab(5) gives it and APScheduler does not.

    The week begins on Sunday; and of a day of month and a day of week that are both restricted, either is enough.
    """
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} fields, not 5")
    minute, hour, day, month, weekday = fields

    def trigger(day: str, weekday: str) -> CronTrigger:
        return CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC, end_date=_END
        )

    weekday = _weekdays(weekday.lower())
    if day.startswith("*") or weekday == "*":
        return trigger(day, weekday)
    return OrTrigger([trigger(day, "*"), trigger("*", weekday)])


def _weekdays(field: str) -> str:
    """A day-of-week field with every range and step spelt out, for a week that begins on Sunday and goes round."""
    if field == "*":
        return field
    return ",".join(dict.fromkeys(day for part in field.split(",") for day in _weekday_range(part)))


def _weekday_range(part: str) -> list[str]:
    days, slash, step = part.partition("/")
    first, dash, last = ("sun", "-", "sat") if days == "*" else days.partition("-")
    last, step = last if dash else first, step if slash else "1"
    if not {first, last} <= set(_DAYS) or not step.isdigit() or int(step) == 0:
        raise ValueError(f"{part!r} names no days of the week; use sun to sat")
    start = _DAYS.index(first)
    length = (_DAYS.index(last) - start) % 7 + 1
    return [_DAYS[number % 7] for number in range(start, start + length, int(step))]
