"""Tasks that make and inspect model versions, and look whether their data is fresh."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import subject_folder
from config.publish import TEMP_PREFIX
from daemon.artifacts.base import ArtifactName
from daemon.domain.tasks import ErrorInfo
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness, VersionFacts
from daemon.jobs.versions import inputs_of
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from data_pipeline.pulls.update import ended_on, freshness
from data_pipeline.stored_inputs import stored_inputs
from evaluation.audit.leak_audit import LeakAudit, Learned, Span, audit
from trainers import registry
from trainers.artifact import ArtifactFacts, load_artifact, prove, save_artifact
from trainers.interface import Model, TrainingContext, TrainingTask
from trainers.manifest import MANIFEST, Manifest, sha256_file

if TYPE_CHECKING:
    from config.settings import TrainingParams
    from daemon.domain.tasks import Document, TaskResult
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.training.messages import FreshnessRequest, InspectRequest, TrainRequest
    from daemon.jobs.walk_forward.messages import WalkRequest


@dataclass(frozen=True)
class Recipe:
    """What is trained on whom: everything that two trainings of one recipe have in common, and the seed."""

    subject: str
    model_type: str
    params: Document
    seed: int

    @classmethod
    def of(cls, request: TrainRequest | WalkRequest[TaskResult]) -> Recipe:
        """The recipe of a task."""
        return cls(request.subject, request.model_type, request.params, request.seed)


def train(context: WorkContext, request: TrainRequest) -> VersionFacts:
    """Train one challenger on the training span, which the holdout after it never touches."""
    name = ArtifactName(request.subject, request.model_type, request.version)
    checkpoints = context.home.checkpoints(name.subject, name.model_type, name.version)
    recipe = Recipe.of(request)
    inputs = inputs_of(context, request.subject, request.model_type)
    task = training_task(context, recipe, inputs, training_span(inputs, context.settings.training_params))
    model, leaks = trained(context, recipe, task, inputs, iteration=request.iteration, checkpoints=checkpoints)
    facts = ArtifactFacts(
        model_type=request.model_type,
        version=request.version,
        params=task.params,
        inputs=task.inputs,
        dataset=inputs.dataset,
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=context.now(),
        settings_fingerprint=context.settings.fingerprint(),
        seed=request.seed,
        leaks=leaks.to_dict(),
        training_window=context.settings.training_params.lookback_days,
    )
    manifest = _publish(context, name, model, facts)
    if checkpoints.exists():
        shutil.rmtree(checkpoints)
    return version_facts(context.artifacts.fetch(name), manifest)


def _publish(context: WorkContext, name: ArtifactName, model: Model, facts: ArtifactFacts) -> Manifest:
    """Write the artefact in a scratch folder of the home, and hand it to the store whole."""
    context.home.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=context.home.models) as scratch:
        folder = Path(scratch, subject_folder(name.subject), name.model_type, name.version)
        manifest = save_artifact(folder, model, facts)
        context.artifacts.publish(folder, name)
    return manifest


def trained(
    context: WorkContext,
    recipe: Recipe,
    task: TrainingTask,
    inputs: Inputs,
    *,
    iteration: int,
    checkpoints: Path | None = None,
) -> tuple[Model, LeakAudit]:
    """A model that has learned from `task` and passed the leak audit over `inputs`, which go on after it.

    Where there are `checkpoints`, the training stores there how far it is, and resumes from there.
    """
    learned: list[Learned] = []
    model = registry.get(recipe.model_type).train(
        task,
        TrainingContext(
            seed=recipe.seed,
            device=context.settings.training_params.device,
            progress=context.progress,
            should_stop=context.should_stop,
            learned=learned.append,
            checkpoints=checkpoints,
            iteration=iteration,
        ),
    )
    context.progress(1.0, "auditing for leaks")
    leaks = audit(model, inputs, learned, Span(task.train_start, task.train_end), seed=recipe.seed)
    _refuse_leaks(leaks, task, recipe.model_type)
    return model, leaks


def _refuse_leaks(leaks: LeakAudit, task: TrainingTask, model_type: str) -> None:
    """Fail the training of a model that knew what it could not know; it would be judged by what it never has live."""
    if leaks.clean:
        return
    first, others = leaks.findings[0], len(leaks.findings) - 1
    raise NightdeskError(
        "training.leak",
        f"{task.subject} {model_type} leaks ({first.kind}) in {first.name!r}: {first.detail}."
        + (f" There are {others} more findings." if others else ""),
        "No version was published. Compute it from bars that had closed, learn it from the training span alone, and "
        "train again.",
        names=sorted({finding.name for finding in leaks.findings}),
        leaks=leaks.to_dict(),
    )


def training_task(context: WorkContext, recipe: Recipe, inputs: Inputs, span: Span) -> TrainingTask:
    """Everything a trainer may see: inputs up to the end of the training span, and what its teacher did until then."""
    needs = registry.get(recipe.model_type).needs
    training_inputs = stored_inputs(
        context.home, context.settings, inputs.subject, scope=needs.scope, kinds=needs.data, until=span.last
    )
    return TrainingTask(
        inputs=training_inputs,
        train_start=span.first,
        train_end=span.last,
        provenance=_provenance(training_inputs).at(_ended_on(context, inputs)).label,
        params=registry.validate_params(recipe.model_type, recipe.params, context.settings),
    )


def _provenance(inputs: Inputs) -> Provenance:
    """Where the bars come from, and whether an expert besides them is the sample one."""
    return Provenance.joint(
        Provenance.of(bars.source, teacher=inputs.expert_logs[name].provenance if name in inputs.expert_logs else None)
        for name, bars in inputs.bars.items()
    )


def _ended_on(context: WorkContext, inputs: Inputs) -> date | None:
    """When the data ended, if it has, and the owner works as of its end."""
    return ended_on(inputs.bars.values(), context.settings, context.now())


def training_span(inputs: Inputs, params: TrainingParams) -> Span:
    """First and last close to learn from: the look-back less its last part, which is held out for judgement."""
    times = inputs.times
    window = times[times >= times[-1] - timedelta(days=params.lookback_days)]
    held_out = max(1, round(len(window) * params.holdout))
    if len(window) - held_out < 2:
        raise NightdeskError(
            "training.too_short",
            f"{inputs.subject} has {len(window)} bars in the last {params.lookback_days} days; too few to train on.",
            "Raise training_params.lookback_days, or pull more history.",
        )
    return Span(window[0].to_pydatetime(), window[-held_out - 1].to_pydatetime())


def inspect(context: WorkContext, request: InspectRequest) -> VersionFacts:
    """Load a version from disk, check every hash and reproduce its golden predictions."""
    name = ArtifactName(request.subject, request.model_type, request.version)
    folder = context.artifacts.fetch(name)
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    if ArtifactName(manifest.subject, manifest.model_type, manifest.version) != name:
        raise NightdeskError(
            "model.misplaced",
            f"The folder {name} holds {manifest.subject}/{manifest.model_type}/{manifest.version}.",
            "Move it to the folder of its own name.",
        )
    prove(artifact)
    return version_facts(folder, manifest)


def version_facts(folder: Path, manifest: Manifest) -> VersionFacts:
    """What the database keeps of a version."""
    return VersionFacts(
        manifest_sha256=sha256_file(folder / MANIFEST),
        provenance=Provenance.parse(manifest.provenance),
        dataset=manifest.dataset,
        train_start=manifest.train_start,
        train_end=manifest.train_end,
        trained_at=manifest.trained_at,
        metrics={**manifest.metrics, "leaks": manifest.leaks},
        issues=manifest.issues,
    )


def freshness_of(context: WorkContext, request: FreshnessRequest) -> FreshnessResult:
    """For each symbol: whether validated data is stored that may be trained on, or the error of what is stored.

    It reaches the last closed session, or the owner works as of the end of the data.
    """
    return FreshnessResult(symbols={symbol: _freshness(context, symbol) for symbol in request.symbols})


def _freshness(context: WorkContext, symbol: str) -> SymbolFreshness:
    settings = context.settings
    try:
        state = freshness(
            context.home,
            settings.sources,
            symbol,
            settings.data_params.interval,
            now=context.now(),
            calendars=settings.calendars,
        )
    except NightdeskError as error:  # a damaged file fails its symbol only
        return SymbolFreshness(fresh=False, error=ErrorInfo.of(error))
    ended = settings.data_params.as_of == "data" and state.as_of is not None
    return SymbolFreshness(fresh=state.fresh or ended, as_of=state.as_of, last_closed=state.last_closed)
