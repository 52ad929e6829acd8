from __future__ import annotations

import numpy as np

from data_pipeline import actions


def test_five_classes_go_from_strong_buy_to_strong_sell():
    assert actions.GRADES == ("strong_buy", "buy", "hold", "sell", "strong_sell")
    net = np.array([9.0, 5.0, 4.9, 0.1, 0.0, -0.1, -4.9, -5.0, -9.0])
    assert actions.graded(net, 5.0).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4]


def test_without_a_trade_it_is_hold_whatever_counts_as_strong():
    assert actions.graded(np.zeros(3), 0.0).tolist() == [2, 2, 2]
    assert actions.graded(np.empty(0), 1.0).tolist() == []


def test_five_classes_become_three_signs():
    assert actions.signed(np.arange(5, dtype=np.int8)).tolist() == [1, 1, 0, -1, -1]


def test_words_and_synonyms_of_the_three():
    assert [actions.word(n) for n in (-1, 0, 1)] == ["sell", "hold", "buy"]
    assert [actions.number(text) for text in ("Enter-Long", "EXIT", "", "maybe")] == [1, -1, 0, None]
