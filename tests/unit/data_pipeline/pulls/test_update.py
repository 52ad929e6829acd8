"""One symbol brought up to date, from any source, with nothing lost when something goes wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Settings, Sources, YahooSource
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore, Dataset
from data_pipeline.loader import DataLoader, SampleDataWarning
from data_pipeline.pulls.update import freshness, update_symbol
from data_pipeline.sources.sample import SampleSource
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)  # a Friday evening
SAMPLE = Sources(bars="sample")


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        server.serve("AAPL", SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=400), NOW).frame)
        yield server


@pytest.fixture
def nowhere() -> Sources:
    """Sources whose Yahoo refuses the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return Sources(yahoo=YahooSource(base_url=f"http://127.0.0.1:{port}"))


def _through(yahoo: FakeYahoo) -> Sources:
    return Sources(yahoo=YahooSource(base_url=yahoo.url, timeout=timedelta(seconds=5)))


def _stored(home: Home, source: str = "yahoo") -> str:
    return BarStore(home).load("AAPL", "1d", source).fingerprint()


def test_a_first_pull_stores_everything_and_is_fresh(home: Home, yahoo: FakeYahoo) -> None:
    update = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert update.source == "yahoo"
    assert update.fresh
    assert update.fallback is None
    assert update.new_rows == update.dataset.rows == len(BarStore(home).load("AAPL", "1d", "yahoo"))
    assert update.dataset.last == datetime(2024, 6, 14, 20, tzinfo=UTC)
    assert Dataset.from_dict(update.dataset.to_dict()) == update.dataset


def test_a_second_pull_asks_only_for_what_is_new_and_a_little_overlap(home: Home, yahoo: FakeYahoo) -> None:
    earlier = NOW - timedelta(days=7)
    update_symbol(home, _through(yahoo), "AAPL", "1d", earlier)
    yahoo.requests.clear()
    update = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert update.new_rows == 5
    first_requested = min(
        int(path.partition("period1=")[2].partition("&")[0]) for path in yahoo.requests if "period1" in path
    )
    assert first_requested > (earlier - timedelta(days=20)).timestamp()
    whole = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=400), NOW)
    stored = BarStore(home).load("AAPL", "1d", "yahoo").frame
    np.testing.assert_array_equal(stored[list(whole.frame.columns)], whole.frame)


def test_a_pull_without_news_keeps_the_dataset(home: Home, yahoo: FakeYahoo) -> None:
    first = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    second = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW + timedelta(days=1))
    assert second.new_rows == 0
    assert second.dataset == first.dataset
    assert second.fresh  # nothing closed on Saturday


def test_without_yahoo_and_real_bars_the_sample_market_takes_over_visibly_and_quickly(
    home: Home, nowhere: Sources
) -> None:
    begin = time.monotonic()
    for symbol in ("AAPL", "GOOGL", "MSFT", "TSLA"):
        update = update_symbol(home, nowhere, symbol, "1d", NOW)
        assert (update.source, update.dataset.source) == ("sample", "sample")
        assert update.fallback is not None
        assert symbol in update.fallback
    assert time.monotonic() - begin < 5
    assert BarStore(home).serving_source("AAPL", "1d", nowhere) == "sample"


def test_a_yahoo_that_refuses_every_request_is_handled_like_an_unreachable_one(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.fail("429")
    update = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert update.source == "sample"
    assert "429" in str(update.fallback)


def test_an_answer_that_makes_no_sense_is_no_reason_to_make_prices_up(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.fail("missing_columns")
    with pytest.raises(NightdeskError) as caught:
        update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert caught.value.code == "data.schema"
    assert BarStore(home).all() == []


def test_a_home_with_real_bars_never_gets_made_up_ones(home: Home, yahoo: FakeYahoo, nowhere: Sources) -> None:
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    for symbol in ("AAPL", "MSFT"):
        with pytest.raises(NightdeskError) as caught:
            update_symbol(home, nowhere, symbol, "1d", NOW)
        assert caught.value.code == "data.unreachable"
    assert [dataset.source for dataset in BarStore(home).all()] == ["yahoo"]


def test_only_auto_falls_back(home: Home, nowhere: Sources) -> None:
    with pytest.raises(NightdeskError) as caught:
        update_symbol(home, nowhere.model_copy(update={"bars": "yahoo"}), "AAPL", "1d", NOW)
    assert caught.value.code == "data.unreachable"


def test_real_bars_take_the_place_of_the_sample_as_soon_as_there_are_any(
    home: Home, yahoo: FakeYahoo, nowhere: Sources
) -> None:
    update_symbol(home, nowhere, "AAPL", "1d", NOW)
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert BarStore(home).serving_source("AAPL", "1d", _through(yahoo)) == "yahoo"
    assert BarStore(home).serving_source("AAPL", "1d", SAMPLE) == "sample"


def test_history_that_was_rewritten_is_quarantined_and_what_was_stored_stays(home: Home, yahoo: FakeYahoo) -> None:
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW - timedelta(days=7))
    before = _stored(home)
    yahoo.rows["AAPL", "1d"][["open", "high", "low", "close"]] *= 0.25
    with pytest.raises(NightdeskError, match="AAPL") as caught:
        update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert caught.value.code == "data.rewritten"
    assert _stored(home) == before
    refused = pd.read_parquet(home.quarantine("yahoo", "AAPL", "1d", NOW))
    assert set(refused["reason"]) == {"rewritten"}


def test_the_rounding_of_single_precision_is_not_a_rewritten_history(home: Home, yahoo: FakeYahoo) -> None:
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW - timedelta(days=7))
    rows = yahoo.rows["AAPL", "1d"]
    rows[["open", "high", "low", "close"]] = rows[["open", "high", "low", "close"]].astype("float32").astype("float64")
    assert update_symbol(home, _through(yahoo), "AAPL", "1d", NOW).new_rows == 5


