"""Controls: other models trained on the same markets, by which a part of a model shows whether it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import NightdeskError
from evaluation.labels import format_number


@dataclass(frozen=True)
class Control:
    """How well a control copies the markets on which its model measured itself, in percent.

    Args:
        accuracy: with the bounds of its interval over markets, where they were measured; `balanced_accuracy` likewise.
        part: the part of the model that the control does without, in words, such as `conditioning on the return`.
        gain: by how much the model itself is more accurate on these markets, with the bounds of this difference.
    """

    accuracy: float
    balanced_accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    part: str = ""
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


def controls_of(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Control]:
    """The controls as a manifest holds them: by name the fields of `Control`."""
    try:
        return {str(name): Control(**row) for name, row in rows.items()}
    except TypeError as error:
        raise NightdeskError(
            "evaluation.controls", f"The controls of a training are not as expected: {error}.", "Train it anew."
        ) from error


def in_words(name: str) -> str:
    """The name of a control as readable text."""
    return name.replace("_", " ")


def verdict(control_name: str, control: Control) -> str:
    """Whether the part that a control does without earned its place, in a sentence."""
    name = in_words(control_name)
    what = control.part or f"what {name} does without"
    if control.gain is None:
        return f"{name} copies {control.accuracy:.1f} %."
    compared = f"{abs(control.gain):.1f} points {'more' if control.gain >= 0.0 else 'fewer'} than {name}"
    if control.gain_low is None or control.gain_high is None:
        return f"The model copies {compared}; whether {what} earned its place was not tested."
    between = f"between {format_number(control.gain_low, '+.1f')} and {format_number(control.gain_high, '+.1f')}"
    if control.gain_low > 0.0:
        return f"The model copies {compared} ({between}): {what} earned its place."
    if control.gain_high < 0.0:
        return f"The model copies {compared} ({between}): {what} does harm."
    return f"The model copies {compared} ({between}): {what} did not earn its place."
