"""The task that judges a version: challenger and champion over the same bars, which neither has seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.work.bars import stored_bars
from daemon.work.evidence import gather
from daemon.work.versions import loaded, proved, refuse_other_bars, speaks_of
from evaluation.backtesting import Backtest, Costs, backtest
from evaluation.comparison import Doubt, Verdict, judge
from evaluation.report import write_report
from evaluation.significance import Trials

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from evaluation.evidence import Evidence
    from evaluation.signals import Signals
    from trainers.artifact import Artifact

# What the database keeps of a Sharpe ratio's worth, beside the metrics.
WORTH = ("probabilistic_sharpe_ratio", "deflated_sharpe_ratio", "minimum_track_record", "trials")


def evaluate(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Judge `challenger` against `champion` (or against cash) and write the report; its verdict moves no pointer.

    The challenger must say of its golden bars what it said when it was trained. The champion is taken as it speaks now:
    where a library has changed since, what it would say tomorrow is what a challenger has to beat.
    """
    symbol, model_type = args["symbol"], args["model_type"]
    context.progress(0.0, "loading")
    bars = stored_bars(context.home, context.settings, symbol)
    challenger = proved(context.home, args, args["challenger"])
    refuse_other_bars(challenger.manifest, bars)
    champion = loaded(context.home, args, args["champion"]) if args.get("champion") else None
    if champion is not None and not speaks_of(champion.manifest, bars):
        champion = None
    unseen = unseen_bars(bars, *(side for side in (challenger, champion) if side is not None))
    costs = context.settings.costs
    rates = Costs.of(costs)

    def run(said: Signals) -> Backtest:
        return backtest(unseen, said, costs=rates, initial_cash=costs.initial_cash)

    def heard(artifact: Artifact) -> Signals:
        return artifact.model.signals(bars).since(unseen.frame.index[0])

    context.progress(0.2, "backtesting")
    said = heard(challenger)
    result = run(said)
    rival = run(heard(champion)) if champion is not None else None
    rules, trials = context.settings.promotion, _trials(args, challenger)
    context.progress(0.3, "looking at it from all sides")
    others, evidence = gather(context, challenger.manifest, bars, said=said, test=result, trials=trials)
    verdict = judge(result, rival, rules, trials=trials, doubts=_doubts(evidence))
    beside = None
    if champion is not None and rival is not None:
        beside = _found(rival, judge(rival, None, rules, trials=_trials(args, champion)))
    context.progress(0.6, "writing the report")
    folder = context.home.report(args["run"], symbol) / model_type / challenger.manifest.version
    if rival is not None:
        others = {"champion": rival, **others}
    first, last = unseen.frame.index[0], unseen.frame.index[-1]
    write_report(
        folder,
        subject={
            "symbol": symbol,
            "model_type": model_type,
            "version": challenger.manifest.version,
            "champion": champion.manifest.version if champion is not None else None,
            "provenance": challenger.manifest.provenance,
            "dataset": bars.fingerprint(),
            "interval": bars.interval,
            "trained_on": [challenger.manifest.train_start.isoformat(), challenger.manifest.train_end.isoformat()],
        },
        challenger=result,
        baselines=others,
        verdict=verdict,
        created_at=context.now(),
        evidence=evidence,
    )
    return {
        "dataset": bars.fingerprint(),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "report": context.home.relative(folder),
        "challenger": _found(result, verdict),
        "champion": beside,
    }


def _trials(args: dict[str, Any], artifact: Artifact) -> Trials:
    """The versions among which this one was found, it being one of them."""
    told = args["trials"]
    others = {name: sharpe for name, sharpe in told["sharpe_ratios"].items() if name != artifact.manifest.version}
    return Trials(told["count"], tuple(others.values()))


def _doubts(evidence: Evidence) -> list[Doubt]:
    """Why its figures are not believed: its audit found a leak, or it had none, or most of its inputs drifted."""
    doubts: dict[Doubt, bool] = {
        "leak": evidence.leaks is not None and not evidence.leaks.clean,
        "no_audit": evidence.leaks is None,
        "drift": evidence.drift is not None and "features" in evidence.drift.drifted,
    }
    return [doubt for doubt, held in doubts.items() if held]


def _found(test: Backtest, verdict: Verdict) -> dict[str, Any]:
    metrics, worth = test.metrics(), verdict.figures["significance"]
    metrics |= {name: worth[name] for name in WORTH}
    metrics["reasons"] |= {name: reason for name, reason in worth["reasons"].items() if name in WORTH}
    return {"metrics": metrics, "verdict": verdict.verdict, "reasons": list(verdict.reasons)}


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
