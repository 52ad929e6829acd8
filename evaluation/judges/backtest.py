"""The judge of models that trade one symbol: their record in one accounting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.errors import NightdeskError
from data_pipeline.features.volatility_regime import volatility_regime
from evaluation.accounting.backtest import Backtest, backtest
from evaluation.gate import Continuity, Doubt, Verdict, judge_challenge, judge_first, judge_refresh
from evaluation.judges.base import Case
from evaluation.judges.judged_version import JudgedVersion
from evaluation.judges.observation import observe
from evaluation.labels import decision_sentence
from evaluation.records.challenge import superiority
from evaluation.records.continuity import COMPARED_BARS, likeness
from evaluation.records.inputs import changed_features, frozen_features
from evaluation.records.record import Record, assess
from evaluation.records.skill import RecordReturns
from evaluation.reports.evidence import Evidence, expert_confusion
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


class BacktestJudge:
    """Judges by the record: what the recipe would have earned, and earned, after costs on bars it had not seen."""

    name = "backtest"

    def judge(self, case: Case) -> BacktestJudgement:
        """Gather the evidence on the record, and decide the case."""
        record, champion = case.record, case.champion_record
        baselines, evidence = _evidence(case)
        metrics, worth = record.result.metrics(), evidence.significance
        if worth is not None:
            metrics |= {name: getattr(worth, name) for name in WORTH}
            metrics["reasons"] |= {name: reason for name, reason in worth.reasons.items() if name in WORTH}
        index = record.signals.index
        return BacktestJudgement(
            metrics=metrics,
            verdict=_verdict(case),
            first=index[0].to_pydatetime(),
            last=index[-1].to_pydatetime(),
            case=case,
            baselines=baselines if champion is None else {"champion": _on_bars_of(record, champion), **baselines},
            evidence=evidence,
        )


@dataclass(frozen=True, eq=False)
class BacktestJudgement:
    """What became of a case, and what its report shows: the account of the record, baselines and evidence."""

    metrics: dict[str, Any]
    verdict: Verdict
    first: datetime
    last: datetime
    case: Case
    baselines: Mapping[str, Backtest]
    evidence: Evidence

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write report.json, its page and its pictures into `folder`."""
        case = self.case
        figures = assess(case.record, case.settings.promotion, tried=case.tried).figures
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
            standing=StandingPart(standing=case.standing, sentence=case.sentence, tried=case.tried, record=figures),
            created_at=created_at,
            evidence=self.evidence,
        )


def _verdict(case: Case) -> Verdict:
    rules, doubts = case.settings.promotion, _doubts(case)
    if case.kind == "refresh" and case.champion is not None:
        return judge_refresh(case.standing, rules, _continuity(case, case.champion), doubts)
    if case.kind == "challenge":
        champion = case.champion_record
        p_value = superiority(*_common(case.record, champion)) if champion is not None else 1.0
        return judge_challenge(case.standing, rules, p_value, case.challenges, doubts)
    if case.kind == "alone":
        return Verdict("measured", ("serves",))
    return judge_first(case.standing, rules, doubts)


def _continuity(case: Case, champion: JudgedVersion) -> Continuity:
    inputs = case.inputs.for_decisions()
    name = case.inputs.only.symbol
    model, seen = case.challenger.model, champion.seen
    changed: tuple[str, ...] = ()
    if seen is not None and len(seen):
        now = inputs.since(seen.times[0]).until(seen.times[-1])
        changed = changed_features(model.features(now), model.features(seen.for_decisions()))
    one, other = (side.model.decide(inputs)[name].position for side in (case.challenger, champion))
    rows = slice(-COMPARED_BARS, None)
    return Continuity(
        changed=changed,
        frozen=frozen_features(model.features(inputs)[name]),
        tonight=likeness(one.to_numpy()[rows], other.to_numpy()[rows]),
        rehearsals=case.rehearsals,
    )


def _common(one: Record, other: Record) -> tuple[RecordReturns, RecordReturns]:
    """Both records on the bars that both have."""
    first = max(one.signals.index[0], other.signals.index[0])
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


def _doubts(case: Case) -> list[Doubt]:
    """Reasons why a version may not serve, whatever its record."""
    version = case.challenger
    profiled = version.reference.features if version.reference is not None else {}
    doubts: dict[Doubt, bool] = {
        "leak": version.leaks is not None and not version.leaks.clean,
        "no_audit": version.leaks is None,
        "no_reference": version.reference is None or not set(version.features) <= profiled.keys(),
        "provenance": case.sample_teacher,
        "pinned": case.pinned,
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def _evidence(case: Case) -> tuple[dict[str, Backtest], Evidence]:
    """The baselines on the bars of the record, and the evidence on it and on the version."""
    version, record, bars, rules = case.challenger, case.record, case.inputs.only, case.settings.promotion
    result, signals = record.result, record.signals
    baselines = run_baselines(record.bars, signals, result.costs, result.initial_cash)
    newest = version.model.decide(case.inputs.for_decisions())[bars.symbol]
    decided = {bars.symbol: Signals(newest.position.tail(COMPARED_BARS), newest.confidence.tail(COMPARED_BARS))}
    observed = observe(version, case.inputs, decided, case.settings.monitoring, unseen={bars.symbol: signals})
    teacher = version.teacher.get(bars.symbol)
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
        slices=sliced(result, record.bars, volatility_regime(bars)),
        leaks=version.leaks,
        feature_importance=version.evidence.feature_importance,
        drift=observed.drift,
        decision_quality=observed.decision_quality[bars.symbol],
        expert_confusion=confusion,
        absent={name: reason for name, (reason, part) in absent.items() if part is None},
    )
    return baselines.backtests, evidence
