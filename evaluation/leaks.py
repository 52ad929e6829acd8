"""Leak audit: whether what a model says, or what it learned, knew more than could be known at the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.bars import Bars
from evaluation.look_ahead import Floats, changes, cuts_of, other_bits
from evaluation.signals import Signals

Kind = Literal["look_ahead", "fit_span", "label_overlap", "embargo", "measured_span", "refit", "untold"]

# Only the newest bars are recomputed, so that the audit of a long history costs no more than that of six years.
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
    """Something a model took from data: a scaler, a threshold, a forest. Its trainer tells it, the audit checks it.

    Args:
        name: what it is called in a finding.
        starts: for each row it was learned from, the bar at which the row was known.
        ends: for each row, the bar at which its label was complete; `starts` where no label looks ahead.
        measured: the span on which this was measured or chosen; None where only what follows the training will tell.
        again: its numbers, and what learns them again from bars that end with the last of `ends`.
    """

    name: str
    starts: pd.DatetimeIndex
    ends: pd.DatetimeIndex
    measured: Span | None = None
    again: tuple[Floats, Callable[[Bars], Floats]] | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.starts) == len(self.ends)) or bool((self.ends < self.starts).any()):
            raise NightdeskError(
                "leaks.rows",
                f"{self.name} is said to be learned from {len(self.starts)} rows with {len(self.ends)} labels.",
                "Tell for each row, of at least one, when it was known and when its label was complete, not before.",
            )

    @property
    def span(self) -> Span:
        """From the first row's bar to the last label's end."""
        return Span(self.starts.min().to_pydatetime(), self.ends.max().to_pydatetime())

    def to_dict(self) -> dict[str, Any]:
        """As JSON: from which rows it was learned, and whether it was learned again to see."""
        return {
            "name": self.name,
            "rows": len(self.starts),
            "span": str(self.span),
            "measured": str(self.measured) if self.measured is not None else None,
            "again": self.again is not None,
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
    """What leaks, if anything, and what was looked at to know."""

    findings: tuple[Finding, ...]
    checked: dict[str, Any]

    @property
    def clean(self) -> bool:
        """Whether nothing leaks."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = [finding.to_dict() for finding in self.findings]
        return {"clean": self.clean, "findings": found, "checked": self.checked}


class Speaker(Protocol):
    """A model, as far as an audit must know it."""

    def features(self, bars: Bars) -> pd.DataFrame:
        """What it decides from: named columns of numbers, a row a bar."""

    def signals(self, bars: Bars) -> Signals:
        """What it decides, a row a bar."""


def audit(
    model: Speaker, bars: Bars, learned: Sequence[Learned], training: Span, *, embargo: int = 0, seed: int = 0
) -> LeakAudit:
    """Audit a model over `bars`: its training span, what came before, and what has come since.

    `embargo` is for how many bars after a span it was measured on nothing may have been learned either.
    """
    random = np.random.default_rng(seed)
    recent = bars.tail(AUDITED)
    said = partial(_said, model)
    whole = said(recent)
    cuts = cuts_of(recent, whole, POSITION, random, also=training.last)
    findings = [
        *(
            Finding("look_ahead", change.name, change.at, str(change))
            for change in changes(said, whole, recent, cuts, random)
        ),
        *(finding for each in learned for finding in _sources(each, bars, training, embargo)),
    ]
    if not learned:
        findings.append(Finding("untold", "training", None, "its trainer does not tell from which rows it was learned"))
    checked = {
        "span": str(Span(recent.frame.index[0], recent.frame.index[-1])),
        "bars": len(recent),
        "cuts": len(cuts),
        "features": list(map(str, whole.columns[:-2])),
        "training": str(training),
        "learned": [each.to_dict() for each in learned],
        "embargo": embargo,
    }
    return LeakAudit(tuple(findings), checked)


def _said(model: Speaker, bars: Bars) -> pd.DataFrame:
    signals = model.signals(bars)
    decided = pd.DataFrame({POSITION: signals.position, "signals.confidence": signals.confidence})
    return pd.concat([model.features(bars), decided], axis=1)


def _sources(learned: Learned, bars: Bars, training: Span, embargo: int) -> Iterator[Finding]:
    """Rows, labels and numbers that do not come from where this may be learned."""
    inside = training.holds(learned.starts)
    yield from _rows(learned, "fit_span", ~inside, f"lie outside the training span {training}")
    late = inside & ~training.holds(learned.ends)
    yield from _rows(learned, "label_overlap", late, f"have labels that end after the training span {training}")
    if learned.measured is not None:
        yield from _about_measured(learned, learned.measured, bars, training, embargo)
    if learned.again is not None:
        yield from _learned_again(learned, *learned.again, bars.until(learned.span.last))


def _about_measured(learned: Learned, measured: Span, bars: Bars, training: Span, embargo: int) -> Iterator[Finding]:
    """What was learned from the very bars it was measured on, from what they label, or from their echo."""
    if measured.last > training.last:
        detail = f"it was measured or chosen on {measured}, which is not within the training span {training}"
        yield Finding("measured_span", learned.name, measured.last, detail)
    seen = measured.holds(learned.starts)
    yield from _rows(learned, "fit_span", seen, f"lie in the span it is measured on, {measured}")
    reaching = (learned.starts < pd.Timestamp(measured.first)) & (learned.ends >= pd.Timestamp(measured.first))
    yield from _rows(
        learned, "label_overlap", reaching, f"have labels that reach the span it is measured on, {measured}"
    )
    after = bars.frame.index.searchsorted(pd.Timestamp(measured.last), side="right")
    echo = learned.starts.isin(bars.frame.index[after : after + embargo])
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


def _learned_again(learned: Learned, numbers: Floats, learn: Callable[[Bars], Floats], bars: Bars) -> Iterator[Finding]:
    told, again = (np.ravel(each).astype(np.float64) for each in (numbers, learn(bars)))
    last = learned.span.last
    if told.shape != again.shape:
        detail = f"it is {told.size} numbers, and {again.size} when learned again from bars until {last.isoformat()}"
        yield Finding("refit", learned.name, last, detail)
        return
    differ = other_bits(told, again)
    if differ.any():
        at = int(np.argmax(differ))
        detail = (
            f"its number {at} is {float(told[at])!r}, and {float(again[at])!r} when learned again from bars until "
            f"{last.isoformat()} alone ({differ.sum()} of {told.size} differ)"
        )
        yield Finding("refit", learned.name, last, detail)
