"""The rules: what is looked at, how it is said, and what a reader can do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from config.settings import JobName, Monitoring
from daemon.alerts.engine import Observation

if TYPE_CHECKING:
    from daemon.runs import Run, RunState
    from daemon.store.measurements import Basis
    from daemon.store.models import Version

BASES: dict[Basis, str] = {"evaluation": "over its evaluation", "live": "over the signals that were published"}

# The ends of a run that a person should hear of, in words.
ENDS: dict[RunState, str] = {
    "partial": "succeeded in part",
    "failed": "failed",
    "crashed": "crashed",
    "timed_out": "timed out",
}


@dataclass(frozen=True)
class Floor:
    """A metric that should not fall below its threshold.

    Breached: value < threshold. Cleared: value >= threshold + clear_margin * |threshold|, the margin being relative
    to the threshold; but never more than `best`, which the metric cannot exceed.
    """

    rule: str
    metric: str
    words: str
    unit: str
    threshold: float
    best: float
    cure: str

    def observe(self, subject: str, who: str, metrics: Mapping[str, Any], margin: float, link: str) -> Observation:
        """Look at this metric of `who`; NaN and infinity are no values."""
        value = metrics.get(self.metric)
        if value is not None and not math.isfinite(value):
            value = None
        clear = min(self.threshold + margin * abs(self.threshold), self.best)
        return Observation(
            self.rule,
            subject,
            value,
            self.threshold,
            breached=value is not None and value < self.threshold,
            cleared=value is not None and value >= clear,
            message=f"The {self.words} of {who} {self._said(value, metrics)}.",
            cure=self.cure,
            link=link,
        )

    def _said(self, value: float | None, metrics: Mapping[str, Any]) -> str:
        if value is None:
            return f"has no value ({metrics.get('reasons', {}).get(self.metric, 'not_measured')})"
        return f"is {self._text(value)}; the threshold is {self._text(self.threshold)}"

    def _text(self, value: float) -> str:
        return f"{value:.6g}{self.unit}"


def floors(monitoring: Monitoring) -> tuple[Floor, Floor]:
    """The thresholds an owner set in `monitoring`."""
    return (
        Floor(
            "sharpe_below",
            "sharpe_ratio",
            "Sharpe ratio",
            "",
            monitoring.min_sharpe_ratio,
            math.inf,
            "Look at its report. Train it again when the market or your expert's log has something new to teach.",
        ),
        Floor(
            "drawdown_beyond",
            "max_drawdown",
            "maximum drawdown",
            " %",
            monitoring.max_drawdown_threshold,
            0.0,
            "Do not follow its signals before you have seen its report; then train it again.",
        ),
    )


def performance_observations(
    champion: Version, bases: Mapping[Basis, Mapping[str, Any]], monitoring: Monitoring
) -> Iterator[Observation]:
    """One observation for each basis (evaluation, live) and threshold of one champion."""
    pair = f"{champion.symbol}/{champion.model_type}"
    for basis, metrics in bases.items():
        who = f"{pair} {champion.version} {BASES[basis]}"
        for floor in floors(monitoring):
            yield floor.observe(
                f"{pair}/{basis}", who, metrics, monitoring.clear_margin, f"/api/v1/models/{champion.id}"
            )


def event(
    rule: str, subject: str, message: str, cure: str, *, happened: bool = True, link: str | None = None
) -> Observation:
    """Something that is so or is not: fires when it `happened`, resolved when the same is observed not to be so."""
    return Observation(rule, subject, None, None, happened, not happened, message, cure, link)


def error_event(rule: str, subject: str, error: NightdeskError, link: str | None = None) -> Observation:
    """An event told by an error: its message and its cure."""
    return event(rule, subject, error.message, error.cure, link=link)


def run_ended(run: Run) -> Observation | None:
    """`run.failed` of the run's job: fires on partial, failed, crashed and timed_out, resolved by its next success.

    Not for a run that is tried again. Other ends (skipped, missed, cancelled) say nothing of it.
    """
    link = f"/api/v1/runs/{run.id}"
    if run.state == "succeeded":
        return event("run.failed", run.job, f"{run.name} succeeded.", "Nothing to do.", happened=False, link=link)
    if run.state not in ENDS:
        return None
    said, cure = _first_failure(run.job, run.detail or {})
    cause = f" ({run.cause})" if run.cause else ""
    return event("run.failed", run.job, f"{run.name} {ENDS[run.state]}{cause}{said}.", cure, link=link)


def _first_failure(job: JobName, detail: Mapping[str, Any]) -> tuple[str, str]:
    failed: Mapping[str, Any] = detail.get("failed") or {}
    for subject, error in failed.items():
        if error:
            others = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
            return f": {subject}: {error['message'].rstrip('.')}{others}", error["cure"]
    return (
        f": {str(detail['message']).rstrip('.')}" if "message" in detail else "",
        f"Read its log, then run {job} again.",
    )
