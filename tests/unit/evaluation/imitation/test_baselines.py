"""Rules without learning, worked out by hand."""

from __future__ import annotations

import numpy as np

from evaluation.imitation.baselines import SimpleRules

BUY, HOLD, SELL = 1, 2, 3


def test_the_majority_is_that_of_the_training() -> None:
    rules = SimpleRules.fit([np.array([BUY, BUY, HOLD]), np.array([BUY, SELL])])
    assert rules.majority == BUY
    assert rules.decide(np.array([SELL, SELL]))["majority"].tolist() == [BUY, BUY]


def test_without_a_market_to_learn_from_nothing_is_traded() -> None:
    decided = SimpleRules.fit([]).decide(np.array([SELL, SELL, BUY]))
    assert decided["majority"].tolist() == decided["last_fill"].tolist() == [HOLD] * 3
    assert decided["last_action"].tolist() == [HOLD, SELL, SELL]


def test_after_a_trade_and_so_many_bars_it_does_what_followed_most_often() -> None:
    # after a buy one bar ago: hold, after one two or three bars ago: buy; before any trade: buy
    taught = np.array([BUY, HOLD, BUY, HOLD, BUY, HOLD, BUY])
    rules = SimpleRules.fit([taught])
    assert rules.decide(taught)["last_fill"].tolist() == taught.tolist()
    assert rules.decide(np.array([BUY, HOLD, HOLD, HOLD]))["last_fill"].tolist() == [BUY, HOLD, BUY, BUY]
    # a sale was never seen in training: there the majority decides
    assert rules.decide(np.array([SELL, HOLD]))["last_fill"].tolist() == [BUY, rules.majority]


def test_no_rule_knows_the_bar_that_it_decides_or_a_later_one() -> None:
    random = np.random.default_rng(3)
    taught, codes = random.choice(5, 200), random.choice(5, 60)
    rules = SimpleRules.fit([taught])
    whole = rules.decide(codes)
    other = codes.copy()
    other[30:] = random.choice(5, 30)
    for rule, decided in rules.decide(other).items():
        assert decided[:31].tolist() == whole[rule][:31].tolist()


def test_an_empty_market_has_no_decisions() -> None:
    decided = SimpleRules.fit([np.array([], dtype=np.int64)]).decide(np.array([], dtype=np.int64))
    assert {rule: len(codes) for rule, codes in decided.items()} == {"majority": 0, "last_action": 0, "last_fill": 0}
