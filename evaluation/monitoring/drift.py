"""Drift: whether what a model sees and decides now is like what it was trained on.

The distance of two distributions is the population stability index, PSI = sum (q - p) ln(q / p) over bins, with a
chi-square test of the same bins, and for features by the Kolmogorov-Smirnov distance at the edges of the bins. Bars
are not independent: volatility lasts for weeks. So n bars count as n / memory independent looks, and a PSI counts as
drift only if it is beyond the limit and beyond what one sample in a hundred of that size would show by chance: among
independent looks PSI / (1/n + 1/m) is nearly chi-square with one degree of freedom less than bins.
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
from scipy import special

from config.errors import NightdeskError
from config.section import Section
from evaluation.metrics.formulas import Array
from evaluation.signals import Signals

BINS = 10
LIMIT = 0.25  # of a PSI: the usual bound of a major shift
MANY = 50.0  # percent of the features
ENOUGH = 20  # bars, of which one in twenty is a whole one
CHANCE = 0.99
FREQUENCIES = 6
_SIDES = (-1.0, 0.0, 1.0)
# Of one symbol, or by symbol or market.
Decided = Signals | Mapping[str, Signals]
FeatureTables = pd.DataFrame | Mapping[str, pd.DataFrame]


class Profile(Section):
    """How often a quantity fell into each bin in training, and how far its bars were independent of each other.

    A bin holds edge <= value < next edge; without edges the bins are -1, 0 and 1.
    """

    counts: tuple[int, ...] = Field(min_length=1, strict=False)
    memory: float = Field(ge=1.0)
    freedom: float = Field(gt=0.0)
    edges: tuple[float, ...] | None = Field(default=None, strict=False)


class Spread(Section):
    """The 1st, 50th and 99th percentile of a quantity."""

    low: float
    median: float
    high: float


class Reference(Section):
    """The features and decisions of a model on the bars it was trained on, small enough for its manifest.

    `actions` are changes of the target (sell, hold, buy), `sides` what it held (short, flat, long), `strength` the size
    of what it held where it held something.
    """

    bars: int = Field(ge=1)
    actions: Profile
    sides: Profile
    strength: Spread | None
    confidence: Spread
    features: dict[str, Profile]


@dataclass(frozen=True)
class Shift:
    """How far one quantity has moved; the p-value is of the hypothesis that it has not."""

    psi: float
    by_chance: float
    drifted: bool
    chi_square_p: float
    ks: float | None
    independent: float  # how many looks the bars are worth
    reference: tuple[float, ...]  # shares of the bins in training
    now: tuple[float, ...]
    edges: tuple[float, ...] | None


@dataclass(frozen=True)
class Strength:
    """The sizes of what is held now, and how many bars of them (percent) lie outside the reference's spread."""

    low: float
    median: float
    high: float
    outside: float


@dataclass(frozen=True)
class Drift:
    """What has moved since training; None with a reason where too few bars, or no reference, leave it undefined."""

    bars: int
    actions: Shift | None
    sides: Shift | None
    strength: Strength | None
    features: dict[str, Shift]
    drifted_features: float | None  # percent of the features
    drifted: tuple[str, ...]  # of actions, sides, features
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        document = asdict(self)
        return {**document, "drifted": list(self.drifted)}


def reference(signals: Decided, features: FeatureTables) -> Reference:
    """What later bars are compared with; `features` may be empty, or begin with undefined rows.

    Of several symbols or markets the bars are pooled, one symbol after the other.
    """
    decided, columns = _Pooled.of(signals), _columns(features)
    return Reference(
        bars=len(decided.position),
        actions=_binned(decided.actions, None),
        sides=_binned(np.sign(decided.position), None),
        strength=_spread(decided.sizes),
        confidence=_spread(decided.confidence) or Spread(low=0.0, median=0.0, high=0.0),
        features={name: profile for name, values in columns.items() if (profile := _profile(values)) is not None},
    )


@dataclass(frozen=True, eq=False)
class _Pooled:
    """The decisions on all symbols or markets, one after the other."""

    position: Array
    actions: Array
    confidence: Array

    @classmethod
    def of(cls, signals: Decided) -> _Pooled:
        """The decisions of one symbol, or of many."""
        each = [signals] if isinstance(signals, Signals) else list(signals.values())
        positions = [one.position.to_numpy() for one in each] or [np.empty(0)]
        return cls(
            position=np.concatenate(positions),
            actions=np.concatenate([_actions(position) for position in positions]),
            confidence=np.concatenate([one.confidence.to_numpy() for one in each] or [np.empty(0)]),
        )

    @property
    def sizes(self) -> Array:
        """How much was held where something was held."""
        held: Array = np.abs(self.position[self.position != 0.0])
        return held


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
        return Reference.model_validate(document)
    except ValidationError as error:
        raise NightdeskError(
            "model.corrupt", f"The reference figures of the model cannot be read: {error}.", "Train it again."
        ) from error


