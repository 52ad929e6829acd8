"""Which champion of a subject is recommended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from daemon.api.status import _recommended
from daemon.domain.targets import Target

CLONER, PPO = Target("AAPL", "cloner"), Target("AAPL", "ppo")
CHAMPIONS: Any = {CLONER: SimpleNamespace(id=1, version="v1"), PPO: SimpleNamespace(id=2, version="v7")}


def row(sharpe_ratio: float, standing: str = "unproven") -> Any:
    return SimpleNamespace(standing=standing, facts={"figures": {"sharpe_ratio": sharpe_ratio}})


def test_what_the_newest_comparison_names_is_recommended() -> None:
    standings = {1: row(1.2), 2: row(0.4)}
    assert _recommended(CHAMPIONS, standings, {"AAPL": "ppo v7"}) == {PPO}


def test_where_that_one_does_not_serve_it_is_the_best_record_a_proven_one_first() -> None:
    standings = {1: row(0.4, "proven"), 2: row(1.2)}
    for compared in ({}, {"AAPL": "ppo v6"}, {"MSFT": "ppo v7"}):
        assert _recommended(CHAMPIONS, standings, compared) == {CLONER}


def test_a_champion_without_a_record_is_not_recommended() -> None:
    assert _recommended(CHAMPIONS, {2: row(-0.1)}, {"AAPL": "cloner v1"}) == {PPO}
