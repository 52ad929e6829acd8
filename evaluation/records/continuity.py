"""Continuity: whether a retrained model still decides as its predecessor did, within what retraining usually changes.

The returns of a retrained model cannot judge it: its predecessor has learned from the same bars. So it is compared with
its predecessor bar by bar, and the measure of how much may change are rehearsals: the same recipe trained at earlier
dates, each beside the model trained as many bars before it as tonight's is after its predecessor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from evaluation.metrics.formulas import Array

COMPARED_BARS = 252
REHEARSALS = 8
# How far below the worst rehearsal the agreement may be.
TOLERANCE = 0.10


@dataclass(frozen=True)
class Likeness:
    """How alike two models decide: the share of bars on the same side, and Cohen's kappa (1960) beyond chance."""

    agreement: float
    kappa: float


def likeness(one: Array, other: Array) -> Likeness:
    """Compare the sides (long, flat, short) of two models' positions on the same bars."""
    sides, others = np.sign(one), np.sign(other)
    agreement = float(np.mean(sides == others))
    by_chance = sum(float(np.mean(sides == side)) * float(np.mean(others == side)) for side in (-1.0, 0.0, 1.0))
    kappa = 1.0 if by_chance >= 1.0 else (agreement - by_chance) / (1.0 - by_chance)
    return Likeness(agreement, kappa)


def discontinuity(tonight: Likeness, rehearsals: Sequence[Likeness]) -> str | None:
    """Why a retrained model is held back, in words; None where it decides as it should."""
    least = min(each.agreement for each in rehearsals) - TOLERANCE
    middle = median(each.kappa for each in rehearsals)
    if tonight.agreement < least:
        return (
            f"it agrees with its predecessor on {tonight.agreement:.0%} of the last bars; "
            f"{len(rehearsals)} rehearsals agreed on {least + TOLERANCE:.0%} or more"
        )
    # half of a median below zero, of a recipe that agrees with itself less than by chance, would be above it
    if tonight.kappa < min(middle / 2.0, middle):
        return (
            f"it agrees with its predecessor by a kappa of {tonight.kappa:.2f}; "
            f"the median of {len(rehearsals)} rehearsals is {middle:.2f}"
        )
    return None
