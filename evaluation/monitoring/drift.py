"""Drift: whether the features and decisions of a model are still distributed as in its training.

The distance of two distributions is the population stability index, PSI = sum (q - p) ln(q / p) over bins, with a
chi-square test of the same bins, and for features by the Kolmogorov-Smirnov distance at the edges of the bins. Bars
are not independent: volatility lasts for weeks. So n bars have an effective sample size of n / design effect, and a
PSI counts as drift only above the limit and above the critical value that chance alone exceeds once in a hundred
samples of that size: of independent bars PSI / (1/n + 1/m) is nearly chi-square with bins - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from config.errors import NightdeskError
from config.section import Section
from evaluation.metrics.formulas import Array
from evaluation.monitoring.psi import chi_square_p, critical_psi, dependence_correction, psi
from evaluation.signals import Signals

BINS = 10
LIMIT = 0.25  # of a PSI: the usual bound of a major shift
MANY = 50.0  # percent of the features
ENOUGH = 20  # bars; with fewer, one bar is more than 5 % of them
QUANTITIES = ("trade_action", "position_sign", "position_size", "features")
_SIGNS = (-1.0, 0.0, 1.0)
# Of one symbol, or by symbol or market.
OneOrManySignals = Signals | Mapping[str, Signals]
FeatureTables = pd.DataFrame | Mapping[str, pd.DataFrame]
# How manifests of format 1 name the fields of a reference and of its profiles.
_FORMER_NAMES = {"actions": "trade_action", "sides": "position_sign", "strength": "position_size"}
_FORMER_PROFILE_NAMES = {"memory": "design_effect", "freedom": "degrees_of_freedom"}


class Profile(Section):
    """Counts of a quantity's values in training, by bin, and the correction for the dependence between bars.

    A bin holds edge <= value < next edge; without edges the bins are -1, 0 and 1. `design_effect` is the number of
    bars that are worth one independent observation.
    """

    counts: tuple[int, ...] = Field(min_length=1, strict=False)
    design_effect: float = Field(ge=1.0)
    degrees_of_freedom: float = Field(gt=0.0)
    edges: tuple[float, ...] | None = Field(default=None, strict=False)


class Spread(Section):
    """The 1st, 50th and 99th percentile of a quantity."""

    low: float
    median: float
    high: float


class Reference(Section):
    """Distributions of a model's features and decisions on its training bars, small enough for its manifest.

    Args:
        bars: how many bars they are of.
        trade_action: the sign of each change of the target position (sell, hold, buy).
        position_sign: the sign of the target position (short, flat, long).
        position_size: the size of the target position on the bars where it is not flat; None if there are none.
        confidence: the confidence of the decisions.
        features: the profile of each feature.
    """

    bars: int = Field(ge=1)
    trade_action: Profile
    position_sign: Profile
    position_size: Spread | None
    confidence: Spread
    features: dict[str, Profile]


@dataclass(frozen=True)
class Shift:
    """How far the distribution of one quantity has moved; the p-value is of the hypothesis that it has not."""

    psi: float
    critical_psi: float  # what chance alone exceeds one time in a hundred
    drifted: bool
    chi_square_p: float
    ks: float | None
    effective_sample_size: float  # of the current bars, which depend on each other
    reference: tuple[float, ...]  # shares of the bins in training
    current: tuple[float, ...]  # and now
    edges: tuple[float, ...] | None


@dataclass(frozen=True)
class PositionSize:
    """Percentiles of the current position sizes, and the percentage of them outside the spread in training."""

    low: float
    median: float
    high: float
    outside: float


@dataclass(frozen=True)
class Drift:
    """Drift since training by quantity; None with a reason where too few bars, or no reference, leave it undefined."""

    bars: int
    trade_action: Shift | None
    position_sign: Shift | None
    position_size: PositionSize | None
    features: dict[str, Shift]
    drifted_features: float | None  # percent of the features
    drifted: tuple[str, ...]  # of trade_action, position_sign, features
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        document = asdict(self)
        return {**document, "drifted": list(self.drifted)}


def reference(signals: OneOrManySignals, features: FeatureTables) -> Reference:
    """The reference for later drift measurements; `features` may be empty, or begin with undefined rows.

    Of several symbols or markets the bars are pooled, one symbol after the other.
    """
    decided, columns = _Pooled.of(signals), _columns(features)
    return Reference(
        bars=len(decided.position),
        trade_action=_binned(decided.changes, None),
        position_sign=_binned(np.sign(decided.position), None),
        position_size=_spread(decided.sizes),
        confidence=_spread(decided.confidence) or Spread(low=0.0, median=0.0, high=0.0),
        features={name: profile for name, values in columns.items() if (profile := _profile(values)) is not None},
    )


@dataclass(frozen=True, eq=False)
class _Pooled:
    """The decisions on all symbols or markets, one after the other."""

    position: Array
    changes: Array
    confidence: Array

    @classmethod
    def of(cls, signals: OneOrManySignals) -> _Pooled:
        """The decisions of one symbol, or of many."""
        tables = [signals] if isinstance(signals, Signals) else list(signals.values())
        positions = [table.position.to_numpy() for table in tables] or [np.empty(0)]
        return cls(
            position=np.concatenate(positions),
            changes=np.concatenate([_changes(position) for position in positions]),
            confidence=np.concatenate([table.confidence.to_numpy() for table in tables] or [np.empty(0)]),
        )

    @property
    def sizes(self) -> Array:
        """The absolute positions that are not zero."""
        sizes: Array = np.abs(self.position[self.position != 0.0])
        return sizes


def _columns(features: FeatureTables) -> dict[str, Array]:
    """The finite values of each feature, of one symbol or of many."""
    tables = [features] if isinstance(features, pd.DataFrame) else list(features.values())
    names = dict.fromkeys(str(name) for table in tables for name in table.columns)
    return {name: np.concatenate([_finite(table[name]) for table in tables if name in table.columns]) for name in names}


def read_reference(document: Mapping[str, Any] | None) -> Reference | None:
    """The reference of a manifest; None where a version was trained before there were any."""
    if document is None:
        return None
    try:
        return Reference.model_validate(_with_present_names(document))
    except ValidationError as error:
        raise NightdeskError(
            "model.corrupt", f"The reference figures of the model cannot be read: {error}.", "Train it again."
        ) from error


def _with_present_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a reference with its former names replaced; one of today stays as it is."""
    reference = {_FORMER_NAMES.get(name, name): _profile_document(part) for name, part in document.items()}
    features = reference.get("features")
    if isinstance(features, dict):
        reference["features"] = {name: _profile_document(profile) for name, profile in features.items()}
    return reference


