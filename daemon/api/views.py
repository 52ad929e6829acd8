"""From rows of the database to what the API answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from config.paths import Home
from config.settings import NIGHT, JobName, Settings
from daemon.api import answers
from daemon.domain.progress import RunProgress
from daemon.domain.targets import Target
from daemon.store import datasets, signals, versions
from data_pipeline.provenance import Badge, Provenance

REPORTS = "/api/v1/reports"
DATASETS = "/api/v1/datasets"


def signal(row: signals.Signal, names: Mapping[int, str], now: datetime) -> answers.Signal:
    """A published signal; whether it is stale is decided now."""
    computed = {"version": names[row.version_id], "as_of": row.bar_time, "stale": row.stale(now)}
    return answers.Signal.model_validate({**vars(row), **computed, "badge": badge(row.provenance)})


def badge(provenance: str | None) -> Badge | None:
    """What is made up of data of this provenance."""
    return Provenance.parse(provenance).badge if provenance is not None else None


def version(row: versions.Version, configured: Collection[Target]) -> answers.ModelVersion:
    """A model version; it serves if it is the champion of a configured target."""
    serves = row.state == "champion" and Target(row.subject, row.model_type) in configured
    return answers.ModelVersion.model_validate({**vars(row), "serves": serves, "badge": badge(row.provenance)})


def evaluation(row: versions.Evaluation, names: Mapping[int, str], home: Home) -> answers.Evaluation:
    """A judgement, with the addresses of its report, pages and picture, those that are still kept."""
    files: dict[str, Path | None] = dict.fromkeys(("report", "page", "picture", "comparison"))
    if row.report is not None:
        folder = home.root / row.report
        files = {
            "report": folder / "report.json",
            "page": folder / "report.html",
            "picture": folder / "equity.png",
            "comparison": folder.parent.parent / "model_comparison.html",  # over all model types of the subject
        }
    addresses = {name: _address(home, file) for name, file in files.items()}
    return answers.Evaluation.model_validate({**vars(row), "version": names[row.version_id], **addresses})


def _address(home: Home, file: Path | None) -> str | None:
    """Where the API serves a file of the results, if it is there."""
    if file is None or not file.is_file():
        return None
    return f"{REPORTS}/{quote(file.relative_to(home.results).as_posix())}"


def dataset(row: datasets.DatasetRow) -> answers.Dataset:
    """A dataset, and how healthy it was when it was pulled last."""
    health = row.detail.get("health") or {}
    computed = {
        "why": row.detail.get("why"),
        "replaces": row.detail.get("replaces"),
        "health": health.get("index"),
        "warnings": health.get("warnings", {}),
        "accepted": row.detail.get("accepted"),
        "picture": f"{DATASETS}/{row.dataset}/health.png" if row.kind == "bars" else None,
    }
    return answers.Dataset.model_validate({**vars(row), **computed})


def serving(row: versions.Serving, names: Mapping[int, str]) -> answers.Serving:
    """An entry of the serving ledger."""
    return answers.Serving.model_validate({**vars(row), "version": names[row.version_id]})


def progress(run: RunProgress | None) -> answers.Progress | None:
    """How far a run is, and what its tasks at work say."""
    if run is None:
        return None
    tasks = [
        answers.TaskProgress(subject=label, fraction=task.fraction, message=task.message)
        for label, task in run.tasks.items()
    ]
    return answers.Progress(
        fraction=run.fraction,
        message=_summary(run.done, run.expected, tasks),
        done=run.done,
        total=run.expected,
        tasks=tasks,
    )


def _summary(done: int, total: int, tasks: Iterable[answers.TaskProgress]) -> str:
    now = ", ".join(f"{task.subject} {task.message}".strip() for task in tasks)
    counted = f"{done} of {total} done" if total else "starting"
    return f"{counted}; {now}" if now else counted


def schedule(settings: Settings, job: JobName) -> str:
    """When a job starts, in words."""
    timing = settings.job_schedule(job)
    if timing.at:
        return f"daily at {timing.at}"
    if timing.cron:
        return f"cron {timing.cron}"
    if timing.every:
        return f"every {_span(int(timing.every.total_seconds()))}"
    before = follows(settings, job)
    return f"after {before.replace('_', ' ')}" if before else "when asked"


def follows(settings: Settings, job: JobName) -> JobName | None:
    """The nearest job of the night that brings `job` with it."""
    at_work = [before for before in reversed(NIGHT) if settings.job_schedule(before).enabled]
    return next((before for before in at_work if settings.downstream_jobs(before)[:1] == (job,)), None)


def _span(seconds: int) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
