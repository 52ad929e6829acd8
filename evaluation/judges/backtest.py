"""The judge of models that trade one symbol: their record in one accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

import pandas as pd

from config.errors import NightdeskError
from config.settings import Settings
from data_pipeline.features.volatility_regime import volatility_regime
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from data_pipeline.regimes.market import market_directions
from evaluation.accounting.backtest import Backtest, Costs, backtest
from evaluation.accounting.inputs import bars_a_year
from evaluation.gate import Verdict, judge_challenge, judge_first, judge_refresh
from evaluation.judges.base import Case, JudgedRecord, Training
from evaluation.judges.checklist import checklist
from evaluation.judges.doubts import continuity_of, doubts_of
from evaluation.judges.observation import observe
from evaluation.labels import decision_sentence
from evaluation.records.challenge import superiority
from evaluation.records.continuity import COMPARED_BARS
from evaluation.records.figures import RecordFigures
from evaluation.records.folds import DecidedFold, FoldPlan, FoldStore, short_history
from evaluation.records.live import LiveSignal, followed
from evaluation.records.record import AccountRecord, Assessment, Record, assess, stitched_record
from evaluation.records.skill import RecordReturns
from evaluation.reports.comparison import ComparedVersion, compare
from evaluation.reports.comparison_schema import SymbolComparison
from evaluation.reports.evidence import Evidence, expert_confusion
from evaluation.reports.learned import learned
from evaluation.reports.report import write_report
from evaluation.reports.schema import Decision, StandingPart, Subject
from evaluation.signals import Signals
from evaluation.statistics.baselines import run_baselines
from evaluation.statistics.bootstrap import intervals
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from evaluation.statistics.significance import Trials, significance
from evaluation.statistics.slices import sliced

# The figures of significance that are stored with a version's metrics.
WORTH = ("probabilistic_sharpe_ratio", "deflated_sharpe_ratio", "minimum_track_record", "trials")
LIVE = ("sharpe_ratio", "max_drawdown")  # what is watched of live performance


class AccountCaseRecord(AccountRecord, JudgedRecord, Protocol):
    """A record that is an account and can be judged."""


class BacktestJudge:
    """Judges by the record: what the recipe would have earned, and earned, after costs on bars it had not seen."""

    name = "backtest"
    compares_with_teacher = False

    def plan(self, inputs: Inputs, training: Training, settings: Settings, store: FoldStore) -> FoldPlan:
        """As the settings say, or by years where trainings take long; a young history begins with less."""
        return account_plan(inputs, training, settings, store)

    def record(
        self, inputs: Inputs, folds: Sequence[DecidedFold], published: Sequence[LiveSignal], settings: Settings
    ) -> Record | None:
        """One account over the signals of the folds and the live ones; of one symbol only."""
        if len(inputs.bars) != 1:
            return None
        bars, costs = inputs.only, settings.costs
        parts = [fold.signals[bars.symbol] for fold in folds if bars.symbol in fold.signals]
        live = followed(bars, published) if published else None
        return stitched_record(bars, parts, live, Costs.of(costs), costs.initial_cash)

    def assess(self, record: Record, settings: Settings, *, tried: int, seed: int = 0) -> Assessment:
        """Test the account of a record as one of `tried`."""
        return assess(record, settings.promotion, tried=tried, seed=seed)

    def live_metrics(self, inputs: Inputs, published: Sequence[LiveSignal], settings: Settings) -> dict[str, Any]:
        """Backtest the published positions over the bars as they came to be, each from when it could be followed."""
        bars, costs = inputs.only, settings.costs
        positions = followed(bars, published)
        lived = bars.since(positions.index[0])
        if len(lived) < 2:
            return {**dict.fromkeys(LIVE), "reasons": dict.fromkeys(LIVE, "too_few_bars")}
        target = positions.reindex(lived.frame.index, method="ffill")
        return backtest(lived, target, costs=Costs.of(costs), initial_cash=costs.initial_cash).metrics()

    def compare(
        self,
        subject: str,
        provenance: Provenance,
        records: Mapping[ComparedVersion, Record],
        left_out: Mapping[str, str],
        settings: Settings,
    ) -> SymbolComparison:
        """Compare the accounts over the bars that all records have."""
        first = max(record.signals.index[0] for record in records.values())
        bars = next(iter(records.values())).bars.since(first)
        index = bars.frame.index
        targets = {version.name: record.signals.position.loc[first:] for version, record in records.items()}
        held = {"buy_and_hold": pd.Series(1.0, index=index), "flat": pd.Series(0.0, index=index)}
        costs = settings.costs
        tests = backtest(bars, {**targets, **held}, costs=Costs.of(costs), initial_cash=costs.initial_cash)
        return compare(
            subject,
            provenance,
            {version: tests[version.name] for version in records},
            {name: tests[name] for name in held},
            left_out=left_out,
        )

    def judge(self, case: Case[Record]) -> BacktestJudgement[Record]:
        """Gather the evidence on the record, and decide the case."""
        record, champion = case.record, case.champion_record
        figures = assess(record, case.settings.promotion, tried=case.tried).figures
        baselines, evidence = _evidence(case, figures)
        metrics, worth = record.result.metrics(), evidence.significance
        if worth is not None:
            metrics |= {name: getattr(worth, name) for name in WORTH}
            metrics["reasons"] |= {name: reason for name, reason in worth.reasons.items() if name in WORTH}
        index = record.signals.index
        return BacktestJudgement(
            metrics=metrics,
            verdict=verdict_of(case),
            first=index[0].to_pydatetime(),
            last=index[-1].to_pydatetime(),
            case=case,
            figures=figures,
            baselines=baselines if champion is None else {"champion": _on_bars_of(record, champion), **baselines},
            evidence=evidence,
        )


def account_plan(inputs: Inputs, training: Training, settings: Settings, store: FoldStore) -> FoldPlan:
    """How the history of a recipe is cut whose record is an account."""
    rules = settings.walk_forward
    if training.costly:
        year = max(round(bars_a_year(next(iter(inputs.bars.values()))) or 252.0), rules.test)
        rules = rules.model_copy(update={"test": year, "step": None, "anchored": True})
    rules = short_history(rules, len(inputs), settings.training_params.holdout, training.min_bars)
    least = store.least_train(settings.walk_forward.train, rules.train)
    window = None if rules.anchored else training.lookback
    newest = settings.records.folds if training.costly else None
    return FoldPlan(rules.model_copy(update={"train": least}), window, newest)


AccountT = TypeVar("AccountT", bound=AccountCaseRecord)


@dataclass(frozen=True, eq=False)
class BacktestJudgement(Generic[AccountT]):
    """What became of a case, and what its report shows: the account of the record, baselines and evidence."""

    metrics: dict[str, Any]
    verdict: Verdict
    first: datetime
    last: datetime
    case: Case[AccountT]
    figures: RecordFigures
    baselines: Mapping[str, Backtest]
    evidence: Evidence

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write report.json, its page and its pictures into `folder`."""
        case = self.case
        write_report(
            folder,
            subject=subject.model_dump(),
            model=case.record.result,
            baselines=self.baselines,
            decision=Decision(
                case=case.kind,
                outcome=self.verdict.outcome,
                reasons=list(self.verdict.reasons),
                sentence=decision_sentence(self.verdict.outcome, self.verdict.reasons, self.verdict.note),
                figures=dict(self.verdict.figures),
            ),
            standing=StandingPart(
                standing=case.standing, sentence=case.sentence, tried=case.tried, record=self.figures
            ),
            created_at=created_at,
            evidence=self.evidence,
        )


