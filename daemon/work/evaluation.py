"""The task that judges a version: challenger and champion over the same bars, which neither has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.domain.metrics import Metrics
from daemon.jobs.evaluation.messages import EvaluateResult, Finding
from daemon.work.bars import stored_bars
from daemon.work.evidence import gather
from daemon.work.versions import loaded, proved, refuse_other_bars, speaks_of
from evaluation.backtesting import Backtest, Costs, backtest
from evaluation.comparison import Doubt, Verdict, judge
from evaluation.report import write_report
from evaluation.significance import Trials

if TYPE_CHECKING:
    from daemon.jobs.evaluation.messages import Attempts, EvaluateRequest
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from evaluation.evidence import Evidence
    from evaluation.signals import Signals
    from trainers.artifact import Artifact
    from trainers.manifest import Manifest

# What the database keeps of a Sharpe ratio's worth, beside the metrics.
WORTH = ("probabilistic_sharpe_ratio", "deflated_sharpe_ratio", "minimum_track_record", "trials")


@dataclass(frozen=True)
class Side:
    """A version on the bars that are judged, as it decides now."""

    artifact: Artifact
    signals: Signals
    test: Backtest
    trials: Trials


def evaluate(context: WorkContext, request: EvaluateRequest) -> EvaluateResult:
    """Judge the challenger against the champion (or against cash) and write the report; no pointer is moved.

    The challenger must reproduce its golden predictions. The champion is taken as it decides now: where a library has
    changed since it was trained, what it would publish tomorrow is what a challenger has to beat.
    """
    context.progress(0.0, "loading")
    bars = stored_bars(context.home, context.settings, request.subject)
    challenger, champion = _artifacts(context, request, bars)
    unseen = unseen_bars(bars, *(artifact for artifact in (challenger, champion) if artifact is not None))
    context.progress(0.2, "backtesting")
    ours = _side(context, request, challenger, bars, unseen)
    theirs = _side(context, request, champion, bars, unseen) if champion is not None else None
    context.progress(0.3, "computing evidence")
    baselines, evidence = gather(
        context, challenger.manifest, bars, signals=ours.signals, test=ours.test, trials=ours.trials
    )
    rules = context.settings.promotion
    verdict = judge(ours.test, theirs.test if theirs else None, rules, trials=ours.trials, doubts=_doubts(evidence))
    context.progress(0.6, "writing the report")
    folder = context.home.report(request.run, request.subject) / request.model_type / challenger.manifest.version
    write_report(
        folder,
        subject=_subject(challenger.manifest, champion.manifest if champion else None, bars),
        challenger=ours.test,
        baselines={"champion": theirs.test, **baselines} if theirs else baselines,
        verdict=verdict,
        created_at=context.now(),
        evidence=evidence,
    )
    return EvaluateResult(
        dataset=bars.fingerprint(),
        first=unseen.frame.index[0].to_pydatetime(),
        last=unseen.frame.index[-1].to_pydatetime(),
        report=context.home.relative(folder),
        challenger=_finding(ours.test, verdict),
        champion=_finding(theirs.test, judge(theirs.test, None, rules, trials=theirs.trials)) if theirs else None,
    )


def _artifacts(context: WorkContext, request: EvaluateRequest, bars: Bars) -> tuple[Artifact, Artifact | None]:
    """The challenger, and the champion if it was trained on bars of this kind."""
    pair = (context.home, request.subject, request.model_type)
    challenger = proved(*pair, request.challenger)
    refuse_other_bars(challenger.manifest, bars)
    champion = loaded(*pair, request.champion) if request.champion is not None else None
    return challenger, champion if champion is not None and speaks_of(champion.manifest, bars) else None


def _side(context: WorkContext, request: EvaluateRequest, artifact: Artifact, bars: Bars, unseen: Bars) -> Side:
    costs = context.settings.costs
    signals = artifact.model.signals(bars).since(unseen.frame.index[0])
    test = backtest(unseen, signals, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    return Side(artifact, signals, test, _trials(request.attempts, artifact))


def _subject(challenger: Manifest, champion: Manifest | None, bars: Bars) -> dict[str, Any]:
    """The subject of the report, as its file has it."""
    return {
        "symbol": challenger.symbol,
        "model_type": challenger.model_type,
        "version": challenger.version,
        "champion": champion.version if champion is not None else None,
        "provenance": challenger.provenance,
        "dataset": bars.fingerprint(),
        "interval": bars.interval,
        "trained_on": [challenger.train_start.isoformat(), challenger.train_end.isoformat()],
    }


def _trials(attempts: Attempts, artifact: Artifact) -> Trials:
    """The versions among which this one was chosen, itself among them."""
    others = {name: sharpe for name, sharpe in attempts.sharpe_ratios.items() if name != artifact.manifest.version}
    return Trials(attempts.count, tuple(others.values()))


def _doubts(evidence: Evidence) -> list[Doubt]:
    """Why its metrics are not believed: its audit found a leak, or it had none, or most of its inputs drifted."""
    doubts: dict[Doubt, bool] = {
        "leak": evidence.leaks is not None and not evidence.leaks.clean,
        "no_audit": evidence.leaks is None,
        "drift": evidence.drift is not None and "features" in evidence.drift.drifted,
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def _finding(test: Backtest, verdict: Verdict) -> Finding:
    metrics, worth = test.metrics(), verdict.figures["significance"]
    metrics |= {name: worth[name] for name in WORTH}
    metrics["reasons"] |= {name: reason for name, reason in worth["reasons"].items() if name in WORTH}
    return Finding(metrics=Metrics.of(metrics), verdict=verdict.verdict, reasons=verdict.reasons)


def unseen_bars(bars: Bars, *artifacts: Artifact) -> Bars:
    """The bars after the end of every side's training span."""
    latest: datetime = max(artifact.manifest.train_end for artifact in artifacts)
    after = bars.frame.index[bars.frame.index > latest]
    if len(after) < 2:
        raise NightdeskError(
            "evaluation.too_short",
            f"Only {len(after)} bars of {bars.symbol} are newer than what the models were trained on.",
            "Wait for new bars, or raise training_params.holdout.",
        )
    return bars.since(after[0])
