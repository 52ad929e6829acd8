"""The task that judges a version: challenger and champion over the same bars, which neither has seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.work.bars import stored_bars
from evaluation.backtesting import Backtest, Costs, backtest
from evaluation.comparison import judge
from evaluation.report import baselines, write_report
from evaluation.signals import Signals
from trainers.artifact import load_artifact, prove

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from trainers.artifact import Artifact


def evaluate(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Judge `challenger` against `champion` (or against cash) and write the report; its verdict moves no pointer."""
    symbol, model_type = args["symbol"], args["model_type"]
    context.progress(0.0, "loading")
    bars = stored_bars(context.home, context.settings, symbol)
    challenger = _loaded(context, args, args["challenger"])
    champion = _loaded(context, args, args["champion"]) if args.get("champion") else None
    unseen = unseen_bars(bars, *(side for side in (challenger, champion) if side is not None))
    costs = context.settings.costs
    rates = Costs(commission=costs.commission, slippage=costs.slippage, borrow=costs.borrow)

    def run(artifact: Artifact) -> Backtest:
        signals = artifact.model.signals(bars)
        seen_from = unseen.frame.index
        target = Signals(signals.position.loc[seen_from], signals.confidence.loc[seen_from])
        return backtest(unseen, target, costs=rates, initial_cash=costs.initial_cash)

    context.progress(0.2, "backtesting")
    result = run(challenger)
    rival = run(champion) if champion is not None else None
    verdict = judge(result, rival, context.settings.promotion)
    context.progress(0.6, "writing the report")
    folder = context.home.result(args["run"]) / symbol / model_type / challenger.manifest.version
    others = baselines(unseen, costs=rates, initial_cash=costs.initial_cash)
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
    )
    return {
        "dataset": bars.fingerprint(),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "metrics": result.metrics(),
        "verdict": verdict.verdict,
        "reasons": list(verdict.reasons),
        "report": context.home.relative(folder),
    }


def _loaded(context: WorkContext, args: dict[str, Any], side: dict[str, Any]) -> Artifact:
    """A version from disk, whole by its recorded hash and equal to its golden predictions."""
    folder = context.home.model(args["symbol"], args["model_type"], side["version"])
    artifact = load_artifact(folder, expect_manifest_sha256=side["manifest_sha256"])
    prove(artifact)
    return artifact


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
