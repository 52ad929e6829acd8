"""How cases of copies end, on records made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from config.settings import Settings
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import Span
from evaluation.imitation.record import ImitationRecord, superiority
from evaluation.judges.base import Case
from evaluation.judges.imitation import ImitationJudge
from evaluation.judges.judged_version import JudgedVersion
from evaluation.monitoring.drift import reference
from evaluation.records.continuity import REHEARSALS, Likeness
from evaluation.reports.evidence import Leaks
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from tests.support.models.copies import TRAINED, market, random_codes, record
from tests.support.models.small_types import markets

RANDOM = np.random.default_rng(11)
ACTUAL = [random_codes(RANDOM, 30) for _ in range(32)]


def copied(share: float, seed: int = 1) -> ImitationRecord:
    """A record that is right on about this share of bars."""
    random = np.random.default_rng(seed)
    guesses = [np.where(random.random(30) < share, codes, (codes + 1) % 5) for codes in ACTUAL]
    return record([market(number, *pair) for number, pair in enumerate(zip(ACTUAL, guesses, strict=True))])


class Fixed:
    """Holds the sign of the price above one half, or its opposite."""

    def __init__(self, sign: float) -> None:
        self.sign = sign

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        return {name: bars.frame[["close"]] for name, bars in inputs.bars.items()}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        return {
            name: Signals(self.sign * np.sign(bars.frame["close"] - 0.5), bars.frame["close"])
            for name, bars in inputs.bars.items()
        }


def version(sign: float = 1.0, *, clean: bool = True) -> JudgedVersion:
    leaks = Leaks(clean=clean, findings=[], checked={})
    model = Fixed(sign)
    trained = reference(model.decide(markets()), model.features(markets()))
    return JudgedVersion("v", model, Span(TRAINED, TRAINED), ("close",), trained, leaks)


def case(kind: Any, ours: ImitationRecord, **changes: Any) -> Case[ImitationRecord]:
    values: dict[str, Any] = {
        "kind": kind, "inputs": markets(), "challenger": version(), "record": ours, "standing": "unproven",
        "sentence": "", "settings": Settings(), "challenges": 1,
    }  # fmt: skip
    return Case(**(values | changes))


def test_a_first_version_takes_its_place_unless_its_recipe_is_refuted_or_it_leaks() -> None:
    judge = ImitationJudge()
    assert judge.judge(case("first", copied(0.5))).verdict.reasons == ("first",)
    assert judge.judge(case("first", copied(0.5), standing="refuted")).verdict.reasons == ("refuted",)
    assert judge.judge(case("first", copied(0.5), challenger=version(clean=False))).verdict.reasons == ("leak",)
    assert judge.judge(case("alone", copied(0.5))).verdict.reasons == ("serves",)


def test_a_refresh_takes_over_if_it_decides_as_its_champion_in_the_markets_of_both() -> None:
    judge, rehearsals = ImitationJudge(), (Likeness(0.97, 0.9),) * REHEARSALS
    same = judge.judge(case("refresh", copied(0.5), champion=version(), rehearsals=rehearsals)).verdict
    assert (same.outcome, same.reasons) == ("takes_over", ("refresh",))
    opposite = judge.judge(case("refresh", copied(0.5), champion=version(-1.0), rehearsals=rehearsals)).verdict
    assert (opposite.outcome, opposite.reasons) == ("held_back", ("discontinuous",))


def test_a_challenge_takes_over_only_if_it_is_surely_more_accurate_by_market() -> None:
    judge = ImitationJudge()
    better = judge.judge(case("challenge", copied(0.6), champion=version(), champion_record=copied(0.4, 2))).verdict
    assert (better.outcome, better.reasons) == ("takes_over", ("surely_better",))
    alike = judge.judge(case("challenge", copied(0.5), champion=version(), champion_record=copied(0.5, 2))).verdict
    assert (alike.outcome, alike.reasons) == ("refused", ("not_surely_better",))
    without = judge.judge(case("challenge", copied(0.6), champion=version())).verdict
    assert without.reasons == ("not_surely_better",)


def test_records_without_a_common_market_say_nothing_of_each_other() -> None:
    first, second = copied(0.9), copied(0.1)
    early, late = (
        first.within({f"market-{n}" for n in range(10)}),
        second.within({f"market-{n}" for n in range(10, 32)}),
    )
    assert early is not None
    assert late is not None
    assert superiority(early, late) == 1.0


def test_its_metrics_have_no_account_and_say_so() -> None:
    metrics = ImitationJudge().judge(case("first", copied(0.5))).metrics
    assert 40.0 < metrics["copied"] < 60.0
    assert metrics["sharpe_ratio"] is None
    assert metrics["reasons"]["sharpe_ratio"] == "no_account"
