"""Whose moves an audit takes, and what a terminal says of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.cli.commands import audit
from daemon.cli.local import null_markets
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource

NOW = datetime(2025, 6, 1, tzinfo=UTC)
SHARE = {"count": 1, "among": 40, "low": 0.0006, "high": 0.1316}


def settings(*symbols: str, interval: str = "1d") -> Settings:
    return Settings.model_validate(
        {"symbols": list(symbols), "sources": {"bars": "sample"}, "data_params": {"interval": interval}}
    )


def stored(home: Home, symbol: str, rows: int, interval: str = "1d") -> None:
    bars = SampleSource().fetch(symbol, interval, datetime(2018, 1, 1, tzinfo=UTC), NOW)
    BarStore(home).save(bars.tail(rows), NOW)


def test_the_sizes_are_those_of_every_symbol_with_enough_daily_bars(home: Home) -> None:
    for symbol, rows in {"AAPL": 1000, "MSFT": 999, "NVDA": 1500}.items():
        stored(home, symbol, rows)
    sizes = null_markets._sizes(home, settings("AAPL", "MSFT", "NVDA", "TSLA"))
    assert [(each.symbol, len(each)) for each in sizes] == [("AAPL", 999), ("NVDA", 1499)]


def test_the_sizes_are_those_of_the_sample_market_where_there_are_too_few_bars(home: Home) -> None:
    stored(home, "AAPL", 300)
    (one,) = null_markets._sizes(home, settings("AAPL"))
    (again,) = null_markets._sizes(home, settings("MSFT"))
    assert len(one) > 2500
    assert one.fingerprint() == again.fingerprint()


def test_a_damaged_file_is_no_source_of_sizes(home: Home) -> None:
    stored(home, "AAPL", 1200)
    stored(home, "MSFT", 1200)
    home.bars("sample", "MSFT", "1d").write_bytes(b"damaged")
    assert [each.symbol for each in null_markets._sizes(home, settings("AAPL", "MSFT"))] == ["AAPL"]


@pytest.mark.parametrize("power", [[], [{"sharpe": 2.0, "years": 3, "pairs": 8, "with_edge": 8, "proven": SHARE}]])
def test_a_terminal_shows_each_share_with_its_interval(capsys: pytest.CaptureFixture[str], power: list) -> None:
    row = {"world": "drift 0.8", "costs": "none", "proven": SHARE, "refuted": {**SHARE, "count": 3}}
    files = ["results/audit/null_markets.json"]
    audit._show({"null_markets": [row], "power": power, "is_sample": True, "files": files})
    shown = capsys.readouterr().out
    assert "drift 0.8  none   1 of 40 (0.1% to 13.2%)  3 of 40 (0.1% to 13.2%)" in shown
    assert ("8 of 8" in shown) == bool(power)
    assert "sample market, which is made up" in shown
    assert shown.endswith("Written: results/audit/null_markets.json\n")
