"""Tearsheet: a report as one page for people, with its pictures in it and nothing to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.labels import METRICS, MISSING, UNITS, count, figure, plain, undefined
from evaluation.reports.figures import SAYS
from evaluation.reports.markup import Html, beside, el, page, picture, section, together
from evaluation.reports.tables import (
    behaviour_table,
    choice_in_words,
    costs_table,
    drift_table,
    intervals_table,
    leaks_parts,
    luck_table,
    significance_table,
    slices_parts,
    span,
)

if TYPE_CHECKING:
    from evaluation.reports.evidence import Evidence
    from evaluation.reports.schema import Report

CONVENTION = (
    "Every figure is of one accounting: decided at the close of a bar, filled at the next open, shares held until the "
    "decision changes, with the costs above; nothing of it was seen in training."
)
# What the parts of the evidence are called, where one was not looked at.
PARTS = {
    "significance": "significance",
    "intervals": "intervals of confidence",
    "luck": "random traders",
    "choice": "choice among several",
    "costs": "sensitivity to costs",
    "slices": "regimes, years and falls",
    "leaks": "leak audit",
    "weights": "weights of features",
    "drift": "drift since training",
    "behaviour": "behaviour",
    "beside": "its expert beside it",
}


def tearsheet(report: Report, folder: Path, pictures: Sequence[str]) -> bytes:
    """The page. `pictures` are names of files in `folder`, in their order."""
    shown = {name: picture(folder / name, SAYS[name], _width(name)) for name in pictures}
    found = report.evidence

    who = report.subject
    return page(
        f"{who.symbol} {who.model_type} {who.version}",
        _header(report),
        section("What became of the account", shown.get("equity.png"), _metrics(report)),
        section(
            "Is it luck?",
            beside(
                together(
                    significance_table(found.significance) if found.significance else None,
                    intervals_table(found.intervals) if found.intervals else None,
                ),
                shown.get("risk_return.png"),
            ),
            luck_table(found.luck) if found.luck else None,
            choice_in_words(found.choice) if found.choice else None,
        ),
        section(
            "When did it earn?",
            shown.get("months.png"),
            *(slices_parts(found.slices) if found.slices else ()),
            beside(shown.get("rolling_sharpe.png"), shown.get("returns.png")),
        ),
        section("What if trading cost more?", beside(costs_table(found.costs), shown.get("costs.png")))
        if found.costs
        else None,
        _decisions(found, shown),
        section("Did it know the future?", *leaks_parts(found.leaks)) if found.leaks else None,
        _footer(report),
    )


def _decisions(found: Evidence, shown: Mapping[str, Html]) -> Html | None:
    if not (found.weights or found.drift or found.behaviour):
        return None
    return section(
        "How does it decide?",
        beside(shown.get("features.png"), shown.get("actions.png")),
        beside(behaviour_table(found.behaviour) if found.behaviour else None, shown.get("confusion.png")),
        drift_table(found.drift) if found.drift and found.drift.features else None,
    )


def _width(name: str) -> str:
    return "wide" if name in ("equity.png", "months.png") else "half"


def _header(report: Report) -> Html:
    who, judged, terms, verdict = report.subject, report.span, report.terms, report.verdict
    badge = el("span", "SAMPLE DATA", class_="pill sample") if who.provenance.is_sample else None
    facts = {
        "Version": el("code", who.version),
        "Trained on": span(*who.trained_on) if who.trained_on else "not told",
        "Judged on": f"{span(judged.first, judged.last)}, {count(judged.bars, 'bar')} not seen in training",
        "Beside": f"the champion {who.champion}" if who.champion else "no champion: cash is the rival",
        "Costs": _costs_in_words(report),
        "Account": f"{terms.initial_cash:,.0f} at the start",
        "Data": who.provenance.label + (f", dataset {who.dataset[:12]}" if who.dataset else ""),
        "Written": f"{report.created_at:%Y-%m-%d %H:%M} UTC",
    }
    return el(
        "header",
        el("div", el("h1", f"{who.symbol} · {plain(who.model_type)}"), badge, class_="top"),
        el("p", el("span", verdict.verdict, class_=f"pill {verdict.verdict}"), " ", verdict.sentence, class_="verdict"),
        el("p", "The sample market is made up: numbers from it mean nothing.") if badge else None,
        el("dl", *(el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())),
    )


def _costs_in_words(report: Report) -> str:
    terms = report.terms
    rates = {
        "commission": terms.commission,
        "slippage": terms.slippage,
        "borrow a year": terms.borrow,
        "interest on cash a year": terms.cash_interest,
    }
    said = [f"{name} {100.0 * rate:g}\N{NO-BREAK SPACE}%" for name, rate in rates.items() if rate]
    if terms.commission_minimum:
        said.append(f"at least {terms.commission_minimum:g} an order")
    return ", ".join(said) or "none"


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
    own = "first" if side == "challenger" else None
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
