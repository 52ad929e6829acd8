"""HTML tables of the evidence of a report: units in their heads, the reason where there is no figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, count, figure, format_number, plain, undefined
from evaluation.records.figures import RecordFigures
from evaluation.reports.markup import Html, el, table, together

if TYPE_CHECKING:
    from evaluation.monitoring.decision_quality import DecisionQuality, ExpertAgreement
    from evaluation.monitoring.drift import Drift
    from evaluation.reports.evidence import Leaks, ModelSelection
    from evaluation.statistics.baselines import RandomBaseline, RandomBaselineRank
    from evaluation.statistics.bootstrap import Intervals
    from evaluation.statistics.cost_sensitivity import CostSensitivity
    from evaluation.statistics.significance import Significance
    from evaluation.statistics.slices import Slice, Slices

DRIFT_ROWS = 8  # features in the table of drift
_SLICED = {
    "total_return": ("Return %", "percent"),
    "sharpe_ratio": ("Sharpe", "ratio"),
    "max_drawdown": ("Max drawdown %", "percent"),
    "trades": ("Trades", "trades"),
    "win_rate": ("Win rate %", "percent"),
    "exposure": ("Exposure %", "percent"),
}


def significance_table(significance: Significance) -> Html:
    """How significant the Sharpe ratio is."""
    confidence = f"{significance.confidence:.0%}"

    def row(label: str, name: str, form: str, remark: str) -> list[str]:
        value = getattr(significance, name)
        return [
            label,
            format_number(value, form) if value is not None else undefined(significance.reasons.get(name, "undefined")),
            remark,
        ]

    rows = [
        row("Probabilistic Sharpe ratio", "probabilistic_sharpe_ratio", ".1%", "confidence that it is above 0"),
        row(
            "Deflated Sharpe ratio",
            "deflated_sharpe_ratio",
            ".1%",
            f"corrected for {count(significance.trials, 'trial')}",
        ),
        row(
            "Expected maximum Sharpe ratio", "expected_maximum_sharpe", ".2f", "of as many trials by chance, annualised"
        ),
        row(
            "Minimum track record, bars",
            "minimum_track_record",
            ",.0f",
            f"for {confidence} confidence; there are {significance.track_record:,}",
        ),
    ]
    return table(["Significance", "Value", "Meaning"], rows)


def skill_table(record: RecordFigures) -> Html:
    """The four tests of skill, each against what must not explain the record."""
    hold = f"holding {abs(record.exposure):.0%} of the time"
    rows = [
        [name, format_number(earned, ",.1f"), format_number(p, ".3f")]
        for name, earned, p in (
            ("Cash", record.excess, record.p_cash),
            (f"The exposure-matched hold: {hold}", record.active, record.p_exposure),
            ("Its market, by regression", None, record.p_alpha),
            ("Random traders of the same turnover", None, record.p_random),
        )
    ]
    return table(["Tested against", "Earned beyond it, % a year", "p, not yet adjusted"], rows)


def intervals_table(intervals: Intervals) -> Html:
    """The confidence intervals."""
    rows = []
    for label, name, form in (
        ("Sharpe ratio", "sharpe_ratio", ",.2f"),
        ("Total return, %", "total_return", ",.1f"),
        ("Max drawdown of as many further bars, %", "max_drawdown", ",.1f"),
    ):
        interval = getattr(intervals, name)
        if interval is None:
            rows.append([label, el("small", undefined(intervals.reasons[name])), MISSING, MISSING])
        else:
            rows.append(
                [label, *(format_number(value, form) for value in (interval.estimate, interval.low, interval.high))]
            )
    return table([f"{intervals.level:.0%} confidence interval", "Estimate", "Low", "High"], rows)


def random_baseline_table(random_baseline: RandomBaseline) -> Html:
    """The rank of the model among random traders."""
    rows = [
        [label, *_rank(rank, form)]
        for label, rank, form in (
            ("Total return, %", random_baseline.total_return, ",.1f"),
            ("Sharpe ratio", random_baseline.sharpe_ratio, ",.2f"),
        )
    ]
    columns = [
        f"Against {random_baseline.draws} random traders",
        "Model",
        "5th percentile",
        "Median",
        "95th percentile",
        "Better than",
        "p-value",
    ]
    return table(columns, rows)


def model_selection_sentence(selection: ModelSelection) -> Html:
    """From how many seeds and checkpoints the model was selected, as a sentence."""
    spread = (
        f"{format_number(selection.low)} to {format_number(selection.high)}, mean {format_number(selection.mean)}, "
        if selection.seeds > 1
        else ""
    )
    benchmark = f"; buy and hold {format_number(selection.buy_and_hold)}" if selection.buy_and_hold is not None else ""
    where = f"{count(selection.seeds, 'seed')} on validation ({span(selection.first, selection.last)})"
    among = count(selection.checkpoints, "checkpoint")
    selected = f"selected {format_number(selection.selected)}, the best of {among}"
    if selection.learned is False:
        selected = f"none of {among} selected"
    sentence = f" {selection.learned_reason}" if selection.learned_reason else ""
    return el("p", f"{where}: Sharpe ratio {spread}{selected}{benchmark}.{sentence}")


def _rank(rank: RandomBaselineRank, form: str) -> list[str]:
    if rank.reason is not None:
        return [format_number(rank.model, form), el("small", undefined(rank.reason)), *[MISSING] * 4]
    bounds = [format_number(value, form) for value in (rank.model, rank.low, rank.median, rank.high)]
    return [*bounds, format_number(rank.percentile, ".0f", " %"), format_number(rank.p_value, ".3f")]


def slices_parts(slices: Slices) -> Iterator[Html]:
    """A table each of the years, the volatilities, directions and falls of the market, where there are any."""
    columns = ["Bars", *(label for label, _ in _SLICED.values()), "Buy and hold %"]
    sections = (("Year", slices.years), ("Volatility", slices.regimes), ("Direction of the market", slices.directions))
    for title, parts in sections:
        if parts:
            yield table([title, *columns], [_slice(part) for part in parts])
    if slices.stress:
        rows = [
            [
                plain(fall.name),
                span(fall.first, fall.last),
                f"{fall.bars:,}",
                *(format_number(value, ",.1f") for value in (fall.market, fall.model, fall.max_drawdown)),
            ]
            for fall in slices.stress
        ]
        yield table(["Falls of the market", "Dates", "Bars", "Market %", "Model %", "Max drawdown %"], rows)


def _slice(part: Slice) -> list[str]:
    figures = [
        _figure_or_reason(part.figures[name], unit, part.reasons.get(name)) for name, (_, unit) in _SLICED.items()
    ]
    return [plain(part.name), f"{part.bars:,}", *figures, format_number(part.buy_and_hold, ",.1f")]


def costs_table(sensitivity: CostSensitivity) -> Html:
    """The metrics at each multiple of the costs, and the break-even."""
    rows = [
        [
            f"{row.factor:g} times",
            f"{100.0 * (row.commission + row.slippage):.3g} %",
            *(
                _figure_or_reason(row.figures[name], unit, row.reasons.get(name))
                for name, unit in (("total_return", "percent"), ("sharpe_ratio", "ratio"), ("max_drawdown", "percent"))
            ),
        ]
        for row in sensitivity.rows
    ]
    even = sensitivity.break_even
    factor, one_way = format_number(even.factor, ",.1f"), format_number(even.one_way_percent)
    text = f"The model breaks even at {factor} times these costs, {one_way} % one way."
    return together(
        table(["Costs", "One way", "Return %", "Sharpe", "Max drawdown %"], rows),
        el("p", text if even.reason is None else f"No break-even: {undefined(even.reason)}."),
    )


def decision_quality_table(quality: DecisionQuality) -> Html:
    """Agreement with the expert, calibration and returns by confidence, each a figure or the reason for its absence."""
    agreement, calibration, returns = quality.expert_agreement, quality.calibration, quality.returns_by_confidence
    rows = {
        "Agreement with the expert, %": ("expert_agreement", agreement and _interval(agreement)),
        "\u2026 of the expert's most frequent position, %": (
            "expert_agreement",
            agreement and format_number(agreement.majority, ".1f"),
        ),
        "Calibration error of the confidence": ("calibration", calibration and format_number(calibration.error)),
        "Mean return, more confident half, %": (
            "returns_by_confidence",
            returns and format_number(returns.high_confidence, ".3f"),
        ),
        "Mean return, less confident half, %": (
            "returns_by_confidence",
            returns and format_number(returns.low_confidence, ".3f"),
        ),
        "\u2026 p-value of the difference": (
            "returns_by_confidence",
            returns and format_number(returns.p_value, ".3f"),
        ),
    }
    cells = [[label, value or el("small", undefined(quality.reasons[name]))] for label, (name, value) in rows.items()]
    return table(["Calibration and expert agreement", "Value"], cells)


def _interval(agreement: ExpertAgreement) -> str:
    percent, low, high = (format_number(value, ".1f") for value in (agreement.percent, agreement.low, agreement.high))
    return f"{percent} ({low} to {high})"


def drift_table(drift: Drift) -> Html:
    """The features that have drifted most."""
    moved = sorted(drift.features.items(), key=lambda item: item[1].psi, reverse=True)[:DRIFT_ROWS]
    rows = [
        [
            plain(name),
            format_number(shift.psi),
            format_number(shift.critical_psi),
            format_number(shift.ks),
            "yes" if shift.drifted else "no",
        ]
        for name, shift in moved
    ]
    share = f"{format_number(drift.drifted_features, '.0f')} % of {count(len(drift.features), 'feature')} have drifted."
    columns = ["Largest drift since training", "PSI", "PSI by chance, up to", "KS", "Drifted"]
    return together(el("p", share), table(columns, rows))


def leaks_parts(leaks: Leaks) -> Iterable[Html]:
    """The findings of the leak audit, and what was checked."""
    checked = ", ".join(
        f"{plain(name)} {value}" for name, value in leaks.checked.items() if isinstance(value, int | str)
    )
    summary = "No leak was found in its training data, features or decisions." if leaks.clean else "Leaks were found:"
    yield el("p", summary)
    if leaks.findings:
        yield el(
            "ul",
            *(
                el("li", f"{finding['name']}: {plain(finding['kind'])}, {finding['detail']}")
                for finding in leaks.findings
            ),
        )
    yield el("p", f"Checked: {checked}.", class_="faint")


def span(first: str, last: str) -> str:
    """The dates of a span, as text."""
    return f"{first[:10]} to {last[:10]}"


def _figure_or_reason(value: float | int | None, unit: str, reason: str | None) -> str:
    """A figure, or in small letters the reason why there is none."""
    return figure(value, unit) if reason is None else el("small", undefined(reason))
