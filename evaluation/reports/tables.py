"""Tables of the evidence of a report, for people: units in their heads, reasons where there is no figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, count, figure, plain, told, undefined
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


def significance_table(found: Significance) -> Html:
    """What the Sharpe ratio is worth."""
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


def intervals_table(found: Intervals) -> Html:
    """The bounds of confidence."""
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


def luck_table(found: Luck) -> Html:
    """The model among random traders."""
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


def choice_in_words(found: ModelSelection) -> Html:
    """Among what it was chosen, in a sentence."""
    several = f"{told(found.low)} to {told(found.high)}, mean {told(found.mean)}, " if found.seeds > 1 else ""
    beside = f"; buy and hold {told(found.buy_and_hold)}" if found.buy_and_hold is not None else ""
    where = f"{count(found.seeds, 'seed')} on validation ({span(found.first, found.last)})"
    among = f"the best of {count(found.checkpoints, 'checkpoint')}"
    return el("p", f"{where}: Sharpe ratio {several}chosen {told(found.chosen)}, {among}{beside}.")


def _standing(standing: Standing, form: str) -> list[str]:
    if standing.reason is not None:
        return [told(standing.model, form), el("small", undefined(standing.reason)), *[MISSING] * 4]
    bounds = [told(value, form) for value in (standing.model, standing.low, standing.median, standing.high)]
    return [*bounds, told(standing.percentile, ".0f", " %"), told(standing.p_value, ".3f")]


def slices_parts(found: Slices) -> Iterator[Html]:
    """Tables of years, regimes and falls, those that there are."""
    columns = ["Bars", *(label for label, _ in _SLICED.values()), "Buy and hold %"]
    for title, slices in (("Year", found.years), ("Regime", found.regimes)):
        if slices:
            yield table([title, *columns], [_slice(each) for each in slices])
    if found.stress:
        rows = [
            [
                plain(fall.name),
                span(fall.first, fall.last),
                f"{fall.bars:,}",
                *(told(value, ",.1f") for value in (fall.market, fall.model, fall.max_drawdown)),
            ]
            for fall in found.stress
        ]
        yield table(["While the market fell", "", "Bars", "Market %", "Model %", "Deepest drawdown %"], rows)


def _slice(part: Slice) -> list[str]:
    figures = [_or_why(part.figures[name], unit, part.reasons.get(name)) for name, (_, unit) in _SLICED.items()]
    return [plain(part.name), f"{part.bars:,}", *figures, told(part.buy_and_hold, ",.1f")]


def costs_table(found: CostSensitivity) -> Html:
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
        for row in found.rows
    ]
    even = found.break_even
    left = f"Nothing is left at {told(even.factor, ',.1f')} times these costs, {told(even.one_way_percent)} % each way."
    return together(
        table(["Costs", "Each way", "Return %", "Sharpe", "Deepest drawdown %"], rows),
        el("p", left if even.reason is None else f"No break-even: {undefined(even.reason)}."),
    )


def behaviour_table(found: Behaviour) -> Html:
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


def drift_table(found: Drift) -> Html:
    """The features that have moved most."""
    moved = sorted(found.features.items(), key=lambda item: item[1].psi, reverse=True)[:MOVED]
    rows = [
        [plain(name), told(shift.psi), told(shift.by_chance), told(shift.ks), "yes" if shift.drifted else "no"]
        for name, shift in moved
    ]
    share = f"{told(found.drifted_features, '.0f')} % of {count(len(found.features), 'feature')} have drifted."
    columns = ["Moved most since training", "PSI", "by chance up to", "KS", "Drifted"]
    return together(el("p", share), table(columns, rows))


def leaks_parts(found: Leaks) -> Iterable[Html]:
    """What the audit found, and what it looked at."""
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


def span(first: str, last: str) -> str:
    """From a day to a day."""
    return f"{first[:10]} to {last[:10]}"


def _or_why(value: float | int | None, unit: str, why: str | None) -> str:
    """A figure, or in small letters the reason why there is none."""
    return figure(value, unit) if why is None else el("small", undefined(why))
