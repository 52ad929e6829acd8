"""walk_forward: how each model type would have done, trained anew again and again through the history."""

from __future__ import annotations

from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.targets import targets


async def walk_models(work: RunWork) -> Ending:
    """A task for every fold of every pair, then one that joins them; what was done before is not done again."""
    counting = [
        _plan(work, "walk_forward_folds", target.subject, target.model_type, 0)
        for target in targets(work.settings, work.home)
    ]
    counted = await work.do_all(counting)
    folds = [
        _plan(work, "walk_forward_fold", plan.subject, plan.model_type, number)
        for plan, outcome in counted.items()
        for number in range((outcome.value or {"folds": 0})["folds"])
    ]
    walked = await work.do_all(folds)
    failed = {plan: outcome for plan, outcome in {**counted, **walked}.items() if outcome.state != "succeeded"}
    broken = {(plan.subject, plan.model_type) for plan in failed}
    joining = [
        _plan(work, "walk_forward", plan.subject, plan.model_type, 0)
        for plan in counting
        if (plan.subject, plan.model_type) not in broken
    ]
    joined = await work.do_all(joining)
    ending = ending_of({**failed, **walked, **joined})
    ending.detail["walks"] = {plan.label: outcome.value for plan, outcome in joined.items() if outcome.value}
    return ending


def _plan(work: RunWork, kind: str, subject: str, model_type: str, iteration: int) -> Plan:
    args = {
        "run": work.run.name,
        "params": work.settings.model_params.get(model_type, {}),
        "seed": work.settings.training_params.seed,
    }
    return Plan(kind, args, subject, model_type, iteration)
