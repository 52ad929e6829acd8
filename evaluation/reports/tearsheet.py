"""Tearsheet: a report as one page for people, with its pictures in it and nothing to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.labels import METRICS, MISSING, UNITS, count, figure, format_number, plain, undefined
from evaluation.reports.figures import ALT_TEXT
from evaluation.reports.markup import Html, el, page, picture, section, side_by_side, together
from evaluation.reports.tables import (
    behaviour_table,
    choice_in_words,
    costs_table,
    drift_table,
    intervals_table,
    leaks_parts,
    luck_table,
    significance_table,
    skill_table,
    slices_parts,
    span,
)

if TYPE_CHECKING:
    from evaluation.records.figures import RecordFigures
    from evaluation.reports.evidence import Evidence
    from evaluation.reports.schema import Report

CONVENTION = (
    "Every figure is of one accounting: decided at the close of a bar, filled at the next open, shares held until the "
    "decision changes, with the costs above; each bar was decided by a model that had not learned from it."
)
# The account of the record among the metrics.
MODEL_SIDE = "model"
# The name of each part of the evidence, for the list of those that a report lacks.
PARTS = {
    "significance": "significance",
    "intervals": "intervals of confidence",
    "luck": "random traders",
    "choice": "model selection",
    "costs": "sensitivity to costs",
    "slices": "regimes, years and falls",
    "leaks": "leak audit",
    "weights": "feature importance",
    "drift": "drift since training",
    "behaviour": "behaviour",
    "beside": "agreement with its expert",
}


def tearsheet(report: Report, folder: Path, pictures: Sequence[str]) -> bytes:
    """The page. `pictures` are names of files in `folder`, in their order."""
    shown = {name: picture(folder / name, ALT_TEXT[name], _width(name)) for name in pictures}
    evidence = report.evidence

    subject = report.subject
    return page(
        f"{subject.symbol} {subject.model_type} {subject.version}",
        _header(report),
        section("What became of the account", shown.get("equity.png"), _metrics(report)),
        section(
            "Is it luck?",
            skill_table(report.standing.record),
            side_by_side(
                together(
                    significance_table(evidence.significance) if evidence.significance else None,
                    intervals_table(evidence.intervals) if evidence.intervals else None,
                ),
                shown.get("risk_return.png"),
            ),
            luck_table(evidence.luck) if evidence.luck else None,
            choice_in_words(evidence.choice) if evidence.choice else None,
        ),
        section(
            "When did it earn?",
            shown.get("months.png"),
            *(slices_parts(evidence.slices) if evidence.slices else ()),
            side_by_side(shown.get("rolling_sharpe.png"), shown.get("returns.png")),
        ),
        section("What if trading cost more?", side_by_side(costs_table(evidence.costs), shown.get("costs.png")))
        if evidence.costs
        else None,
        _decisions(evidence, shown),
        section("Did it know the future?", *leaks_parts(evidence.leaks)) if evidence.leaks else None,
        _footer(report),
    )


def _decisions(evidence: Evidence, shown: Mapping[str, Html]) -> Html | None:
    if not (evidence.weights or evidence.drift or evidence.behaviour):
        return None
    return section(
        "How does it decide?",
        side_by_side(shown.get("features.png"), shown.get("actions.png")),
        side_by_side(behaviour_table(evidence.behaviour) if evidence.behaviour else None, shown.get("confusion.png")),
        drift_table(evidence.drift) if evidence.drift and evidence.drift.features else None,
    )


def _width(name: str) -> str:
    return "wide" if name in ("equity.png", "months.png") else "half"


def _header(report: Report) -> Html:
    subject, judged, terms, standing = report.subject, report.span, report.terms, report.standing
    made_up = subject.provenance
    badge = el("span", made_up.badge.upper(), class_="pill sample") if made_up.badge else None
    facts = {
        "Version": el("code", subject.version),
        "Trained on": span(*subject.trained_on) if subject.trained_on else "not recorded",
        "Record": f"{_years(standing.record)}{span(judged.first, judged.last)}, {count(judged.bars, 'bar')}",
        "This version": report.decision.sentence,
        "Compared with": f"the champion {subject.champion}" if subject.champion else "nothing: no other version serves",
        "Recipes tried here": f"{standing.tried:,}",
        "Costs": _costs_in_words(report),
        "Account": f"{terms.initial_cash:,.0f} at the start",
        "Data": subject.provenance.label + (f", dataset {subject.dataset[:12]}" if subject.dataset else ""),
        "Written": f"{report.created_at:%Y-%m-%d %H:%M} UTC",
    }
    return el(
        "header",
        el("div", el("h1", f"{subject.symbol} · {plain(subject.model_type)}"), badge, class_="top"),
        el(
            "p",
            el("span", standing.standing, class_=f"pill {standing.standing}"),
            " ",
            standing.sentence,
            class_="verdict",
        ),
        el("p", made_up.warning) if made_up.warning else None,
        el("dl", *(el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())),
    )


def _years(record: RecordFigures) -> str:
    return f"{format_number(record.years, '.1f')} years, " if record.years is not None else ""


def _costs_in_words(report: Report) -> str:
    terms = report.terms
    rates = {
        "commission": terms.commission,
        "slippage": terms.slippage,
        "borrow a year": terms.borrow,
        "interest on cash a year": terms.cash_interest,
    }
    parts = [f"{name} {100.0 * rate:g}\N{NO-BREAK SPACE}%" for name, rate in rates.items() if rate]
    if terms.commission_minimum:
        parts.append(f"at least {terms.commission_minimum:g} an order")
    return ", ".join(parts) or "none"


def _metrics(report: Report) -> Html:
    """Every metric of everyone, under its heading."""
    sides = list(report.metrics)
    head = el("tr", *(el("th", name, scope="col") for name in ("", "Unit", *map(plain, sides))))
    lines = []
    for group, names in METRICS.items():
        lines.append(el("tr", el("th", group, colspan=str(len(sides) + 2), scope="colgroup"), class_="group"))
        for name, label in names.items():
            cells = [_cell(report, side, name) for side in sides]
            unit = UNITS[report.units[name]]
            lines.append(el("tr", el("th", label, scope="row"), el("td", unit), *cells))
    return el("div", el("table", el("thead", head), el("tbody", *lines)), class_="scroll")


def _cell(report: Report, side: str, name: str) -> Html:
    metrics = report.metrics[side]
    value, reasons = metrics[name], metrics["reasons"]
    own = "first" if side == MODEL_SIDE else None
    if value is None and isinstance(reasons, dict):
        return el("td", el("small", undefined(reasons.get(name, MISSING))))
    return el("td", figure(value, report.units[name]), class_=own)


def _footer(report: Report) -> Html:
    evidence: Any = report.evidence
    missing = [
        f"{label} ({undefined(evidence.absent.get(name, 'not_looked_at'))})"
        for name, label in PARTS.items()
        if getattr(evidence, name) is None
    ]
    return el(
        "footer",
        el("p", CONVENTION),
        el("p", f"Not in this report: {', '.join(missing)}.") if missing else None,
        el(
            "p",
            "Drawdowns and losses are negative. report.json has every figure with its unit and its reasons.",
        ),
    )
