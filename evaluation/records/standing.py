"""Standing: what all records of a home together say of each recipe: `proven`, `unproven` or `refuted`.

Light, so that the process that plans and publishes can settle standings from the p-values of its workers.

A recipe passes at a bar where its p-value is small enough after Holm's adjustment over every recipe this home has ever
tried, those no longer in use included: each try is one more chance for luck. It is proven when it passes at each of the
last `RUN` bars of its record, refuted when it is surely worse at each of them, and leaves a standing only after as many
failures in a row, so that no single day makes or unmakes it. The level is per year of nights: simulated homes without
any skill prove a recipe in about 4 % of years at a level of 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Standing = Literal["proven", "unproven", "refuted"]
# So many bars in a row decide.
RUN = 21
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Evidence:
    """The p-values of a record's last `RUN` prefixes, the longest last: of skill, and of being worse."""

    skill: tuple[float, ...]
    worse: tuple[float, ...]


def settle(
    evidence: Mapping[Key, Evidence], previous: Mapping[Key, Standing], *, tried: int, confidence: float
) -> dict[Key, Standing]:
    """The standing of each recipe, after `tried` tries of this home; one that was never settled was unproven."""
    level = 1.0 - confidence
    passes = _run({key: each.skill for key, each in evidence.items()}, tried, level)
    fails = _run({key: each.worse for key, each in evidence.items()}, tried, level)
    return {key: _standing(previous.get(key, "unproven"), passes[key], fails[key]) for key in evidence}


def _run(p_values: Mapping[Key, Sequence[float]], tried: int, level: float) -> dict[Key, list[bool]]:
    """For each recipe whether it passes at each of the last bars."""
    passed = [holm({key: each[bar] for key, each in p_values.items()}, tried, level) for bar in range(RUN)]
    return {key: [key in at_bar for at_bar in passed] for key in p_values}


def holm(p_values: Mapping[Key, float], tried: int, level: float) -> set[Key]:
    """The keys that pass Holm's step-down test among `tried` hypotheses, of which these are those still looked at."""
    passed: set[Key] = set()
    hypotheses = max(tried, len(p_values))
    for key, p in sorted(p_values.items(), key=lambda item: item[1]):
        if p > level / (hypotheses - len(passed)):
            break
        passed.add(key)
    return passed


def _standing(previous: Standing, passes: Sequence[bool], fails: Sequence[bool]) -> Standing:
    if all(passes):
        return "proven"
    if all(fails):
        return "refuted"
    if (previous == "proven" and any(passes)) or (previous == "refuted" and any(fails)):
        return previous
    return "unproven"


def draws_for(tried: int, confidence: float) -> int:
    """How many random traders it takes to pass among so many tries: ten times as many as the smallest p-value needs."""
    return math.ceil(10.0 * max(tried, 1) / (1.0 - confidence))
