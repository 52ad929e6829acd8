"""Tearsheet: a report as one HTML page that contains its pictures and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.labels import METRICS, MISSING, UNITS, count, figure, format_number, plain, undefined
from evaluation.reports.checklist_tables import checklist_table, comparisons_table
from evaluation.reports.figures import ALT_TEXT
from evaluation.reports.forecast_tables import forecast_parts
from evaluation.reports.markup import Html, el, page, picture, section, side_by_side, together
from evaluation.reports.portfolio_tables import portfolio_parts
from evaluation.reports.tables import (
    costs_table,
    decision_quality_table,
    drift_table,
    intervals_table,
    leaks_parts,
    model_selection_sentence,
    random_baseline_table,
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
    "All figures follow one convention: decided at the close of a bar, filled at the next open, shares held until the "
    "target changes, with the costs above; each bar was decided by a model that was not trained on it."
)
# The account of the record among the metrics.
MODEL_SIDE = "model"
# The name of each part of the evidence, for the list of those that a report lacks.
PARTS = {
    "significance": "significance",
    "intervals": "confidence intervals",
    "random_baseline": "random traders",
    "model_selection": "model selection",
    "costs": "sensitivity to costs",
    "slices": "years, regimes and falls of the market",
    "leaks": "leak audit",
    "feature_importance": "feature importance",
    "drift": "drift since training",
    "decision_quality": "calibration and expert agreement",
    "expert_confusion": "confusion matrix with its expert",
}


def tearsheet(report: Report, folder: Path, pictures: Sequence[str]) -> bytes:
    """The page. `pictures` are names of files in `folder`, in their order."""
    figures = {name: picture(folder / name, ALT_TEXT[name], _width(name)) for name in pictures}
    evidence, subject = report.evidence, report.subject
    return page(
        f"{subject.symbol} {subject.model_type} {subject.version}",
        _header(report),
        section("Account and metrics", figures.get("equity.png"), _metrics(report)),
        section("Portfolio", figures.get("weights.png"), *portfolio_parts(evidence.portfolio))
        if evidence.portfolio
        else None,
        section(
            "Significance and random traders",
            skill_table(report.standing.record),
            side_by_side(
                together(
                    significance_table(evidence.significance) if evidence.significance else None,
                    intervals_table(evidence.intervals) if evidence.intervals else None,
                ),
                figures.get("risk_return.png"),
            ),
            random_baseline_table(evidence.random_baseline) if evidence.random_baseline else None,
            model_selection_sentence(evidence.model_selection) if evidence.model_selection else None,
        ),
        section(
            "Returns by period and regime",
            figures.get("months.png"),
            *(slices_parts(evidence.slices) if evidence.slices else ()),
            side_by_side(figures.get("rolling_sharpe.png"), figures.get("returns.png")),
        ),
        section("Sensitivity to costs", side_by_side(costs_table(evidence.costs), figures.get("costs.png")))
        if evidence.costs
        else None,
        _decisions(evidence, figures),
        section("Forecast", *forecast_parts(evidence.forecast)) if evidence.forecast else None,
        section("With and without each member", comparisons_table(evidence.comparisons))
        if evidence.comparisons
        else None,
        section("Production checklist", *checklist_table(evidence.checklist)) if evidence.checklist else None,
        section("Leak audit", *leaks_parts(evidence.leaks)) if evidence.leaks else None,
        _footer(report),
    )


def _decisions(evidence: Evidence, figures: Mapping[str, Html]) -> Html | None:
    if not (evidence.feature_importance or evidence.drift or evidence.decision_quality):
        return None
    return section(
        "Features, decisions and drift",
        side_by_side(figures.get("features.png"), figures.get("actions.png")),
        side_by_side(
            decision_quality_table(evidence.decision_quality) if evidence.decision_quality else None,
            figures.get("confusion.png"),
        ),
        drift_table(evidence.drift) if evidence.drift and evidence.drift.features else None,
    )


def _width(name: str) -> str:
    return "wide" if name in ("equity.png", "months.png", "weights.png") else "half"


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
        "Costs": _costs_text(report),
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
        el("p", report.evidence.learned.sentence) if report.evidence.learned else None,
        el("p", made_up.warning) if made_up.warning else None,
        el("dl", *(el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())),
    )


def _years(record: RecordFigures) -> str:
    return f"{format_number(record.years, '.1f')} years, " if record.years is not None else ""


def _costs_text(report: Report) -> str:
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
    """Every metric of the model and its baselines, under its heading."""
    accounts = list(report.metrics)
    head = el("tr", *(el("th", name, scope="col") for name in ("Metric", "Unit", *map(plain, accounts))))
    lines = []
    for group, names in METRICS.items():
        lines.append(el("tr", el("th", group, colspan=str(len(accounts) + 2), scope="colgroup"), class_="group"))
        for name, label in names.items():
            cells = [_cell(report, account, name) for account in accounts]
            unit = UNITS[report.units[name]]
            lines.append(el("tr", el("th", label, scope="row"), el("td", unit), *cells))
    return el("div", el("table", el("thead", head), el("tbody", *lines)), class_="scroll")


def _cell(report: Report, account: str, name: str) -> Html:
    metrics = report.metrics[account]
    value, reasons = metrics[name], metrics["reasons"]
    style = "first" if account == MODEL_SIDE else None
    if value is None and isinstance(reasons, dict):
        return el("td", el("small", undefined(reasons.get(name, MISSING))))
    return el("td", figure(value, report.units[name]), class_=style)


def _footer(report: Report) -> Html:
    evidence: Any = report.evidence
    missing = [
        f"{label} ({undefined(evidence.absent.get(name, 'not_measured'))})"
        for name, label in PARTS.items()
        if getattr(evidence, name) is None
    ]
    return el(
        "footer",
        el("p", CONVENTION),
        el("p", f"Not in this report: {', '.join(missing)}.") if missing else None,
        el(
            "p",
            "Drawdowns and losses are negative. report.json has every figure with its unit, or why it is undefined.",
        ),
    )
