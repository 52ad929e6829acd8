"""The alert rules: which metrics and events are observed, with their messages and cures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from config.errors import NightdeskError
from config.settings import Monitoring
from daemon.domain.alert_engine import Observation
from daemon.domain.exhaustion import EXHAUSTED
from daemon.domain.metrics import MonitoredMetrics
from daemon.domain.tasks import as_object

if TYPE_CHECKING:
    from daemon.domain.runs import Run, RunState
    from daemon.store.measurements import Basis
    from daemon.store.versions import Version
    from evaluation.records.standing import Standing

# The rule of a channel that takes no messages; its subject is the channel.
STALLED = "notify.stalled"
BASES: dict[Basis, str] = {"evaluation": "over its record", "live": "over the signals that were published"}

# The ends of a run that raise an alert, in words.
ENDS: dict[RunState, str] = {
    "partial": "succeeded in part",
    "failed": "failed",
    "crashed": "crashed",
    "timed_out": "timed out",
}


@dataclass(frozen=True)
class Bound:
    """The threshold of a metric: a floor or a ceiling.

    Breached: value < floor. Cleared: value >= floor + clear_margin * |floor|, the margin being relative to the
    threshold; but never more than `best`, which the metric cannot exceed. For a ceiling it is the other way round.
    A ceiling below what chance alone would show is raised to that (`by_chance`).
    """

    rule: str
    metric: str
    words: str
    unit: str
    threshold: float
    best: float
    cure: str
    kind: Literal["floor", "ceiling"] = "floor"

    def observe(self, subject: str, measured: str, metrics: MonitoredMetrics, margin: float, link: str) -> Observation:
        """Compare this metric of `measured` with its threshold; NaN and infinity count as no value."""
        value = metrics.number(self.metric)
        up = 1.0 if self.kind == "floor" else -1.0
        threshold = max(self.threshold, metrics.by_chance.get(self.metric, self.threshold))
        clear = min(up * threshold + margin * abs(threshold), up * self.best)
        return Observation(
            self.rule,
            subject,
            value,
            threshold,
            breached=value is not None and up * value < up * threshold,
            cleared=value is not None and up * value >= clear,
            message=f"The {self.words} of {measured} {self._comparison(value, threshold, metrics)}.",
            cure=self.cure,
            link=link,
        )

    def _comparison(self, value: float | None, threshold: float, metrics: MonitoredMetrics) -> str:
        if value is None:
            return f"has no value ({metrics.reasons.get(self.metric, 'not_measured')})"
        return f"is {self._text(value)}; the threshold is {self._text(threshold)}"

    def _text(self, value: float) -> str:
        return f"{value:.6g}{self.unit}"


_RETRAIN = "Look at its report. Train it anew when the market or your expert's log has something new to teach."
_UNSURE = "Do not size positions by its confidence before it is calibrated again; look at its reliability table."
_SMALL = "It is less sure than in its training. Look at its decisions, and train it anew if its market has changed."
_MOVED = "What it learned may no longer hold: train it anew, and follow it with care until then."


def bounds(monitoring: Monitoring) -> tuple[Bound, ...]:
    """The thresholds an owner set in `monitoring`."""
    psi, features = monitoring.max_psi, monitoring.max_drifted_features
    return (
        Bound("sharpe_below", "sharpe_ratio", "Sharpe ratio", "", monitoring.min_sharpe_ratio, math.inf, _RETRAIN),
        Bound(
            "drawdown_beyond",
            "max_drawdown",
            "maximum drawdown",
            " %",
            monitoring.max_drawdown_threshold,
            0.0,
            "Do not follow its signals before you have seen its report; then train it anew.",
        ),
        Bound(
            "accuracy_below", "accuracy", "agreement with the expert", " %", monitoring.min_accuracy, 100.0, _RETRAIN
        ),
        Bound("strength_below", "strength", "median size of the positions", "", monitoring.min_strength, 1.0, _SMALL),
        Bound(
            "calibration_beyond",
            "calibration_error",
            "calibration error of the confidence",
            "",
            monitoring.max_calibration_error,
            0.0,
            _UNSURE,
            "ceiling",
        ),
        Bound(
            "copy_below",
            "gain",
            "accuracy beyond that of the best simple rule",
            " points",
            0.0,
            100.0,
            "A simple rule copies this trader as well. Do not rely on the copy before its record is better again.",
        ),
        Bound("drift.actions", "action_psi", "drift (PSI) of the actions", "", psi, 0.0, _MOVED, "ceiling"),
        Bound("drift.sides", "side_psi", "drift (PSI) of the sides held", "", psi, 0.0, _MOVED, "ceiling"),
        Bound(
            "drift.features", "drifted_features", "share of drifted features", " %", features, 0.0, _MOVED, "ceiling"
        ),
    )


def performance_observations(
    champion: Version,
    standing: Standing,
    bases: Mapping[Basis, MonitoredMetrics],
    monitoring: Monitoring,
    *,
    unfinished: tuple[int, int] | None = None,
) -> Iterator[Observation]:
    """One observation for each basis (evaluation, live) and threshold of one champion, whose recipe has a standing.

    Of a record that is still being computed, `unfinished` says how many folds it has and how many it will have.
    """
    pair = f"{champion.subject}/{champion.model_type}"
    for basis, metrics in bases.items():
        measured = f"{pair} {champion.version} ({standing}) {BASES[basis]}"
        if basis == "evaluation" and unfinished is not None:
            measured += f", as yet the newest {unfinished[0]} of {unfinished[1]} folds,"
        for bound in bounds(monitoring):
            yield bound.observe(
                f"{pair}/{basis}", measured, metrics, monitoring.clear_margin, f"/api/v1/models/{champion.id}"
            )


def event(
    rule: str, subject: str, message: str, cure: str, *, happened: bool = True, link: str | None = None
) -> Observation:
    """An event without a value: fires when it `happened`, and is resolved by an observation that it did not."""
    return Observation(rule, subject, None, None, happened, not happened, message, cure, link)


def error_event(rule: str, subject: str, error: NightdeskError, link: str | None = None) -> Observation:
    """The event of an error, with its message and its cure."""
    return event(rule, subject, error.message, error.cure, link=link)


def run_ended(run: Run) -> Observation | None:
    """`run.failed` of the run's job: fires on partial, failed, crashed and timed_out, resolved by its next success.

    Not for a run that is retried, nor for one that makes the signals of one target return: who asked for it sees its
    end, and it says nothing of the job. Other ends (skipped, missed, cancelled) change nothing.
    """
    if run.options.target is not None:
        return None
    link = f"/api/v1/runs/{run.id}"
    if run.state == "succeeded":
        return event("run.failed", run.job, f"{run.name} succeeded.", "Nothing to do.", happened=False, link=link)
    if run.state not in ENDS:
        return None
    failure, cure = _commonest_failure(run)
    cause = f" ({run.cause})" if run.cause else ""
    return event("run.failed", run.job, f"{run.name} {ENDS[run.state]}{cause}{failure}.", cure, link=link)


def exhaustions(cause: str | None) -> Iterator[Observation]:
    """`desk.exhausted` of each thing that a desk can run out of: fires when a run ended by it, resolved by the next."""
    for code, resource in EXHAUSTED.items():
        happened = cause == code
        message = f"The desk {'has run out of' if happened else 'has'} {resource}."
        cure = (
            "Raise its limits, or lower executor.workers; what failed by it is retried."
            if happened
            else "Nothing to do."
        )
        yield event("desk.exhausted", resource, message, cure, happened=happened)


def _commonest_failure(run: Run) -> tuple[str, str]:
    """The error of `run` with its cure: of many failed tasks, the first whose code is the cause of the run."""
    detail = run.detail or {}
    failed = as_object(detail.get("failed"))
    errors = {subject: error for subject, document in failed.items() if (error := as_object(document))}
    if errors:
        subject = next((name for name, error in errors.items() if error["code"] == run.cause), next(iter(errors)))
        count = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
        error = errors[subject]
        return f": {subject}: {str(error['message']).rstrip('.')}{count}", str(error["cure"])
    error = as_object(as_object(detail.get("trades")).get("error")) or detail
    message = f": {str(error['message']).rstrip('.')}" if "message" in error else ""
    return message, str(error.get("cure") or f"Read its log, logs/runs/{run.name}.jsonl.")
