"""Stored inputs: headlines of a symbol and those about all markets, of the source of its bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from config.paths import Home
from config.settings import Settings
from data_pipeline.bars.store import BarStore
from data_pipeline.inputs import ALL_MARKETS
from data_pipeline.news.headlines import Headline, HeadlineStore
from data_pipeline.sources.sample import SampleSource
from data_pipeline.stored_inputs import stored_inputs
from trainers.policy_cloner.teacher import states_of

NOW = datetime(2024, 6, 3, 22, tzinfo=UTC)
SETTINGS = Settings.model_validate({"symbols": ["AAPL"], "sources": {"bars": "sample"}})


def _store(home: Home, source: str, symbol: str, title: str) -> None:
    seen = datetime(2024, 6, 3, 12, tzinfo=UTC)
    HeadlineStore(home).add(source, symbol, [Headline(title, seen, title, "wire", "https://example.org")], seen)


def test_headlines_of_the_symbol_and_of_all_markets_reach_the_states_of_a_policy(home: Home) -> None:
    bars = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=300), NOW)
    BarStore(home).save(bars, NOW)
    _store(home, "sample", "AAPL", "AAPL has a wonderful quarter")
    _store(home, "sample", "^GSPC", "Markets fear a terrible recession")
    _store(home, "yahoo", "^GSPC", "Real markets are happy")  # another source, which says nothing of these bars
    inputs = stored_inputs(home, SETTINGS, "AAPL", scope="symbol", kinds={"headlines"}, now=NOW)
    assert set(inputs.headlines) == {"AAPL", ALL_MARKETS}
    assert inputs.headlines[ALL_MARKETS]["title"].tolist() == ["Markets fear a terrible recession"]
    news, macro = states_of(inputs).values[-1, -2:]
    assert news > 0.0 > macro
    before = inputs.until(pd.Timestamp("2024-06-03 11:00", tz="UTC"))
    assert before.headlines == {}