def verdict_of(case: Case[AccountT]) -> Verdict:
    """How a case of records that are accounts ends."""
    rules, doubts = case.settings.promotion, doubts_of(case)
    if case.kind == "refresh" and case.champion is not None:
        return judge_refresh(case.standing, rules, continuity_of(case, case.champion), doubts)
    if case.kind == "challenge":
        champion = case.champion_record
        p_value = superiority(*_common(case.record, champion)) if champion is not None else 1.0
        return judge_challenge(case.standing, rules, p_value, case.challenges, doubts)
    if case.kind == "alone":
        return Verdict("measured", ("serves",))
    return judge_first(case.standing, rules, doubts)


def _common(one: AccountT, other: AccountT) -> tuple[RecordReturns, RecordReturns]:
    """Both records on the bars that both have."""
    first = max(one.first, other.first)
    parts = [part for part in (one.since(first), other.since(first)) if part is not None]
    if len(parts) < 2:
        raise NightdeskError(
            "evaluation.too_short",
            "The records of challenger and champion have fewer than two bars in common.",
            "Wait until their records are longer.",
        )
    return parts[0].returns, parts[1].returns


def _on_bars_of(record: Record, champion: Record) -> Backtest:
    """The champion's record as an account over the bars of the other; flat where it has no position."""
    position = champion.signals.position.reindex(record.signals.index, fill_value=0.0)
    result = record.result
    return backtest(record.bars, position, costs=result.costs, initial_cash=result.initial_cash)


