"""The production checklist of a version: what it should pass before money follows it.

A model type supplies the checks that it alone can measure, by the names of `ITEMS` or of its own (`ModelEvidence`); the
judge measures the others by the record. What nobody has measured is on the list too, as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.judges.judged_version import JudgedVersion
from evaluation.labels import count, format_number, plain
from evaluation.monitoring.decision_quality import DecisionQuality
from evaluation.reports.evidence import Check, MemberComparison
from evaluation.statistics.slices import ENOUGH, Slice, Slices

LEAST_ACCURACY = 70.0  # percent
LARGEST_LOSS_GAP = 0.2
LARGEST_ACCURACY_GAP = 10.0  # percentage points
SLOWEST = 10.0  # milliseconds a decision
# The items by name, in their order, with what is asked of each.
ITEMS: Mapping[str, str] = {
    "validation_accuracy": f"above {LEAST_ACCURACY:g} %",
    "loss_gap": f"training and validation less than {LARGEST_LOSS_GAP:g} apart",
    "accuracy_gap": f"training and validation less than {LARGEST_ACCURACY_GAP:g} points apart",
    "members": "each member raises the Sharpe ratio",
    "regimes": "a gain, or a smaller loss than holding, in every volatility regime",
    "inference_speed": f"under {SLOWEST:g} ms a decision",
    "versioned": "with its time and its metrics",
    "fallback": "it decides on without a member that fails",
}
_UNMEASURED = {
    "validation_accuracy": "Neither its model type nor an expert's log measures it.",
    "fallback": "Its model type reports none.",
}


def checklist(
    version: JudgedVersion, *, slices: Slices, quality: DecisionQuality, decisions: int, seconds: float
) -> tuple[Check, ...]:
    """Every item, in order, then the further checks of its model type; what that supplies counts before the judge's.

    `seconds` is how long its model took for so many `decisions`.
    """
    supplied = {check.name: check for check in version.evidence.checks}
    measured = [
        _accuracy(quality),
        _members(version.evidence.comparisons),
        _regimes(slices.regimes),
        _speed(decisions, seconds),
        _versioned(version),
    ]
    by_name = {check.name: check for check in measured if check is not None} | supplied
    items = [by_name.pop(name) if name in by_name else _unmeasured(name) for name in ITEMS]
    return (*items, *by_name.values())


def _unmeasured(name: str) -> Check:
    note = _UNMEASURED.get(name, "Its model type does not report it.")
    return Check(name, None, ITEMS[name], None, note)


def _accuracy(quality: DecisionQuality) -> Check | None:
    """How often it holds the position of its expert, on the bars of its record."""
    agreement = quality.expert_agreement
    if agreement is None:
        return None
    note = f"Of {count(agreement.bars, 'unseen bar')}, those with the position of its expert."
    passed = agreement.percent > LEAST_ACCURACY
    return Check("validation_accuracy", agreement.percent, ITEMS["validation_accuracy"], passed, note, "%")


def _members(comparisons: Sequence[MemberComparison]) -> Check:
    """The smallest difference in the Sharpe ratio that a member makes."""
    required = ITEMS["members"]
    if not comparisons:
        return Check("members", None, required, None, "It has no members that were compared.")
    gains = {comparison.member: gain for comparison in comparisons if (gain := sharpe_gain(comparison)) is not None}
    if not gains:
        return Check("members", None, required, None, "The Sharpe ratios are undefined.")
    useless = [plain(member) for member, gain in gains.items() if gain <= 0.0]
    note = f"No gain by {', '.join(useless)}." if useless else "The smallest gain of a member."
    complete = len(gains) == len(comparisons)
    return Check("members", min(gains.values()), required, False if useless else True if complete else None, note)


def sharpe_gain(comparison: MemberComparison) -> float | None:
    """By how much a member raises the Sharpe ratio; None where a ratio is undefined."""
    whole, without = comparison.whole.sharpe_ratio, comparison.without.sharpe_ratio
    return None if whole is None or without is None else whole - without


def _regimes(regimes: Sequence[Slice]) -> Check:
    """The return in the volatility regime in which it did worst, of those with enough bars."""
    measured = {
        part.name: (value, part.buy_and_hold)
        for part in regimes
        if part.name != "unknown" and part.bars >= ENOUGH and (value := part.figures["total_return"]) is not None
    }
    required = ITEMS["regimes"]
    if len(measured) < 2:
        return Check("regimes", None, required, None, "The record has fewer than two regimes with enough bars.")
    failed = [name for name, (earned, held) in measured.items() if earned <= 0.0 and earned <= held]
    figures = "; ".join(
        f"{plain(name)} {format_number(earned, '.1f')} %, holding {format_number(held, '.1f')} %"
        for name, (earned, held) in measured.items()
    )
    worst = min(earned for earned, _ in measured.values())
    return Check("regimes", float(worst), required, not failed, f"{figures}.", "%")


def _speed(decisions: int, seconds: float) -> Check | None:
    """The mean time of a decision on the machine that judges."""
    if not decisions:
        return None
    mean = 1000.0 * seconds / decisions
    note = f"The mean of {count(decisions, 'decision')} on the bars of its symbol, at once."
    return Check("inference_speed", mean, ITEMS["inference_speed"], mean < SLOWEST, note, "ms")


def _versioned(version: JudgedVersion) -> Check:
    trained_at, metrics = version.trained_at, version.metrics
    note = f"{version.name}, {count(len(metrics), 'metric')}"
    note += f", trained {trained_at:%Y-%m-%d %H:%M} UTC." if trained_at is not None else ", at an unknown time."
    return Check("versioned", None, ITEMS["versioned"], trained_at is not None and bool(metrics), note)
