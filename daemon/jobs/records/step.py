"""records: extend the record of every recipe, newest folds first, and settle what each is worth."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from daemon.domain.recipes import Recipe, recipes_of
from daemon.domain.targets import Target, targets
from daemon.jobs.base import POLL, Ending, Outcomes, Plan, RunWork, ending_of
from daemon.jobs.published import published
from daemon.jobs.records.messages import (
    RecordFacts,
    RecordRef,
    RecordRequest,
    RecordResult,
    RehearseRequest,
    RehearseResult,
)
from daemon.jobs.serving import recipe_of_record, record_of, serving_recipe, waiting_recipes
from daemon.store import records, runs, signals, versions
from data_pipeline.provenance import Provenance
from evaluation.records.standing import settle
from trainers import registry

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from daemon.domain.signals import PublishedSignal
    from daemon.domain.tasks import TaskResult
    from daemon.executors.base import Outcome
    from daemon.store.records import RecordRow

NOTHING = {
    "message": "There are no bars to keep records over, or the budget of the night was spent before it began.",
    "cure": "Pull bars with `nightdesk data --update-data`; `nightdesk run-once records` computes what is missing.",
}
# So many folds are computed in one task: few enough to make way for other work soon.
AT_ONCE = 4


async def keep_records(work: RunWork) -> Ending:
    """Compute folds until none is missing or the budget of the night is spent, then rehearse the next retraining.

    Other runs come first: while one is at work, nothing new is begun here.
    """
    deadline = work.clock.now() + work.settings.records.nightly_budget
    todo, ended, folds = await recipes_in_use(work), Outcomes(), 0
    missing: dict[str, int] = {}
    while todo and work.clock.now() < deadline:
        await _make_way(work, deadline)
        ready, waiting = in_order(todo)
        if not ready:
            ready, waiting = waiting, []
        plans, outcomes = await look_at(work, ready, first_look=False, at_most=AT_ONCE)
        results = outcomes.results(plans)
        folds += sum(result.computed for _, result in results)
        missing |= {plan.label: result.missing for plan, result in results}
        todo = [plans[plan] for plan, result in results if result.missing] + waiting
        ended |= outcomes.only(plan for plan in plans if plan not in dict(results) or not missing[plan.label])
    ended = ended.only(plan for plan in ended if not _without_data(ended[plan]))
    if not ended and not missing:
        return Ending("skipped", "records.nothing", dict(NOTHING))
    ended |= await _rehearse(work, deadline)
    await settle_standings(work)
    ending = ending_of(ended)
    ending.detail.update(folds=folds, missing={label: left for label, left in missing.items() if left})
    return ending


def _without_data(outcome: Outcome[TaskResult]) -> bool:
    """Whether a task found no bars: that they are missing is for the data update to say."""
    return outcome.error is not None and outcome.error.code == "data.missing"


async def look_at(
    work: RunWork, recipes: list[Recipe], *, first_look: bool, at_most: int
) -> tuple[dict[Plan[RecordResult], Recipe], Outcomes]:
    """Extend these records by so many folds each at most, and write how far they are."""
    tried = max(await work.read(records.tried), len(recipes))
    plans = {
        Plan(
            RecordRequest.of(
                recipe,
                iteration=number,
                first_look=first_look,
                at_most=at_most,
                tried=tried,
                published=await work.read(partial(_published, recipe=recipe)),
            )
        ): recipe
        for number, recipe in _numbered(recipes)
    }
    outcomes = await work.do_all(plans)
    for plan, result in outcomes.results(plans):
        await work.write(partial(_put, work=work, recipe=plans[plan], result=result))
    return plans, outcomes


def in_order(recipes: list[Recipe]) -> tuple[list[Recipe], list[Recipe]]:
    """Those that follow no signals of others, and those that do: what they follow must be decided before."""
    following = [recipe for recipe in recipes if "signals" in registry.needs(recipe.model_type).kinds]
    return [recipe for recipe in recipes if recipe not in following], following


def _numbered(recipes: list[Recipe]) -> Iterator[tuple[int, Recipe]]:
    """Each recipe with its number among those of its place."""
    numbers: Counter[Target] = Counter()
    for recipe in recipes:
        yield numbers[recipe.target], recipe
        numbers[recipe.target] += 1


async def recipes_in_use(work: RunWork) -> list[Recipe]:
    """The recipes of the settings, those that serve, and those whose versions wait for their judgement."""
    in_use: list[Recipe] = []
    for target in targets(work.settings, work.home):
        serving = await work.read(partial(serving_recipe, target=target))
        waiting = await work.read(partial(waiting_recipes, target=target))
        for recipe in (*recipes_of(work.settings, target), *([serving] if serving else []), *waiting):
            if recipe not in in_use:
                in_use.append(recipe)
    return in_use


def record_ref(c: Connection, row: RecordRow) -> RecordRef:
    """A record as a task that judges by it takes it."""
    return RecordRef(
        params=row.params,
        seed=row.seed,
        window=row.window,
        standing=row.standing,
        sentence=row.sentence,
        published=_published(c, recipe_of_record(row)),
    )


def _published(c: Connection, recipe: Recipe) -> tuple[PublishedSignal, ...]:
    """The live signals of a recipe's versions, oldest first; of bars like those of the newest version alone."""
    of_recipe = [
        version
        for version in versions.versions(c, recipe.subject, recipe.model_type)
        if version.recipe == recipe.fingerprint
    ]
    if not of_recipe:
        return ()
    provenance = Provenance.parse(of_recipe[0].provenance)
    alike = {version.id for version in of_recipe if Provenance.parse(version.provenance).comparable(provenance)}
    history = signals.history(c, recipe.subject, recipe.model_type)
    return tuple(published(signal) for signal in reversed(history) if signal.version_id in alike)


