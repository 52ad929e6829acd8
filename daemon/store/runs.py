"""The run ledger: every occurrence once, claimed before it starts, ended once, followed by what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, exists, func, or_, select, update

from config.settings import JobName
from daemon.domain.options import RunOptions
from daemon.domain.runs import ACTIVE, SHUTDOWN, STATES, TERMINAL, Owner, Run, RunState, sources_of
from daemon.store import desks, tasks
from daemon.store.rows import insert_once
from daemon.store.tables import runs

# Named one by one, so that the index on the state answers, however long the ledger has grown.
_UNFINISHED = tuple(state for state in STATES if state not in TERMINAL)
# The ends that count as an attempt.
_SPENT: tuple[RunState, ...] = ("crashed", "failed")

# The ends of a run that did its work or tried to.
_RESULTS: tuple[RunState, ...] = ("succeeded", "partial", "failed", "crashed", "timed_out")


def record(
    c: Connection,
    job: JobName,
    scheduled_for: datetime,
    *,
    now: datetime,
    trigger: str,
    state: RunState = "due",
    chain: Sequence[JobName] = (),
    options: RunOptions | None = None,
    parent_id: int | None = None,
    attempt: int = 1,
    not_before: datetime | None = None,
    cause: str | None = None,
) -> Run | None:
    """Record one occurrence of `job`; None if it is recorded already."""
    _delete_false_misses(c, job, scheduled_for, now)
    number = desks.number_above(c)
    run_id = insert_once(
        c,
        runs,
        ("job", "scheduled_for", "attempt"),
        **({} if number is None else {"id": number}),
        job=job,
        scheduled_for=scheduled_for,
        attempt=attempt,
        state=state,
        trigger=trigger,
        chain=list(chain),
        options=(options or RunOptions()).document(),
        parent_id=parent_id,
        recorded_at=now,
        not_before=not_before or now,
        finished_at=now if state in TERMINAL else None,
        cause=cause,
    )
    return None if run_id is None else get(c, run_id)


def request(
    c: Connection,
    job: JobName,
    *,
    now: datetime,
    trigger: str,
    chain: Sequence[JobName] = (),
    options: RunOptions | None = None,
    parent_id: int | None = None,
) -> Run:
    """Record a run that no schedule brings (a person, the first night, a chain): due at once, always a new one.

    It never takes the instant of a scheduled occurrence, which is a whole second.
    """
    instant = now
    while True:
        if instant.microsecond:
            run = record(
                c,
                job,
                instant,
                now=now,
                trigger=trigger,
                chain=chain,
                options=options,
                parent_id=parent_id,
                not_before=now,
            )
            if run is not None:
                return run
        instant += timedelta(microseconds=1)


def claim(
    c: Connection,
    run_id: int,
    owner: Owner,
    now: datetime,
    state: RunState = "running",
    *,
    settings_fingerprint: str | None = None,
) -> bool:
    """Take a due run for `owner`, to work on it or to wait for its conditions; of many who try, one wins."""
    return _changed(
        c,
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == "due")
        .values(
            state=state,
            owner=owner.to_dict(),
            started_at=now if state == "running" else None,
            settings_fingerprint=settings_fingerprint,
        ),
    )


def move(
    c: Connection,
    run_id: int,
    to: RunState,
    now: datetime,
    *,
    cause: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> bool:
    """Bring a run to the state `to` if that is legal from where it is; whether it was."""
    values: dict[str, object] = {"state": to, "cause": cause, "detail": detail and dict(detail)}
    if to == "running":
        values["started_at"] = now
    if to in TERMINAL:
        values["finished_at"] = now
    # A due run has no owner; only `claim` gives it one.
    before = [state for state in sources_of(to) if state != "due" or to in TERMINAL]
    return _changed(c, update(runs).where(runs.c.id == run_id, runs.c.state.in_(before)).values(**values))


def finish(
    c: Connection,
    run_id: int,
    to: RunState,
    now: datetime,
    *,
    cause: str | None = None,
    detail: Mapping[str, object] | None = None,
    attempts: int,
    transient: bool = False,
    retry_delay: timedelta = timedelta(0),
) -> Run | None:
    """End a run and record what follows it, in one transaction; return the new run, or None if nothing follows.

    A crash is retried until there were `attempts` of them, and so is a failure by a `transient` fault (an unreachable
    network); a run that a shutdown cancelled is always retried. Any other end starts the next job of the chain, except
    that a person's cancellation ends the chain too.
    """
    if to not in TERMINAL:
        raise ValueError(f"{to!r} is not an end of a run")
    if not move(c, run_id, to, now, cause=cause, detail=detail):
        return None
    tasks.close(c, run_id, to, now, cause)
    run = _existing(c, run_id)
    if _is_retried(c, run, attempts, transient):
        return _retry(c, run, now, retry_delay)
    if to == "cancelled" or not run.chain:
        return None
    following, *rest = run.chain
    return request(c, following, now=now, trigger="chain", chain=rest, options=run.options, parent_id=run.id)


def get(c: Connection, run_id: int) -> Run | None:
    """The run with this id."""
    return next(iter(_runs(c, select(runs).where(runs.c.id == run_id))), None)


def follower(c: Connection, run_id: int) -> Run | None:
    """The run that the end of a run recorded: its retry, or the next of its chain."""
    return next(iter(_runs(c, select(runs).where(runs.c.parent_id == run_id).order_by(runs.c.id))), None)


def due(c: Connection, now: datetime) -> list[Run]:
    """The runs that nobody works on yet and that may start, oldest occurrence first.

    What was recorded after `now` was so by a clock that ran ahead; it must not hold back its job until then.
    """
    ready = or_(runs.c.not_before <= now, runs.c.recorded_at > now)
    waiting = select(runs).where(runs.c.state == "due", ready)
    return _runs(c, waiting.order_by(runs.c.scheduled_for, runs.c.id))


def active(c: Connection, job: JobName | None = None) -> list[Run]:
    """The claimed runs, of every job or of one."""
    query = select(runs).where(runs.c.state.in_(ACTIVE)).order_by(runs.c.id)
    return _runs(c, query if job is None else query.where(runs.c.job == job))


def unfinished(c: Connection, job: JobName) -> bool:
    """Whether a run of `job` is recorded that has not come to its end."""
    query = select(exists(select(runs.c.id).where(runs.c.job == job, runs.c.state.in_(_UNFINISHED))))
    return bool(c.execute(query).scalar())


def overlaps(c: Connection, job: JobName) -> bool:
    """Whether a run of `job` has not ended that does all that a new occurrence would.

    A training of some places for a reason does not: the occurrence waits for its end.
    """
    query = select(runs).where(runs.c.job == job, runs.c.state.in_(_UNFINISHED))
    return any(run.options.places is None for run in _runs(c, query))


def last_ended(c: Connection, job: JobName) -> int | None:
    """The id of the newest run of `job` that has come to its end."""
    ended = select(runs.c.id).where(runs.c.job == job, runs.c.state.in_(TERMINAL))
    run_id: int | None = c.execute(ended.order_by(runs.c.id.desc()).limit(1)).scalar()
    return run_id


def last_result(c: Connection, job: JobName, *, one_target: bool = False) -> Run | None:
    """The newest run of `job` with a result: it did its work, failed at it, or had nothing to do.

    A run that was missed, cancelled, or skipped because the one before it was still running has none. A run for the
    signals of one target return says nothing of the job; `one_target` looks among such runs alone.
    """
    skipped = (runs.c.state == "skipped") & (func.coalesce(runs.c.cause, "") != "overlap")
    results = or_(runs.c.state.in_(_RESULTS), skipped)
    target = runs.c.options["target"].as_string()
    of_job = select(runs).where(runs.c.job == job, results, target.is_not(None) if one_target else target.is_(None))
    query = of_job.order_by(runs.c.id.desc()).limit(1)
    return next(iter(_runs(c, query)), None)


def pending(c: Connection) -> list[Run]:
    """The runs that have not come to their end, those included that are to start later; oldest first."""
    return _runs(c, select(runs).where(runs.c.state.in_(_UNFINISHED)).order_by(runs.c.id))


def orphans(c: Connection, *, leased: bool) -> list[Run]:
    """The claimed runs whose owner is no more.

    Args:
        c: a connection.
        leased: whether this process holds the only lease of the database: then every other owner has lost it, in
            whatever PID namespace or machine it was. Without a lease, the process itself is looked for.
    """
    me = Owner.me().instance
    return [run for run in active(c) if run.owner is None or (run.owner.instance != me and not _works(run, leased))]


def _works(run: Run, leased: bool) -> bool:
    return not leased and run.owner is not None and run.owner.alive()


def page(
    c: Connection,
    *,
    job: JobName | None = None,
    state: RunState | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Run]:
    """The newest runs first; `before` is the last id of the page already seen."""
    query = select(runs).order_by(runs.c.id.desc()).limit(limit)
    if job is not None:
        query = query.where(runs.c.job == job)
    if state is not None:
        query = query.where(runs.c.state == state)
    return _runs(c, query if before is None else query.where(runs.c.id < before))


def last_scheduled(c: Connection, job: JobName, now: datetime) -> datetime | None:
    """The newest occurrence up to `now` that the schedule brought.

    Left out is what a clock wrote that ran ahead: an occurrence of the future, a miss noted before its time came. It
    must not hold back the schedule until then.
    """
    newest: datetime | None = c.execute(
        select(func.max(runs.c.scheduled_for)).where(
            runs.c.job == job,
            runs.c.scheduled_for <= now,
            runs.c.trigger.in_(("schedule", "catch_up")),
            or_(runs.c.state != "missed", runs.c.recorded_at <= now),
        )
    ).scalar()
    return newest


def newest_number(c: Connection) -> int:
    """The highest number of a run on record; 0 without any."""
    newest: int | None = c.execute(select(func.max(runs.c.id))).scalar()
    return newest or 0


def newest_record(c: Connection) -> datetime | None:
    """When the newest run was recorded or ended; None without any. An end that a restore gave a run is none."""
    recorded = c.execute(select(func.max(runs.c.recorded_at))).scalar()
    known_end = func.coalesce(runs.c.cause, "") != "restored"
    ended = c.execute(select(func.max(runs.c.finished_at)).where(known_end)).scalar()
    return max(filter(None, (recorded, ended)), default=None)


def clock_jumped_at(c: Connection, now: datetime, gap: timedelta, settled: timedelta) -> datetime | None:
    """The newest record before a gap in the ledger longer than `gap`, which ended less than `settled` before `now`.

    None where there is no such gap. After one, nobody knows whether the desk was down for so long, or whether its clock
    is wrong.
    """
    before = c.execute(select(func.max(runs.c.recorded_at)).where(runs.c.recorded_at < now - settled)).scalar()
    after = c.execute(select(func.min(runs.c.recorded_at)).where(runs.c.recorded_at >= now - settled)).scalar()
    jumped_at: datetime | None = before
    return jumped_at if before is not None and min(after or now, now) - before > gap else None


def any_run(c: Connection) -> bool:
    """Whether this desk ever recorded a run."""
    return bool(c.execute(select(exists(select(runs.c.id)))).scalar())


def delete_false_misses(c: Connection, now: datetime) -> None:
    """Remove every note of a miss that a clock wrote which ran ahead of `now`."""
    c.execute(delete(runs).where(runs.c.state == "missed", runs.c.recorded_at > now))


def _delete_false_misses(c: Connection, job: JobName, scheduled_for: datetime, now: datetime) -> None:
    """Remove the note that this occurrence was missed if a clock wrote it that ran ahead: its time is only now."""
    c.execute(
        delete(runs).where(
            runs.c.job == job,
            runs.c.scheduled_for == scheduled_for,
            runs.c.state == "missed",
            runs.c.recorded_at > now,
        )
    )


def _is_retried(c: Connection, run: Run, attempts: int, transient: bool) -> bool:
    if run.state == "cancelled":
        return run.cause == SHUTDOWN
    if run.state != "crashed" and not (run.state == "failed" and transient):
        return False
    same = (runs.c.job == run.job, runs.c.scheduled_for == run.scheduled_for, runs.c.state.in_(_SPENT))
    return int(c.execute(select(func.count()).select_from(runs).where(*same)).scalar_one()) < attempts


def _retry(c: Connection, run: Run, now: datetime, delay: timedelta) -> Run | None:
    return record(
        c,
        run.job,
        run.scheduled_for,
        now=now,
        trigger="retry",
        chain=run.chain,
        options=run.options,
        parent_id=run.id,
        attempt=run.attempt + 1,
        not_before=now + delay,
    )


def _existing(c: Connection, run_id: int) -> Run:
    run = get(c, run_id)
    if run is None:
        raise LookupError(f"there is no run {run_id}")
    return run


def _runs(c: Connection, query: Select[Any]) -> list[Run]:
    return [_run(row._mapping) for row in c.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name for it)


def _run(row: RowMapping) -> Run:
    owner = row["owner"] and Owner(**row["owner"])
    options = RunOptions.model_validate(row["options"])
    return Run(**{**row, "chain": tuple(row["chain"]), "options": options, "owner": owner})


def _changed(c: Connection, statement: Any) -> bool:
    return bool(c.execute(statement).rowcount == 1)
