"""The nightly pull of traders' logs: beside the bars, and never in their way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.executors.base import TaskSpec
from daemon.executors.local import LocalExecutor
from daemon.jobs.data_update.messages import PullTradesRequest
from daemon.jobs.data_update.table_record import latest_table
from data_pipeline.buckets.open import bucket_secrets
from tests.support.desks.executors import REPOSITORY, ignore
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.markets.trader_logs import OPENS, log, trade, wandering_market, write_log
from tests.support.servers.s3 import KEY as SECRET_KEY
from tests.support.servers.s3 import KEY_ID, NAME, s3_server

NOW = datetime(2026, 1, 5, 23, tzinfo=UTC)
KEY = "merged_trades/0xa/m_prices.json"


@pytest.fixture
def house(home: Home, tmp_path) -> Iterator[DeskContext]:
    (tmp_path / "logs" / KEY).parent.mkdir(parents=True)
    (tmp_path / "logs" / KEY).write_bytes(wandering_market(1, events=80))
    with scripted_desk(home, settings_of(tmp_path), NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        yield house


def settings_of(tmp_path: Path) -> Settings:
    sources = {"bars": "sample", "bucket": {"url": (tmp_path / "logs").as_uri()}}
    return Settings.model_validate({"symbols": ["AAPL"], "sources": sources})


def changed(settings: Settings, **params: Any) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "trader_params": params})


async def pulled(house: DeskContext) -> Any:
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


async def test_the_secrets_of_the_bucket_go_to_the_task_that_pulls_it_and_to_no_other(home, monkeypatch):
    secrets = {"R2_BUCKET_NAME": NAME, "R2_ACCESS_KEY_ID": KEY_ID, "R2_SECRET_ACCESS_KEY": SECRET_KEY}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        server.put(KEY, wandering_market(1, events=80))
        sources = {"bars": "sample", "bucket": {"url": server.url}}
        settings = Settings.model_validate({"symbols": ["AAPL"], "sources": sources})
        with scripted_desk(home, settings, NOW) as house:
            house.executor = WorkingExecutor(house.home, house.clock.now)
            run = await pulled(house)
            secrets_by_kind = {spec.request.kind: spec.secrets for spec in house.executor.specs}
    assert run.detail["trades"]["fetched"] == 1
    assert {name: secret.reveal() for name, secret in secrets_by_kind.pop("pull_trades").items()} == secrets
    assert secrets_by_kind == {"update_bars": {}, "make_table": {}}


async def test_a_worker_process_opens_the_bucket_with_the_secrets_that_it_is_handed(home, monkeypatch):
    for name, value in {"R2_BUCKET_NAME": NAME, "R2_ACCESS_KEY_ID": KEY_ID, "R2_SECRET_ACCESS_KEY": SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with s3_server() as server:
        server.put(KEY, log([trade(1)]))
        settings = Settings.model_validate({"sources": {"bucket": {"url": server.url}}})
        task = TaskSpec(PullTradesRequest(), timedelta(minutes=2), settings)
        executor = LocalExecutor(home, 1)
        without = await executor.run(task, ignore)
        handed = await executor.run(replace(task, secrets=bucket_secrets(settings.sources.bucket)), ignore)
        await executor.close(timedelta(seconds=1))
    assert without.error is not None
    assert without.error.code == "config.secret"
    assert (handed.state, (home.trades / KEY).exists()) == ("succeeded", True)


async def test_without_a_bucket_in_the_settings_none_is_pulled(home):
    settings = Settings.model_validate({"symbols": ["AAPL"], "sources": {"bars": "sample"}})
    with scripted_desk(home, settings, NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        run = await pulled(house)
        assert "trades" not in run.detail
        assert [request.kind for request in house.executor.requests] == ["update_bars"]


async def test_a_table_is_made_of_the_logs_and_recorded_and_made_again_only_when_something_has_changed(house, tmp_path):
    run = await pulled(house)
    assert (run.state, run.detail["trades"]["table"]["made"]) == ("succeeded", True)
    table = house.database.read(lambda c: latest_table(c, "processed_trader_data"))
    assert (table.dataset, table.rows) == (
        run.detail["trades"]["table"]["id"],
        len(pd.read_parquet(house.home.trader_table)),
    )
    assert table.detail["made_of"] == run.detail["trades"]["dataset"]
    made = house.home.trader_table.stat().st_mtime_ns
    assert not (await pulled(house)).detail["trades"]["table"]["made"]
    assert house.home.trader_table.stat().st_mtime_ns == made
    house.settings = changed(house.settings, profit=0.05)
    assert (await pulled(house)).detail["trades"]["table"]["profit"] == 0.05
    (tmp_path / "logs/merged_trades/0xa/n_prices.json").write_bytes(wandering_market(2, events=80, opens=5))
    assert (await pulled(house)).detail["trades"]["table"]["markets"] == 2


async def test_a_market_that_is_still_open_is_not_in_the_table_and_the_same_logs_make_another_later(home, tmp_path):
    folder = tmp_path / "logs/merged_trades/0xa"
    opens = int(NOW.timestamp()) - 600
    old = [trade(at, tx=f"0x{at}") for at in range(0, 900, 30)]
    write_log(folder / f"btc-updown-15m-{OPENS // 1000}_prices.json", old)
    shift = opens * 1000 - OPENS
    write_log(folder / f"btc-updown-15m-{opens}_prices.json", [event | {"t": event["t"] + shift} for event in old[:15]])
    with scripted_desk(home, settings_of(tmp_path), NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        table = (await pulled(house)).detail["trades"]["table"]
        assert (table["markets"], table["open"]) == (1, 1)
        house.clock.move(timedelta(minutes=20))
        table = (await pulled(house)).detail["trades"]["table"]
        assert (table["made"], table["markets"], table["open"]) == (True, 2, 0)


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({}, "trades.empty_bucket"),
        ({"m_prices.json": log([])}, "trades.empty"),
        ({"m_prices.json": log([trade(1)])}, "trades.empty"),
    ],
)
async def test_a_bucket_without_anything_to_learn_from_is_no_success(home, tmp_path, files, cause):
    (tmp_path / "logs").mkdir()
    for name, content in files.items():
        (tmp_path / "logs" / name).write_bytes(content)
    with scripted_desk(home, settings_of(tmp_path), NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        run = await pulled(house)
    assert (run.state, run.cause) == ("partial", cause)
    assert not home.trader_table.exists()


async def test_new_content_without_a_trade_is_no_success_and_neither_is_a_bucket_without_a_new_fill(house, tmp_path):
    assert (await pulled(house)).state == "succeeded"
    silent = tmp_path / "logs/merged_trades/0xa/silent_prices.json"
    silent.write_bytes(log([]))
    assert (await pulled(house)).cause == "trades.silent"
    silent.unlink()
    house.clock.move(timedelta(days=8))
    run = await pulled(house)
    assert (run.state, run.cause) == ("partial", "trades.stale")
    house.settings = Settings.model_validate({**house.settings.model_dump(), "data_params": {"as_of": "data"}})
    assert (await pulled(house)).cause is None
