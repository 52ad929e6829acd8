"""What speaks against a version whatever its record: doubts, and decisions unlike those of its champion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluation.gate import Continuity, Doubt
from evaluation.judges.base import Case, RecordT
from evaluation.judges.judged_version import JudgedVersion
from evaluation.metrics.formulas import Array
from evaluation.records.continuity import COMPARED_BARS, likeness
from evaluation.records.inputs import changed_features, frozen_features
from evaluation.signals import Signals


def doubts_of(case: Case[RecordT]) -> list[Doubt]:
    """Reasons why a version may not serve, whatever its record."""
    version = case.challenger
    profiled = version.reference.features if version.reference is not None else {}
    doubts: dict[Doubt, bool] = {
        "leak": version.leaks is not None and not version.leaks.clean,
        "no_audit": version.leaks is None,
        "no_reference": version.reference is None or not set(version.features) <= profiled.keys(),
        "provenance": case.sample_teacher,
        "pinned": case.pinned,
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def continuity_of(case: Case[RecordT], champion: JudgedVersion) -> Continuity:
    """Whether the inputs are those of the champion, and how alike the two decide on the newest bars of each market.

    Features that stand still are looked for in the bars of a symbol; a market ends, and what it shows ends with it.
    """
    inputs = case.inputs.for_decisions()
    model, seen = case.challenger.model, champion.seen
    changed: tuple[str, ...] = ()
    if seen is not None and len(seen):
        now = inputs.since(seen.times[0]).until(seen.times[-1])
        changed = changed_features(model.features(now), model.features(seen.for_decisions()))
    frozen: tuple[str, ...] = ()
    if len(inputs.bars) == 1:
        frozen = frozen_features(next(iter(model.features(inputs).values())))
    one, other = (side.model.decide(inputs) for side in (case.challenger, champion))
    both = [name for name in one if name in other]
    return Continuity(
        changed=changed,
        frozen=frozen,
        tonight=likeness(_newest(one, both), _newest(other, both)),
        rehearsals=case.rehearsals,
    )


def _newest(decided: Mapping[str, Signals], names: list[str]) -> Array:
    return np.concatenate([decided[name].position.to_numpy()[-COMPARED_BARS:] for name in names])
