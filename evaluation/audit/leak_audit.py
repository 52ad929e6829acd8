"""Leak audit: whether what a model decides, or what it was fitted on, used more than could be known at the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.inputs import Inputs
from evaluation.audit.look_ahead import Floats, Tables, changes, cuts_of, other_bits
from evaluation.signal_model import SignalModel

Kind = Literal["look_ahead", "fit_span", "label_overlap", "embargo", "measured_span", "refit", "undeclared"]

# Only the newest closes are recomputed, so that the audit of a long history costs no more than that of six years.
AUDITED = 1500
POSITION = "signals.position"


@dataclass(frozen=True)
class Span:
    """The first and the last instant of a stretch of bars."""

    first: datetime
    last: datetime

    def __str__(self) -> str:
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    def holds(self, times: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """Which of these times lie within."""
        held: NDArray[np.bool_] = (times >= pd.Timestamp(self.first)) & (times <= pd.Timestamp(self.last))
        return held


@dataclass(frozen=True, eq=False)
class Learned:
    """Something fitted or chosen: a scaler, a threshold, a forest. Its trainer declares it, the audit checks it.

    Args:
        name: what it is called in a finding.
        starts: for each row it was learned from, the close at which the row was known.
        ends: for each row, the close at which its label was complete; `starts` where no label looks ahead.
        measured: the span on which this was measured or chosen; None where that is left to the bars after the training.
        refit: its numbers, and the function that fits them again from inputs that end with the last of `ends`.
    """

    name: str
    starts: pd.DatetimeIndex
    ends: pd.DatetimeIndex
    measured: Span | None = None
    refit: tuple[Floats, Callable[[Inputs], Floats]] | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.starts) == len(self.ends)) or bool((self.ends < self.starts).any()):
            raise NightdeskError(
                "leaks.rows",
                f"{self.name} is declared as learned from {len(self.starts)} rows with {len(self.ends)} labels.",
                "Give for each row, of at least one, when it was known and when its label was complete, not before.",
            )

    @property
    def span(self) -> Span:
        """From the first row's bar to the last label's end."""
        return Span(self.starts.min().to_pydatetime(), self.ends.max().to_pydatetime())

    def to_dict(self) -> dict[str, Any]:
        """As JSON: from which rows it was learned, and whether it was fitted again to check that."""
        return {
            "name": self.name,
            "rows": len(self.starts),
            "span": str(self.span),
            "measured": str(self.measured) if self.measured is not None else None,
            "refit": self.refit is not None,
        }


@dataclass(frozen=True)
class Finding:
    """One leak: its kind, the feature or the fit that has it, the first bar at which it shows, and the values."""

    kind: Kind
    name: str
    at: datetime | None
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        at = self.at.isoformat() if self.at is not None else None
        return {"kind": self.kind, "name": self.name, "at": at, "detail": self.detail}


@dataclass(frozen=True)
class LeakAudit:
    """The leaks, if any, and what was checked."""

    findings: tuple[Finding, ...]
    checked: dict[str, Any]

    @property
    def clean(self) -> bool:
        """Whether nothing leaks."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        findings = [finding.to_dict() for finding in self.findings]
        return {"clean": self.clean, "findings": findings, "checked": self.checked}


def audit(
    model: SignalModel, inputs: Inputs, learned: Sequence[Learned], training: Span, *, embargo: int = 0, seed: int = 0
) -> LeakAudit:
    """Audit a model over `inputs`: its training span, what came before, and what has come since.

    `embargo` is for how many bars after a span it was measured on nothing may have been learned either.
    """
    random = np.random.default_rng(seed)
    recent = inputs.for_decisions().tail(AUDITED)
    compute = partial(_features_and_signals, model)
    whole = compute(recent)
    cuts = cuts_of(recent, whole, POSITION, random, also=training.last)
    findings = [
        *(
            Finding("look_ahead", change.name, change.at, str(change))
            for change in changes(compute, whole, recent, cuts, random)
        ),
        *(finding for each in learned for finding in _sources(each, inputs, training, embargo)),
    ]
    if not learned:
        findings.append(
            Finding("undeclared", "training", None, "its trainer does not declare from which rows it learned")
        )
    checked = {
        "span": str(Span(recent.times[0], recent.times[-1])),
        "bars": len(recent.times),
        "cuts": len(cuts),
        "features": list(dict.fromkeys(str(name) for table in whole.values() for name in table.columns[:-2])),
        "training": str(training),
        "learned": [each.to_dict() for each in learned],
        "embargo": embargo,
    }
    return LeakAudit(tuple(findings), checked)


