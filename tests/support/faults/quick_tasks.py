"""Tasks of a night that take a few milliseconds, so that a desk can be killed many times in an hour.

They publish as the real ones do, with the desk's own functions: bars, model versions with true manifests, reports; only
the arithmetic is left out. What they measure changes with the time, so that champions change and alerts come and go.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.faults import failpoints

failpoints.install(worker=True)

from config.publish import TEMP_PREFIX, publish_bytes, publishing, publishing_folder  # noqa: E402
from daemon.artifacts.base import ArtifactName  # noqa: E402
from daemon.domain.metrics import Metrics, MonitoredMetrics  # noqa: E402
from daemon.executors.worker.main import Work, WorkContext  # noqa: E402
from daemon.jobs.data_update.messages import (  # noqa: E402
    DatasetFacts,
    HeadlinesResult,
    HealthFacts,
    UpdateBarsRequest,
    UpdateBarsResult,
)
from daemon.jobs.evaluation.messages import (  # noqa: E402
    CompareModelsRequest,
    CompareModelsResult,
    CompareSymbolsRequest,
    CompareSymbolsResult,
    EvaluateRequest,
    EvaluateResult,
)
from daemon.jobs.performance_check.messages import (  # noqa: E402
    LivePerformanceRequest,
    LivePerformanceResult,
    MonitorRequest,
    MonitorResult,
)
from daemon.jobs.records.messages import RecordRequest, RecordResult  # noqa: E402
from daemon.jobs.signals.messages import LatestSignal, SignalRequest, SignalResult  # noqa: E402
from daemon.jobs.tasks import resolve as resolve_real  # noqa: E402
from daemon.jobs.training.messages import (  # noqa: E402
    FreshnessRequest,
    FreshnessResult,
    InspectRequest,
    SymbolFreshness,
    TrainRequest,
    VersionFacts,
)
from data_pipeline.provenance import Provenance  # noqa: E402
from trainers.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest, verify_files  # noqa: E402

SOURCE = "csv"
NEVER_SEEN = "2100-01-01T00:00:00+00:00"
SPELL = 1.5  # seconds; so long it goes well, and so long it goes badly
TEMPLATE = Path(os.environ.get("NIGHTDESK_QUICK_TEMPLATE", ""))
PROVENANCE = Provenance.of(SOURCE)


def resolve(kind: str) -> Work:
    """The quick task of this kind; the real one where there is no quick one."""
    for request, function in _QUICK.items():
        if request.kind == kind:
            return Work(request, function)
    return resolve_real(kind)


def _goes_well() -> bool:
    return int(time.time() / SPELL) % 2 == 0


def update_bars(context: WorkContext, request: UpdateBarsRequest) -> UpdateBarsResult:
    stored = json.loads((TEMPLATE / "dataset.json").read_bytes())
    with publishing(context.home.bars(SOURCE, request.symbol, "1d")) as temp:
        shutil.copyfile(TEMPLATE / "bars.parquet", temp)
    # The newest bar is one that no training has seen, so that each place is retrained for a reason, and once.
    stored["last"] = NEVER_SEEN
    facts = {**stored, **{name: datetime.fromisoformat(stored[name]) for name in ("first", "last", "pulled_at")}}
    return UpdateBarsResult(
        dataset=DatasetFacts(**facts),
        changed=True,
        new_rows=1,
        quarantined={},
        not_refetched=None,
        fresh=True,
        fallback=None,
        accepted=None,
        health=HealthFacts(index=1.0, completeness=1.0, freshness=1.0, validity=1.0, consistency=1.0, warnings={}),
        headlines=HeadlinesResult(),
    )


def freshness(context: WorkContext, request: FreshnessRequest) -> FreshnessResult:
    return FreshnessResult(symbols=dict.fromkeys(request.symbols, SymbolFreshness(fresh=True, as_of=context.now())))


def train(context: WorkContext, request: TrainRequest) -> VersionFacts:
    """Publish the model of the template under the name of this version, by way of a scratch folder as always."""
    name = ArtifactName(request.subject, request.model_type, request.version)
    context.progress(0.5, "training")
    context.home.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=context.home.models) as scratch:
        folder = Path(scratch, name.subject, name.model_type, name.version)
        with publishing_folder(folder) as temp:
            shutil.copytree(TEMPLATE / "model", temp, dirs_exist_ok=True)
            (temp / MANIFEST).write_text(_manifest(context, request).model_dump_json())
        context.artifacts.publish(folder, name)
    return _facts(context.artifacts.fetch(name))


def _manifest(context: WorkContext, request: TrainRequest) -> Manifest:
    changes = {
        "subject": request.subject,
        "version": request.version,
        "recipe": request.recipe.fingerprint,
        "training_window": request.window,
        "params": request.params,
        "seed": request.seed,
        "provenance": PROVENANCE.label,
        "trained_at": context.now(),
        "train_end": context.now(),  # each is newer than the one before it
    }
    return read_manifest(TEMPLATE / "model").model_copy(update=changes)


def inspect(context: WorkContext, request: InspectRequest) -> VersionFacts:
    folder = context.artifacts.fetch(ArtifactName(request.subject, request.model_type, request.version))
    verify_files(folder, read_manifest(folder))
    return _facts(folder)


def _facts(folder: Path) -> VersionFacts:
    manifest = read_manifest(folder)
    return VersionFacts(
        manifest_sha256=manifest_sha256(folder),
        recipe=manifest.recipe,
        params=manifest.params,
        window=manifest.training_window,
        seed=manifest.seed,
        provenance=PROVENANCE,
        dataset=manifest.dataset,
        train_start=manifest.train_start,
        train_end=manifest.train_end,
        trained_at=manifest.trained_at,
        metrics={},
    )


def record(context: WorkContext, request: RecordRequest) -> RecordResult:
    return RecordResult(
        provenance=PROVENANCE,
        dataset="d" * 64,
        folds=0,
        missing=0,
        computed=0,
        fitted=0,
        restarted=0,
        facts=None,
    )


def evaluate(context: WorkContext, request: EvaluateRequest) -> EvaluateResult:
    """Every second version takes over."""
    name, now = request.challenger.name, context.now()
    folder = context.home.report(request.run, request.subject) / request.model_type / name
    if not folder.exists():
        with publishing_folder(folder) as temp:
            shutil.copytree(TEMPLATE / "report", temp, dirs_exist_ok=True)
    outcome = "takes_over" if int(now.timestamp() * 10) % 2 else "held_back"
    return EvaluateResult(
        dataset="d" * 64,
        first=now - timedelta(days=300),
        last=now,
        report=context.home.relative(folder),
        metrics=Metrics(values={"sharpe_ratio": 1.0 if _goes_well() else -1.0, "max_drawdown": -1.0}),
        outcome="measured" if request.case == "alone" else outcome,
        reasons=(),
        note="",
    )


def compare_models(context: WorkContext, request: CompareModelsRequest) -> CompareModelsResult:
    page = context.home.report(request.run, request.subject) / "model_comparison.html"
    publish_bytes(page, b"<!doctype html>")
    return CompareModelsResult(
        models=len(request.versions),
        recommended=None,
        recommendation="Stay in cash.",
        left_out={},
        report=context.home.relative(page.parent),
    )


def compare_symbols(context: WorkContext, request: CompareSymbolsRequest) -> CompareSymbolsResult:
    folder = context.home.result(request.run)
    publish_bytes(folder / "comparison.json", b"{}")
    return CompareSymbolsResult(report=context.home.relative(folder))


def signal(context: WorkContext, request: SignalRequest) -> SignalResult:
    at = context.now().replace(microsecond=0)
    latest = LatestSignal(
        symbol=request.subject,
        bar_time=at,
        interval="1d",
        position=1.0 if _goes_well() else 0.0,
        confidence=0.5,
        price=100.0,
        provenance=PROVENANCE,
        dataset="d" * 64,
        act_by=at + timedelta(hours=1),
        expires_at=at + timedelta(days=1),
    )
    return SignalResult(signals=(latest,))


def monitor(context: WorkContext, request: MonitorRequest) -> MonitorResult:
    return MonitorResult(
        evaluation=MonitoredMetrics(values={"accuracy": 90.0 if _goes_well() else 10.0, "action_psi": 0.0}),
        live=None,
    )


def live_performance(context: WorkContext, request: LivePerformanceRequest) -> LivePerformanceResult:
    return LivePerformanceResult(metrics=Metrics(values={"sharpe_ratio": 5.0 if _goes_well() else -5.0}))


_QUICK = {
    UpdateBarsRequest: update_bars,
    FreshnessRequest: freshness,
    TrainRequest: train,
    InspectRequest: inspect,
    RecordRequest: record,
    EvaluateRequest: evaluate,
    CompareModelsRequest: compare_models,
    CompareSymbolsRequest: compare_symbols,
    SignalRequest: signal,
    MonitorRequest: monitor,
    LivePerformanceRequest: live_performance,
}
