"""HTML tables of a report on a copy: in percent, with intervals in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.imitation.controls import in_words
from evaluation.imitation.figures import BASELINES
from evaluation.labels import MISSING, format_number, plain
from evaluation.reports.markup import Html, el, table

if TYPE_CHECKING:
    from evaluation.imitation.controls import Control
    from evaluation.imitation.evidence import ImitationEvidence, Part
    from evaluation.imitation.figures import ImitationFigures
    from evaluation.imitation.measures.accuracy import ClassAccuracy
    from evaluation.imitation.measures.intervals import MarketInterval
    from evaluation.imitation.measures.returns_to_go import ReturnAssociation
    from evaluation.imitation.targets import TargetResponse


def baselines_table(evidence: ImitationEvidence) -> Html:
    """The model beside the rules without learning."""
    rows = [
        [
            "The model" if row.name == "model" else _capital(BASELINES[row.name]),
            _interval(row.accuracy),
            _interval(row.balanced_accuracy),
            _interval(row.gain) if row.gain is not None else MISSING,
        ]
        for row in evidence.rows
    ]
    return table(["", "Decisions copied, %", "Balanced over classes, %", "The model copies more by, points"], rows)


def figures_table(record: ImitationFigures) -> Html:
    """The other figures of the record, and its p-values."""
    rows = [
        ["Same outcome, where both trade, %", _number(record.direction)],
        ["Replication score, of 100", _number(record.replication)],
        ["Calibration error of the confidence", _number(record.calibration_error, ".2f")],
        *(
            [f"p, no more accurate than {BASELINES[rule]}", format_number(p, ".3f")]
            for rule, p in record.p_baselines.items()
        ),
    ]
    return table(["Figure", "Value"], rows, caption="p-values are by market and not yet adjusted for recipes tried.")


def controls_table(controls: dict[str, Control]) -> Html:
    """Other models that were trained on the same markets."""
    rows = [
        [
            in_words(name) if control.gain is not None else f"{in_words(name)} (itself)",
            _bounds(control.accuracy, control.low, control.high),
            _number(control.balanced_accuracy),
            MISSING if control.gain is None else _bounds(control.gain, control.gain_low, control.gain_high),
        ]
        for name, control in controls.items()
    ]
    caption = "Measured by the training on the newest markets, with models that had not learned from them."
    return table(["Control", "Decisions copied, %", "Balanced, %", "The model copies more by, points"], rows, caption)


def classes_table(classes: Sequence[ClassAccuracy]) -> Html:
    """Recall and precision of each class of decisions."""
    rows = [
        [plain(each.name), f"{each.actual:,}", f"{each.copied:,}", _number(each.recall), _number(each.precision)]
        for each in classes
    ]
    return table(["Decision", "Trader", "Model", "Recall, %", "Precision, %"], rows)


def parts_table(title: str, parts: Sequence[Part]) -> Html:
    """Parts of the record."""
    rows = [
        [part.name, f"{part.markets}", f"{part.decisions:,}", _number(part.accuracy), _number(part.best_baseline)]
        for part in parts
    ]
    return table([title, "Markets", "Decisions", "Copied, %", "Best rule, %"], rows)


def delay_table(evidence: ImitationEvidence) -> Html:
    """What being one bar late costs."""
    delay = evidence.delay
    rows = [
        ["Decisions copied one bar late, %", _interval(evidence.late)],
        ["Return of the trader's own trades, % of the money paid", _interval(delay.returned)],
        ["The same, each at the close of the next bar", _interval(delay.late)],
        ["Cost of being late, points", _interval(delay.cost)],
    ]
    return table([f"{delay.markets} markets with trades", "Value"], rows)


def association_table(association: ReturnAssociation) -> Html:
    """The mean returns that were still to come where the trader and the model decided what."""
    rows = [[plain(each.name), _number(each.actual), _number(each.copied)] for each in association.classes]
    columns = ["Decision", "Return to come where the trader decides so, %", "Where the model does, %"]
    return table(columns, rows, f"Means over {association.markets} settled markets.")


def targets_table(targets: Sequence[TargetResponse]) -> Html:
    """The decisions by the return that is asked for."""
    rows = [
        [f"{100.0 * each.target:+.0f} %", *(_number(value) for value in (each.up, each.hold, each.down, each.changed))]
        for each in targets
    ]
    return table(["Asked for", "Towards Up, %", "Hold, %", "Towards Down, %", "Changed, %"], rows)


def _interval(interval: MarketInterval) -> str:
    return _bounds(interval.estimate, interval.low, interval.high)


def _bounds(estimate: float | None, low: float | None, high: float | None) -> str:
    if estimate is None:
        return el("small", "undefined")
    if low is None or high is None:
        return format_number(estimate, ".1f")
    return f"{format_number(estimate, '.1f')} ({format_number(low, '.1f')} to {format_number(high, '.1f')})"


def _number(value: float | None, form: str = ".1f") -> str:
    return format_number(value, form) if value is not None else el("small", "undefined")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
