"""Tearsheet: a report as one page for people, with its pictures in it and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.markup import Html, beside, el, page, picture, section, table, together
from evaluation.pictures import SAYS
from evaluation.words import METRICS, MISSING, UNITS, count, figure, plain, told, undefined

if TYPE_CHECKING:
    from evaluation.baselines import Luck, Standing
    from evaluation.behaviour import Accuracy, Behaviour
    from evaluation.bootstrap import Intervals
    from evaluation.drift import Drift
    from evaluation.evidence import Evidence, Leaks
    from evaluation.report import Report
    from evaluation.sensitivity import CostSensitivity
    from evaluation.significance import Significance
    from evaluation.slices import Slice, Slices

CONVENTION = (
    "Every figure is of one accounting: decided at the close of a bar, filled at the next open, shares held until the "
    "decision changes, with the costs above; nothing of it was seen in training."
)
# What the parts of the evidence are called, where one was not looked at.
PARTS = {
    "significance": "significance",
    "intervals": "intervals of confidence",
    "luck": "random traders",
    "costs": "sensitivity to costs",
    "slices": "regimes, years and falls",
    "leaks": "leak audit",
    "weights": "weights of features",
    "drift": "drift since training",
    "behaviour": "behaviour",
    "beside": "its expert beside it",
}
MOVED = 8  # features in the table of drift
_SLICED = {
    "total_return": ("Return %", "percent"),
    "sharpe_ratio": ("Sharpe", "ratio"),
    "max_drawdown": ("Deepest drawdown %", "percent"),
    "trades": ("Trades", "trades"),
    "win_rate": ("Won %", "percent"),
    "exposure": ("Held %", "percent"),
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
                    _significance(found.significance) if found.significance else None,
                    _intervals(found.intervals) if found.intervals else None,
                ),
                shown.get("risk_return.png"),
            ),
            _luck(found.luck) if found.luck else None,
        ),
        section(
            "When did it earn?",
            shown.get("months.png"),
            *(_slices(found.slices) if found.slices else ()),
            beside(shown.get("rolling_sharpe.png"), shown.get("returns.png")),
        ),
        section("What if trading cost more?", beside(_costs(found.costs), shown.get("costs.png")))
        if found.costs
        else None,
        _decisions(found, shown),
        section("Did it know the future?", *_leaks(found.leaks)) if found.leaks else None,
        _footer(report),
    )


def _decisions(found: Evidence, shown: Mapping[str, Html]) -> Html | None:
    if not (found.weights or found.drift or found.behaviour):
        return None
    return section(
        "How does it decide?",
        beside(shown.get("features.png"), shown.get("actions.png")),
        beside(_behaviour(found.behaviour) if found.behaviour else None, shown.get("confusion.png")),
        _drift(found.drift) if found.drift and found.drift.features else None,
    )


def _or_why(value: float | int | None, unit: str, why: str | None) -> str:
    """A figure, or in small letters the reason why there is none."""
    return figure(value, unit) if why is None else el("small", undefined(why))


def _width(name: str) -> str:
    return "wide" if name in ("equity.png", "months.png") else "half"


def _header(report: Report) -> Html:
    who, span, terms, verdict = report.subject, report.span, report.terms, report.verdict
    badge = el("span", "SAMPLE DATA", class_="pill sample") if who.provenance == "sample" else None
    facts = {
        "Version": el("code", who.version),
        "Trained on": _span(*who.trained_on) if who.trained_on else "not told",
        "Judged on": f"{_span(span.first, span.last)}, {count(span.bars, 'bar')} not seen in training",
        "Beside": f"the champion {who.champion}" if who.champion else "no champion: cash is the rival",
        "Costs": _costs_in_words(report),
        "Account": f"{terms.initial_cash:,.0f} at the start",
        "Data": f"{who.provenance}" + (f", dataset {who.dataset[:12]}" if who.dataset else ""),
        "Written": f"{report.created_at:%Y-%m-%d %H:%M} UTC",
    }
    return el(
        "header",
        el("div", el("h1", f"{who.symbol} · {plain(who.model_type)}"), badge, class_="top"),
        el("p", el("span", verdict.verdict, class_=f"pill {verdict.verdict}"), " ", verdict.sentence, class_="verdict"),
        el("p", "The sample market is made up: numbers from it mean nothing.") if badge else None,
        el("dl", *(el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())),
    )


def _span(first: str, last: str) -> str:
    return f"{first[:10]} to {last[:10]}"


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


def _significance(found: Significance) -> Html:
    sure = f"{found.confidence:.0%}"

    def row(label: str, name: str, form: str, meaning: str) -> list[str]:
        value = getattr(found, name)
        return [
            label,
            told(value, form) if value is not None else undefined(found.reasons.get(name, "undefined")),
            meaning,
        ]

    rows = [
        row("Confidence that the Sharpe ratio is above 0", "probabilistic_sharpe_ratio", ".1%", "one attempt"),
        row("The same, every attempt counted", "deflated_sharpe_ratio", ".1%", count(found.trials, "attempt")),
        row("Sharpe ratio that luck alone makes of so many", "expected_maximum_sharpe", ".2f", "by the year"),
        row(
            f"Bars that would prove it, {sure} sure",
            "minimum_track_record",
            ",.0f",
            f"there are {found.track_record:,}",
        ),
    ]
    return table(["Significance", "", ""], rows)


def _intervals(found: Intervals) -> Html:
    rows = []
    for label, name, form in (
        ("Sharpe ratio", "sharpe_ratio", ",.2f"),
        ("Total return, %", "total_return", ",.1f"),
        ("Deepest drawdown of as many more bars, %", "max_drawdown", ",.1f"),
    ):
        interval = getattr(found, name)
        if interval is None:
            rows.append([label, el("small", undefined(found.reasons[name])), MISSING, MISSING])
        else:
            rows.append([label, *(told(value, form) for value in (interval.estimate, interval.low, interval.high))])
    return table([f"Believed with {found.level:.0%}", "Estimate", "From", "To"], rows)


def _luck(found: Luck) -> Html:
    rows = [
        [label, *_standing(standing, form)]
        for label, standing, form in (
            ("Total return, %", found.total_return, ",.1f"),
            ("Sharpe ratio", found.sharpe_ratio, ",.2f"),
        )
    ]
    columns = [
        f"Beside {found.draws} random traders",
        "Model",
        "5 % of them below",
        "Middle",
        "95 % below",
        "Better than",
        "p",
    ]
    return table(columns, rows)


def _standing(standing: Standing, form: str) -> list[str]:
    if standing.reason is not None:
        return [told(standing.model, form), el("small", undefined(standing.reason)), *[MISSING] * 4]
    bounds = [told(value, form) for value in (standing.model, standing.low, standing.median, standing.high)]
    return [*bounds, told(standing.percentile, ".0f", " %"), told(standing.p_value, ".3f")]


def _slices(found: Slices) -> Iterator[Html]:
    """Tables of years, regimes and falls, those that there are."""
    columns = ["Bars", *(label for label, _ in _SLICED.values()), "Buy and hold %"]
    for title, slices in (("Year", found.years), ("Regime", found.regimes)):
        if slices:
            yield table([title, *columns], [_slice(each) for each in slices])
    if found.stress:
        rows = [
            [
                plain(fall.name),
                _span(fall.first, fall.last),
                f"{fall.bars:,}",
                *(told(value, ",.1f") for value in (fall.market, fall.model, fall.max_drawdown)),
            ]
            for fall in found.stress
        ]
        yield table(["While the market fell", "", "Bars", "Market %", "Model %", "Deepest drawdown %"], rows)


def _slice(part: Slice) -> list[str]:
    figures = [_or_why(part.figures[name], unit, part.reasons.get(name)) for name, (_, unit) in _SLICED.items()]
    return [plain(part.name), f"{part.bars:,}", *figures, told(part.buy_and_hold, ",.1f")]


def _costs(found: CostSensitivity) -> Html:
    rows = [
        [
            f"{row.factor:g} times",
            f"{100.0 * (row.commission + row.slippage):.3g} %",
            *(
                _or_why(row.figures[name], unit, row.reasons.get(name))
                for name, unit in (("total_return", "percent"), ("sharpe_ratio", "ratio"), ("max_drawdown", "percent"))
            ),
        ]
        for row in found.rows
    ]
    even = found.break_even
    left = f"Nothing is left at {told(even.factor, ',.1f')} times these costs, {told(even.one_way_percent)} % each way."
    return together(
        table(["Costs", "Each way", "Return %", "Sharpe", "Deepest drawdown %"], rows),
        el("p", left if even.reason is None else f"No break-even: {undefined(even.reason)}."),
    )


def _behaviour(found: Behaviour) -> Html:
    """Three questions, each with its answer or the reason why there is none."""
    accuracy, calibration, confidence = found.accuracy, found.calibration, found.confidence
    rows = {
        "Holds what its expert holds, %": ("accuracy", accuracy and _interval(accuracy)),
        "\u2026 by always holding the same, %": ("accuracy", accuracy and told(accuracy.majority, ".1f")),
        "Confidence misses being right by": ("calibration", calibration and told(calibration.error)),
        "A bar when sure, %": ("confidence", confidence and told(confidence.sure, ".3f")),
        "A bar when less sure, %": ("confidence", confidence and told(confidence.unsure, ".3f")),
        "\u2026 by chance, p": ("confidence", confidence and told(confidence.p_value, ".3f")),
    }
    cells = [[label, value or el("small", undefined(found.reasons[name]))] for label, (name, value) in rows.items()]
    return table(["Behaviour", ""], cells)


def _interval(accuracy: Accuracy) -> str:
    return f"{told(accuracy.percent, '.1f')} ({told(accuracy.low, '.1f')} to {told(accuracy.high, '.1f')})"


def _drift(found: Drift) -> Html:
    """The features that have moved most."""
    moved = sorted(found.features.items(), key=lambda item: item[1].psi, reverse=True)[:MOVED]
    rows = [
        [plain(name), told(shift.psi), told(shift.by_chance), told(shift.ks), "yes" if shift.drifted else "no"]
        for name, shift in moved
    ]
    share = f"{told(found.drifted_features, '.0f')} % of {count(len(found.features), 'feature')} have drifted."
    columns = ["Moved most since training", "PSI", "by chance up to", "KS", "Drifted"]
    return together(el("p", share), table(columns, rows))


def _leaks(found: Leaks) -> Iterable[Html]:
    looked = ", ".join(
        f"{plain(name)} {value}" for name, value in found.checked.items() if isinstance(value, int | str)
    )
    said = "Nothing that it was trained on or decides from knew more than could be known." if found.clean else "Yes:"
    yield el("p", said)
    if found.findings:
        yield el(
            "ul", *(el("li", f"{each['name']}: {plain(each['kind'])}, {each['detail']}") for each in found.findings)
        )
    yield el("p", f"Looked at: {looked}.", class_="faint")


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
