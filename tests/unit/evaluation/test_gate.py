from __future__ import annotations

from collections.abc import Callable

import pytest

from config.settings import Promotion
from evaluation.gate import Continuity, Doubt, Verdict, judge_challenge, judge_first, judge_refresh
from evaluation.records.continuity import REHEARSALS, Likeness
from evaluation.records.standing import Standing
from evaluation.verdicts import may_serve

RULES = Promotion(confidence=0.95)
ONLY_PROVEN = Promotion(serve="proven")
SOUND = [Likeness(0.9, 0.8)] * REHEARSALS


def continuity(
    tonight: Likeness = Likeness(0.92, 0.8),  # noqa: B008 -- frozen
    rehearsals: list[Likeness] = SOUND,
    changed: tuple[str, ...] = (),
    frozen: tuple[str, ...] = (),
) -> Continuity:
    return Continuity(changed, frozen, tonight, rehearsals)


@pytest.mark.parametrize(
    ("standing", "rules", "serves"),
    [
        ("proven", RULES, True),
        ("unproven", RULES, True),
        ("refuted", RULES, False),
        ("proven", ONLY_PROVEN, True),
        ("unproven", ONLY_PROVEN, False),
        ("refuted", ONLY_PROVEN, False),
    ],
)
def test_a_recipe_serves_unless_it_is_refuted_or_the_owner_wants_only_proven_ones(
    standing: Standing, rules: Promotion, serves: bool
) -> None:
    assert may_serve(standing, rules) is serves
    verdict = judge_first(standing, rules)
    assert verdict == (Verdict("takes_over", ("first",)) if serves else Verdict("refused", (standing,)))


JUDGES: dict[str, Callable[[Standing, tuple[Doubt, ...]], Verdict]] = {
    "first": lambda standing, doubts: judge_first(standing, RULES, doubts),
    "refresh": lambda standing, doubts: judge_refresh(standing, RULES, continuity(), doubts),
    "challenge": lambda standing, doubts: judge_challenge(standing, RULES, 1e-9, 1, doubts),
}


@pytest.mark.parametrize("case", JUDGES)
@pytest.mark.parametrize("doubt", ["leak", "no_audit", "no_reference", "provenance", "pinned"])
def test_a_doubt_refuses_even_a_version_of_a_proven_recipe(case: str, doubt: Doubt) -> None:
    assert JUDGES[case]("proven", ()).outcome == "takes_over"
    assert JUDGES[case]("proven", (doubt,)) == Verdict("refused", (doubt,))


@pytest.mark.parametrize("case", JUDGES)
def test_a_version_of_a_refuted_recipe_is_refused_in_every_case(case: str) -> None:
    assert JUDGES[case]("refuted", ()) == Verdict("refused", ("refuted",))


def test_all_doubts_are_reasons() -> None:
    assert judge_first("proven", RULES, ("leak", "pinned")).reasons == ("leak", "pinned")


def test_a_refresh_that_decides_as_its_champion_takes_over() -> None:
    verdict = judge_refresh("unproven", RULES, continuity())
    assert (verdict.outcome, verdict.reasons, verdict.note) == ("takes_over", ("refresh",), "")
    assert verdict.figures == {"agreement": 0.92, "kappa": 0.8, "rehearsals": REHEARSALS}


@pytest.mark.parametrize(
    ("tonight", "outcome"),
    [
        (Likeness(0.81, 0.5), "takes_over"),  # no more than 0.10 below the worst rehearsal
        (Likeness(0.79, 0.5), "held_back"),
        (Likeness(0.85, 0.41), "takes_over"),  # at least half of the median kappa
        (Likeness(0.85, 0.39), "held_back"),
    ],
)
def test_a_refresh_is_held_back_where_it_decides_less_alike_than_rehearsals_did(
    tonight: Likeness, outcome: str
) -> None:
    verdict = judge_refresh("proven", RULES, continuity(tonight))
    assert verdict.outcome == outcome
    assert (verdict.reasons == ("discontinuous",)) is (outcome == "held_back")
    assert ("it agrees with its predecessor" in verdict.note) is (outcome == "held_back")


def test_until_rehearsals_exist_a_refresh_takes_over_with_a_note_however_it_decides() -> None:
    verdict = judge_refresh("unproven", RULES, continuity(Likeness(0.1, -0.9), SOUND[:3]))
    assert (verdict.outcome, verdict.reasons) == ("takes_over", ("refresh_unrehearsed",))
    assert verdict.note == f"3 of {REHEARSALS} rehearsals exist"


def test_changed_and_frozen_inputs_hold_a_refresh_back_before_it_was_ever_rehearsed() -> None:
    changed = judge_refresh("proven", RULES, continuity(rehearsals=[], changed=("rsi_14", "spread")))
    assert (changed.outcome, changed.reasons) == ("held_back", ("inputs_differ",))
    assert changed.note == "rsi_14, spread differ from those of the champion on bars that both know"
    frozen = judge_refresh("proven", RULES, continuity(frozen=("volume",)))
    assert (frozen.outcome, frozen.reasons) == ("held_back", ("inputs_frozen",))
    assert frozen.note == "volume have stood still on the newest bars"


def test_a_challenge_is_accepted_only_at_the_level_divided_by_all_challenges() -> None:
    accepted, refused = (judge_challenge("unproven", RULES, p, 5) for p in (0.0099, 0.0101))
    assert (accepted.outcome, accepted.reasons) == ("takes_over", ("surely_better",))
    assert (refused.outcome, refused.reasons) == ("refused", ("not_surely_better",))
    assert accepted.figures["level"] == pytest.approx(0.01)
    assert judge_challenge("unproven", RULES, 0.0101, 1).outcome == "takes_over"


def test_a_challenger_need_not_be_proven_unless_only_proven_ones_serve() -> None:
    assert judge_challenge("unproven", ONLY_PROVEN, 1e-9, 1) == Verdict("refused", ("unproven",))
    assert judge_challenge("proven", ONLY_PROVEN, 1e-9, 1).outcome == "takes_over"
