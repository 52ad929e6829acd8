"""training: new challengers for every symbol whose validated data has come."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from config.names import is_trader_subject
from config.settings import NIGHT
from daemon.domain.recipes import recipes_of
from daemon.domain.runs import Run
from daemon.domain.schedule import next_occurrence
from daemon.domain.targets import Target, targets
from daemon.domain.tasks import ErrorInfo, VersionRef
from daemon.jobs.base import POLL, Ending, Plan, RunWork, ending_of, upstream_at_work
from daemon.jobs.retraining import diagnoses_of, explain_training
from daemon.jobs.serving import serving_recipe
from daemon.jobs.training.adoption import adopt_strays, record_version
from daemon.jobs.training.messages import FreshnessRequest, RepetitionRequest, SymbolFreshness, TrainRequest
from daemon.store import runs, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

# What a person should know where there is nothing to train.
NO_TARGET = {
    "message": "No trader's logs are stored, and only models of traders are to be trained.",
    "cure": "Pull them: `nightdesk data --trades PLACE`, or sources.bucket.url and a data_update.",
}

UNCHANGED = {
    "message": "No log, setting or code has changed since the newest versions were trained, so they would come again.",
    "cure": "Nothing to do: training starts again when a data_update brings logs that are new.",
}


def _not_configured(places: list[str]) -> dict[str, object]:
    return {
        "message": f"None of these models is configured: {', '.join(places)}.",
        "cure": "Name configured ones as subject and model type, such as AAPL/behavioral_cloner.",
    }


async def wait_for_data(work: RunWork) -> None:
    """Wait while data is missing and still to be hoped for; the clock time is only the earliest moment."""
    deadline = work.run.scheduled_for + work.settings.data_params.wait_for_data
    while True:
        pulled = await _last_pull(work)
        if not await stale_symbols(work):
            return
        while await _last_pull(work) == pulled:  # however quick the next one is, it cannot be overlooked
            if not await upstream_at_work(work) and not _pull_to_come(work, deadline):
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


async def stale_symbols(work: RunWork) -> dict[str, ErrorInfo]:
    """The symbols without validated data for their last closed session, and traders who have not traded lately.

    Each has its error. Where only models of traders are trained, no symbol is looked at: their markets are others.
    """
    subjects = {target.subject: None for target in targets_of_run(work)}
    traders = [subject for subject in subjects if is_trader_subject(subject)]
    places = work.run.options.places
    of_symbols = len(traders) < len(subjects)
    symbols = [name for name in work.settings.symbols if of_symbols and (places is None or name in subjects)]
    # A person who asks for it may train on the logs of a trader who has stopped.
    looked_at = (*symbols, *(() if work.run.trigger == "manual" else traders))
    if not looked_at:
        return {}
    outcome = await work.do(Plan(FreshnessRequest(symbols=looked_at)))
    return {
        symbol: freshness.error or _stale(symbol, freshness)
        for symbol, freshness in outcome.result().symbols.items()
        if not freshness.fresh
    }


def targets_of_run(work: RunWork) -> list[Target]:
    """What the run trains: every target of the desk, or only those that its options name."""
    places = work.run.options.places
    return [target for target in targets(work.settings, work.home) if places is None or target.label in places]


def _stale(symbol: str, freshness: SymbolFreshness) -> ErrorInfo:
    newest = freshness.as_of.isoformat() if freshness.as_of else "no time at all"
    closed = freshness.last_closed.isoformat() if freshness.last_closed else "no time that is known"
    return ErrorInfo(
        code="data.stale",
        message=f"The newest validated data of {symbol} is of {newest}, but its last session closed at {closed}.",
        cure=(
            "See why the last data_update failed; when its data has come, start training again. If this history has "
            'ended, set data_params.as_of to "data": it is then trained as of its last bar, and marked as not live.'
        ),
    )


async def train_models(work: RunWork) -> Ending:
    """One task for each target with fresh data and each of its recipes; each success is a challenger.

    What an earlier attempt of this run has made is kept, not made again.
    """
    stale = await stale_symbols(work)
    fresh = [target for target in targets_of_run(work) if target.subject not in stale]
    if not fresh and not stale:
        named = work.run.options.places
        return Ending("skipped", "training.no_target", dict(NO_TARGET) if named is None else _not_configured(named))
    if not fresh:
        return _skipped(stale)
    adopted = await adopt_strays(work)
    await explain_training(work, fresh)
    made = await work.read(lambda c: {(v.subject, v.model_type, v.version) for v in versions.versions(c)})
    requests = [request for target in fresh for request in await _requests(work, target)]
    to_make = [request for request in requests if (request.subject, request.model_type, request.version) not in made]
    unchanged = [] if work.run.options.places else await _unchanged(work, to_make)
    if unchanged and len(unchanged) == len(requests) and not adopted:
        return _skipped(stale) if stale else Ending("skipped", "training.unchanged", _unchanged_detail(unchanged))
    todo = {Plan(request): request for request in to_make if request not in unchanged}
    outcomes = await work.do_all(todo)
    trained = outcomes.results(todo)
    for plan, version in trained:
        await record_version(work, todo[plan], version)
    ending = ending_of(outcomes, blocked=stale)
    issues = {plan.label: version.issues for plan, version in trained if version.issues}
    ending.detail.update({"already_made": len(requests) - len(to_make)} if len(to_make) < len(requests) else {})
    ending.detail.update({"unchanged": [request.label for request in unchanged]} if unchanged else {})
    diagnoses = await diagnoses_of(work)
    ending.detail.update({"retraining": diagnoses} if diagnoses else {})
    ending.detail.update({"strays": adopted} if adopted else {})
    ending.detail.update({"issues": issues} if issues else {})
    return ending


async def _unchanged(work: RunWork, requests: list[TrainRequest]) -> list[TrainRequest]:
    """The trainings on a trader's logs that would make a stored version again: the same logs, recipe and code.

    Bars of symbols grow every session, logs only while the trader trades.
    """
    plans = {}
    for request in requests:
        stored = await work.read(lambda c, request=request: _stored(c, request))  # type: ignore[misc]
        if stored is not None:
            plans[Plan(RepetitionRequest.of(request.recipe, iteration=request.iteration, stored=stored))] = request
    if not plans:
        return []
    outcomes = await work.do_all(plans)
    return [plans[plan] for plan, result in outcomes.results(plans) if result.repeats]


def _stored(c: Connection, request: TrainRequest) -> VersionRef | None:
    """The newest version of the recipe of a trader; None for any other subject, or where there is none."""
    if not is_trader_subject(request.subject):
        return None
    states = (*versions.SERVABLE, "champion")
    stored = versions.versions(c, request.subject, request.model_type, states=states)
    newest = next((version for version in stored if version.recipe == request.recipe.fingerprint), None)
    return None if newest is None else VersionRef(name=newest.version, manifest_sha256=newest.manifest_sha256)


def _unchanged_detail(unchanged: list[TrainRequest]) -> dict[str, object]:
    return {**UNCHANGED, "unchanged": [request.label for request in unchanged]}


def _skipped(stale: dict[str, ErrorInfo]) -> Ending:
    return Ending("skipped", "data.stale", {"failed": {name: error.document() for name, error in stale.items()}})


async def _requests(work: RunWork, target: Target) -> list[TrainRequest]:
    """What is trained in one place: the recipes of the settings, and the one that serves, so that it stays fresh."""
    recipes = recipes_of(work.settings, target)
    serving = await work.read(lambda c: serving_recipe(c, target))
    if serving is not None and serving not in recipes:
        recipes.append(serving)
    return [
        TrainRequest.of(recipe, iteration=number, version=version_name(work.run, number))
        for number, recipe in enumerate(recipes)
    ]


def version_name(run: Run, iteration: int) -> str:
    """A version is called by its occurrence, so that a retry finds what the run before it had published."""
    at = run.scheduled_for
    name = f"{at:%Y%m%d_%H%M%S}" + (f"_{at:%f}" if at.microsecond else "")
    return f"{name}-{iteration}" if iteration else name
