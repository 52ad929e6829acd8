"""What is found out of one version on the bars that it has not seen, beside its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.work.monitor import expert_actions, observed
from data_pipeline.regime import volatility_regime
from evaluation.baselines import run_baselines
from evaluation.bootstrap import intervals
from evaluation.evidence import Choice, Evidence, Leaks, Weights, beside_expert
from evaluation.sensitivity import cost_sensitivity
from evaluation.significance import Trials, significance
from evaluation.slices import sliced

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from evaluation.backtesting import Backtest
    from evaluation.signals import Signals
    from trainers.manifest import Manifest

# What trainers measure of their features, the most telling first.
MEASURES = {
    "permutation_importance": "how much worse it gets when one is shuffled",
    "feature_importance": "share of what the model's splits explain",
}


def gather(
    context: WorkContext, manifest: Manifest, bars: Bars, *, signals: Signals, test: Backtest, trials: Trials
) -> tuple[dict[str, Backtest], Evidence]:
    """The baselines beside `test`, what was earned with `signals`, and all that speaks for or against it."""
    unseen, rules = bars.since(signals.index[0]), context.settings.promotion
    beside = run_baselines(unseen, signals, test.costs, test.initial_cash)
    returns, per_year = test.returns.to_numpy(), test.periods_per_year
    drift, behaviour = observed(context, manifest, bars, signals)
    expert = expert_actions(context, manifest, bars)
    held = beside_expert(signals, expert, manifest.params.get("sell", "exit")) if expert is not None else None
    weights, choice = _weights(manifest), _choice(manifest)
    evidence = Evidence(
        significance=significance(
            test.excess.to_numpy(), periods_per_year=per_year, trials=trials, confidence=rules.confidence
        ),
        intervals=intervals(returns, periods_per_year=per_year, interest=test.interest),
        luck=beside.luck,
        choice=choice,
        costs=cost_sensitivity(unseen, signals, test.costs, test.initial_cash),
        slices=sliced(test, unseen, volatility_regime(bars)),
        leaks=Leaks(**manifest.leaks) if manifest.leaks is not None else None,
        weights=weights,
        drift=drift,
        behaviour=behaviour,
        beside=held,
        absent={
            **({} if manifest.leaks is not None else {"leaks": "no_reference"}),
            **({} if weights is not None else {"weights": "not_told"}),
            **({} if choice is not None else {"choice": "only_one"}),
            **({} if held is not None else {"beside": "no_expert"}),
        },
    )
    return beside.backtests, evidence


def _weights(manifest: Manifest) -> Weights | None:
    """The weights of its features, if its model type tells any."""
    told = next((name for name in MEASURES if manifest.metrics.get(name)), None)
    return Weights(MEASURES[told], manifest.metrics[told]) if told is not None else None


def _choice(manifest: Manifest) -> Choice | None:
    """Among how many candidates the model was chosen, if its model type makes more than one."""
    told = manifest.metrics
    if "chosen" not in told:
        return None
    on, ratios = told["validation"], told["sharpe_ratios"]
    return Choice(
        first=on["first"],
        last=on["last"],
        bars=on["bars"],
        seeds=len(told["seeds"]),
        checkpoints=told["chosen"]["checkpoints"],
        chosen=on["sharpe_ratio"],
        low=ratios["min"],
        high=ratios["max"],
        mean=ratios["mean"],
        buy_and_hold=on["buy_and_hold"]["sharpe_ratio"],
    )
