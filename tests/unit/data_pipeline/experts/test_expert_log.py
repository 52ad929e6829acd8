"""What an expert wrote, understood as far as it can be, with everything odd counted."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from config.errors import NightdeskError
from config.paths import Home
from config.settings import ExpertLogs
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.experts.expert_log import label, load_expert_log, until_last_bar
from data_pipeline.experts.find import find_expert_log
from data_pipeline.sources.sample import SampleSource


def _log(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    return path


def _bars(source: str = "sample") -> Bars:
    start, end = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-06-30", tz="UTC")
    bars = SampleSource().fetch("AAPL", "1d", start, end)
    return Bars(bars.frame, "AAPL", "1d", source)


@pytest.mark.parametrize(
    ("written", "action"),
    [
        *((text, 1) for text in ("buy", "Buy", "BUY", "long", "enter_long", "Enter Long", "enter-long", "1", " buy ")),
        *((text, -1) for text in ("sell", "Sell", "SELL", "short", "enter_short", "ENTER SHORT", "exit", "-1")),
        *((text, 0) for text in ("hold", "Hold", "0", "")),
    ],
)
def test_an_action_is_understood_in_any_case_and_spacing(tmp_path: Path, written: str, action: int) -> None:
    log = load_expert_log(_log(tmp_path, f"date,action\n2024-01-16,{written}\n"))
    assert log.frame["action"].tolist() == [action]
    assert log.unknown == {}


@pytest.mark.parametrize("actions", [[1, -1, 0], [1.0, -1.0, 0.0], ["1", "-1", "0"]])
def test_numbers_in_a_frame_are_actions_too(actions: list[object]) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2024-01-16", periods=3), "action": actions})
    assert load_expert_log(frame).frame["action"].tolist() == [1, -1, 0]


def test_an_unknown_action_becomes_hold_and_is_reported() -> None:
    frame = pd.DataFrame({"date": ["2024-01-16", "2024-01-17", "2024-01-18"], "action": ["moon", "buy", "moon"]})
    log = load_expert_log(frame)
    assert log.frame["action"].tolist() == [0, 1, 0]
    assert log.unknown == {"moon": 2}


def test_of_two_rows_of_one_date_the_first_counts_and_the_other_is_reported() -> None:
    frame = pd.DataFrame({"date": ["2024-01-17", "2024-01-16", "2024-01-17"], "action": ["buy", "sell", "sell"]})
    log = load_expert_log(frame)
    assert log.frame["date"].tolist() == [pd.Timestamp("2024-01-16"), pd.Timestamp("2024-01-17")]
    assert log.frame["action"].tolist() == [-1, 1]
    assert log.duplicates == 1


def test_the_header_may_be_in_any_case_with_a_byte_order_mark_and_more_columns(tmp_path: Path) -> None:
    log = load_expert_log(_log(tmp_path, "\ufeff Date , ACTION,note\n2024-01-16,buy,first\n"))
    assert len(log) == 1


def test_labels_are_at_their_bars_and_dates_without_a_bar_are_reported() -> None:
    bars = _bars()
    log = load_expert_log(
        pd.DataFrame({"date": ["2024-01-16", "2024-01-20", "2024-03-01", "2030-01-02"], "action": ["buy"] * 4})
    )
    target, off_calendar = label(bars, log)
    assert target.index.equals(bars.frame.index)
    assert target.dtype == np.int64
    assert [str(date.date()) for date in bars.dates[target == 1]] == ["2024-01-16", "2024-03-01"]
    assert off_calendar == [pd.Timestamp("2024-01-20"), pd.Timestamp("2030-01-02")]


def test_a_frame_with_dates_is_labelled_like_its_bars_and_keeps_its_own_index() -> None:
    bars = _bars()
    frame = bars.frame.reset_index(drop=True).assign(date=bars.dates).iloc[7:]
    log = load_expert_log(pd.DataFrame({"date": ["2024-02-01"], "action": ["sell"]}))
    target, _ = label(frame, log)
    assert target.index.equals(frame.index)
    np.testing.assert_array_equal(target, label(bars, log)[0].iloc[7:])


def test_a_date_means_its_close_and_a_fill_within_the_day_the_bar_before_it() -> None:
    for written, session in (("2024-02-01", "2024-02-01"), ("2024-02-01 10:30:00", "2024-01-31")):
        target, off_calendar = label(_bars(), load_expert_log(pd.DataFrame({"date": [written], "action": ["buy"]})))
        assert _bars().dates[target.to_numpy() == 1].tolist() == [pd.Timestamp(session)]
        assert off_calendar == []


@pytest.mark.parametrize(
    ("symbol", "filled", "session"),
    [
        ("BHP.AX", "2024-01-16T10:30:00+11:00", "2024-01-15"),  # before the close of the 16th, 16:00 in Sydney
        ("BHP.AX", "2024-01-16T05:00:00Z", "2024-01-16"),  # at that very close
        ("AAPL", "2024-01-16 15:59:59-05:00", "2024-01-12"),  # the 15th was a holiday
        ("AAPL", "2024-01-16 19:30:00-05:00", "2024-01-16"),
        ("AAPL", "2024-01-16 19:30:00", "2024-01-16"),  # without an offset, on the exchange's clock
        ("AAPL", "2024-01-20 12:00:00", "2024-01-19"),  # on a Saturday
    ],
)
def test_a_fill_belongs_to_the_daily_bar_that_closed_before_it(symbol: str, filled: str, session: str) -> None:
    start, end = pd.Timestamp("2024-01-10", tz="UTC"), pd.Timestamp("2024-01-25", tz="UTC")
    bars = SampleSource().fetch(symbol, "1d", start, end)
    target, off_calendar = label(bars, load_expert_log(pd.DataFrame({"date": [filled], "action": ["buy"]})))
    assert bars.dates[target.to_numpy() == 1].tolist() == [pd.Timestamp(session)]
    assert off_calendar == []


def _quarters() -> Bars:
    start, end = pd.Timestamp("2024-01-16", tz="UTC"), pd.Timestamp("2024-02-16", tz="UTC")
    return SampleSource().fetch("AAPL", "15m", start, end)


def test_fills_with_seconds_belong_to_the_intraday_bars_that_closed_before_them() -> None:
    bars = _quarters()
    times, random = pd.DatetimeIndex(bars.frame.index), np.random.default_rng(3)
    rows = np.sort(random.choice(len(times) - 1, 200, replace=False))
    after = times[rows] + pd.to_timedelta(random.integers(1, 899, 200), unit="s")
    log = load_expert_log(pd.DataFrame({"date": [time.isoformat() for time in after], "action": ["buy"] * 200}))
    target, off_calendar = label(bars, log)
    assert np.flatnonzero(target).tolist() == rows.tolist()
    assert off_calendar == []


def test_a_log_of_dates_on_intraday_bars_means_the_last_bar_of_each_date() -> None:
    bars = _quarters()
    target, _ = label(bars, load_expert_log(pd.DataFrame({"date": ["2024-01-17"], "action": ["sell"]})))
    assert target.index[target == -1].tolist() == [pd.Timestamp("2024-01-17 21:00", tz="UTC")]
    frame = bars.frame.reset_index(names="date").assign(date=lambda rows: rows["date"].dt.tz_localize(None))
    assert np.flatnonzero(label(frame, load_expert_log(pd.DataFrame({"date": ["2024-01-17"], "action": [-1]})))[0]) == [
        np.flatnonzero(target)[0]
    ]


def test_a_fill_in_a_gap_or_before_the_bars_joins_no_bar_and_is_reported() -> None:
    whole = _bars()
    bars = replace(whole, frame=whole.frame.drop(whole.frame.index[20:25]))
    fills = ["2023-06-01 10:00:00", f"{whole.dates[23]:%Y-%m-%d} 10:00:00", f"{whole.dates[30]:%Y-%m-%d} 10:00:00"]
    target, off_calendar = label(bars, load_expert_log(pd.DataFrame({"date": fills, "action": ["buy"] * 3})))
    assert bars.dates[target.to_numpy() == 1].tolist() == [whole.dates[29]]
    assert off_calendar == [pd.Timestamp(fill) for fill in fills[:2]]


def test_a_log_that_is_cut_keeps_its_meaning() -> None:
    bars = _bars()
    fills = [f"{bars.dates[row]:%Y-%m-%d} {clock}" for row in (10, 20, 30) for clock in ("00:00:00", "18:00:00")]
    log = load_expert_log(pd.DataFrame({"date": fills, "action": [1, -1] * 3}))
    whole, _ = label(bars, log)
    for end in (8, 10, 12, 21, 31):
        part = bars.head(end)
        cut, _ = label(part, until_last_bar(part, log))
        assert cut.tolist()[: end - 1] == whole.tolist()[: end - 1]  # fills after the last close are not known yet


def test_a_frame_without_dates_is_refused() -> None:
    log = load_expert_log(pd.DataFrame({"date": ["2024-02-01"], "action": ["buy"]}))
    with pytest.raises(NightdeskError, match="date"):
        label(_bars().frame, log)


FILLS = """Fill Time,Product,B/S,Status,Exec Price,Qty
2024-01-16 10:30:00,AAPL,B,Filled,185.10,100
2024-01-17 11:00:00,AAPL,Sell,Cancelled,186.00,100
2024-01-18 15:45:00,MSFT,B,Filled,390.00,10
2024-01-19 09:31:00, aapl ,S,filled,190.55,100
"""


def test_a_brokers_fills_are_a_log_of_those_that_were_filled(tmp_path: Path) -> None:
    log = load_expert_log(_log(tmp_path, FILLS), symbol="AAPL")
    assert log.frame["action"].tolist() == [1, -1]
    target, off_calendar = label(_bars(), log)
    assert (target != 0).sum() == 2
    assert off_calendar == []
    assert len(load_expert_log(_log(tmp_path, FILLS))) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "expert_log.empty"),
        (b"date,action\n", "expert_log.empty"),
        (b"date,price\n2024-01-16,5\n", "expert_log.schema"),
        (b"date,action,Action\n2024-01-16,buy,sell\n", "expert_log.schema"),
        (b"date,action\n9999-01-16,buy\n", "expert_log.dates"),
        (b"2024-01-16;buy\n2024-01-17;sell\n", "expert_log.schema"),
        (b"date,action\n2024-01-16,buy\n2024-01-17,sell,3,4,5\n", "expert_log.malformed"),
        (b'date,action\n"2024-01-16,buy\n', "expert_log.malformed"),
        (b"date,action\nyesterday,buy\n", "expert_log.dates"),
        (b"date,action\n2024-13-45,buy\n", "expert_log.dates"),
        (b"date,action\n,buy\n", "expert_log.dates"),
        (pickle.dumps({"a": 1}), "expert_log.malformed"),
        (b"\xff\xfe\x00binary\x00", "expert_log.malformed"),
        (b"PK\x03\x04zip", "expert_log.malformed"),
        ("date,action\n2024-01-16,bÿy\n".encode("latin-1"), "expert_log.malformed"),
        (b"Fill Time,Product,B/S,Exec Price,Qty\n2024-01-16,AAPL,B,1,1\n", "expert_log.schema"),
    ],
)
def test_a_log_that_cannot_be_used_is_named_with_a_cure(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(NightdeskError, match=r"mine\.csv") as caught:
        load_expert_log(path)
    assert caught.value.code == code
    assert caught.value.cure


def test_a_log_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match=r"nowhere\.csv") as caught:
        load_expert_log(tmp_path / "nowhere.csv")
    assert caught.value.code == "expert_log.missing"


def test_equal_logs_have_equal_fingerprints() -> None:
    frame = pd.DataFrame({"date": ["2024-01-16", "2024-01-17"], "action": ["buy", "sell"]})
    same = pd.DataFrame({"Date": ["2024-01-17", "2024-01-16"], "Action": [-1, "LONG"]})
    other = frame.assign(action=["buy", "hold"])
    assert load_expert_log(frame).fingerprint() == load_expert_log(same).fingerprint()
    assert load_expert_log(frame).fingerprint() != load_expert_log(other).fingerprint()


def test_the_log_of_a_symbol_is_found_in_the_home(home: Home) -> None:
    home.expert_logs.mkdir(parents=True)
    (home.expert_logs / "AAPL.csv").write_text("date,action\n2024-01-16,buy\n")
    log = find_expert_log(home, ExpertLogs(), _bars("yahoo"))
    assert (log.provenance, len(log)) == ("file", 1)


def test_real_bars_get_the_sample_expert_only_when_it_is_asked_for(home: Home) -> None:
    with pytest.raises(NightdeskError, match="AAPL") as caught:
        find_expert_log(home, ExpertLogs(), _bars("yahoo"))
    assert caught.value.code == "expert_log.missing"
    assert "when_missing" in caught.value.cure
    assert find_expert_log(home, ExpertLogs(when_missing="sample"), _bars("yahoo")).provenance == "sample"


def test_the_sample_market_brings_its_own_expert(home: Home) -> None:
    assert find_expert_log(home, ExpertLogs(), _bars("sample")).provenance == "sample"


@pytest.mark.parametrize(
    ("interval", "dates", "rows"),
    [
        ("1d", ["2024-01-03", "2024-01-04", "2024-01-05"], 2),
        ("1d", ["2024-01-03T09:30", "2024-01-04T15:59", "2024-01-05T09:30"], 2),
        ("1d", ["2024-01-03T23:30Z", "2024-01-04T21:00Z", "2024-01-05T03:00Z"], 2),  # the last close is at 21:00
        ("1h", ["2024-01-04T19:00Z", "2024-01-04T20:00Z", "2024-01-04T20:00:01Z"], 2),
        ("1h", ["2024-02-01", "2024-02-02", "2024-02-03"], 0),
    ],
)
def test_a_log_ends_where_the_bars_do(interval: str, dates: list[str], rows: int) -> None:
    times = {
        "1d": ["2024-01-02T21:00Z", "2024-01-03T21:00Z", "2024-01-04T21:00Z"],
        "1h": ["2024-01-04T18:00Z", "2024-01-04T19:00Z", "2024-01-04T20:00Z"],
    }[interval]
    frame = pd.DataFrame(dict.fromkeys(COLUMNS, 1.0), index=pd.DatetimeIndex(times, name="time"))
    log = load_expert_log(pd.DataFrame({"date": dates, "action": ["buy", "sell", "buy"]}))
    cut = until_last_bar(Bars(frame, "AAPL", interval), log)
    assert len(cut) == rows
    assert_frame_equal(cut.frame, log.frame.head(rows))


def test_a_link_out_of_the_folder_of_logs_is_refused_and_its_content_never_shown(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("root:*:20228:0:99999:7:::\n")
    home.expert_logs.mkdir(parents=True)
    (home.expert_logs / "AAPL.csv").symlink_to(secret)
    with pytest.raises(NightdeskError, match=r"AAPL\.csv is a link to a file outside the folder 'experts'") as caught:
        find_expert_log(home, ExpertLogs(), _bars())
    assert caught.value.code == "data.link"
    assert not any(word in str(caught.value.to_dict()) for word in ("root", "20228", "shadow"))


@pytest.mark.parametrize("linked_to", ["nowhere", "/dev/zero", "AAPL.csv"])
def test_a_link_that_leads_nowhere_to_a_device_or_to_itself_is_refused(
    home: Home, tmp_path: Path, linked_to: str
) -> None:
    home.expert_logs.mkdir(parents=True)
    (home.expert_logs / "AAPL.csv").symlink_to(linked_to)
    with pytest.raises(NightdeskError, match=r"AAPL\.csv"):
        find_expert_log(home, ExpertLogs(), _bars())


def test_a_pipe_in_the_place_of_a_log_is_refused_at_once(home: Home) -> None:
    home.expert_logs.mkdir(parents=True)
    os.mkfifo(home.expert_logs / "AAPL.csv")
    with pytest.raises(NightdeskError, match=r"AAPL\.csv is not a regular file") as caught:
        find_expert_log(home, ExpertLogs(), _bars())
    assert caught.value.code == "data.not_a_file"


def test_a_folder_of_logs_that_is_a_link_and_a_log_that_the_caller_names_by_a_link_are_fine(
    home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    _log(folder, "date,action\n2024-01-16,buy\n").rename(folder / "AAPL.csv")
    (tmp_path / "linked").symlink_to(folder)
    assert len(find_expert_log(home, ExpertLogs(folder=str(tmp_path / "linked")), _bars())) == 1
    (tmp_path / "elsewhere.csv").symlink_to(folder / "AAPL.csv")
    assert len(load_expert_log(tmp_path / "elsewhere.csv")) == 1


def test_a_date_that_cannot_be_read_is_named_by_its_row_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match="in row 2 of its column date") as caught:
        load_expert_log(_log(tmp_path, f"date,action\n2024-01-16,buy\n{'9' * 400},buy\n"))
    assert "999" not in str(caught.value.to_dict())
