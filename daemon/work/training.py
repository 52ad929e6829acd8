"""Tasks that make and inspect model versions."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from config.publish import TEMP_PREFIX
from daemon.artifacts.base import ArtifactName
from daemon.work.bars import stored_bars
from data_pipeline.experts import find_expert_log
from data_pipeline.trade_logs import until_last_bar
from evaluation.leaks import LeakAudit, Learned, Span, audit
from trainers import registry
from trainers.artifact import ArtifactFacts, load_artifact, prove, save_artifact
from trainers.interface import Model, TrainingContext, TrainingTask
from trainers.manifest import MANIFEST, Manifest, sha256_file

if TYPE_CHECKING:
    from config.settings import TrainingParams
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars


def train(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Train one challenger on the training span, which the holdout after it never touches."""
    symbol, model_type, version = args["symbol"], args["model_type"], args["version"]
    name = ArtifactName(symbol, model_type, version)
    checkpoints = context.home.checkpoints(symbol, model_type, version)
    bars = stored_bars(context.home, context.settings, symbol)
    task = training_task(context, args, bars, training_span(bars, context.settings.training_params))
    model, leaks = trained(context, args, task, bars, checkpoints)
    facts = ArtifactFacts(
        model_type=model_type,
        version=version,
        params=task.params,
        bars=task.bars,
        dataset=bars.fingerprint(),
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=context.now(),
        settings_fingerprint=context.settings.fingerprint(),
        seed=int(args["seed"]),
        leaks=leaks.to_dict(),
    )
    context.home.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=context.home.models) as scratch:
        folder = Path(scratch, symbol, model_type, version)
        manifest = save_artifact(folder, model, facts)
        context.artifacts.publish(folder, name)
    if checkpoints.exists():
        shutil.rmtree(checkpoints)
    return told(context.artifacts.fetch(name), manifest)


def trained(
    context: WorkContext, args: dict[str, Any], task: TrainingTask, bars: Bars, checkpoints: Path | None = None
) -> tuple[Model, LeakAudit]:
    """A model that has learned from `task` and passed the leak audit over `bars`, which go on after it.

    Where there are `checkpoints`, the training keeps there how far it has come, and goes on from there.
    """
    seed = int(args["seed"])
    learned: list[Learned] = []
    model = registry.get(args["model_type"]).train(
        task,
        TrainingContext(
            seed=seed,
            device=context.settings.training_params.device,
            progress=context.progress,
            should_stop=context.should_stop,
            learned=learned.append,
            checkpoints=checkpoints,
            trial=int(args["iteration"]),
        ),
    )
    context.progress(1.0, "auditing for leaks")
    leaks = audit(model, bars, learned, Span(task.train_start, task.train_end), seed=seed)
    _refuse_leaks(leaks, task, args["model_type"])
    return model, leaks


def _refuse_leaks(leaks: LeakAudit, task: TrainingTask, model_type: str) -> None:
    """Fail the training of a model that knew what it could not know; it would be judged by what it never has live."""
    if leaks.clean:
        return
    first, others = leaks.findings[0], len(leaks.findings) - 1
    raise NightdeskError(
        "training.leak",
        f"{task.symbol} {model_type} leaks ({first.kind}) in {first.name!r}: {first.detail}."
        + (f" There are {others} more findings." if others else ""),
        "No version was published. Compute it from bars that had closed, learn it from the training span alone, and "
        "train again.",
        names=sorted({finding.name for finding in leaks.findings}),
        leaks=leaks.to_dict(),
    )


def training_task(context: WorkContext, args: dict[str, Any], bars: Bars, span: Span) -> TrainingTask:
    """Everything a trainer may see: bars up to the end of the training span, and the expert's log if it needs one."""
    symbol, model_type = args["symbol"], args["model_type"]
    kind = registry.get(model_type)
    seen = bars.until(span.last)
    log = None
    provenance = bars.source
    if kind.needs.expert_log:
        log = until_last_bar(seen, find_expert_log(context.home, context.settings.sources.expert_logs, seen))
        if log.provenance == "sample" and bars.source != "sample":
            provenance = f"{bars.source}, sample expert"
    return TrainingTask(
        symbol=symbol,
        bars=seen,
        train_start=span.first,
        train_end=span.last,
        expert_log=log,
        provenance=provenance,
        params=registry.validate_params(model_type, args.get("params", {}), context.settings),
    )


def training_span(bars: Bars, params: TrainingParams) -> Span:
    """First and last bar to learn from: the look-back less its last part, which is held out for judgement."""
    window = bars.since(bars.frame.index[-1] - timedelta(days=params.lookback_days))
    held_out = max(1, round(len(window) * params.holdout))
    if len(window) - held_out < 2:
        raise NightdeskError(
            "training.too_short",
            f"{bars.symbol} has {len(window)} bars in the last {params.lookback_days} days; too few to train on.",
            "Raise training_params.lookback_days, or pull more history.",
        )
    return Span(window.frame.index[0], window.frame.index[-held_out - 1])


def inspect(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Load a version from disk, check every hash and reproduce its golden predictions; tell what it is."""
    name = (args["symbol"], args["model_type"], args["version"])
    folder = context.artifacts.fetch(ArtifactName(*name))
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    if (manifest.symbol, manifest.model_type, manifest.version) != name:
        raise NightdeskError(
            "model.misplaced",
            f"The folder {'/'.join(name)} holds {manifest.symbol}/{manifest.model_type}/{manifest.version}.",
            "Move it to the folder of its own name.",
        )
    prove(artifact)
    return told(folder, manifest)


def told(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """What the database keeps of a version."""
    return {
        "manifest_sha256": sha256_file(folder / MANIFEST),
        "provenance": manifest.provenance,
        "dataset": manifest.dataset,
        "train_start": manifest.train_start.isoformat(),
        "train_end": manifest.train_end.isoformat(),
        "trained_at": manifest.trained_at.isoformat(),
        "metrics": {**manifest.metrics, "leaks": manifest.leaks},
    }
