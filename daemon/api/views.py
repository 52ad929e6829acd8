"""From rows of the database to what the API answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from config.settings import CHAIN, JobName, Settings
from daemon.api import answers
from daemon.api.view import DeskView
from daemon.domain.progress import RunProgress
from daemon.domain.retraining import DIRECTION_NOW, DIRECTIONS, REGIME_NOW, REGIMES
from daemon.domain.signals import target_return
from daemon.domain.targets import Target
from daemon.store import datasets, evaluations, measurements, records, servings, signals, versions
from data_pipeline.provenance import Badge, Provenance
from evaluation.records.standing import Standing

API = "/api/v1"


@dataclass(frozen=True)
class VersionNote:
    """What a signal says of the version that made it: its name, and what its recipe is worth now."""

    name: str
    standing: Standing
    sentence: str


def version_notes(names: Mapping[int, str], standings: Mapping[int, records.RecordRow]) -> dict[int, VersionNote]:
    """What signals say of these versions; one of before there were records is unproven."""
    return {
        version_id: VersionNote(name, row.standing, row.sentence)
        if (row := standings.get(version_id)) is not None
        else VersionNote(name, "unproven", records.NOT_YET)
        for version_id, name in names.items()
    }


def signal(row: signals.Signal, notes: Mapping[int, VersionNote], now: datetime) -> answers.Signal:
    """A published signal; whether it is stale is decided now."""
    note = notes[row.version_id]
    computed = {"version": note.name, "as_of": row.bar_time, "stale": row.stale(now), "badge": badge(row.provenance)}
    computed |= {"standing": note.standing, "sentence": note.sentence, "target_return": target_return(row.target)}
    return answers.Signal.model_validate({**vars(row), **computed})


def badge(provenance: str | None) -> Badge | None:
    """What is made up of data of this provenance."""
    return Provenance.parse(provenance).badge if provenance is not None else None


def version(row: versions.Version, configured: Collection[Target]) -> answers.ModelVersion:
    """A model version; it serves if it is the champion of a configured target."""
    serves = row.state == "champion" and Target(row.subject, row.model_type) in configured
    return answers.ModelVersion.model_validate({**vars(row), "serves": serves, "badge": badge(row.provenance)})


def address(desk: DeskView, path: str) -> str:
    """Where a browser finds a path of the API, also behind a proxy."""
    return f"{desk.root_path}{API}{path}"


def evaluation(row: evaluations.Evaluation, names: Mapping[int, str], desk: DeskView) -> answers.Evaluation:
    """An evaluation, with the addresses of those of its files that still exist."""
    files: dict[str, Path | None] = dict.fromkeys(("report", "report_page", "equity_chart", "comparison_page"))
    if row.report is not None:
        folder = desk.home.root / row.report
        files = {
            "report": folder / "report.json",
            "report_page": folder / "report.html",
            "equity_chart": folder / "equity.png",
            "comparison_page": folder.parent.parent / "model_comparison.html",  # over all model types of the subject
        }
    addresses = {name: _report(desk, file) for name, file in files.items()}
    computed = {"version": names[row.version_id], "case": row.kind}
    return answers.Evaluation.model_validate({**vars(row), **computed, **addresses})


def market_regime(measured: Mapping[str, measurements.Measurement]) -> answers.MarketRegime | None:
    """The regime of a market, of its newest measurements by metric."""
    if not measured:
        return None

    def name(metric: str, names: Sequence[str]) -> str | None:
        row = measured.get(metric)
        return None if row is None or row.value is None else names[int(row.value)]

    regime = {"volatility": name(REGIME_NOW, REGIMES), "direction": name(DIRECTION_NOW, DIRECTIONS)}
    measured_at = max(row.measured_at for row in measured.values())
    return answers.MarketRegime.model_validate({**regime, "measured_at": measured_at})


def record(row: records.RecordRow) -> answers.Record:
    """The record of a recipe."""
    facts = row.facts or {}
    names = ("first", "last", "live_from", "figures", "metrics", "on_history", "since_live")
    shown = {name: facts.get(name) for name in names}
    for name in ("metrics", "on_history", "since_live"):
        if (metrics := shown[name]) is not None:
            shown[name] = {**metrics["values"], "reasons": metrics["reasons"]}
    return answers.Record.model_validate({**vars(row), **shown})


def _report(desk: DeskView, file: Path | None) -> str | None:
    """Where the API serves a file of the results, if it is there."""
    if file is None or not file.is_file():
        return None
    return address(desk, f"/reports/{quote(file.relative_to(desk.home.results).as_posix())}")


def dataset(row: datasets.DatasetRow, desk: DeskView) -> answers.Dataset:
    """A dataset, and how healthy it was when it was pulled last."""
    health = row.detail.get("health") or {}
    computed = {
        "change": row.detail.get("why"),
        "replaces": row.detail.get("replaces"),
        "health": health.get("index"),
        "warnings": health.get("warnings", {}),
        "accepted": row.detail.get("accepted"),
        "health_chart": address(desk, f"/datasets/{row.dataset}/health.png") if row.kind == "bars" else None,
    }
    return answers.Dataset.model_validate({**vars(row), **computed})


def serving(row: servings.Serving, names: Mapping[int, str]) -> answers.Serving:
    """An entry of the serving ledger."""
    computed = {"version": names[row.version_id], "reason": row.why, "decided_by": row.author}
    return answers.Serving.model_validate({**vars(row), **computed})


def progress(run: RunProgress | None) -> answers.Progress | None:
    """The progress of a run and of its running tasks."""
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
    before = upstream(settings, job)
    return f"after {before.replace('_', ' ')}" if before else "when asked"


def upstream(settings: Settings, job: JobName) -> JobName | None:
    """The nearest job of the night whose end starts `job`."""
    enabled = [before for before in reversed(CHAIN) if settings.job_schedule(before).enabled]
    return next((before for before in enabled if settings.downstream_jobs(before)[:1] == (job,)), None)


def _span(seconds: int) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