def _profile_document(part: Any) -> Any:
    if isinstance(part, dict) and not part.keys().isdisjoint(_FORMER_PROFILE_NAMES):
        return {_FORMER_PROFILE_NAMES.get(name, name): value for name, value in part.items()}
    return part


def measure_drift(
    before: Reference | None,
    signals: OneOrManySignals,
    features: FeatureTables,
    *,
    limit: float = LIMIT,
    many: float = MANY,
    enough: int = ENOUGH,
) -> Drift:
    """Compare the current decisions and features of a model with those of its training.

    `limit` is the PSI above which a quantity has drifted, `many` the percentage of features above which they have.
    """
    decided = _Pooled.of(signals)
    bars = len(decided.position)
    if before is None or bars < enough:
        reason = "no_reference" if before is None else "too_few_bars"
        return Drift(bars, None, None, None, {}, None, (), dict.fromkeys(QUANTITIES, reason))
    trade_action = _shift(before.trade_action, decided.changes, limit)
    position_sign = _shift(before.position_sign, np.sign(decided.position), limit)
    columns = {name: values for name, values in _columns(features).items() if name in before.features}
    moved = {name: _shift(before.features[name], now, limit) for name, now in columns.items() if now.size >= enough}
    share = 100.0 * sum(shift.drifted for shift in moved.values()) / len(moved) if moved else None
    position_size = _position_size(before.position_size, decided.sizes)
    drifted = {
        "trade_action": trade_action.drifted,
        "position_sign": position_sign.drifted,
        "features": share is not None and share > many,
    }
    return Drift(
        bars=bars,
        trade_action=trade_action,
        position_sign=position_sign,
        position_size=position_size,
        features=moved,
        drifted_features=share,
        drifted=tuple(name for name, has_drifted in drifted.items() if has_drifted),
        reasons={
            **({} if position_size is not None else {"position_size": "no_positions"}),
            **({} if share is not None else {"features": "no_features"}),
        },
    )


def _changes(position: Array) -> Array:
    changes: Array = np.sign(np.diff(position, prepend=position[:1]))
    return changes


def _finite(column: pd.Series) -> Array:
    values: Array = column.to_numpy(np.float64)
    finite: Array = values[np.isfinite(values)]
    return finite


def _bins(values: Array, edges: tuple[float, ...] | None) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = (
        np.searchsorted(_SIGNS, values) if edges is None else np.searchsorted(edges, values, side="right")
    )
    return bins


def _binned(values: Array, edges: tuple[float, ...] | None) -> Profile:
    bins, number = _bins(values, edges), _number(edges)
    design_effect, degrees_of_freedom = dependence_correction(bins, number)
    counts = tuple(np.bincount(bins, minlength=number).tolist())
    return Profile(counts=counts, design_effect=design_effect, degrees_of_freedom=degrees_of_freedom, edges=edges)


def _number(edges: tuple[float, ...] | None) -> int:
    return len(_SIGNS) if edges is None else len(edges) + 1


def _profile(values: Array) -> Profile | None:
    """Bins of equal shares; a value that many bars have in common gets a bin of its own."""
    if values.size < ENOUGH:
        return None
    deciles = np.quantile(values, np.arange(1, BINS) / BINS, method="lower")
    common = deciles[1:][np.diff(deciles) == 0.0]
    return _binned(values, tuple(np.unique([*deciles, *np.nextafter(common, math.inf)]).tolist()))


def _spread(values: Array) -> Spread | None:
    if values.size == 0:
        return None
    low, median, high = (float(value) for value in np.quantile(values, (0.01, 0.5, 0.99)))
    return Spread(low=low, median=median, high=high)


def _position_size(before: Spread | None, sizes: Array) -> PositionSize | None:
    now = _spread(sizes)
    if now is None or before is None:
        return None
    outside = 100.0 * float(np.mean((sizes < before.low) | (sizes > before.high)))
    return PositionSize(now.low, now.median, now.high, outside)


def _shift(before: Profile, values: Array, limit: float) -> Shift:
    old = np.array(before.counts, np.float64)
    new = np.bincount(_bins(values, before.edges), minlength=old.size).astype(np.float64)
    n, m = (max(float(counts.sum()) / before.design_effect, 1.0) for counts in (old, new))
    index = psi(old / before.design_effect, new / before.design_effect)
    critical = critical_psi(old.size, before.degrees_of_freedom, n, m)
    p, q = old / old.sum(), new / new.sum()
    return Shift(
        psi=index,
        critical_psi=critical,
        drifted=index > limit and index > critical,
        chi_square_p=chi_square_p(p * n, q * m, before.degrees_of_freedom),
        ks=None if before.edges is None else float(np.max(np.abs(np.cumsum(p - q)))),
        effective_sample_size=m,
        reference=tuple(p.tolist()),
        current=tuple(q.tolist()),
        edges=before.edges,
    )
