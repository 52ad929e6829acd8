"""Whose moves an audit takes, and what the job makes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.executors.worker.main import WorkContext
from daemon.jobs.audit import null_markets
from daemon.jobs.audit.messages import AuditRequest
from daemon.jobs.audit.tasks import audit
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource

NOW = datetime(2025, 6, 1, tzinfo=UTC)


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


@pytest.mark.slow
def test_the_job_writes_certificate_and_page_where_the_reports_of_its_run_are(home: Home) -> None:
    reported: list[float] = []
    context = WorkContext(
        home,
        Settings.model_validate({"audit": {"homes": 1, "seed": 3}}),
        lambda done, _: reported.append(done),
        lambda: False,
        lambda: NOW,
    )
    result = audit(context, AuditRequest(run="audit-7"))
    assert result.files == ("results/audit-7/null_markets.json", "results/audit-7/null_markets.html")
    assert all((home.root / file).is_file() for file in result.files)
    assert {row.homes for row in result.worlds} == {1}
    assert reported[-1] == 1.0
