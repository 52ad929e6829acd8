"""How workers train: a recipe on a span of stored inputs, for versions that serve and for the folds of records."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import is_trader_subject
from daemon.jobs.inputs import inputs_for
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from data_pipeline.pulls.update import ended_on
from evaluation.audit.leak_audit import FitRecord, LeakAudit, Span, audit
from trainers import registry
from trainers.interface import Model, TrainingContext, TrainingTask
from trainers.members import TrainedModel, train_with_members

if TYPE_CHECKING:
    from daemon.domain.recipes import Recipe
    from daemon.executors.worker.main import WorkContext


def teaching_inputs(context: WorkContext, recipe: Recipe) -> Inputs:
    """Everything stored that a training of the recipe may look at."""
    needs = registry.get(recipe.model_type).needs
    return inputs_for(context, recipe.subject, needs, needs.kinds)


def training_task(context: WorkContext, recipe: Recipe, span: Span) -> TrainingTask:
    """Everything a trainer may see: inputs up to the end of the training span, and what its teacher did until then."""
    needs = registry.get(recipe.model_type).needs
    inputs = inputs_for(context, recipe.subject, needs, needs.kinds, until=span.last)
    return TrainingTask(
        inputs=inputs,
        train_start=span.first,
        train_end=span.last,
        provenance=provenance_of(context, inputs).label,
        params=registry.validate_params(recipe.model_type, recipe.params, context.settings),
    )


def provenance_of(context: WorkContext, inputs: Inputs) -> Provenance:
    """Where the bars come from, whether an expert besides them is the sample one, and when they ended, if they have."""
    joint = Provenance.joint(
        Provenance.of(bars.source, teacher=inputs.expert_logs[name].provenance if name in inputs.expert_logs else None)
        for name, bars in inputs.bars.items()
    )
    return joint.at(ended_at(context, inputs))


def ended_at(context: WorkContext, inputs: Inputs) -> date | None:
    """The date of the end of a history that has ended, where the owner works as of it; None for live data.

    Every market of a trader ends, and others follow: they are as of the last one where the owner says so.
    """
    if not is_trader_subject(inputs.subject):
        return ended_on(inputs.bars.values(), context.settings, context.now())
    return None if context.settings.data_params.as_of == "now" else inputs.times[-1].date()


def fitted(context: WorkContext, recipe: Recipe, task: TrainingTask, number: int) -> TrainedModel:
    """A model of a recipe for a fold or a rehearsal: it is judged by what it decides, and measures nothing itself."""
    training = TrainingContext(
        seed=recipe.seed,
        device=context.settings.training_params.device,
        should_stop=context.should_stop,
        iteration=number,
        measure=False,
    )
    return train_with_members(recipe.model_type, task, training)


def trained(
    context: WorkContext, recipe: Recipe, task: TrainingTask, *, iteration: int, checkpoints: Path | None = None
) -> tuple[TrainedModel, list[FitRecord]]:
    """A model that has learned from `task`, its members, and what they were fitted on.

    Where there are `checkpoints`, the training stores there how far it is, and resumes from there.
    """
    fits: list[FitRecord] = []
    training = TrainingContext(
        seed=recipe.seed,
        device=context.settings.training_params.device,
        progress=context.progress,
        should_stop=context.should_stop,
        record_fit=fits.append,
        checkpoints=checkpoints,
        iteration=iteration,
    )
    return train_with_members(recipe.model_type, task, training), fits


def audited(model: Model, fits: list[FitRecord], task: TrainingTask, inputs: Inputs, *, seed: int) -> LeakAudit:
    """The leak audit of a trained model over `inputs`; a model that knew what it could not know is refused.

    It would be judged by what it never has live.
    """
    leaks = audit(model, inputs, fits, Span(task.train_start, task.train_end), seed=seed)
    if leaks.clean:
        return leaks
    first, others = leaks.findings[0], len(leaks.findings) - 1
    raise NightdeskError(
        "training.leak",
        f"{task.subject} leaks ({first.kind}) in {first.name!r}: {first.detail}."
        + (f" There are {others} more findings." if others else ""),
        "No version was published. Compute it from bars that had closed, learn it from the training span alone, and "
        "train again.",
        names=sorted({finding.name for finding in leaks.findings}),
        leaks=leaks.to_dict(),
    )


def training_span(inputs: Inputs, lookback: timedelta) -> Span:
    """The first close to learn from, by the look-back, and the last instant: the last closed bar, or settled market.

    Nothing is held out: what judges a recipe is its record, whose folds were trained without what they are tested on.
    """
    times, end = inputs.times, inputs.times[-1]
    if inputs.trader_log:  # a market is settled after its last bar, and what it earned is known only then
        end = max(end, *(rows.index[-1] for rows in inputs.trader_log.values()))
    window = times[times >= times[-1] - lookback]
    if len(window) < 2:
        raise NightdeskError(
            "training.too_short",
            f"{inputs.subject} has {len(window)} bars in the last {lookback.days} days; too few to train on.",
            "Raise training_params.lookback_days, or pull more history.",
        )
    return Span(window[0].to_pydatetime(), end.to_pydatetime())
