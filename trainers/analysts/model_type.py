"""The desk's model type `analyst_ensemble`: technical, news and risk analysts, and a policy that learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from config.errors import NightdeskError
from config.section import Section
from data_pipeline.labels.splits import holdout
from evaluation.accounting.backtest import Costs
from evaluation.audit.leak_audit import FitRecord
from evaluation.reports.checklist import fallback
from evaluation.reports.evidence import Check, ModelEvidence
from trainers.analysts.comparison import compared, member_comparisons
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.model import DESCRIPTION, AnalystEnsembleModel, EnsembleDescription
from trainers.analysts.params import AnalystEnsembleParams
from trainers.analysts.policy import Policy, policy_votes
from trainers.artifact import load_members
from trainers.interface import TrainingContext, TrainingTask
from trainers.members import ENDING
from trainers.registry import describe, get, needs
from trainers.safe_files import described, read_json
from trainers.search_space import Range, SearchSpace

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest

POLICY = "policy_cloner"
MEASURED = 0.2  # the last part of the span, over which it is measured what each analyst adds
PURGE = 5
TRIED = 300  # the newest bars, on which the ensemble is tried with a policy that fails


class AnalystEnsembleType:
    """Weighs its analysts; of these only the policy learns, before it, on the same span."""

    name = "analyst_ensemble"
    description = describe()["analyst_ensemble"]
    params = AnalystEnsembleParams
    needs = needs("analyst_ensemble")
    judge = "backtest"

    def train(self, task: TrainingTask, context: TrainingContext) -> AnalystEnsembleModel:
        """Measure what each analyst adds, if that is wanted, and take the policy as it was trained."""
        task.require(self.needs)
        params = AnalystEnsembleParams.model_validate(task.params.model_dump())
        context.report(0.0, "weighing analysts")
        metrics: dict[str, Any] = {}
        if context.measure:
            metrics["with_and_without"] = _measured(task, params, context)
        times = task.inputs.since(task.train_start).times
        context.record_fit(FitRecord("analysts", times, times))
        wanted = params.analyst_weights.rl > 0.0
        policy = context.members.get(POLICY) if wanted else None
        description = EnsembleDescription(
            analyst_weights=params.analyst_weights,
            sell=params.sell,
            policy_days=params.policy_days,
            members=tuple(context.members),
            without=_untrained(context) if wanted and policy is None else "",
            trained_until=task.train_end,
            metrics=metrics,
        )
        model = AnalystEnsembleModel(description, cast("Policy | None", policy))
        if context.measure and wanted:
            metrics["decides_without_a_failing_policy"] = _survives(model, task.inputs.for_decisions().tail(TRIED))
            model = replace(model, description=description.model_copy(update={"metrics": metrics}))
        context.report(1.0, "weighed")
        return model

    def load(self, folder: Path) -> AnalystEnsembleModel:
        """Read what `save` wrote, and its members; it goes on without a policy that cannot be loaded.

        Damage is another matter: the files of members are among those that are checked before anything is loaded.
        """
        description = described(DESCRIPTION, EnsembleDescription, read_json(folder / DESCRIPTION))
        try:
            policy = load_members(folder, description.members).get(POLICY)
        except NightdeskError as error:
            policy = None
            description = description.model_copy(update={"without": f"its policy cannot be loaded: {error.message}"})
        return AnalystEnsembleModel(description, cast("Policy | None", policy))

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """What each analyst added on the last part of its training span, where it also decided without each."""
        compared_members = member_comparisons(manifest.metrics.get("with_and_without", []))
        survived = manifest.metrics.get("decides_without_a_failing_policy")
        return ModelEvidence(checks=_fallback(survived), comparisons=compared_members)

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:  # noqa: ARG002
        """It has no teacher."""
        return {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """The weights of the analysts."""
        return {f"analyst_weights.{name}": Range(0.1, 3.0) for name in ("tech", "news", "risk", "rl")}


def _untrained(context: TrainingContext) -> str:
    """Why there is no policy."""
    return f"its policy could not be trained: {context.untrained.get(POLICY, 'it was not trained at all')}"


class _FailingPolicy:
    """A policy that fails whenever it is asked."""

    def probabilities(self, inputs: Inputs) -> pd.DataFrame:
        """Fail, as a policy may."""
        raise NightdeskError("policy.failed", f"It fails on purpose, asked for {inputs.subject}.", "This is a trial.")


def _survives(model: AnalystEnsembleModel, inputs: Inputs) -> bool:
    """Whether the ensemble decides at every bar while its policy fails, and says so."""
    decided = replace(model, policy=_FailingPolicy()).decide(inputs)
    signals = decided[inputs.only.symbol]
    return len(signals) == len(inputs) and "its policy failed" in signals.remark


def _fallback(survived: bool | None) -> tuple[Check, ...]:
    """That it goes on without its policy, as tried after its training; nothing where that was not tried."""
    if survived is None:
        return ()
    note = "Tried after the training, with a policy that fails: " + (
        "it decided." if survived else "it did not decide."
    )
    return (fallback(survived, note),)


def _measured(task: TrainingTask, params: AnalystEnsembleParams, context: TrainingContext) -> list[dict[str, Any]]:
    """The ensemble with and without each analyst on the last part of the span, which its policy has not learned."""
    times = task.inputs.since(task.train_start).times
    split = holdout(len(times), MEASURED, PURGE)
    learned, first = times[split.train[-1]].to_pydatetime(), times[split.test[0]].to_pydatetime()
    part = replace(task, inputs=task.inputs.until(learned), train_end=learned, params=params.policy_cloner)
    try:
        policy = cast("Policy", get(POLICY).train(part, replace(context, measure=False, checkpoints=None, members={})))
    except NightdeskError as error:
        if error.code in ENDING:
            raise
        ensemble = Ensemble(params.analyst_weights)
    else:
        ensemble = Ensemble(
            params.analyst_weights, lambda inputs: policy_votes(policy, inputs, learned, params.policy_days)
        )
    return compared(ensemble, task.inputs.for_decisions(), first, params.sell, Costs.of(params.costs))
