"""The tasks inside runs: each begins once, ends once and never outlives its run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from daemon.domain.runs import TASK_ENDS, RunState, Task, TaskState, task_end
from daemon.domain.tasks import Document
from daemon.store.rows import all_as, insert
from daemon.store.tables import tasks


def add(
    c: Connection,
    run_id: int,
    kind: str,
    *,
    subject: str | None = None,
    model_type: str | None = None,
    iteration: int = 0,
) -> Task:
    """Record a unit of work inside a run, not begun yet."""
    values = {"kind": kind, "subject": subject, "model_type": model_type, "iteration": iteration}
    task_id = insert(c, tasks, run_id=run_id, state="due", **values)
    return all_as(c, Task, select(tasks).where(tasks.c.id == task_id))[0]


def start(c: Connection, task_id: int, now: datetime) -> bool:
    """Note that work on a task has begun; False if it had begun before."""
    begun = update(tasks).where(tasks.c.id == task_id, tasks.c.state == "due")
    return c.execute(begun.values(state="running", started_at=now)).rowcount == 1


def finish(
    c: Connection,
    task_id: int,
    state: TaskState,
    now: datetime,
    *,
    cause: str | None = None,
    detail: Document | None = None,
    result: Document | None = None,
) -> bool:
    """End a task with its small result; False if it had ended before."""
    if state not in TASK_ENDS:
        raise ValueError(f"{state!r} is not an end of a task")
    ended = update(tasks).where(tasks.c.id == task_id, tasks.c.state.not_in(TASK_ENDS))
    values = {"state": state, "finished_at": now, "cause": cause, "detail": detail, "result": result}
    return c.execute(ended.values(**values)).rowcount == 1


def close(c: Connection, run_id: int, end: RunState, now: datetime, cause: str | None) -> None:
    """End the tasks that a run leaves unfinished at its own end."""
    unfinished = update(tasks).where(tasks.c.run_id == run_id, tasks.c.state.not_in(TASK_ENDS))
    c.execute(unfinished.values(state=task_end(end), finished_at=now, cause=cause))


def of(c: Connection, run_id: int) -> list[Task]:
    """The tasks of a run, in the order they were recorded."""
    return all_as(c, Task, select(tasks).where(tasks.c.run_id == run_id).order_by(tasks.c.id))
