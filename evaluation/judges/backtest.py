"""The judge of models that trade one symbol: both sides over the same unseen bars, in one accounting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.settings import Promotion
from data_pipeline.features.volatility_regime import volatility_regime
from evaluation.accounting.backtest import Backtest, Costs, backtest
from evaluation.gate import Doubt, Verdict, judge
from evaluation.judges.base import Case, Finding
from evaluation.judges.judged_version import JudgedVersion
from evaluation.judges.observation import observe
from evaluation.reports.evidence import Evidence, expert_confusion
from evaluation.reports.report import write_report
from evaluation.reports.schema import Subject
from evaluation.signals import Signals
from evaluation.statistics.baselines import run_baselines
from evaluation.statistics.bootstrap import intervals
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from evaluation.statistics.significance import significance
from evaluation.statistics.slices import sliced

# The figures of significance that are stored with a version's metrics.
WORTH = ("probabilistic_sharpe_ratio", "deflated_sharpe_ratio", "minimum_track_record", "trials")


class BacktestJudge:
    """Judges by what the signals would have earned after costs, against the champion or against cash."""

    name = "backtest"

    def judge(self, case: Case) -> BacktestJudgement:
        """Backtest both sides on the unseen bars, gather the evidence for the challenger, and compare."""
        rules, first = case.settings.promotion, case.unseen_from
        signals = _signals(case.challenger, case)
        result = _account(signals, case)
        champion = _account(_signals(case.champion, case), case) if case.champion is not None else None
        baselines, evidence = _evidence(case, signals, result)
        verdict = judge(
            result, champion, rules, trials=case.challenger.trials, doubts=_doubts(case.challenger, evidence)
        )
        return BacktestJudgement(
            challenger=_finding(result, verdict),
            champion=_alone(champion, case.champion, rules),
            first=first,
            last=case.inputs.times[-1].to_pydatetime(),
            result=result,
            baselines=baselines if champion is None else {"champion": champion, **baselines},
            verdict=verdict,
            evidence=evidence,
        )


@dataclass(frozen=True, eq=False)
class BacktestJudgement:
    """The findings on both sides, and what the challenger's report shows: its account, baselines and evidence."""

    challenger: Finding
    champion: Finding | None
    first: datetime
    last: datetime
    result: Backtest
    baselines: Mapping[str, Backtest]
    verdict: Verdict
    evidence: Evidence

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write report.json, its page and its pictures into `folder`."""
        write_report(
            folder,
            subject=subject.model_dump(),
            challenger=self.result,
            baselines=self.baselines,
            verdict=self.verdict,
            created_at=created_at,
            evidence=self.evidence,
        )


def _signals(side: JudgedVersion, case: Case) -> Signals:
    """What a side decides on the unseen bars, with all that came before them to warm up."""
    inputs = case.inputs.for_decisions()
    return side.model.decide(inputs)[inputs.only.symbol].since(case.unseen_from)


def _account(signals: Signals, case: Case) -> Backtest:
    costs = case.settings.costs
    unseen = case.inputs.only.since(case.unseen_from)
    return backtest(unseen, signals, costs=Costs.of(costs), initial_cash=costs.initial_cash)


def _alone(result: Backtest | None, side: JudgedVersion | None, rules: Promotion) -> Finding | None:
    """The champion against cash on the same bars, so that its figures are of this night."""
    if result is None or side is None:
        return None
    return _finding(result, judge(result, None, rules, trials=side.trials))


def _finding(result: Backtest, verdict: Verdict) -> Finding:
    metrics, worth = result.metrics(), verdict.figures["significance"]
    metrics |= {name: worth[name] for name in WORTH}
    metrics["reasons"] |= {name: reason for name, reason in worth["reasons"].items() if name in WORTH}
    return Finding(metrics, verdict.verdict, verdict.reasons)


def _doubts(version: JudgedVersion, evidence: Evidence) -> list[Doubt]:
    """Reasons not to trust its figures, whatever they are."""
    profiled = version.reference.features if version.reference is not None else {}
    doubts: dict[Doubt, bool] = {
        "leak": evidence.leaks is not None and not evidence.leaks.clean,
        "no_audit": evidence.leaks is None,
        "drift": evidence.drift is not None and "features" in evidence.drift.drifted,
        "no_reference": version.reference is None or not set(version.features) <= profiled.keys(),
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def _evidence(case: Case, signals: Signals, result: Backtest) -> tuple[dict[str, Backtest], Evidence]:
    """The baselines on the same bars, and the evidence on the challenger."""
    version, bars, rules = case.challenger, case.inputs.only, case.settings.promotion
    unseen = bars.since(case.unseen_from)
    baselines = run_baselines(unseen, signals, result.costs, result.initial_cash)
    observed = observe(version, case.inputs, {bars.symbol: signals}, case.settings.monitoring)
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
            trials=version.trials,
            confidence=rules.confidence,
        ),
        intervals=intervals(
            result.returns.to_numpy(), periods_per_year=result.periods_per_year, interest=result.interest
        ),
        random_baseline=baselines.random_baseline,
        model_selection=version.evidence.model_selection,
        costs=cost_sensitivity(unseen, signals, result.costs, result.initial_cash),
        slices=sliced(result, unseen, volatility_regime(bars)),
        leaks=version.leaks,
        feature_importance=version.evidence.feature_importance,
        drift=observed.drift,
        decision_quality=observed.decision_quality[bars.symbol],
        expert_confusion=confusion,
        absent={name: reason for name, (reason, part) in absent.items() if part is None},
    )
    return baselines.backtests, evidence
