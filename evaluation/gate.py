"""Gate: whether a version takes the place it asks for.

What is judged is its recipe, by its record; the returns of one version prove nothing. There are four cases:

`first`      nothing serves in this place: it takes it if its recipe may serve.
`refresh`    the champion is of the same recipe and seed, trained on older bars: returns do not judge it, since its
             champion has learned the bars that would. It takes over if its inputs are those of its champion, moved on,
             and it decides as its champion does, within what rehearsed retrainings change.
`challenge`  the champion is of another recipe: it takes over only if its record is surely better.
`alone`      it serves already, and is only measured.

A recipe may serve unless it is refuted, or, where the owner wants it so, only if it is proven.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from config.settings import Promotion
from evaluation.records.continuity import REHEARSALS, Likeness, discontinuity
from evaluation.records.standing import Standing
from evaluation.verdicts import Outcome, may_serve

# Why a version may not serve, whatever its record: look-ahead or no audit for it, no reference to measure drift by, an
# expert that is made up where the champion's is real, or a person who pinned the champion.
Doubt = Literal["leak", "no_audit", "no_reference", "provenance", "pinned"]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a version, the codes of the reasons, a note in words, and the figures it rests on."""

    outcome: Outcome
    reasons: tuple[str, ...]
    note: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Continuity:
    """How a retrained version compares with the champion of the same recipe.

    Args:
        changed: features that differ on bars which both know.
        frozen: features that have stood still on the newest bars though they never did before.
        tonight: how alike the two decide.
        rehearsals: how alike retrainings were when they were rehearsed.
    """

    changed: tuple[str, ...]
    frozen: tuple[str, ...]
    tonight: Likeness
    rehearsals: Sequence[Likeness]


def judge_first(standing: Standing, rules: Promotion, doubts: Collection[Doubt] = ()) -> Verdict:
    """Judge a version where nothing serves."""
    return _refused(standing, rules, doubts) or Verdict("takes_over", ("first",))


def judge_refresh(
    standing: Standing, rules: Promotion, continuity: Continuity, doubts: Collection[Doubt] = ()
) -> Verdict:
    """Judge a version that is the champion's recipe on newer bars."""
    if refused := _refused(standing, rules, doubts):
        return refused
    figures = {
        "agreement": continuity.tonight.agreement,
        "kappa": continuity.tonight.kappa,
        "rehearsals": len(continuity.rehearsals),
    }
    for code, features, what in (
        ("inputs_differ", continuity.changed, "differ from those of the champion on bars that both know"),
        ("inputs_frozen", continuity.frozen, "have stood still on the newest bars"),
    ):
        if features:
            return Verdict("held_back", (code,), f"{', '.join(features)} {what}", figures)
    if len(continuity.rehearsals) < REHEARSALS:
        note = f"{len(continuity.rehearsals)} of {REHEARSALS} rehearsals exist"
        return Verdict("takes_over", ("refresh_unrehearsed",), note, figures)
    broken = discontinuity(continuity.tonight, continuity.rehearsals)
    if broken is not None:
        return Verdict("held_back", ("discontinuous",), broken, figures)
    return Verdict("takes_over", ("refresh",), "", figures)


def judge_challenge(
    standing: Standing, rules: Promotion, p_value: float, challenges: int, doubts: Collection[Doubt] = ()
) -> Verdict:
    """Judge a version of another recipe than the champion's, one of so many challenges for this place."""
    if refused := _refused(standing, rules, doubts):
        return refused
    level = (1.0 - rules.confidence) / max(challenges, 1)
    figures = {"p_challenge": p_value, "challenges": challenges, "level": level}
    if p_value <= level:
        return Verdict("takes_over", ("surely_better",), "", figures)
    return Verdict("refused", ("not_surely_better",), "", figures)


def _refused(standing: Standing, rules: Promotion, doubts: Collection[Doubt]) -> Verdict | None:
    if doubts:
        return Verdict("refused", tuple(doubts))
    return None if may_serve(standing, rules) else Verdict("refused", (standing,))
