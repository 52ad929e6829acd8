"""Promotion, walk-forward and records in a config."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.errors import ConfigError
from config.settings import CHAIN, NIGHT, Settings
from tests.support.settings import settings


def test_by_default_whatever_is_not_refuted_serves_and_records_take_an_hour_of_the_night():
    defaults = Settings()
    assert (defaults.promotion.serve, defaults.promotion.confidence) == ("unproven", 0.95)
    assert (defaults.records.nightly_budget, defaults.records.folds) == (timedelta(hours=1), 8)
    assert defaults.promotion.without_effect == ()


def test_an_owner_may_let_only_proven_recipes_serve():
    assert settings(promotion={"serve": "proven"}).promotion.serve == "proven"


def test_keys_of_earlier_rules_are_taken_and_named_as_having_no_effect():
    older = settings(promotion={"min_sharpe_gain": 0.1, "max_extra_drawdown": 5.0}).promotion
    assert older.without_effect == ("min_sharpe_gain", "max_extra_drawdown")


@pytest.mark.parametrize(
    "sections",
    [
        {"promotion": {"serve": "refuted"}},
        {"promotion": {"confidence": 0.5}},
        {"promotion": {"min_trades": 0}},
        {"records": {"folds": 0}},
        {"records": {"nightly_budget": "soon"}},
        {"jobs": {"walk_forward": {"time": "01:00"}}},
    ],
)
def test_values_without_a_meaning_are_refused(sections):
    with pytest.raises(ConfigError):
        settings(**sections)


def test_records_follow_the_night_and_are_no_part_of_it():
    assert (*NIGHT, "records") == CHAIN
    assert NIGHT[-1] == "backup"
