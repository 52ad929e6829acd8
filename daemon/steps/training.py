"""training: new challengers for every symbol whose validated data has come."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from config.settings import NIGHT
from daemon.runs import Run
from daemon.schedule import next_occurrence
from daemon.steps.adoption import adopt_strays, record_version
from daemon.steps.base import POLL, Ending, Plan, RunWork, ending_of, forerunner_at_work
from daemon.store import models, runs
from daemon.targets import Target, targets


async def wait_for_data(work: RunWork) -> None:
    """Wait while data is missing and still to be hoped for; the clock time is only the earliest moment."""
    deadline = work.run.scheduled_for + work.settings.data_params.wait_for_data
    while True:
        pulled = await _last_pull(work)
        if not await stale_symbols(work):
            return
        while await _last_pull(work) == pulled:  # however quick the next one is, it cannot be overlooked
            if not await forerunner_at_work(work) and not _pull_to_come(work, deadline):
                return
            await asyncio.sleep(POLL)


async def _last_pull(work: RunWork) -> int | None:
    return await work.read(lambda c: runs.last_ended(c, NIGHT[0]))


def _pull_to_come(work: RunWork, deadline: datetime) -> bool:
    """Whether the schedule pulls data again before `deadline`; what a person or a chain has brought does not wait."""
    if work.run.trigger not in ("schedule", "catch_up", "retry") or work.clock.now() >= deadline:
        return False
    schedule = work.settings.job_schedule(NIGHT[0])
    upcoming = next_occurrence(schedule, work.settings.time_zone, work.clock.now()) if schedule.enabled else None
    return upcoming is not None and upcoming <= deadline


async def stale_symbols(work: RunWork) -> dict[str, Any]:
    """The symbols without validated data for their last closed session, each with its error."""
    outcome = await work.do(Plan("freshness", {"symbols": list(work.settings.symbols)}))
    return {
        symbol: state.get("error")
        or {
            "code": "data.stale",
            "message": f"The newest validated data of {symbol} is of {state['as_of'] or 'no time at all'}, "
            f"but its last session closed at {state['last_closed']}.",
            "cure": "See why the last data_update failed; when its data has come, start training again.",
        }
        for symbol, state in outcome.result()["symbols"].items()
        if not state["fresh"]
    }


async def train_models(work: RunWork) -> Ending:
    """One task for each target with fresh data and each iteration; each success is a challenger.

    What an earlier attempt of this run has made is kept, not made again.
    """
    stale = await stale_symbols(work)
    fresh = [target for target in targets(work.settings, work.home) if target.subject not in stale]
    if not fresh:
        return Ending("skipped", "data.stale", {"failed": stale})
    adopted = await adopt_strays(work)
    made = await work.read(lambda c: {(v.subject, v.model_type, v.version) for v in models.versions(c)})
    plans = [
        _plan(work, target, iteration)
        for target in fresh
        for iteration in range(work.settings.training_params.iterations)
    ]
    todo = [plan for plan in plans if (plan.subject, plan.model_type, plan.args["version"]) not in made]
    outcomes = await work.do_all(todo)
    for plan, outcome in outcomes.items():
        if outcome.value is not None:
            await record_version(work, plan, outcome.value)
    ending = ending_of(outcomes, blocked=stale)
    ending.detail.update({"already_made": len(plans) - len(todo)} if len(todo) < len(plans) else {})
    ending.detail.update({"strays": adopted} if adopted else {})
    odd = {plan.label: found for plan, outcome in outcomes.items() if (found := _oddities(outcome.value))}
    ending.detail.update({"expert_logs": odd} if odd else {})
    return ending


def _oddities(made: dict[str, Any] | None) -> dict[str, Any]:
    """What the model could not use of its expert's log; nothing of a model that has none, or of a log in order."""
    log: dict[str, Any] = (made or {"metrics": {}})["metrics"].get("expert_log", {})
    return {name: found for name, found in log.items() if found}


def _plan(work: RunWork, target: Target, iteration: int) -> Plan:
    args = {
        "version": version_name(work.run, iteration),
        "params": work.settings.model_params.get(target.model_type, {}),
        "seed": work.settings.training_params.seed + iteration,
    }
    return Plan("train", args, target.subject, target.model_type, iteration)


def version_name(run: Run, iteration: int) -> str:
    """A version is called by its occurrence, so that a retry finds what the run before it had published."""
    at = run.scheduled_for
    name = f"{at:%Y%m%d_%H%M%S}" + (f"_{at:%f}" if at.microsecond else "")
    return f"{name}-{iteration}" if iteration else name
