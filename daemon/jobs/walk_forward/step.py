"""walk_forward: how each model type would have done, trained anew again and again through the history."""

from __future__ import annotations

from typing import TypeVar

from daemon.domain.targets import Target, targets
from daemon.domain.tasks import TaskResult
from daemon.jobs.base import Ending, Plan, RunWork, ending_of
from daemon.jobs.walk_forward.messages import CountFoldsRequest, JoinFoldsRequest, WalkFoldRequest

Walk = TypeVar("Walk", CountFoldsRequest, WalkFoldRequest, JoinFoldsRequest)


async def walk_models(work: RunWork) -> Ending:
    """A task for every fold of every pair, then one that joins them; what was done before is not done again."""
    pairs = targets(work.settings, work.home)
    counting = [Plan(_request(CountFoldsRequest, work, pair)) for pair in pairs]
    counted = await work.do_all(counting)
    folds = [
        Plan(_request(WalkFoldRequest, work, _pair(plan), number))
        for plan, count in counted.results(counting)
        for number in range(count.folds)
    ]
    walked = await work.do_all(folds)
    failed = {plan for outcomes in (counted, walked) for plan in outcomes if outcomes[plan].state != "succeeded"}
    broken = {_pair(plan) for plan in failed}
    joining = [Plan(_request(JoinFoldsRequest, work, pair)) for pair in pairs if pair not in broken]
    joined = await work.do_all(joining)
    ending = ending_of(counted.only(plan for plan in counted if plan in failed) | walked | joined)
    ending.detail["walks"] = {plan.label: walk.document() for plan, walk in joined.results(joining)}
    return ending


def _pair(plan: Plan[TaskResult]) -> Target:
    return Target(plan.target.subject, plan.target.model_type)


def _request(kind: type[Walk], work: RunWork, pair: Target, number: int = 0) -> Walk:
    return kind(
        subject=pair.subject,
        model_type=pair.model_type,
        iteration=number,
        run=work.run.name,
        params=dict(work.settings.model_params.get(pair.model_type, {})),
        seed=work.settings.training_params.seed,
    )
