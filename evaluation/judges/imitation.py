"""The judge of models that copy a trader: how many of its decisions they copy, in markets that came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from evaluation.gate import Verdict, judge_challenge, judge_first, judge_refresh
from evaluation.imitation.evidence import imitation_evidence
from evaluation.imitation.folds import MarketPlan
from evaluation.imitation.record import (
    NO_ACCOUNT,
    ImitationAssessment,
    ImitationRecord,
    assess_imitation,
    imitation_figures,
    imitation_record,
    superiority,
)
from evaluation.imitation.targets import newest_markets, target_responses
from evaluation.judges.base import Case, Training
from evaluation.judges.doubts import continuity_of, doubts_of
from evaluation.judges.observation import observe
from evaluation.labels import decision_sentence
from evaluation.records.folds import DecidedFold, FoldStore
from evaluation.records.live import LiveSignal, published_signals
from evaluation.reports.comparison import ComparedVersion
from evaluation.reports.comparison_schema import SymbolComparison
from evaluation.reports.imitation.comparison import compare_copies
from evaluation.reports.imitation.report import write_copy_report
from evaluation.reports.imitation.schema import CopyStanding, VersionEvidence
from evaluation.reports.schema import Decision, Subject


class ImitationJudge:
    """Judges by the record: how many decisions of the trader the recipe copies, and simple rules would have copied."""

    name = "imitation"
    compares_with_teacher = True

    def plan(self, inputs: Inputs, training: Training, settings: Settings, store: FoldStore) -> MarketPlan:  # noqa: ARG002 -- as of every judge
        """Whole markets in time order, the newest few blocks of them."""
        return MarketPlan(training.lookback, training.min_bars)

    def record(
        self,
        inputs: Inputs,
        folds: Sequence[DecidedFold],
        published: Sequence[LiveSignal],
        settings: Settings,  # noqa: ARG002 -- as of every judge
    ) -> ImitationRecord | None:
        """The decisions in every market of the folds."""
        return imitation_record(inputs, folds, published_signals(published) if published else {})

    def assess(self, record: ImitationRecord, settings: Settings, *, tried: int, seed: int = 0) -> ImitationAssessment:  # noqa: ARG002 -- as of every judge
        """Test the record by market."""
        return assess_imitation(record)

    def live_metrics(self, inputs: Inputs, published: Sequence[LiveSignal], settings: Settings) -> dict[str, Any]:  # noqa: ARG002 -- as of every judge
        """A copy of decisions earns nothing by itself: there is no account to measure."""
        return {**dict.fromkeys(NO_ACCOUNT), "reasons": dict.fromkeys(NO_ACCOUNT, "no_account")}

    def compare(
        self,
        subject: str,
        provenance: Provenance,
        records: Mapping[ComparedVersion, ImitationRecord],
        left_out: Mapping[str, str],
        settings: Settings,  # noqa: ARG002 -- as of every judge
    ) -> SymbolComparison:
        """Compare how much each copies; nothing is said of what following them would earn."""
        return compare_copies(subject, provenance, records, left_out)

    def judge(self, case: Case[ImitationRecord]) -> ImitationJudgement:
        """Decide the case; the evidence is gathered when the report is written."""
        record = case.record
        return ImitationJudgement(
            metrics=record.metrics(), verdict=_verdict(case), first=record.first, last=record.last, case=case
        )


@dataclass(frozen=True, eq=False)
class ImitationJudgement:
    """What became of a case, and what its report shows."""

    metrics: dict[str, Any]
    verdict: Verdict
    first: datetime
    last: datetime
    case: Case[ImitationRecord]

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write report.json, its page and its pictures into `folder`."""
        case, verdict = self.case, self.verdict
        inputs = case.inputs.for_decisions()
        write_copy_report(
            folder,
            subject=subject,
            span=(self.first, self.last),
            evidence=imitation_evidence(case.record, inputs, target_responses(case.challenger.model, inputs)),
            version=_version_evidence(case),
            standing=CopyStanding(
                standing=case.standing,
                sentence=case.sentence,
                tried=case.tried,
                record=imitation_figures(case.record),
            ),
            decision=Decision(
                case=case.kind,
                outcome=verdict.outcome,
                reasons=list(verdict.reasons),
                sentence=decision_sentence(verdict.outcome, verdict.reasons, verdict.note),
                figures=dict(verdict.figures),
            ),
            created_at=created_at,
        )


def _verdict(case: Case[ImitationRecord]) -> Verdict:
    rules, doubts = case.settings.promotion, doubts_of(case)
    if case.kind == "refresh" and case.champion is not None:
        return judge_refresh(case.standing, rules, continuity_of(case, case.champion), doubts)
    if case.kind == "challenge":
        champion = case.champion_record
        p_value = superiority(case.record, champion) if champion is not None else 1.0
        return judge_challenge(case.standing, rules, p_value, case.challenges, doubts)
    if case.kind == "alone":
        return Verdict("measured", ("serves",))
    return judge_first(case.standing, rules, doubts)


def _version_evidence(case: Case[ImitationRecord]) -> VersionEvidence:
    """What is known of the version, and how far its decisions on the newest markets have moved from its training."""
    version = case.challenger
    newest = newest_markets(case.inputs.for_decisions())
    drift = observe(version, newest, version.model.decide(newest), case.settings.monitoring).drift
    evidence = version.evidence
    parts = {
        "controls": ("no_controls", evidence.controls),
        "attention": ("no_attention", evidence.attention),
        "leaks": ("no_reference", version.leaks),
        "feature_importance": ("not_reported", evidence.feature_importance),
    }
    return VersionEvidence(
        controls=evidence.controls,
        attention=evidence.attention,
        leaks=version.leaks,
        feature_importance=evidence.feature_importance,
        drift=drift,
        absent={name: reason for name, (reason, part) in parts.items() if part is None},
    )
