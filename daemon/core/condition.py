"""The condition of the desk: its problems, each in a sentence with its cure; pure, so it is tested without a desk.

The worst problem comes first, in this order:

    not ready                    down      stopped, stalled, disk full
    a job of the night failed    down      while no model serves; degraded while one does, or while it is retried
    a job did only a part        degraded
    training was skipped         degraded  none of its symbols had fresh data
    a model was stopped          degraded  what served is refuted, and nothing serves in its place
    nothing serves               degraded  no model has been good enough, or no night has run
    no current signal            degraded  every published signal has expired
    data is old                  degraded  whatever the jobs say of it
    no backup                    degraded  none was ever verified, or the newest is old
    no copy of a backup          degraded  none has arrived at a place of the config, or the newest is old
    a channel is mute            degraded  alerts do not arrive
    alerts are firing            degraded

Without a problem the desk is ok, during its first night and after it. What only a whole night brings (models, signals,
backups) is not missed while the first one is under way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from config.settings import NIGHT, JobName, Settings
from daemon.alerts.rules import STALLED, run_ended
from daemon.domain.exhaustion import EXHAUSTED
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Run, RunState
from daemon.domain.tasks import as_object
from daemon.jobs.signals.messages import NO_CHAMPION
from daemon.store.faults import meaning
from daemon.store.overview import DeskRecord

State = Literal["ok", "degraded", "down"]
SEVERITY: dict[State, int] = {"down": 0, "degraded": 1, "ok": 2}
FAILED: frozenset[RunState] = frozenset({"failed", "crashed", "timed_out"})
END_TITLES: dict[RunState, str] = {
    "partial": "partly failed",
    "failed": "failed",
    "crashed": "crashed",
    "timed_out": "took too long",
}
# Longer than an exchange is closed over any holidays.
OLD_DATA = timedelta(days=12)
# Longer than a weekly schedule leaves between two backups.
OLD_BACKUP = timedelta(days=8)
NIGHT_NOW = "`nightdesk run-once all` runs the whole night now."
# What a problem of readiness means: a title, a sentence, a cure.
PROBLEMS: dict[str, tuple[str, str, str]] = {
    "desk.not_running": ("Not running", "No desk runs on this home.", "Start it: `nightdesk run`."),
    "stopping": ("Stopping", "The desk is stopping.", "When it has ended, start it: `nightdesk run`."),
    "scheduler.stalled": (
        "Not working",
        "The scheduler has not moved for ten seconds or more, so no job starts.",
        "Read the log; if it stays so, restart the desk.",
    ),
    "store.stalled": (
        "Not working",
        "The database has not answered a write for ten seconds or more.",
        "Check the disk, or the database server; if it stays so, restart the desk.",
    ),
    **{
        code: (
            "Nothing to work with",
            f"The desk has run out of {resource}.",
            "Raise its limits, or lower executor.workers; the desk goes on by itself.",
        )
        for code, resource in EXHAUSTED.items()
    },
    "disk.full": ("Disk full", "The disk of the home is full.", "Free space; the desk goes on by itself."),
}


@dataclass(frozen=True)
class Condition:
    """One problem of the desk, or that it has none.

    Args:
        state: how bad it is.
        code: a stable dotted code of its cause.
        job: the job that it comes from, if it comes from one.
        title: a few words, for a pill or the title of a tab.
        message: a sentence or two that name the thing and the value.
        cure: what to do about it; empty where there is nothing to do.
    """

    state: State
    code: str
    job: JobName | None
    title: str
    message: str
    cure: str


def conditions(record: DeskRecord, settings: Settings, now: datetime, problems: Sequence[str] = ()) -> list[Condition]:
    """Every problem, the worst first; `problems` are the codes of readiness."""
    unsorted = [*(_not_ready(problem) for problem in problems), *_night(record, settings, now)]
    if not _first_night(record):
        unsorted += [*_old_data(record, settings, now), *_no_backup(record, settings, now)]
        if not any(condition.job == "backup" for condition in unsorted):  # that says it already, with its cause
            unsorted += _no_copy(record, settings, now)
    unsorted += _mute_channels(record)
    unsorted += _alerts(record, {condition.job for condition in unsorted})
    return sorted(unsorted, key=lambda condition: SEVERITY[condition.state])


def overall(problems: Sequence[Condition], record: DeskRecord, progress: Mapping[int, RunProgress]) -> Condition:
    """The worst of the `problems`; else that the first night is under way, and its progress; else that all is well.

    `progress` is that of the runs at work, by their id.
    """
    if problems:
        return problems[0]
    if run := _first_night(record):
        counted = progress.get(run.id, RunProgress())
        so_far = f", {counted.done} of {counted.expected} done" if counted.expected else ""
        message = f"First night under way: {run.job}{so_far}."
        return Condition("ok", "night.first", run.job, f"First night: {_plain(run.job)}", message, "")
    return Condition("ok", "ok", None, "All is well", "All is well.", "")


def _not_ready(problem: str) -> Condition:
    if problem in PROBLEMS:
        return Condition("down", problem, None, *PROBLEMS[problem])
    message, cure = meaning(problem) or (f"The desk is not ready: {problem}", "Read the log.")
    return Condition("down", problem, None, "Not ready", f"{message}.", cure)


def _night(record: DeskRecord, settings: Settings, now: datetime) -> Iterator[Condition]:
    """Problems of the night's jobs and of their results; what only follows from a failure is left out."""
    results = [record.results[job] for job in NIGHT if job in record.results and settings.job_schedule(job).enabled]
    failed = [run for run in results if run.state in FAILED]
    skipped = [run for run in results if (run.job, run.cause) == ("training", "data.stale")]
    yield from (_failure(run, record, now) for run in failed)
    yield from (_failure(run, record, now) for run in results if run.state == "partial")
    if not any(run.job == "data_update" for run in failed):
        yield from (_training_skipped(run, record, now) for run in skipped)
    yield from _stopped(record)
    if record.champions:
        yield from _no_current_signal(record, now)
    elif not failed and not skipped and not record.stopped:
        yield from _nothing_serves(record)


