"""walk_forward: how each model type would have done, trained anew again and again through the history."""

from __future__ import annotations

from daemon.steps.base import Ending, Plan, RunWork, ending_of


async def walk_models(work: RunWork) -> Ending:
    """A task for every fold of every pair, then one that joins them; what was done before is not done again."""
    counting = [
        _plan(work, "walk_forward_folds", symbol, model_type, 0)
        for symbol in work.settings.symbols
        for model_type in work.settings.model_types
    ]
    counted = await work.do_all(counting)
    folds = [
        _plan(work, "walk_forward_fold", plan.symbol, plan.model_type, number)
        for plan, outcome in counted.items()
        for number in range((outcome.value or {"folds": 0})["folds"])
    ]
    walked = await work.do_all(folds)
    failed = {plan: outcome for plan, outcome in {**counted, **walked}.items() if outcome.state != "succeeded"}
    broken = {(plan.symbol, plan.model_type) for plan in failed}
    joining = [
        _plan(work, "walk_forward", plan.symbol, plan.model_type, 0)
        for plan in counting
        if (plan.symbol, plan.model_type) not in broken
    ]
    joined = await work.do_all(joining)
    ending = ending_of({**failed, **walked, **joined})
    ending.detail["walks"] = {plan.subject: outcome.value for plan, outcome in joined.items() if outcome.value}
    return ending


def _plan(work: RunWork, kind: str, symbol: str, model_type: str, iteration: int) -> Plan:
    args = {
        "run": work.run.name,
        "params": work.settings.model_params.get(model_type, {}),
        "seed": work.settings.training_params.seed,
    }
    return Plan(kind, args, symbol, model_type, iteration)