def _decided_now(case: Case[Record]) -> tuple[Signals, float]:
    """What the version decides on all of its inputs, and how many seconds it took."""
    inputs = case.inputs.for_decisions()
    began = perf_counter()
    decided = case.challenger.model.decide(inputs)
    return decided[inputs.only.symbol], perf_counter() - began


def _evidence(case: Case[Record], figures: RecordFigures) -> tuple[dict[str, Backtest], Evidence]:
    """The baselines on the bars of the record, and the evidence on it and on the version."""
    version, record, bars, rules = case.challenger, case.record, case.inputs.only, case.settings.promotion
    result, signals = record.result, record.signals
    baselines = run_baselines(record.bars, signals, result.costs, result.initial_cash)
    newest, seconds = _decided_now(case)
    decided = {bars.symbol: Signals(newest.position.tail(COMPARED_BARS), newest.confidence.tail(COMPARED_BARS))}
    observed = observe(version, case.inputs, decided, case.settings.monitoring, unseen={bars.symbol: signals})
    teacher = version.teacher.get(bars.symbol)
    # The direction is told by a model of the bars before the record, which nothing was decided on.
    slices = sliced(result, record.bars, volatility_regime(bars), market_directions(bars, record.first))
    quality = observed.decision_quality[bars.symbol]
    confusion = expert_confusion(signals, teacher) if teacher is not None else None
    absent = {
        "leaks": ("no_reference", version.leaks),
        "feature_importance": ("not_reported", version.evidence.feature_importance),
        "model_selection": ("only_one", version.evidence.model_selection),
        "expert_confusion": ("no_expert", confusion),
    }
    evidence = Evidence(
        significance=significance(
            result.excess.to_numpy(),
            periods_per_year=result.periods_per_year,
            trials=Trials(case.tried),
            confidence=rules.confidence,
        ),
        intervals=intervals(
            result.returns.to_numpy(), periods_per_year=result.periods_per_year, interest=result.interest
        ),
        random_baseline=baselines.random_baseline,
        model_selection=version.evidence.model_selection,
        costs=cost_sensitivity(record.bars, signals, result.costs, result.initial_cash),
        slices=slices,
        leaks=version.leaks,
        feature_importance=version.evidence.feature_importance,
        drift=observed.drift,
        decision_quality=quality,
        expert_confusion=confusion,
        checklist=checklist(version, slices=slices, quality=quality, decisions=len(newest.index), seconds=seconds),
        comparisons=version.evidence.comparisons,
        forecast=version.evidence.forecast,
        learned=learned(figures, baselines.random_baseline, quality.expert_agreement),
        absent={name: reason for name, (reason, part) in absent.items() if part is None},
    )
    return baselines.backtests, evidence
