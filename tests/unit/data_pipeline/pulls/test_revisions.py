"""History that a source tells otherwise: explained, mended, or refused; and what was replaced is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Sources, YahooSource
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.pulls.reconcile import MENDABLE
from data_pipeline.pulls.revisions import explained
from data_pipeline.pulls.update import Update, update_symbol
from data_pipeline.quality.quarantine import Quarantine
from data_pipeline.sources.sample import SampleSource
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)  # a Friday evening
WEEK = timedelta(days=7)
PRICES = ["open", "high", "low", "close"]


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        server.serve("AAPL", SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=400), NOW).frame)
        yield server


def _update(home: Home, yahoo: FakeYahoo, now: datetime = NOW, interval: str = "1d", *, accept: bool = False) -> Update:
    sources = Sources(bars="yahoo", yahoo=YahooSource(base_url=yahoo.url, timeout=timedelta(seconds=5)))
    return update_symbol(home, sources, "AAPL", interval, now, accept=accept)


def _frame(home: Home, interval: str = "1d") -> pd.DataFrame:
    return BarStore(home).load("AAPL", interval, "yahoo").frame


@pytest.mark.parametrize("ratio", [4.0, 1.5, 0.1])
@pytest.mark.parametrize("row", [-2, -7], ids=["after what was stored", "where both overlap"])
def test_a_split_is_recognised_and_the_history_pulled_whole(
    home: Home, yahoo: FakeYahoo, ratio: float, row: int
) -> None:
    first = _update(home, yahoo, NOW - WEEK)
    before = _frame(home)
    yahoo.split("AAPL", ratio, row)
    update = _update(home, yahoo)
    assert (update.dataset.why, update.dataset.replaces) == ("split", first.dataset.id)
    assert update.new_rows == 5
    after = _frame(home)
    old = before[before.index < after.index[row]]
    np.testing.assert_allclose(after.loc[old.index, PRICES], old[PRICES] / ratio, rtol=1e-12)
    np.testing.assert_allclose(after.loc[old.index, "volume"], old["volume"] * ratio, atol=0.5)
    assert after["splits"].iloc[row] == ratio
    assert len(after) == len(yahoo.rows["AAPL", "1d"])


def test_a_dividend_that_lowers_the_prices_before_it_is_recognised(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    rows = yahoo.rows["AAPL", "1d"]
    stamps, closes = rows.index, rows["close"].to_numpy(copy=True)
    for row, share in ((-2, 0.01), (-4, 0.006)):
        yahoo.dividends.setdefault("AAPL", {})[int(stamps[row])] = share * closes[row - 1]
        rows.loc[rows.index < stamps[row], PRICES] *= 1.0 - share
    update = _update(home, yahoo)
    assert update.dataset.why == "dividend"
    np.testing.assert_allclose(_frame(home)[PRICES], rows[PRICES], rtol=1e-12)


def test_a_new_dividend_with_unchanged_prices_changes_no_stored_bar(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    before = _frame(home)
    yahoo.dividends["AAPL"] = {int(yahoo.rows["AAPL", "1d"].index[-2]): 0.25}
    update = _update(home, yahoo)
    assert (update.dataset.why, update.new_rows) == ("appended", 5)
    pd.testing.assert_frame_equal(_frame(home).head(len(before)), before)
    assert _frame(home)["dividends"].iloc[-2] == 0.25


def test_a_dividend_that_is_sent_late_is_added_to_the_history(home: Home, yahoo: FakeYahoo) -> None:
    first = _update(home, yahoo)
    yahoo.dividends["AAPL"] = {int(yahoo.rows["AAPL", "1d"].index[-3]): 0.25}
    update = _update(home, yahoo, NOW + timedelta(hours=1))
    assert (update.dataset.why, update.dataset.replaces, update.new_rows) == ("events", first.dataset.id, 0)
    assert _frame(home)["dividends"].iloc[-3] == 0.25
    second = _update(home, yahoo, NOW + timedelta(hours=2))
    assert second.dataset == update.dataset


def test_a_split_that_does_not_account_for_the_prices_explains_nothing(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    before = _frame(home)
    yahoo.split("AAPL", 4.0, -2)
    yahoo.rows["AAPL", "1d"].iloc[-9, 3] *= 1.01
    for night in range(3):
        with pytest.raises(NightdeskError, match="no split or dividend explains") as caught:
            _update(home, yahoo, NOW + timedelta(hours=night))
        assert caught.value.code == "data.rewritten"
    pd.testing.assert_frame_equal(_frame(home), before)
    assert BarStore(home).revisions("AAPL", "1d", "yahoo") == []
    assert len(home.quarantines("yahoo", "AAPL", "1d")) == 1  # the same refusal is kept once


def test_a_rewritten_history_is_taken_when_a_person_accepts_it_and_the_old_one_is_kept(
    home: Home, yahoo: FakeYahoo
) -> None:
    first = _update(home, yahoo, NOW - WEEK)
    before = _frame(home)
    yahoo.rows["AAPL", "1d"].iloc[-60:, :4] *= 1.02
    with pytest.raises(NightdeskError, match=r"by up to 2\.000%") as caught:
        _update(home, yahoo)
    assert "`nightdesk data accept AAPL`" in caught.value.cure
    update = _update(home, yahoo, accept=True)
    assert (update.dataset.why, update.dataset.replaces, update.new_rows) == ("accepted", first.dataset.id, 5)
    assert update.accepted is not None
    assert (update.accepted.rows, update.accepted.gone) == (55, 0)
    assert update.accepted.last == before.index[-1].isoformat()
    np.testing.assert_allclose(_frame(home)[PRICES], yahoo.rows["AAPL", "1d"][PRICES], rtol=1e-12)
    (old,) = BarStore(home).revisions("AAPL", "1d", "yahoo")
    pd.testing.assert_frame_equal(BarStore(home).load_revision(old).frame, before)
    assert _update(home, yahoo).dataset == update.dataset


def test_where_nothing_was_rewritten_there_is_nothing_to_accept(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    update = _update(home, yahoo, accept=True)
    assert (update.dataset.why, update.accepted) == ("appended", None)


def test_a_symbol_without_stored_bars_has_no_revision_to_accept(home: Home) -> None:
    with pytest.raises(NightdeskError, match="no history of it can be accepted") as caught:
        update_symbol(home, Sources(), "NOPE", "1d", NOW, accept=True)
    assert caught.value.code == "data.nothing_stored"
    assert not list(home.bars_root.rglob("*.parquet"))


def test_an_explained_history_needs_no_acceptance(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    yahoo.split("AAPL", 4.0, -2)
    update = _update(home, yahoo, accept=True)
    assert (update.dataset.why, update.accepted) == ("split", None)


def test_bars_that_the_accepted_history_no_longer_has_are_counted(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    rows = yahoo.rows["AAPL", "1d"]
    rows.iloc[-20:, :4] *= 0.5
    yahoo.rows["AAPL", "1d"] = rows.iloc[3:]
    update = _update(home, yahoo, accept=True)
    assert update.accepted is not None
    assert (update.accepted.rows, update.accepted.gone, update.accepted.largest) == (15, 3, pytest.approx(0.5))


def test_a_replaced_dataset_is_stored_as_a_revision_and_a_continued_one_is_not(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - 2 * WEEK)
    appended = _update(home, yahoo, NOW - WEEK)
    before = BarStore(home).load("AAPL", "1d", "yahoo")
    assert appended.dataset.why == "appended"
    yahoo.split("AAPL", 2.0, -2)
    _update(home, yahoo)
    store = BarStore(home)
    (revision,) = store.revisions("AAPL", "1d", "yahoo")
    assert revision == appended.dataset
    assert store.load_revision(revision).fingerprint() == before.fingerprint() == revision.id
    assert [dataset.why for dataset in store.all()] == ["split"]


def test_a_row_that_was_refused_is_mended_when_the_source_has_mended_it(home: Home, yahoo: FakeYahoo) -> None:
    good = yahoo.rows["AAPL", "1d"].iloc[100, 2]
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = -1.0
    holed = _update(home, yahoo, NOW - WEEK)
    still = _update(home, yahoo, NOW - timedelta(days=1))  # it is still bad: told once, nothing lost
    assert (still.dataset.why, still.new_rows, len(home.quarantines("yahoo", "AAPL", "1d"))) == ("appended", 4, 1)
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = good
    mended = _update(home, yahoo)
    assert (mended.dataset.why, mended.new_rows, mended.quarantined) == ("mended", 2, {})
    assert mended.dataset.rows == holed.dataset.rows + 6 == len(yahoo.rows["AAPL", "1d"])
    assert _frame(home)["low"].iloc[100] == good
    yahoo.requests.clear()
    _update(home, yahoo, NOW + timedelta(hours=1))
    assert sum("period1" in path for path in yahoo.requests) == 1  # nothing is left to ask for


def test_a_row_is_asked_for_again_for_a_month_and_then_no_more(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = -1.0
    _update(home, yahoo, NOW - MENDABLE - timedelta(hours=1))
    yahoo.requests.clear()
    _update(home, yahoo)
    assert sum("period1" in path for path in yahoo.requests) == 1


def test_a_repair_that_fails_is_reported_and_delays_nothing(
    home: Home, yahoo: FakeYahoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = -1.0
    _update(home, yahoo, NOW - WEEK)
    symbols: list[str] = []

    def failing(self: FakeYahoo, symbol: str) -> str | None:
        symbols.append(symbol)
        return "missing_columns" if len(symbols) > 1 else None

    monkeypatch.setattr(FakeYahoo, "current_failure", failing)
    update = _update(home, yahoo)
    assert (update.dataset.why, update.new_rows) == ("appended", 5)
    assert update.unmended is not None
    assert update.unmended.code == "data.schema"


def test_a_session_that_yahoo_left_out_and_tells_later_is_taken_in(home: Home, yahoo: FakeYahoo) -> None:
    whole = yahoo.rows["AAPL", "1d"]
    yahoo.rows["AAPL", "1d"] = whole.drop(whole.index[-4])
    assert _update(home, yahoo).health.warnings["gap"] == 1
    yahoo.rows["AAPL", "1d"] = whole
    update = _update(home, yahoo, NOW + timedelta(hours=1))
    assert (update.dataset.why, update.new_rows, update.health.warnings) == ("mended", 1, {})


def test_short_bars_that_reach_back_further_than_yahoo_are_rebased_where_yahoo_has_forgotten_them(
    home: Home, yahoo: FakeYahoo
) -> None:
    yahoo.serve("AAPL", SampleSource().fetch("AAPL", "1h", NOW - timedelta(days=900), NOW).frame, "1h")
    yahoo.now = NOW - timedelta(days=200)
    _update(home, yahoo, yahoo.now, "1h")
    before = _frame(home, "1h")
    yahoo.now = NOW - timedelta(days=190)
    stamps = yahoo.rows["AAPL", "1h"].index
    yahoo.split("AAPL", 2.0, int(stamps.searchsorted((NOW - timedelta(days=195)).timestamp())), "1h")
    update = _update(home, yahoo, yahoo.now, "1h")
    assert update.dataset.why == "split"
    after = _frame(home, "1h")
    assert after.index[0] == before.index[0]
    np.testing.assert_allclose(after.loc[before.index, PRICES], before[PRICES] / 2.0)
    np.testing.assert_allclose(after.loc[before.index, "volume"], before["volume"] * 2.0)


def test_bars_that_are_older_than_anything_served_are_set_aside_and_history_begins_anew(
    home: Home, yahoo: FakeYahoo
) -> None:
    yahoo.serve("AAPL", SampleSource().fetch("AAPL", "5m", NOW - timedelta(days=150), NOW).frame, "5m")
    yahoo.now = NOW - timedelta(days=80)
    first = _update(home, yahoo, yahoo.now, "5m")
    yahoo.now = NOW
    update = _update(home, yahoo, NOW, "5m")
    assert (update.dataset.why, update.dataset.replaces) == ("out_of_reach", first.dataset.id)
    assert update.dataset.first > first.dataset.last
    assert BarStore(home).revisions("AAPL", "5m", "yahoo") == [first.dataset]


def test_minutes_are_asked_for_in_parts_that_yahoo_serves(home: Home, yahoo: FakeYahoo) -> None:
    whole = SampleSource().fetch("AAPL", "1m", NOW - timedelta(days=29), NOW).frame
    yahoo.serve("AAPL", whole, "1m")
    yahoo.now = NOW
    assert _update(home, yahoo, NOW, "1m").fresh
    stored = _frame(home, "1m")
    assert list(stored.index) == list(whole.index[whole.index >= stored.index[0]])
    assert stored.index[0] < pd.Timestamp(NOW) - timedelta(days=25)


def test_prices_that_did_not_change_need_no_explanation() -> None:
    bars = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=60), NOW)
    rebasing = explained(bars, bars.tail(10))
    assert rebasing is not None
    assert (rebasing.price, rebasing.shares) == (1.0, 1.0)


def test_a_reverse_and_a_forward_split_in_one_pull_explain_together() -> None:
    bars = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=60), NOW)
    frame = bars.frame.assign(dividends=0.0, splits=0.0)
    frame.iloc[-3, frame.columns.get_loc("splits")] = 0.5
    frame.iloc[-6, frame.columns.get_loc("splits")] = 3.0
    frame.iloc[: len(frame) - 6, :4] /= 3.0
    frame.iloc[: len(frame) - 3, :4] /= 0.5
    rebasing = explained(bars.head(len(bars) - 1), Bars(frame.tail(12), "AAPL"))
    assert rebasing is not None
    assert rebasing.why == "split"
    assert (rebasing.price, rebasing.shares) == pytest.approx((1 / 1.5, 1.5))


def test_refused_rows_that_cannot_be_read_are_named_with_a_cure(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.rows["AAPL", "1d"].iloc[100, 2] = -1.0
    _update(home, yahoo, NOW - WEEK)
    (file,) = home.quarantines("yahoo", "AAPL", "1d")
    file.write_bytes(b"torn")
    with pytest.raises(NightdeskError, match="data/quarantine/yahoo/AAPL/1d-20240607T230000") as caught:
        Quarantine(home, "yahoo", "AAPL", "1d").times(NOW - MENDABLE)
    assert caught.value.code == "data.corrupt"
