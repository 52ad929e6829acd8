"""The page `Can this trader be copied?`: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.labels import count, plain, undefined
from evaluation.reports.imitation.answer import (
    association_sentence,
    control_sentences,
    lateness_sentence,
    target_sentence,
)
from evaluation.reports.imitation.tables import (
    association_table,
    baselines_table,
    classes_table,
    controls_table,
    delay_table,
    figures_table,
    parts_table,
    targets_table,
)
from evaluation.reports.markup import Html, el, page, picture, section, side_by_side
from evaluation.reports.tables import drift_table, leaks_parts, span

if TYPE_CHECKING:
    from evaluation.reports.imitation.schema import CopyReport

QUESTION = "Can this trader be copied?"
CONVENTION = (
    "A decision is what the trader does in the bar that begins at a close: nothing, or trading towards Up (buy) or "
    "Down (sell), moderately or strongly. It is copied if the model decides the same at that close, by what was known "
    "then. All is measured on markets that began after those that the model had learned from. Intervals are of 90 %, "
    "by drawing markets. Accuracy is not profit: a copy trades later than its trader."
)
ALT_TEXT = {
    "replication.png": "Distributions of the trader's and the copy's trades by time, size, outcome and price.",
    "confusion.png": "Confusion matrix of the trader's and the model's decisions.",
    "calibration.png": "The share of decisions that is copied, by the confidence of the model.",
    "persistence.png": "The share of decisions that is copied, by the time since the training.",
    "hours.png": "Trades and accuracy by hour of the day.",
    "targets.png": "The decisions of the model by the return that is asked for.",
    "attention.png": "What the model attends to.",
    "features.png": "The most important features of the model's decisions.",
}
# The name of each part of what is known of the version, for the list of those that a report lacks.
PARTS = {
    "controls": "controls trained beside it",
    "attention": "attention",
    "leaks": "leak audit",
    "feature_importance": "feature importance",
    "drift": "drift since training",
}


def page_of(report: CopyReport, folder: Path, pictures: Sequence[str]) -> bytes:
    """The page. `pictures` are names of files in `folder`."""
    drawn = {name: picture(folder / name, ALT_TEXT[name], _width(name)) for name in pictures}
    evidence, version = report.evidence, report.version
    return page(
        f"{report.subject.symbol} {report.subject.model_type} {report.subject.version}",
        _header(report),
        section(
            "Against rules without learning",
            baselines_table(evidence),
            figures_table(report.standing.record),
        ),
        _controls(report),
        section(
            "Which decisions are copied",
            side_by_side(classes_table(evidence.classes), drawn.get("confusion.png")),
            drawn.get("replication.png"),
            side_by_side(drawn.get("calibration.png"), drawn.get("hours.png")),
        ),
        section(
            "Does it last?",
            side_by_side(parts_table("Since the training", evidence.ages), drawn.get("persistence.png")),
        ),
        section("One bar late", el("p", lateness_sentence(evidence)), delay_table(evidence)),
        section(
            "Return to come, and decisions",
            el("p", association_sentence(evidence)),
            el("p", target_sentence(evidence)),
            association_table(evidence.association) if evidence.association.reason is None else None,
            side_by_side(targets_table(evidence.targets), drawn.get("targets.png")) if evidence.targets else None,
        ),
        section("Inside the model", side_by_side(drawn.get("attention.png"), drawn.get("features.png")))
        if version.attention or version.feature_importance
        else None,
        section("Drift", drift_table(version.drift)) if version.drift and version.drift.features else None,
        section("Leak audit", *leaks_parts(version.leaks)) if version.leaks else None,
        _footer(report),
    )


def _width(name: str) -> str:
    return "wide" if name == "replication.png" else "half"


def _controls(report: CopyReport) -> Html | None:
    controls = report.version.controls
    if controls is None:
        return None
    sentences = [el("p", sentence) for sentence in control_sentences(controls)]
    return section("Which parts of the model earned their place", *sentences, controls_table(controls))


def _header(report: CopyReport) -> Html:
    subject, standing = report.subject, report.standing
    made_up = subject.provenance
    badge = el("span", made_up.badge.upper(), class_="pill sample") if made_up.badge else None
    record = standing.record
    facts = {
        "Version": el("code", subject.version),
        "Trained on": span(*subject.trained_on) if subject.trained_on else "not recorded",
        "Record": f"{span(report.first, report.last)}, {count(record.markets, 'market')}, "
        f"{count(record.decisions, 'decision')}",
        "Bars": subject.interval or "not recorded",
        "This version": report.decision.sentence,
        "Compared with": f"the champion {subject.champion}" if subject.champion else "nothing: no other version serves",
        "Recipes tried here": f"{standing.tried:,}",
        "Data": subject.provenance.label + (f", dataset {subject.dataset[:12]}" if subject.dataset else ""),
        "Written": f"{report.created_at:%Y-%m-%d %H:%M} UTC",
    }
    return el(
        "header",
        el("div", el("h1", QUESTION), badge, class_="top"),
        el("p", report.answer, class_="verdict"),
        el("p", el("span", standing.standing, class_=f"pill {standing.standing}"), " ", standing.sentence),
        el("p", made_up.warning) if made_up.warning else None,
        el("p", f"{subject.symbol} · {plain(subject.model_type)}", class_="faint"),
        el("dl", *(el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())),
    )


def _footer(report: CopyReport) -> Html:
    absent = report.version.absent
    missing = [f"{PARTS[name]} ({undefined(reason)})" for name, reason in absent.items() if name in PARTS]
    return el(
        "footer",
        el("p", CONVENTION),
        el("p", f"Not in this report: {', '.join(missing)}.") if missing else None,
        el("p", "report.json has every figure, or why it is undefined."),
    )
