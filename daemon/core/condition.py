"""How the desk is, in a sentence for a person with its cure; pure, so that every case can be tested without a desk.

The worst of what is amiss comes first, in this order:

    not ready                    down      stopped, stalled, disk full
    a job of the night failed    down      while no model serves; degraded while one does, or while it is tried again
    a job did only a part        degraded
    training was skipped         degraded  none of its symbols had fresh data
    nothing serves               degraded  no model has been good enough, or no night has run
    no current signal            degraded  every published signal has expired
    alerts are firing            degraded

Where nothing is amiss the desk is ok, be it during its first night or after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from config.settings import NIGHT, JobName, Settings
from daemon.alerts.rules import run_ended
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Run, RunState
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
NIGHT_NOW = "`nightdesk run-once all` runs the whole night now."
# What a problem of readiness means: a title, a sentence, a cure.
PROBLEMS: dict[str, tuple[str, str, str]] = {
    "desk.not_running": ("Not running", "No desk runs on this home.", "Start it: `nightdesk run`."),
    "stopping": ("Stopping", "The desk is stopping.", "When it has ended, start it again: `nightdesk run`."),
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
    "disk.full": ("Disk full", "The disk of the home is full.", "Free space; the desk goes on by itself."),
}


@dataclass(frozen=True)
class Condition:
    """One thing that a person should know of the desk.

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
    """Everything that is amiss, the worst first; empty when nothing is. `problems` are those of readiness."""
    amiss = [*(_not_ready(problem) for problem in problems), *_night(record, settings, now)]
    amiss += _alerts(record, {condition.job for condition in amiss})
    return sorted(amiss, key=lambda condition: SEVERITY[condition.state])


def overall(amiss: Sequence[Condition], record: DeskRecord, progress: Mapping[int, RunProgress]) -> Condition:
    """The worst of what is `amiss`; else that the first night is running, and how far it is; else that all is well.

    `progress` is that of the runs at work, by their id.
    """
    if amiss:
        return amiss[0]
    if run := _first_night(record):
        counted = progress.get(run.id, RunProgress())
        so_far = f", {counted.done} of {counted.expected} done" if counted.expected else ""
        message = f"The first night is running: {run.job}{so_far}."
        return Condition("ok", "night.first", run.job, f"First night: {_plain(run.job)}", message, "")
    return Condition("ok", "ok", None, "All is well", "All is well.", "")


def _not_ready(problem: str) -> Condition:
    if problem in PROBLEMS:
        return Condition("down", problem, None, *PROBLEMS[problem])
    message, cure = meaning(problem) or (f"The desk is not ready: {problem}", "Read the log.")
    return Condition("down", problem, None, "Not ready", f"{message}.", cure)


def _night(record: DeskRecord, settings: Settings, now: datetime) -> Iterator[Condition]:
    """What is amiss with the night's jobs and with what they bring; what only follows from a failure is left out."""
    results = [record.results[job] for job in NIGHT if job in record.results and settings.job_schedule(job).enabled]
    failed = [run for run in results if run.state in FAILED]
    skipped = [run for run in results if (run.job, run.cause) == ("training", "data.stale")]
    yield from (_failure(run, record, now) for run in failed)
    yield from (_failure(run, record, now) for run in results if run.state == "partial")
    if not any(run.job == "data_update" for run in failed):
        yield from (_training_skipped(run, record, now) for run in skipped)
    if record.champions:
        yield from _no_current_signal(record, now)
    elif not failed and not skipped:
        yield from _nothing_serves(record)


def _failure(run: Run, record: DeskRecord, now: datetime) -> Condition:
    observation = run_ended(run)
    if observation is None:
        raise ValueError(f"{run.name} is {run.state}, which is no failure")
    again, cure = _again(run, record, now, observation.cure)
    state: State = "down" if run.state in FAILED and not record.champions and not again else "degraded"
    title = f"{_plain(run.job).capitalize()} {END_TITLES[run.state]}"
    return Condition(state, run.cause or f"run.{run.state}", run.job, title, f"{observation.message}{again}", cure)


_STALE_CURE = (
    'It needs a data_update that succeeds. If the history has ended, set data_params.as_of to "data": it is then '
    "trained as of its last bar, and marked as not live."
)


def _training_skipped(run: Run, record: DeskRecord, now: datetime) -> Condition:
    stale = list((run.detail or {}).get("failed") or {})
    symbols = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
    pulled = record.results.get("data_update")
    come = pulled is not None and pulled.id > run.id and pulled.state == "succeeded"
    again, cure = _again(run, record, now, "Its data has come since." if come else _STALE_CURE)
    message = f"{run.name} was skipped ({run.cause}): there was no fresh data of {symbols or 'any symbol'}.{again}"
    return Condition("degraded", "data.stale", run.job, "Training was skipped", message, cure)


def _again(run: Run, record: DeskRecord, now: datetime, cure: str) -> tuple[str, str]:
    """That the job is tried again, in a sentence, and the cure; with a command only if it is not tried by itself."""
    again = next((other for other in record.pending if other.job == run.job), None)
    if again is not None and again.not_before > now:
        return f" It is tried again at {clock_time(again.not_before, now)}.", cure
    if again is not None:
        return " It is being tried again now.", cure
    job = "all" if run.job in NIGHT[: NIGHT.index("signals")] else run.job  # the later jobs need what it makes
    return "", f"{cure} Then start it again: `nightdesk run-once {job}`."


def _no_current_signal(record: DeskRecord, now: datetime) -> Iterator[Condition]:
    expired = record.signals_expire
    if _first_night(record) or (expired is not None and expired > now):
        return
    since = f"the newest expired at {clock_time(expired, now)}" if expired else "none was ever published"
    message = f"No signal is current: {since}."
    yield Condition("degraded", "signals.stale", "signals", "No current signal", message, NIGHT_NOW)


def _nothing_serves(record: DeskRecord) -> Iterator[Condition]:
    if _first_night(record):
        return
    evaluation = record.results.get("evaluation")
    if evaluation is not None and evaluation.state in ("succeeded", "partial"):
        yield Condition("degraded", "signals.no_champion", None, "No model serves yet", **NO_CHAMPION)
    else:
        message = "No model has been judged yet, so none serves."
        yield Condition("degraded", "night.none", None, "No model serves yet", message, NIGHT_NOW)


def _first_night(record: DeskRecord) -> Run | None:
    """The run that the first night has come to; None after that night, or when none is running."""
    if "signals" in record.results or record.signals_expire is not None:
        return None
    night = [run for run in record.pending if run.job in NIGHT]
    return max(night, key=lambda run: NIGHT.index(run.job), default=None)


def _alerts(record: DeskRecord, jobs: Collection[JobName | None]) -> Iterator[Condition]:
    """The alerts that fire, as one condition: the first of them, and how many; but not those of `jobs` that failed."""
    firing = [alert for alert in record.firing if not (alert.rule == "run.failed" and alert.subject in jobs)]
    if firing:
        first, others = firing[0], len(firing) - 1
        title = f"{others + 1} alerts" if others else "1 alert"
        message = f"{first.message} {others} more {'is' if others == 1 else 'are'} firing." if others else first.message
        yield Condition("degraded", first.rule, None, title, message, first.cure)


def clock_time(instant: datetime, now: datetime) -> str:
    """`22:00 UTC`; with its date if it is further than a day from `now`."""
    near = abs((instant - now).total_seconds()) < 86_400
    return f"{instant:%H:%M} UTC" if near else f"{instant:%Y-%m-%d %H:%M} UTC"


def _plain(job: JobName) -> str:
    return job.replace("_", " ")
