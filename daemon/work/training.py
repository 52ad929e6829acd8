"""Tasks that make and inspect model versions."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from data_pipeline.inputs import TEACHING, Inputs
from data_pipeline.stored_inputs import stored_inputs
from evaluation.leaks import LeakAudit, Learned, Span, audit
from trainers import registry
from trainers.artifact import ArtifactFacts, load_artifact, prove, save_artifact
from trainers.interface import Model, TrainingContext, TrainingTask
from trainers.manifest import MANIFEST, Manifest, sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import TrainingParams
    from daemon.worker import WorkContext


def train(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Train one challenger on the training span, which the holdout after it never touches."""
    subject, model_type, version = args["symbol"], args["model_type"], args["version"]
    folder = context.home.model(subject, model_type, version)
    checkpoints = context.home.checkpoints(subject, model_type, version)
    inputs = whole_inputs(context, subject, model_type)
    task = training_task(context, args, inputs, training_span(inputs, context.settings.training_params))
    model, leaks = trained(context, args, task, inputs, checkpoints)
    facts = ArtifactFacts(
        model_type=model_type,
        version=version,
        params=task.params,
        inputs=task.inputs,
        dataset=inputs.dataset,
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=context.now(),
        settings_fingerprint=context.settings.fingerprint(),
        seed=int(args["seed"]),
        leaks=leaks.to_dict(),
        training_window=context.settings.training_params.lookback_days,
    )
    manifest = save_artifact(folder, model, facts)
    if checkpoints.exists():
        shutil.rmtree(checkpoints)
    return told(folder, manifest)


def whole_inputs(context: WorkContext, subject: str, model_type: str) -> Inputs:
    """Everything stored that a model of this type decides on."""
    needs = registry.get(model_type).needs
    return stored_inputs(context.home, context.settings, subject, scope=needs.scope, kinds=needs.data - TEACHING)


def trained(
    context: WorkContext, args: dict[str, Any], task: TrainingTask, inputs: Inputs, checkpoints: Path | None = None
) -> tuple[Model, LeakAudit]:
    """A model that has learned from `task` and passed the leak audit over `inputs`, which go on after it.

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
            iteration=int(args["iteration"]),
        ),
    )
    context.progress(1.0, "auditing for leaks")
    leaks = audit(model, inputs, learned, Span(task.train_start, task.train_end), seed=seed)
    _refuse_leaks(leaks, task, args["model_type"])
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


def training_task(context: WorkContext, args: dict[str, Any], inputs: Inputs, span: Span) -> TrainingTask:
    """Everything a trainer may see: inputs up to the end of the training span, and what its teacher did until then."""
    model_type = args["model_type"]
    needs = registry.get(model_type).needs
    seen = stored_inputs(
        context.home, context.settings, inputs.subject, scope=needs.scope, kinds=needs.data, until=span.last
    )
    return TrainingTask(
        inputs=seen,
        train_start=span.first,
        train_end=span.last,
        provenance=_provenance(seen),
        params=registry.validate_params(model_type, args.get("params", {}), context.settings),
    )


def _provenance(inputs: Inputs) -> str:
    """Where the bars come from, and whether an expert besides them is the sample one."""
    sources = sorted({bars.source for bars in inputs.bars.values()})
    is_sample = any(log.provenance == "sample" for log in inputs.expert_logs.values())
    return ", ".join(sources) + (", sample expert" if is_sample and sources != ["sample"] else "")


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


def inspect(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Load a version from disk, check every hash and reproduce its golden predictions; tell what it is."""
    name = (args["symbol"], args["model_type"], args["version"])
    folder = context.home.model(*name)
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    if (manifest.subject, manifest.model_type, manifest.version) != name:
        raise NightdeskError(
            "model.misplaced",
            f"The folder {'/'.join(name)} holds {manifest.subject}/{manifest.model_type}/{manifest.version}.",
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
        "issues": manifest.issues,
    }