def _failure(run: Run, record: DeskRecord, now: datetime) -> Condition:
    observation = run_ended(run)
    if observation is None:
        raise ValueError(f"{run.name} is {run.state}, which is no failure")
    retry, cure = _retry(run, record, now, observation.cure)
    state: State = "down" if run.state in FAILED and not record.champions and not retry else "degraded"
    title = f"{_plain(run.job).capitalize()} {END_TITLES[run.state]}"
    return Condition(state, run.cause or f"run.{run.state}", run.job, title, f"{observation.message}{retry}", cure)


_STALE_CURE = (
    'It needs a data_update that succeeds. If the history has ended, set data_params.as_of to "data": it is then '
    "trained as of its last bar, and marked as not live."
)


def _training_skipped(run: Run, record: DeskRecord, now: datetime) -> Condition:
    stale = list(as_object((run.detail or {}).get("failed")))
    symbols = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
    pulled = record.results.get("data_update")
    come = pulled is not None and pulled.id > run.id and pulled.state == "succeeded"
    retry, cure = _retry(run, record, now, "Its data has come since." if come else _STALE_CURE)
    message = f"{run.name} was skipped ({run.cause}): there was no fresh data of {symbols or 'any symbol'}.{retry}"
    return Condition("degraded", "data.stale", run.job, "Training was skipped", message, cure)


def _retry(run: Run, record: DeskRecord, now: datetime, cure: str) -> tuple[str, str]:
    """A sentence that the job is retried, and the cure; the cure names a command only where it is not retried."""
    pending = next((other for other in record.pending if other.job == run.job), None)
    if pending is not None and pending.not_before > now:
        return f" It is retried at {clock_time(pending.not_before, now)}.", cure
    if pending is not None:
        return " It is being retried now.", cure
    job = "all" if run.job in NIGHT[: NIGHT.index("signals")] else run.job  # the later jobs need what it makes
    return "", f"{cure} Then start it: `nightdesk run-once {job}`."


def _no_current_signal(record: DeskRecord, now: datetime) -> Iterator[Condition]:
    expired = record.signals_expire
    if not record.signals_due:
        return
    if _first_night(record) or (expired is not None and expired > now):
        return
    since = f"the newest expired at {clock_time(expired, now)}" if expired else "none was ever published"
    message = f"No signal is current: {since}."
    yield Condition("degraded", "signals.stale", "signals", "No current signal", message, NIGHT_NOW)


def _stopped(record: DeskRecord) -> Iterator[Condition]:
    """Champions that were stopped, as long as nothing serves in their places: the newest of them, and how many."""
    if not record.stopped:
        return
    newest, more = record.stopped[-1], len(record.stopped) - 1
    place = f"{newest.subject}/{newest.model_type}"
    others = f" {more} more {'place is' if more == 1 else 'places are'} empty for such a cause." if more else ""
    message = f"Nothing serves for {place} since {newest.serving_from:%Y-%m-%d}: {newest.why}{others}"
    cure = (
        "The next recipe that is not refuted serves by itself. `nightdesk records` shows what each earned; "
        f"`nightdesk promote {newest.subject} {newest.model_type} VERSION --reason WHY` lets one serve on your word."
    )
    title = f"{place} stopped" if not more else f"{more + 1} models stopped"
    yield Condition("degraded", "champion.stopped", "evaluation", title, message, cure)


