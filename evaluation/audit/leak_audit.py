"""Leak audit: whether a model's decisions or fits used data that was not known at the time."""

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
        inside: NDArray[np.bool_] = (times >= pd.Timestamp(self.first)) & (times <= pd.Timestamp(self.last))
        return inside


@dataclass(frozen=True, eq=False)
class FitRecord:
    """The record of one fit or selection (a scaler, a threshold, a forest), by its trainer, for the audit to check.

    Args:
        name: its name in a finding.
        starts: for each row of the fit, the close at which the row was known.
        ends: for each row, the close at which its label was complete; `starts` where no label looks ahead.
        measured_span: the span on which it was measured or selected; None where that is left to later bars.
        refit: its numbers, and the function that fits them again from inputs that end with the last of `ends`.
    """

    name: str
    starts: pd.DatetimeIndex
    ends: pd.DatetimeIndex
    measured_span: Span | None = None
    refit: tuple[Floats, Callable[[Inputs], Floats]] | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.starts) == len(self.ends)) or bool((self.ends < self.starts).any()):
            raise NightdeskError(
                "leaks.rows",
                f"The fit {self.name} is recorded with {len(self.starts)} rows and {len(self.ends)} labels.",
                "Give for each row, of at least one, when it was known and when its label was complete, not before.",
            )

    @property
    def span(self) -> Span:
        """From the first row's bar to the last label's end."""
        return Span(self.starts.min().to_pydatetime(), self.ends.max().to_pydatetime())

    def to_dict(self) -> dict[str, Any]:
        """As JSON: its rows, and whether it was fitted again to check them."""
        return {
            "name": self.name,
            "rows": len(self.starts),
            "span": str(self.span),
            "measured_span": str(self.measured_span) if self.measured_span is not None else None,
            "refit": self.refit is not None,
        }


@dataclass(frozen=True)
class Finding:
    """One leak: its kind, the name of the feature or fit, the first bar at which it shows, and the values."""

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
    model: SignalModel, inputs: Inputs, fits: Sequence[FitRecord], training: Span, *, embargo: int = 0, seed: int = 0
) -> LeakAudit:
    """Audit a model on `inputs`, which hold its training span, the bars before and the bars since.

    No fit may use the `embargo` bars after a span that it was measured on.
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
        *(finding for fit in fits for finding in _fit_findings(fit, inputs, training, embargo)),
    ]
    if not fits:
        findings.append(Finding("undeclared", "training", None, "its trainer recorded no fit"))
    checked = {
        "span": str(Span(recent.times[0], recent.times[-1])),
        "bars": len(recent.times),
        "cuts": len(cuts),
        "features": list(dict.fromkeys(str(name) for table in whole.values() for name in table.columns[:-2])),
        "training": str(training),
        "fits": [fit.to_dict() for fit in fits],
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


def _fit_findings(fit: FitRecord, inputs: Inputs, training: Span, embargo: int) -> Iterator[Finding]:
    """Rows, labels and numbers of a fit from outside the span that it may use."""
    inside = training.holds(fit.starts)
    yield from _row_findings(fit, "fit_span", ~inside, f"lie outside the training span {training}")
    late = inside & ~training.holds(fit.ends)
    yield from _row_findings(fit, "label_overlap", late, f"have labels that end after the training span {training}")
    if fit.measured_span is not None:
        yield from _measurement_findings(fit, fit.measured_span, inputs, training, embargo)
    if fit.refit is not None:
        yield from _refit_findings(fit, *fit.refit, inputs.until(fit.span.last))


def _measurement_findings(
    fit: FitRecord, measured: Span, inputs: Inputs, training: Span, embargo: int
) -> Iterator[Finding]:
    """Rows of a fit within the span it was measured on, or whose labels reach it, or within the embargo after it."""
    if measured.last > training.last:
        detail = f"it was measured or selected on {measured}, which is not within the training span {training}"
        yield Finding("measured_span", fit.name, measured.last, detail)
    overlapping = measured.holds(fit.starts)
    yield from _row_findings(fit, "fit_span", overlapping, f"lie in the span it is measured on, {measured}")
    reaching = (fit.starts < pd.Timestamp(measured.first)) & (fit.ends >= pd.Timestamp(measured.first))
    yield from _row_findings(
        fit, "label_overlap", reaching, f"have labels that reach the span it is measured on, {measured}"
    )
    after = inputs.times.searchsorted(pd.Timestamp(measured.last), side="right")
    embargoed = fit.starts.isin(inputs.times[after : after + embargo])
    yield from _row_findings(
        fit, "embargo", embargoed, f"lie within {embargo} bars after the span it is measured on, {measured}"
    )


def _row_findings(fit: FitRecord, kind: Kind, wrong: NDArray[np.bool_], description: str) -> Iterator[Finding]:
    if wrong.any():
        at = int(np.argmax(wrong))
        first = Span(fit.starts[at].to_pydatetime(), fit.ends[at].to_pydatetime())
        yield Finding(
            kind, fit.name, first.first, f"{wrong.sum()} of {len(wrong)} rows {description}; the first is {first}"
        )


def _refit_findings(
    fit: FitRecord, numbers: Floats, refit: Callable[[Inputs], Floats], inputs: Inputs
) -> Iterator[Finding]:
    """The first number that differs when the fit is repeated on inputs that end with its own rows."""
    original, repeated = (np.ravel(values).astype(np.float64) for values in (numbers, refit(inputs)))
    last = fit.span.last
    if original.shape != repeated.shape:
        detail = (
            f"it is {original.size} numbers, and {repeated.size} when fitted again on bars until {last.isoformat()}"
        )
        yield Finding("refit", fit.name, last, detail)
        return
    differ = other_bits(original, repeated)
    if differ.any():
        at = int(np.argmax(differ))
        detail = (
            f"its number {at} is {float(original[at])!r}, and {float(repeated[at])!r} when fitted again on bars until "
            f"{last.isoformat()} alone ({differ.sum()} of {original.size} differ)"
        )
        yield Finding("refit", fit.name, last, detail)
