"""The nightly pull of traders' logs: beside the bars, and never in their way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.dispatcher import Dispatcher
from daemon.house import House
from tests.support.night import WorkingExecutor, attend_all, every_run, quiet_house, request
from tests.support.trader_logs import log, trade

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)
KEY = "merged_trades/0xa/m_prices.json"


@pytest.fixture
def house(home: Home, tmp_path) -> Iterator[House]:
    (tmp_path / "logs" / KEY).parent.mkdir(parents=True)
    (tmp_path / "logs" / KEY).write_bytes(log([trade(1)]))
    sources = {"bars": "sample", "bucket": {"url": (tmp_path / "logs").as_uri()}}
    settings = Settings.model_validate({"symbols": ["AAPL"], "sources": sources})
    with quiet_house(home, settings, NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        yield house


async def pulled(house: House) -> Any:
    request(house, "data_update")
    await attend_all(Dispatcher(house))
    return every_run(house)[-1]


async def test_the_bucket_is_pulled_with_the_bars(house):
    run = await pulled(house)
    assert (run.state, run.cause) == ("succeeded", None)
    assert run.detail["trades"]["fetched"] == 1
    assert (run.detail["tasks"], run.detail["new_rows"] > 0) == (1, True)
    assert (house.home.trades / KEY).exists()


async def test_a_torn_log_leaves_the_run_partial_by_its_code(house, tmp_path):
    (tmp_path / "logs" / "torn_prices.json").write_bytes(b"{")
    run = await pulled(house)
    assert (run.state, run.cause) == ("partial", "trades.torn")
    assert run.detail["trades"]["failed"] == {"torn_prices.json": "trades.torn"}


async def test_a_bucket_out_of_reach_leaves_the_bars_pulled_and_the_run_partial(house, tmp_path):
    (tmp_path / "logs").rename(tmp_path / "elsewhere")
    run = await pulled(house)
    assert (run.state, run.cause) == ("partial", "r2.unreachable")
    assert run.detail["trades"]["error"]["code"] == "r2.unreachable"
    assert run.detail["succeeded"] == 1


async def test_without_a_bucket_in_the_settings_none_is_pulled(home):
    settings = Settings.model_validate({"symbols": ["AAPL"], "sources": {"bars": "sample"}})
    with quiet_house(home, settings, NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        run = await pulled(house)
        assert "trades" not in run.detail
        assert [request.kind for request in house.executor.requests] == ["update_bars"]