def _nothing_serves(record: DeskRecord) -> Iterator[Condition]:
    if _first_night(record):
        return
    evaluation = record.results.get("evaluation")
    if evaluation is not None and evaluation.state in ("succeeded", "partial"):
        yield Condition("degraded", "signals.no_champion", None, "No model serves yet", **NO_CHAMPION)
    else:
        message = "No model has been judged yet, so none serves."
        yield Condition("degraded", "night.none", None, "No model serves yet", message, NIGHT_NOW)


def _old_data(record: DeskRecord, settings: Settings, now: datetime) -> Iterator[Condition]:
    old = {
        symbol: last
        for symbol in settings.symbols
        if (last := record.newest_bars.get(symbol)) is not None and now - last > OLD_DATA
    }
    if old:
        oldest = min(old, key=lambda symbol: old[symbol])
        others = f", and those of {len(old) - 1} more symbols are old too" if len(old) > 1 else ""
        message = f"The newest bars of {oldest} are of {old[oldest]:%Y-%m-%d}{others}."
        cure = "Give its source newer bars; if there will never be any, take it out of `symbols`."
        yield Condition("degraded", "data.old", "data_update", "Old data", message, cure)


def _no_backup(record: DeskRecord, settings: Settings, now: datetime) -> Iterator[Condition]:
    """That nothing could be restored; a backup that failed speaks for itself."""
    last = record.results.get("backup")
    ended = last is not None and last.state not in FAILED and not any(run.job in NIGHT for run in record.pending)
    taken = record.backup_at
    if not settings.job_schedule("backup").enabled or not ended or (taken is not None and now - taken <= OLD_BACKUP):
        return
    message = f"The newest backup is of {taken:%Y-%m-%d}." if taken else "There is no backup that was verified."
    yield Condition(
        "degraded", "backup.old", "backup", "No backup", message, "`nightdesk run-once backup` takes one now."
    )


def _no_copy(record: DeskRecord, settings: Settings, now: datetime) -> Iterator[Condition]:
    """That a place outside the home has no fresh copy, though there is a backup that could have been copied."""
    if not settings.job_schedule("backup").enabled or record.backup_at is None:
        return
    for place in record.places:
        copied = place.copied_at
        if copied is not None and now - copied <= OLD_BACKUP:
            continue
        message = f"The newest backup at {place.place} is of {copied:%Y-%m-%d}." if copied else ""
        message = message or f"No backup has arrived at {place.place} yet."
        yield Condition(
            "degraded",
            "backup.no_copy",
            "backup",
            "No backup outside the home",
            message,
            "Check the place, then `nightdesk backup` takes and copies one now.",
        )


def _mute_channels(record: DeskRecord) -> Iterator[Condition]:
    for alert in record.firing:
        if alert.rule == STALLED:
            yield Condition("degraded", STALLED, None, f"{alert.subject} is mute", alert.message, alert.cure)


def _first_night(record: DeskRecord) -> Run | None:
    """The present run of the first night; None after that night, or when none is running."""
    if "signals" in record.results or record.signals_expire is not None:
        return None
    night = [run for run in record.pending if run.job in NIGHT]
    return max(night, key=lambda run: NIGHT.index(run.job), default=None)


def _alerts(record: DeskRecord, jobs: Collection[JobName | None]) -> Iterator[Condition]:
    """The alerts that fire, as one condition: the first of them, and how many.

    Left out are those of `jobs` that failed and of mute channels, which are conditions of their own.
    """
    others = [alert for alert in record.firing if alert.rule != STALLED]
    firing = [alert for alert in others if not (alert.rule == "run.failed" and alert.subject in jobs)]
    if firing:
        first, more = firing[0], len(firing) - 1
        title = f"{more + 1} alerts" if more else "1 alert"
        message = f"{first.message} {more} more {'is' if more == 1 else 'are'} firing." if more else first.message
        yield Condition("degraded", first.rule, None, title, message, first.cure)


def clock_time(instant: datetime, now: datetime) -> str:
    """`22:00 UTC`; with its date if it is further than a day from `now`."""
    near = abs((instant - now).total_seconds()) < 86_400
    return f"{instant:%H:%M} UTC" if near else f"{instant:%Y-%m-%d %H:%M} UTC"


def _plain(job: JobName) -> str:
    return job.replace("_", " ")
