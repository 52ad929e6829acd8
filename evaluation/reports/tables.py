"""Tables of the evidence of a report, for people: units in their heads, reasons where there is no figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, count, figure, format_number, plain, undefined
from evaluation.records.figures import RecordFigures
from evaluation.reports.markup import Html, el, table, together

if TYPE_CHECKING:
    from evaluation.monitoring.behaviour import Accuracy, Behaviour
    from evaluation.monitoring.drift import Drift
    from evaluation.reports.evidence import Leaks, ModelSelection
    from evaluation.statistics.baselines import Luck, Standing
    from evaluation.statistics.bootstrap import Intervals
    from evaluation.statistics.cost_sensitivity import CostSensitivity
    from evaluation.statistics.significance import Significance
    from evaluation.statistics.slices import Slice, Slices

MOVED = 8  # features in the table of drift
_SLICED = {
    "total_return": ("Return %", "percent"),
    "sharpe_ratio": ("Sharpe", "ratio"),
    "max_drawdown": ("Deepest drawdown %", "percent"),
    "trades": ("Trades", "trades"),
    "win_rate": ("Won %", "percent"),
    "exposure": ("Held %", "percent"),
}


def significance_table(significance: Significance) -> Html:
    """How significant the Sharpe ratio is."""
    sure = f"{significance.confidence:.0%}"

    def row(label: str, name: str, form: str, meaning: str) -> list[str]:
        value = getattr(significance, name)
        return [
            label,
            format_number(value, form) if value is not None else undefined(significance.reasons.get(name, "undefined")),
            meaning,
        ]

    rows = [
        row("Confidence that the Sharpe ratio is above 0", "probabilistic_sharpe_ratio", ".1%", "one attempt"),
        row("The same, every attempt counted", "deflated_sharpe_ratio", ".1%", count(significance.trials, "attempt")),
        row("Sharpe ratio that luck alone makes of so many", "expected_maximum_sharpe", ".2f", "by the year"),
        row(
            f"Bars that would prove it, {sure} sure",
            "minimum_track_record",
            ",.0f",
            f"there are {significance.track_record:,}",
        ),
    ]
    return table(["Significance", "", ""], rows)


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
    """The bounds of confidence."""
    rows = []
    for label, name, form in (
        ("Sharpe ratio", "sharpe_ratio", ",.2f"),
        ("Total return, %", "total_return", ",.1f"),
        ("Deepest drawdown of as many more bars, %", "max_drawdown", ",.1f"),
    ):
        interval = getattr(intervals, name)
        if interval is None:
            rows.append([label, el("small", undefined(intervals.reasons[name])), MISSING, MISSING])
        else:
            rows.append(
                [label, *(format_number(value, form) for value in (interval.estimate, interval.low, interval.high))]
            )
    return table([f"Believed with {intervals.level:.0%}", "Estimate", "From", "To"], rows)


def luck_table(luck: Luck) -> Html:
    """The model among random traders."""
    rows = [
        [label, *_standing(standing, form)]
        for label, standing, form in (
            ("Total return, %", luck.total_return, ",.1f"),
            ("Sharpe ratio", luck.sharpe_ratio, ",.2f"),
        )
    ]
    columns = [
        f"Against {luck.draws} random traders",
        "Model",
        "5 % of them below",
        "Middle",
        "95 % below",
        "Better than",
        "p",
    ]
    return table(columns, rows)


def choice_in_words(selection: ModelSelection) -> Html:
    """From how many seeds and checkpoints it was selected, in a sentence."""
    several = (
        f"{format_number(selection.low)} to {format_number(selection.high)}, mean {format_number(selection.mean)}, "
        if selection.seeds > 1
        else ""
    )
    benchmark = f"; buy and hold {format_number(selection.buy_and_hold)}" if selection.buy_and_hold is not None else ""
    where = f"{count(selection.seeds, 'seed')} on validation ({span(selection.first, selection.last)})"
    among = count(selection.checkpoints, "checkpoint")
    chosen = f"chosen {format_number(selection.chosen)}, the best of {among}"
    if selection.learned is False:
        chosen = f"none of {among} chosen"
    sentence = f" {selection.learned_reason}" if selection.learned_reason else ""
    return el("p", f"{where}: Sharpe ratio {several}{chosen}{benchmark}.{sentence}")


def _standing(standing: Standing, form: str) -> list[str]:
    if standing.reason is not None:
        return [format_number(standing.model, form), el("small", undefined(standing.reason)), *[MISSING] * 4]
    bounds = [format_number(value, form) for value in (standing.model, standing.low, standing.median, standing.high)]
    return [*bounds, format_number(standing.percentile, ".0f", " %"), format_number(standing.p_value, ".3f")]


def slices_parts(slices: Slices) -> Iterator[Html]:
    """Tables of years, regimes and falls, those that there are."""
    columns = ["Bars", *(label for label, _ in _SLICED.values()), "Buy and hold %"]
    for title, parts in (("Year", slices.years), ("Regime", slices.regimes)):
        if parts:
            yield table([title, *columns], [_slice(each) for each in parts])
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
        yield table(["While the market fell", "", "Bars", "Market %", "Model %", "Deepest drawdown %"], rows)


def _slice(part: Slice) -> list[str]:
    figures = [_or_why(part.figures[name], unit, part.reasons.get(name)) for name, (_, unit) in _SLICED.items()]
    return [plain(part.name), f"{part.bars:,}", *figures, format_number(part.buy_and_hold, ",.1f")]


def costs_table(sensitivity: CostSensitivity) -> Html:
    """What is left at each multiple of the costs."""
    rows = [
        [
            f"{row.factor:g} times",
            f"{100.0 * (row.commission + row.slippage):.3g} %",
            *(
                _or_why(row.figures[name], unit, row.reasons.get(name))
                for name, unit in (("total_return", "percent"), ("sharpe_ratio", "ratio"), ("max_drawdown", "percent"))
            ),
        ]
        for row in sensitivity.rows
    ]
    even = sensitivity.break_even
    factor, one_way = format_number(even.factor, ",.1f"), format_number(even.one_way_percent)
    left = f"Nothing is left at {factor} times these costs, {one_way} % each way."
    return together(
        table(["Costs", "Each way", "Return %", "Sharpe", "Deepest drawdown %"], rows),
        el("p", left if even.reason is None else f"No break-even: {undefined(even.reason)}."),
    )


def behaviour_table(behaviour: Behaviour) -> Html:
    """Three questions, each with its answer or the reason why there is none."""
    accuracy, calibration, confidence = behaviour.accuracy, behaviour.calibration, behaviour.confidence
    rows = {
        "Holds what its expert holds, %": ("accuracy", accuracy and _interval(accuracy)),
        "\u2026 by always holding the same, %": ("accuracy", accuracy and format_number(accuracy.majority, ".1f")),
        "Confidence misses being right by": ("calibration", calibration and format_number(calibration.error)),
        "A bar when sure, %": ("confidence", confidence and format_number(confidence.sure, ".3f")),
        "A bar when less sure, %": ("confidence", confidence and format_number(confidence.unsure, ".3f")),
        "\u2026 by chance, p": ("confidence", confidence and format_number(confidence.p_value, ".3f")),
    }
    cells = [[label, value or el("small", undefined(behaviour.reasons[name]))] for label, (name, value) in rows.items()]
    return table(["Behaviour", ""], cells)


def _interval(accuracy: Accuracy) -> str:
    percent, low, high = (format_number(value, ".1f") for value in (accuracy.percent, accuracy.low, accuracy.high))
    return f"{percent} ({low} to {high})"


def drift_table(drift: Drift) -> Html:
    """The features that have moved most."""
    moved = sorted(drift.features.items(), key=lambda item: item[1].psi, reverse=True)[:MOVED]
    rows = [
        [
            plain(name),
            format_number(shift.psi),
            format_number(shift.by_chance),
            format_number(shift.ks),
            "yes" if shift.drifted else "no",
        ]
        for name, shift in moved
    ]
    share = f"{format_number(drift.drifted_features, '.0f')} % of {count(len(drift.features), 'feature')} have drifted."
    columns = ["Moved most since training", "PSI", "by chance up to", "KS", "Drifted"]
    return together(el("p", share), table(columns, rows))


def leaks_parts(leaks: Leaks) -> Iterable[Html]:
    """What the audit found, and what it looked at."""
    looked = ", ".join(
        f"{plain(name)} {value}" for name, value in leaks.checked.items() if isinstance(value, int | str)
    )
    summary = "Nothing that it was trained on or decides from knew more than could be known." if leaks.clean else "Yes:"
    yield el("p", summary)
    if leaks.findings:
        yield el(
            "ul", *(el("li", f"{each['name']}: {plain(each['kind'])}, {each['detail']}") for each in leaks.findings)
        )
    yield el("p", f"Looked at: {looked}.", class_="faint")


def span(first: str, last: str) -> str:
    """From a day to a day."""
    return f"{first[:10]} to {last[:10]}"


def _or_why(value: float | int | None, unit: str, why: str | None) -> str:
    """A figure, or in small letters the reason why there is none."""
    return figure(value, unit) if why is None else el("small", undefined(why))