def measure_drift(
    before: Reference | None,
    signals: Decided,
    features: FeatureTables,
    *,
    limit: float = LIMIT,
    many: float = MANY,
    enough: int = ENOUGH,
) -> Drift:
    """Compare what a model decides and sees now with what it decided and saw in training.

    `limit` is the PSI above which a quantity has drifted, `many` the percentage of features above which they have.
    """
    decided = _Pooled.of(signals)
    bars = len(decided.position)
    if before is None or bars < enough:
        reason = "no_reference" if before is None else "too_few_bars"
        return Drift(
            bars, None, None, None, {}, None, (), dict.fromkeys(("actions", "sides", "strength", "features"), reason)
        )
    actions = _shift(before.actions, decided.actions, limit)
    sides = _shift(before.sides, np.sign(decided.position), limit)
    columns = {name: values for name, values in _columns(features).items() if name in before.features}
    moved = {name: _shift(before.features[name], now, limit) for name, now in columns.items() if now.size >= enough}
    share = 100.0 * sum(shift.drifted for shift in moved.values()) / len(moved) if moved else None
    strength = _strength(before.strength, decided.sizes)
    drifted = {"actions": actions.drifted, "sides": sides.drifted, "features": share is not None and share > many}
    return Drift(
        bars=bars,
        actions=actions,
        sides=sides,
        strength=strength,
        features=moved,
        drifted_features=share,
        drifted=tuple(name for name, has_drifted in drifted.items() if has_drifted),
        reasons={
            **({} if strength is not None else {"strength": "no_positions"}),
            **({} if share is not None else {"features": "no_features"}),
        },
    )


def psi(reference: Array, now: Array) -> float:
    """The population stability index of two arrays of counts; half a count in each bin keeps an empty one finite."""
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * counts.size) for counts in (reference, now))
    return float(np.sum((q - p) * np.log(q / p)))


def independence(bins: NDArray[np.intp], number: int) -> tuple[float, float]:
    """How many bars one independent look takes, and how many degrees of freedom the looks have.

    By the first the chi-square of the bins is larger than that of independent bars, by the second its tail is heavier
    (Rao and Scott 1981, with Satterthwaite's degrees). Both are of the covariance of the bins in the long run: the
    periodogram's mean over the lowest frequencies, of which one more would be nearer to the days than to the weeks.
    """
    inside = (bins[:, None] == np.arange(number))[:, np.unique(bins)]
    share = inside.mean(axis=0)
    waves = np.fft.rfft((inside - share) / np.sqrt(share), axis=0)[1 : FREQUENCIES + 1]
    covariance = np.real(waves.conj().T @ waves) / (max(len(waves), 1) * len(bins))
    total, squares = float(np.trace(covariance)), float(np.sum(covariance**2))
    if squares == 0.0:
        return 1.0, number - 1.0
    return max(total / (number - 1), 1.0), min(max(total**2 / squares, 1.0), number - 1.0)


def _actions(position: Array) -> Array:
    changes: Array = np.sign(np.diff(position, prepend=position[:1]))
    return changes


def _finite(column: pd.Series) -> Array:
    values: Array = column.to_numpy(np.float64)
    finite: Array = values[np.isfinite(values)]
    return finite


def _bins(values: Array, edges: tuple[float, ...] | None) -> NDArray[np.intp]:
    bins: NDArray[np.intp] = (
        np.searchsorted(_SIDES, values) if edges is None else np.searchsorted(edges, values, side="right")
    )
    return bins


def _binned(values: Array, edges: tuple[float, ...] | None) -> Profile:
    bins, number = _bins(values, edges), _number(edges)
    memory, freedom = independence(bins, number)
    counts = tuple(np.bincount(bins, minlength=number).tolist())
    return Profile(counts=counts, memory=memory, freedom=freedom, edges=edges)


def _number(edges: tuple[float, ...] | None) -> int:
    return len(_SIDES) if edges is None else len(edges) + 1


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


def _strength(before: Spread | None, sizes: Array) -> Strength | None:
    now = _spread(sizes)
    if now is None or before is None:
        return None
    outside = 100.0 * float(np.mean((sizes < before.low) | (sizes > before.high)))
    return Strength(now.low, now.median, now.high, outside)


def _shift(before: Profile, values: Array, limit: float) -> Shift:
    old = np.array(before.counts, np.float64)
    new = np.bincount(_bins(values, before.edges), minlength=old.size).astype(np.float64)
    n, m = (max(float(counts.sum()) / before.memory, 1.0) for counts in (old, new))
    index, chance = psi(old / before.memory, new / before.memory), by_chance(old.size, before.freedom, n, m)
    p, q = old / old.sum(), new / new.sum()
    return Shift(
        psi=index,
        by_chance=chance,
        drifted=index > limit and index > chance,
        chi_square_p=chi_square_p(p * n, q * m, before.freedom),
        ks=None if before.edges is None else float(np.max(np.abs(np.cumsum(p - q)))),
        independent=m,
        reference=tuple(p.tolist()),
        now=tuple(q.tolist()),
        edges=before.edges,
    )


def by_chance(bins: int, freedom: float, n: float, m: float) -> float:
    """The PSI that two samples of n and m independent looks at the same thing exceed about one time in a hundred."""
    return float(special.chdtri(freedom, 1.0 - CHANCE)) / freedom * (bins - 1) * (1.0 / n + 1.0 / m)


def chi_square_p(old: Array, new: Array, freedom: float) -> float:
    """The p-value of Pearson's test that two arrays of counts come from one distribution."""
    occupied = old + new > 0.0
    table = np.vstack([old[occupied], new[occupied]])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return float(special.chdtrc(freedom, statistic * freedom / (old.size - 1)))