def _put(c: Connection, work: RunWork, recipe: Recipe, result: RecordResult) -> None:
    progress = records.RecordProgress(
        **{**vars(recipe), "recipe": recipe.fingerprint},
        provenance=result.provenance.label,
        run_id=work.run.id,
        folds=result.folds,
        missing=result.missing,
        restarted=result.restarted,
        facts=result.facts.document() if result.facts is not None else None,
    )
    records.put(c, progress, work.clock.now())


async def settle_standings(work: RunWork) -> None:
    """Settle what every recipe in use is worth, adjusted for everything this home has tried.

    A run may work on a part of the desk; records of its other places stay as they are and are settled with the rest.
    """
    now, confidence = work.clock.now(), work.settings.promotion.confidence
    in_use: dict[Target, set[str]] = {target: set() for target in targets(work.settings, work.home)}
    for recipe in await recipes_in_use(work):
        in_use[recipe.target].add(recipe.fingerprint)

    def change(c: Connection) -> None:
        for target, recipes in in_use.items():
            records.keep_in_use(c, target.subject, target.model_type, recipes)
        rows = records.of(c, in_use=True)
        facts = {row.id: RecordFacts.model_validate(row.facts, strict=False) for row in rows if row.facts is not None}
        tried = records.tried(c)
        standings = settle(
            {row_id: each.evidence for row_id, each in facts.items()},
            {row.id: row.standing for row in rows},
            tried=tried,
            confidence=confidence,
        )
        for row in rows:
            if row.id in facts:
                text = facts[row.id].figures.sentence(standings[row.id], tried=tried, confidence=confidence)
                records.set_standing(c, row, standings[row.id], text, now)

    await work.write(change)


async def _rehearse(work: RunWork, deadline: datetime) -> Outcomes:
    """Rehearse the retraining of the next night, of recipes that serve, while the budget lasts."""
    outcomes = Outcomes()
    for target in targets(work.settings, work.home):
        plan = await work.read(partial(_rehearsal, target=target))
        if plan is None or work.clock.now() >= deadline:
            continue
        await _make_way(work, deadline)
        outcomes |= Outcomes({plan: await work.do(plan)})
    return outcomes


def _rehearsal(c: Connection, target: Target) -> Plan[RehearseResult] | None:
    """The rehearsal for the next version of the recipe that serves; None where nothing does."""
    champion = versions.champion(c, target.subject, target.model_type)
    row = record_of(c, champion) if champion is not None else None
    if champion is None or row is None:
        return None
    ends = sorted({v.train_end for v in versions.versions(c, *_place(row)) if v.recipe == row.recipe}, reverse=True)
    request = RehearseRequest.of(recipe_of_record(row), serving_until=champion.train_end, trained_until=tuple(ends[:2]))
    return Plan(request)


def _place(row: RecordRow) -> tuple[str, str]:
    return row.subject, row.model_type


async def _make_way(work: RunWork, deadline: datetime) -> None:
    """Wait while another run is at work, but not beyond the budget."""
    while work.clock.now() < deadline and any(
        run.id != work.run.id and run.state == "running" for run in await work.read(runs.active)
    ):
        await asyncio.sleep(POLL)