def test_a_bad_row_is_set_aside_with_its_reason_and_the_rest_is_used(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = -1.0
    update = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert update.quarantined == {"not_positive": 1}
    assert update.new_rows == len(yahoo.rows["AAPL", "1d"]) - 1
    refused = pd.read_parquet(home.quarantine("yahoo", "AAPL", "1d", NOW))
    assert refused[["low", "reason"]].to_numpy().tolist() == [["-1.0", "not_positive"]]


def test_a_bad_row_among_those_compared_is_set_aside_too(home: Home, yahoo: FakeYahoo) -> None:
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW - timedelta(days=7))
    yahoo.rows["AAPL", "1d"].iloc[-9, 3] = -1.0
    update = update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert (update.new_rows, update.quarantined) == (5, {"not_positive": 1})


def test_poison_leaves_what_was_stored_as_it_was(home: Home, yahoo: FakeYahoo) -> None:
    update_symbol(home, _through(yahoo), "AAPL", "1d", NOW - timedelta(days=7))
    before = _stored(home)
    yahoo.rows["AAPL", "1d"].iloc[-3:, 3] = -1.0
    with pytest.raises(NightdeskError) as caught:
        update_symbol(home, _through(yahoo), "AAPL", "1d", NOW)
    assert caught.value.code == "data.poison"
    assert _stored(home) == before


def test_freshness_goes_with_the_last_closed_session_not_with_the_clock(home: Home) -> None:
    assert freshness(home, SAMPLE, "AAPL", "1d", NOW).as_of is None
    update_symbol(home, SAMPLE, "AAPL", "1d", NOW)
    sunday, monday_evening = NOW + timedelta(days=2), NOW + timedelta(days=3)
    assert freshness(home, SAMPLE, "AAPL", "1d", sunday).fresh
    late = freshness(home, SAMPLE, "AAPL", "1d", monday_evening)
    assert not late.fresh
    assert (late.as_of, late.last_closed) == (
        datetime(2024, 6, 14, 20, tzinfo=UTC),
        datetime(2024, 6, 17, 20, tzinfo=UTC),
    )


def test_a_dataset_comes_back_to_the_last_bit_under_its_hash(home: Home) -> None:
    bars = SampleSource().fetch("AAPL", "1h", NOW - timedelta(days=9), NOW)
    dataset = BarStore(home).save(bars, NOW)
    loaded = BarStore(home).load("AAPL", "1h", "sample")
    assert dataset.id == bars.fingerprint() == loaded.fingerprint()
    assert (loaded.symbol, loaded.interval, loaded.source) == ("AAPL", "1h", "sample")
    assert BarStore(home).dataset("AAPL", "1h", "sample") == dataset
    assert BarStore(home).all() == [dataset]


@pytest.mark.parametrize("damage", ["truncated", "empty", "not parquet", "another content"])
def test_a_damaged_file_is_named(home: Home, damage: str) -> None:
    store = BarStore(home)
    bars = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=30), NOW)
    store.save(bars, NOW)
    path = home.bars("sample", "AAPL", "1d")
    whole = path.read_bytes()
    if damage == "another content":
        _swap_content(path, bars)
    else:
        path.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "not parquet": b"date,close\n"}[damage])
    with pytest.raises(NightdeskError, match="AAPL") as caught:
        store.load("AAPL", "1d", "sample")
    assert caught.value.code == "data.corrupt"


def _swap_content(path: Path, bars: Bars) -> None:
    """Another price under the old metadata."""
    metadata = pq.read_table(path).schema.metadata
    frame = bars.frame.reset_index()
    frame.loc[0, "close"] = frame.loc[0, "high"]
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(metadata), path)


def test_bars_that_were_never_stored_are_an_error_with_a_cure(home: Home) -> None:
    with pytest.raises(NightdeskError, match="nightdesk data --symbols") as caught:
        BarStore(home).load("AAPL", "1d", "yahoo")
    assert caught.value.code == "data.missing"


def test_an_empty_dataset_is_not_stored(home: Home) -> None:
    bars = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=30), NOW)
    with pytest.raises(NightdeskError) as caught:
        BarStore(home).save(bars.head(0), NOW)
    assert caught.value.code == "data.empty"


def test_the_loader_returns_a_plain_frame_with_dates_and_its_provenance(home: Home, nowhere: Sources) -> None:
    loader = DataLoader(home, Settings(sources=nowhere))
    with pytest.warns(SampleDataWarning, match="bars of AAPL are made up"):
        frame = loader.load("AAPL", now=NOW)
    assert list(frame.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert frame["date"].iloc[-1] == pd.Timestamp("2024-06-14")
    assert frame.attrs["provenance"] == "sample"
    pd.testing.assert_frame_equal(loader.load("AAPL", now=NOW + timedelta(days=30)), frame)  # it reads what is stored


def test_the_sample_market_of_another_version_takes_the_place_of_the_stored_one(home: Home) -> None:
    sources = Sources(bars="sample")
    first = update_symbol(home, sources, "AAPL", "1d", NOW - timedelta(days=5))
    store = BarStore(home)
    bars = store.load("AAPL", "1d", "sample")
    store.save(replace(bars, frame=bars.frame * 0.5), NOW - timedelta(days=5), "appended", first.dataset)
    again = update_symbol(home, sources, "AAPL", "1d", NOW)
    assert again.dataset.why == "out_of_reach"
    stored = store.load("AAPL", "1d", "sample").until(bars.frame.index[-1])
    assert stored.frame.iloc[-1].tolist() == bars.frame.iloc[-1].tolist()
