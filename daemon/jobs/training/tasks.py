"""Tasks that make and inspect model versions, and look whether their data is fresh."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import is_trader_subject, subject_folder
from config.publish import TEMP_PREFIX
from daemon.artifacts.base import ArtifactName
from daemon.domain.tasks import ErrorInfo
from daemon.jobs.training.messages import FreshnessResult, RepetitionResult, SymbolFreshness, VersionFacts
from daemon.jobs.trainings import audited, trained, training_span, training_task
from daemon.jobs.versions import inputs_of
from data_pipeline.provenance import Provenance
from data_pipeline.pulls.update import freshness
from data_pipeline.stored_inputs import stored_inputs
from data_pipeline.trader_logs.events import TRADE
from trainers.artifact import ArtifactFacts, is_of_this_code, load_artifact, prove
from trainers.manifest import MANIFEST, Manifest, read_manifest, sha256_file
from trainers.members import TrainedModel, save_with_members

if TYPE_CHECKING:
    from datetime import datetime

    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.training.messages import FreshnessRequest, InspectRequest, RepetitionRequest, TrainRequest
    from data_pipeline.inputs import Inputs


def train(context: WorkContext, request: TrainRequest) -> VersionFacts:
    """Train one challenger on everything up to the last closed bar."""
    name = ArtifactName(request.subject, request.model_type, request.version)
    checkpoints = context.home.checkpoints(name.subject, name.model_type, name.version)
    recipe = request.recipe
    inputs = inputs_of(context, request.subject, request.model_type)
    task = training_task(context, recipe, training_span(inputs, recipe.lookback))
    result, learned = trained(context, recipe, task, iteration=request.iteration, checkpoints=checkpoints)
    context.progress(1.0, "auditing for leaks")
    leaks = audited(result.model, learned, task, inputs, seed=recipe.seed)
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
        training_window=request.window,
    )
    manifest = _publish(context, name, result, facts)
    if checkpoints.exists():
        shutil.rmtree(checkpoints)
    return version_facts(context.artifacts.fetch(name), manifest)


def _publish(context: WorkContext, name: ArtifactName, result: TrainedModel, facts: ArtifactFacts) -> Manifest:
    """Write the artefact in a scratch folder of the home, and hand it to the store whole."""
    context.home.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=context.home.models) as scratch:
        folder = Path(scratch, subject_folder(name.subject), name.model_type, name.version)
        manifest = save_with_members(folder, result, facts, Path(scratch, "members"))
        context.artifacts.publish(folder, name)
    return manifest


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
        recipe=manifest.recipe if manifest.training_window is not None else None,
        params=manifest.params,
        window=manifest.training_window,
        seed=manifest.seed,
        provenance=Provenance.parse(manifest.provenance),
        dataset=manifest.dataset,
        train_start=manifest.train_start,
        train_end=manifest.train_end,
        trained_at=manifest.trained_at,
        metrics={**manifest.metrics, "leaks": manifest.leaks},
        issues=manifest.issues,
    )


def repetition(context: WorkContext, request: RepetitionRequest) -> RepetitionResult:
    """Whether the stored version has the dataset, the code and the libraries that a training would have now."""
    name = ArtifactName(request.subject, request.model_type, request.stored.name)
    manifest = read_manifest(context.artifacts.fetch(name, request.stored.manifest_sha256))
    same = manifest.recipe == request.recipe.fingerprint and is_of_this_code(manifest)
    inputs = inputs_of(context, request.subject, request.model_type) if same else None
    return RepetitionResult(repeats=inputs is not None and inputs.dataset == manifest.dataset)


def freshness_of(context: WorkContext, request: FreshnessRequest) -> FreshnessResult:
    """For each symbol and trader: whether data is stored that may be trained on, or the error of what is stored.

    That of a symbol reaches the last closed session, a trader has traded within `stale_after`, or the owner works as
    of the end of the data.
    """
    return FreshnessResult(
        symbols={
            subject: (_trader_freshness if is_trader_subject(subject) else _freshness)(context, subject)
            for subject in request.symbols
        }
    )


def _trader_freshness(context: WorkContext, subject: str) -> SymbolFreshness:
    """By the trader's newest fill. Of logs that cannot be read the training says by name what is wrong."""
    try:
        inputs = stored_inputs(context.home, context.settings, subject, scope="trader", kinds=(), now=context.now())
    except NightdeskError:
        return SymbolFreshness(fresh=True)
    newest, limit = _newest_fill(inputs), context.settings.trader_params.stale_after
    if newest is None or context.settings.data_params.as_of == "data" or context.now() - newest <= limit:
        return SymbolFreshness(fresh=True, as_of=newest)
    error = ErrorInfo(
        code="trades.stale",
        message=f"The newest fill of {subject} is of {newest.isoformat()}, more than {limit} ago.",
        cure=(
            "See whether the bucket gets new logs; when a data_update has pulled them, start training again. If the "
            'trader has stopped, set data_params.as_of to "data"; if the trader rests for long, raise '
            "trader_params.stale_after."
        ),
    )
    return SymbolFreshness(fresh=False, as_of=newest, error=error)


def _newest_fill(inputs: Inputs) -> datetime | None:
    fills = [log.index[log["kind"] == TRADE] for log in inputs.trader_log.values()]
    return max((times[-1].to_pydatetime() for times in fills if len(times)), default=None)


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
