"""Tasks that put models beside each other: every version of one symbol, then what was found of all symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from config.errors import NightdeskError
from daemon.work.bars import stored_bars
from daemon.work.evaluation import unseen_bars
from daemon.work.versions import loaded, refuse_other_bars
from evaluation.backtesting import Backtest, backtest
from evaluation.costs import Costs
from evaluation.model_comparison import COMPARISON, Contender, compare, read_comparison, write_comparison

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from trainers.artifact import Artifact


def compare_models(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Run the symbol's `versions` over the bars that none has seen; one that cannot be run is told, and why."""
    symbol, settings = args["symbol"], context.settings
    bars = stored_bars(context.home, settings, symbol)
    artifacts, left_out = _loaded(context, args, bars)
    unseen = unseen_bars(bars, *artifacts.values()) if artifacts else bars
    targets = {who.name: each.model.signals(bars).since(unseen.frame.index[0]) for who, each in artifacts.items()}
    index = unseen.frame.index
    held = {"buy_and_hold": pd.Series(1.0, index=index), "flat": pd.Series(0.0, index=index)}
    costs = settings.costs
    tests = backtest(unseen, {**targets, **held}, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    models: dict[Contender, Backtest] = {who: tests[who.name] for who in artifacts}
    baselines = {name: tests[name] for name in held}
    found = compare(
        symbol, args["provenance"], models, baselines, settings.promotion, tried=args["tried"], left_out=left_out
    )
    path = write_comparison(context.home.report(args["run"], symbol), [found], context.now())
    return {
        "models": len(models),
        "recommended": found.recommended,
        "recommendation": found.recommendation,
        "left_out": left_out,
        "report": context.home.relative(path.parent),
    }


def _loaded(context: WorkContext, args: dict[str, Any], bars: Bars) -> tuple[dict[Contender, Artifact], dict[str, str]]:
    artifacts, left_out = {}, {}
    for version in args["versions"]:
        who = Contender(version["model_type"], version["version"], version["state"])
        try:
            artifact = loaded(context.home, {**args, "model_type": who.model_type}, version)
            refuse_other_bars(artifact.manifest, bars)
        except NightdeskError as error:
            left_out[who.name] = error.message
        else:
            artifacts[who] = artifact
    return artifacts, left_out


def compare_symbols(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Join the comparisons of these symbols, which `compare_models` has written in this run."""
    folder = context.home.result(args["run"])
    found = [read_comparison(context.home.report(args["run"], symbol) / COMPARISON) for symbol in args["symbols"]]
    write_comparison(folder, [symbol for each in found for symbol in each.symbols], context.now())
    return {"report": context.home.relative(folder)}
