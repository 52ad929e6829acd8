"""The judge of models that divide one account between the symbols of a universe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from config.settings import Settings
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from evaluation.accounting.backtest import Backtest, Costs
from evaluation.judges.backtest import LIVE, WORTH, BacktestJudgement, account_plan, verdict_of
from evaluation.judges.base import Case, Training
from evaluation.judges.observation import observe
from evaluation.portfolio.backtest import portfolio_backtest
from evaluation.portfolio.evidence import portfolio_evidence
from evaluation.portfolio.record import PortfolioRecord, portfolio_record
from evaluation.records.continuity import COMPARED_BARS
from evaluation.records.folds import DecidedFold, FoldPlan, FoldStore
from evaluation.records.live import LiveSignal, followed
from evaluation.records.record import Assessment, assess
from evaluation.reports.comparison import ComparedVersion, compare
from evaluation.reports.comparison_schema import SymbolComparison
from evaluation.reports.evidence import Evidence
from evaluation.signals import Signals
from evaluation.statistics.bootstrap import intervals
from evaluation.statistics.cost_sensitivity import sensitivity
from evaluation.statistics.significance import Trials, significance


class PortfolioJudge:
    """Judges by the record of one account, with the tests of skill of one symbol.

    The market is holding all symbols in equal parts, each from its first open on.
    """

    name = "portfolio"
    compares_with_teacher = False

    def plan(self, inputs: Inputs, training: Training, settings: Settings, store: FoldStore) -> FoldPlan:
        """As for one symbol, by the closes of all."""
        return account_plan(inputs, training, settings, store)

    def record(
        self, inputs: Inputs, folds: Sequence[DecidedFold], published: Sequence[LiveSignal], settings: Settings
    ) -> PortfolioRecord | None:
        """One account over the weights of the folds and the live ones."""
        costs = settings.costs
        return portfolio_record(inputs.bars, folds, published, Costs.of(costs), costs.initial_cash)

    def assess(self, record: PortfolioRecord, settings: Settings, *, tried: int, seed: int = 0) -> Assessment:
        """Test the account of a record as one of `tried`."""
        return assess(record, settings.promotion, tried=tried, seed=seed)

    def live_metrics(self, inputs: Inputs, published: Sequence[LiveSignal], settings: Settings) -> dict[str, Any]:
        """One account of the published weights over the bars as they came to be, from when each could be followed."""
        targets, bars = {}, {}
        for name, symbol_bars in inputs.bars.items():
            mine = [signal for signal in published if signal.symbol == name]
            if mine:
                positions = followed(symbol_bars, mine)
                bars[name] = symbol_bars.since(positions.index[0])
                targets[name] = positions.reindex(bars[name].frame.index, method="ffill")
        if max((len(each) for each in bars.values()), default=0) < 2:
            return {**dict.fromkeys(LIVE), "reasons": dict.fromkeys(LIVE, "too_few_bars")}
        costs = settings.costs
        return portfolio_backtest(bars, targets, Costs.of(costs), costs.initial_cash).metrics()

    def compare(
        self,
        subject: str,
        provenance: Provenance,
        records: Mapping[ComparedVersion, PortfolioRecord],
        left_out: Mapping[str, str],
        settings: Settings,  # noqa: ARG002 -- the records have their costs
    ) -> SymbolComparison:
        """Compare the accounts over the closes that all records have."""
        first = max(record.first for record in records.values())
        parts = {version: part for version, record in records.items() if (part := record.since(first)) is not None}
        baselines = _baselines(next(iter(parts.values())))
        held = {name: baselines[name] for name in ("buy_and_hold", "flat")}
        accounts = {version: part.result for version, part in parts.items()}
        return compare(subject, provenance, accounts, held, left_out=left_out)

    def judge(self, case: Case[PortfolioRecord]) -> BacktestJudgement[PortfolioRecord]:
        """Gather the evidence on the record, and decide the case."""
        record, champion = case.record, case.champion_record
        figures = assess(record, case.settings.promotion, tried=case.tried).figures
        evidence, baselines = _evidence(case), _baselines(record)
        metrics, worth = record.metrics(), evidence.significance
        if worth is not None:
            metrics |= {name: getattr(worth, name) for name in WORTH}
            metrics["reasons"] |= {name: reason for name, reason in worth.reasons.items() if name in WORTH}
        return BacktestJudgement(
            metrics=metrics,
            verdict=verdict_of(case),
            first=record.first,
            last=record.last,
            case=case,
            figures=figures,
            baselines=baselines if champion is None else {"champion": _on_bars_of(record, champion), **baselines},
            evidence=evidence,
        )


def _account(record: PortfolioRecord, targets: Mapping[str, pd.Series], costs: Costs | None = None) -> Backtest:
    """Other weights over the bars of a record."""
    result = record.result
    return portfolio_backtest(record.bars, targets, costs or result.costs, result.initial_cash).account()


def _baselines(record: PortfolioRecord) -> dict[str, Backtest]:
    """Holding all symbols in equal parts, staying in cash, and each decision one bar late."""
    share = 1.0 / len(record.bars)
    held = {name: pd.Series(share, signals.index) for name, signals in record.signals.items()}
    late = {name: signals.position.shift(fill_value=0.0) for name, signals in record.signals.items()}
    return {
        "buy_and_hold": _account(record, held),
        "flat": _account(record, {name: 0.0 * series for name, series in held.items()}),
        "last_action": _account(record, late),
    }


def _on_bars_of(record: PortfolioRecord, champion: PortfolioRecord) -> Backtest:
    """The champion's record as an account over the bars of the other; flat where it has no weight."""
    flat = {name: pd.Series(0.0, signals.index) for name, signals in record.signals.items()}
    weights = {
        name: champion.signals[name].position.reindex(series.index, fill_value=0.0)
        for name, series in flat.items()
        if name in champion.signals
    }
    return _account(record, {**flat, **weights})


def _evidence(case: Case[PortfolioRecord]) -> Evidence:
    version, record, rules = case.challenger, case.record, case.settings.promotion
    result = record.result
    newest = version.model.decide(case.inputs.for_decisions())
    decided = {
        name: Signals(signals.position.tail(COMPARED_BARS), signals.confidence.tail(COMPARED_BARS))
        for name, signals in newest.items()
    }
    targets = {name: signals.position for name, signals in record.signals.items()}
    absent = {
        "leaks": ("no_reference", version.leaks),
        "random_baseline": ("not_measured", None),
        "slices": ("not_measured", None),
        "decision_quality": ("not_measured", None),
        "feature_importance": ("not_reported", version.evidence.feature_importance),
        "model_selection": ("only_one", version.evidence.model_selection),
        "expert_confusion": ("no_expert", None),
    }
    return Evidence(
        significance=significance(
            result.excess.to_numpy(),
            periods_per_year=result.periods_per_year,
            trials=Trials(case.tried),
            confidence=rules.confidence,
        ),
        intervals=intervals(
            result.returns.to_numpy(), periods_per_year=result.periods_per_year, interest=result.interest
        ),
        model_selection=version.evidence.model_selection,
        costs=sensitivity(lambda factor: _account(record, targets, result.costs.scaled(factor)), result.costs),
        leaks=version.leaks,
        feature_importance=version.evidence.feature_importance,
        drift=observe(version, case.inputs, decided, case.settings.monitoring).drift,
        comparisons=version.evidence.comparisons,
        portfolio=portfolio_evidence(record.portfolio),
        absent={name: reason for name, (reason, part) in absent.items() if part is None},
    )