def _features_and_signals(model: SignalModel, inputs: Inputs) -> Tables:
    features, decided = model.features(inputs), model.decide(inputs)
    return {
        name: features[name].assign(
            **{POSITION: signals.position, "signals.confidence": signals.confidence},
        )
        for name, signals in decided.items()
    }


def _sources(learned: Learned, inputs: Inputs, training: Span, embargo: int) -> Iterator[Finding]:
    """Rows, labels and numbers from outside the span that this may learn from."""
    inside = training.holds(learned.starts)
    yield from _rows(learned, "fit_span", ~inside, f"lie outside the training span {training}")
    late = inside & ~training.holds(learned.ends)
    yield from _rows(learned, "label_overlap", late, f"have labels that end after the training span {training}")
    if learned.measured is not None:
        yield from _measured_on(learned, learned.measured, inputs, training, embargo)
    if learned.refit is not None:
        yield from _fitted_again(learned, *learned.refit, inputs.until(learned.span.last))


def _measured_on(learned: Learned, measured: Span, inputs: Inputs, training: Span, embargo: int) -> Iterator[Finding]:
    """What was learned from the very bars it was measured on, from what they label, or from their echo."""
    if measured.last > training.last:
        detail = f"it was measured or chosen on {measured}, which is not within the training span {training}"
        yield Finding("measured_span", learned.name, measured.last, detail)
    overlapping = measured.holds(learned.starts)
    yield from _rows(learned, "fit_span", overlapping, f"lie in the span it is measured on, {measured}")
    reaching = (learned.starts < pd.Timestamp(measured.first)) & (learned.ends >= pd.Timestamp(measured.first))
    yield from _rows(
        learned, "label_overlap", reaching, f"have labels that reach the span it is measured on, {measured}"
    )
    after = inputs.times.searchsorted(pd.Timestamp(measured.last), side="right")
    echo = learned.starts.isin(inputs.times[after : after + embargo])
    yield from _rows(
        learned, "embargo", echo, f"lie within {embargo} bars after the span it is measured on, {measured}"
    )


def _rows(learned: Learned, kind: Kind, wrong: NDArray[np.bool_], what: str) -> Iterator[Finding]:
    if wrong.any():
        at = int(np.argmax(wrong))
        first = Span(learned.starts[at].to_pydatetime(), learned.ends[at].to_pydatetime())
        yield Finding(
            kind, learned.name, first.first, f"{wrong.sum()} of {len(wrong)} rows {what}; the first is {first}"
        )


def _fitted_again(
    learned: Learned, numbers: Floats, fit: Callable[[Inputs], Floats], inputs: Inputs
) -> Iterator[Finding]:
    first, again = (np.ravel(each).astype(np.float64) for each in (numbers, fit(inputs)))
    last = learned.span.last
    if first.shape != again.shape:
        detail = f"it is {first.size} numbers, and {again.size} when fitted again on bars until {last.isoformat()}"
        yield Finding("refit", learned.name, last, detail)
        return
    differ = other_bits(first, again)
    if differ.any():
        at = int(np.argmax(differ))
        detail = (
            f"its number {at} is {float(first[at])!r}, and {float(again[at])!r} when fitted again on bars until "
            f"{last.isoformat()} alone ({differ.sum()} of {first.size} differ)"
        )
        yield Finding("refit", learned.name, last, detail)
