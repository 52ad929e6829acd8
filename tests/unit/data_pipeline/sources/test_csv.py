"""A folder of the owner's own files, as untidy as files are."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import CsvFormat, Sources
from data_pipeline.bars import calendar
from data_pipeline.bars.store import BarStore
from data_pipeline.pulls.update import update_symbol
from data_pipeline.sources.csv import CsvSource

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 1, 31, 23, tzinfo=UTC)
ROWS = """2024-01-02,10,12,9,11,1000
2024-01-03,11,13,10,12,1100
2024-01-04,12,14,11,13,1200
"""
HEADER = "date,open,high,low,close,volume\n"


def _pull(folder: Path, symbol: str = "AAPL", interval: str = "1d") -> pd.DataFrame:
    return CsvSource(folder).pull(symbol, interval, START, NOW)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        "Date,Open,High,Low,Close,Volume\n" + ROWS,
        " DATE , Open, HIGH,Low ,Close,Volume\n" + ROWS,
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        "Date,Open,High,Low,Close,Volume\n" + ROWS.replace(",10,12", " 00:00:00-05:00,10,12"),
        "time,open,high,low,close,volume\n" + ROWS.replace(",1", " 21:00:00+00:00,1", 1)
        .replace("03,1", "03T21:00:00Z,1").replace("04,1", "04 16:00:00-05:00,1"),
    ],
)  # fmt: skip
def test_a_file_may_be_written_in_many_ways(tmp_path: Path, text: str) -> None:
    (tmp_path / "AAPL.csv").write_text(text, encoding="utf-8", newline="")
    rows = _pull(tmp_path)
    assert [f"{time:%m-%d %H:%M}" for time in rows.index] == ["01-02 21:00", "01-03 21:00", "01-04 21:00"]
    assert rows["close"].tolist() == [11, 12, 13]


def test_parquet_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(HEADER + ROWS)
    pd.read_csv(tmp_path / "AAPL.csv").to_parquet(tmp_path / "MSFT.parquet")
    pd.testing.assert_frame_equal(_pull(tmp_path, "MSFT"), _pull(tmp_path))


def test_of_dated_files_the_newest_of_the_interval_is_read(tmp_path: Path) -> None:
    for name in ("AAPL_1d_20240101", "AAPL_1d_20240201", "AAPL_1h_20240301"):
        (tmp_path / f"{name}.csv").write_text(HEADER + ROWS.replace("1200", name[-8:]))
    assert _pull(tmp_path)["volume"].iloc[-1] == 20240201


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "data.empty"),
        (HEADER.encode(), "data.empty"),
        (b"date,open,high,low\n2024-01-02,1,2,1\n", "data.schema"),
        (HEADER.encode() + b"2024-01-02,10,12,9,11,1000\n2024-01-03,1,2,3,4,5,6,7,8\n", "data.schema"),
        (b"\x80\x04\x95\x00\x00binary\xff", "data.schema"),
        (b"PAR1 not really", "data.schema"),
        (b"open,high,low,close,volume\n1,2,1,2,5\n", "data.schema"),
        (b"date,Open,open,high,low,close,volume\n2024-01-02,1,1,2,1,1,5\n", "data.schema"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, code: str) -> None:
    for name in ("AAPL.csv", "MSFT.parquet"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(NightdeskError, match=r"AAPL\.csv") as caught:
        _pull(tmp_path)
    assert caught.value.code == code
    with pytest.raises(NightdeskError, match=r"MSFT\.parquet") as caught:
        _pull(tmp_path, "MSFT")
    assert caught.value.code == "data.schema"


def test_a_folder_that_is_not_there_and_a_file_that_is_not_in_it_are_different_errors(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match="csv_folder") as caught:
        _pull(tmp_path / "nowhere")
    assert caught.value.code == "data.unreachable"
    with pytest.raises(NightdeskError, match=r"AAPL\.csv") as caught:
        _pull(tmp_path)
    assert caught.value.code == "data.unknown_symbol"


def test_a_symbol_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match=r"\.\./secret"):
        _pull(tmp_path, "../secret")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("2024-01-05,13,15,12,,1300", "not_a_number"),
        ("2024-01-05,13,15,12,n/a,1300", "not_a_number"),
        ("2024-01-05,13,15,12,'14',1300", "not_a_number"),
        ("2024-01-05,-13,15,12,14,1300", "not_positive"),
        ("2024-01-05,13,12,15,14,1300", "high_below_low"),
        ("2024-01-05,1300,1500,1200,1400,1300", "jump"),
        ("2024-01-06,13,15,12,14,1300", "no_session"),
        ("never,13,15,12,14,1300", "no_session"),
        ("9999-12-31,13,15,12,14,1300", "no_session"),
        ("2024-01-04,13,15,12,14,1300", "duplicate"),
    ],
)
def test_a_bad_row_never_reaches_the_store(home: Home, tmp_path: Path, bad: str, reason: str) -> None:
    (tmp_path / "AAPL.csv").write_text(HEADER + ROWS + bad + "\n")
    update = update_symbol(home, Sources(bars="csv", csv_folder=str(tmp_path)), "AAPL", "1d", NOW)
    assert update.quarantined == {reason: 1}
    assert update.new_rows == 3
    assert not update.fresh
    assert BarStore(home).load("AAPL", "1d", "csv").frame["close"].tolist() == [11.0, 12.0, 13.0]


def test_dates_in_a_countrys_own_order_are_sessions_of_no_calendar(home: Home, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(HEADER + "01/30/2024,1,2,1,1,5\n01/31/2024,1,2,1,1,5\n", encoding="utf-8")
    with pytest.raises(NightdeskError, match="no_session 2") as caught:
        update_symbol(home, Sources(bars="csv", csv_folder=str(tmp_path)), "AAPL", "1d", NOW)
    assert caught.value.code == "data.poison"
    assert "XNYS, closes no bar at 01/30/2024, 01/31/2024." in caught.value.message
    assert "Write dates as 2024-01-31" in caught.value.cure


def test_bars_on_holidays_are_refused_by_date_and_calendar(home: Home, tmp_path: Path) -> None:
    off = ("2024-01-01", "2024-01-06", "2024-01-07", "2024-01-15", "2024-01-20")
    (tmp_path / "AAPL.csv").write_text(HEADER + ROWS + "".join(f"{date},13,15,12,14,1300\n" for date in off))
    with pytest.raises(NightdeskError) as caught:
        update_symbol(home, Sources(bars="csv", csv_folder=str(tmp_path)), "AAPL", "1d", NOW)
    assert "5 of 8 bars of AAPL are bad (no_session 5)" in caught.value.message
    assert "XNYS, closes no bar at 2024-01-01, 2024-01-06, 2024-01-07 and 2 more." in caught.value.message
    (file,) = home.quarantines("csv", "AAPL", "1d")
    assert list(pd.read_parquet(file)["date"]) == list(off)


def test_bars_between_the_closes_are_refused_by_their_times(home: Home, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(
        "time,open,high,low,close,volume\n2024-01-02T20:17:00Z,1,2,1,1,5\n2024-01-02T20:18:00Z,1,2,1,1,5\n"
    )
    with pytest.raises(NightdeskError, match="closes no bar at 2024-01-02T20:17:00Z") as caught:
        update_symbol(home, Sources(bars="csv", csv_folder=str(tmp_path)), "AAPL", "1h", NOW)
    assert caught.value.code == "data.poison"


def test_rows_from_the_future_wait_until_their_day(home: Home, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_text(HEADER + ROWS)
    sources = Sources(bars="csv", csv_folder=str(tmp_path))
    noon = datetime(2024, 1, 4, 17, tzinfo=UTC)
    assert update_symbol(home, sources, "AAPL", "1d", noon).new_rows == 2
    assert update_symbol(home, sources, "AAPL", "1d", NOW).new_rows == 1


def _formatted(folder: Path, text: str, interval: str = "1d", **options: str) -> pd.DataFrame:
    (folder / "AAPL.csv").write_text(text)
    return CsvSource(folder, CsvFormat.model_validate(options)).pull("AAPL", interval, START, NOW)


@pytest.mark.parametrize(
    ("dates", "first", "second"),
    [
        ("day_first", "02/01/2024", "03/01/2024"),
        ("day_first", "2.1.2024", "3.1.2024"),
        ("month_first", "01/02/2024", "1-3-2024"),
        ("excel", "45293", "45294"),
        ("epoch_seconds", "1704153600", "1704240000"),
        ("epoch_milliseconds", "1704153600000", "1704240000000"),
    ],
)
def test_dates_are_read_as_the_config_says_they_are_written(
    tmp_path: Path, dates: str, first: str, second: str
) -> None:
    rows = _formatted(tmp_path, HEADER + f"{first},10,12,9,11,1000\n{second},11,13,10,12,1100\n", dates=dates)
    assert [f"{time:%m-%d %H:%M}" for time in rows.index] == ["01-02 21:00", "01-03 21:00"]


@pytest.mark.parametrize(
    ("dates", "time"),
    [("day_first", "02/01/2024 15:30"), ("excel", "45293.645833333"), ("epoch_seconds", "1704209400"),
     ("epoch_milliseconds", "1704209400000")],
)  # fmt: skip
def test_times_of_day_are_read_as_the_config_says_too(tmp_path: Path, dates: str, time: str) -> None:
    rows = _formatted(tmp_path, HEADER.replace("date", "time") + f"{time},10,12,9,11,1000\n", "1h", dates=dates)
    assert [f"{time:%m-%d %H:%M:%S}" for time in rows.index] == ["01-02 15:30:00"]


def test_decimal_commas_between_semicolons_and_grouped_digits_are_read(tmp_path: Path) -> None:
    text = "Date;Open;High;Low;Close;Volume\n02.01.2024;10,5;12;9,25;11,75;1.234.567\n"
    rows = _formatted(tmp_path, text, dates="day_first", delimiter=";", decimal=",", thousands=".")
    assert rows.iloc[0][["open", "low", "close", "volume"]].tolist() == [10.5, 9.25, 11.75, 1234567.0]


def test_nothing_is_guessed_a_date_written_otherwise_has_no_time(tmp_path: Path) -> None:
    rows = _formatted(tmp_path, HEADER + "2024-01-02,10,12,9,11,1000\n", dates="day_first")
    assert rows.index.isna().all()
    rows = _formatted(tmp_path, HEADER + "13/02/2024,10,12,9,11,1000\n", dates="month_first")
    assert rows.index.isna().all()


def test_a_link_out_of_the_folder_is_refused_and_its_content_never_shown(home: Home, tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret.txt", tmp_path / "bars"
    secret.write_text("password,of,the,desk\nhunter2,1,2,3\n")
    folder.mkdir()
    (folder / "AAPL.csv").symlink_to(secret)
    with pytest.raises(NightdeskError) as caught:
        update_symbol(home, Sources(bars="csv", csv_folder=str(folder)), "AAPL", "1d", NOW)
    assert caught.value.code == "data.link"
    assert not any(word in str(caught.value.to_dict()) for word in ("password", "hunter2", "secret"))


def test_a_pipe_a_device_and_a_folder_in_the_place_of_a_file_are_refused_at_once(tmp_path: Path) -> None:
    for name, make in {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "device": lambda path: path.symlink_to("/dev/zero"),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "AAPL.csv")
        with pytest.raises(NightdeskError, match=r"AAPL\.csv is (not a regular file|a link)") as caught:
            _pull(folder)
        assert caught.value.code in ("data.not_a_file", "data.link")


def test_the_content_of_a_file_that_is_no_table_is_not_shown(tmp_path: Path) -> None:
    for content in (
        b"root:*:20228:0:99999:7:::\ndaemon:hunter2:20228::::::\n",
        b"\xffhunter2",
        b"hunter2\x00,root:*\n1",
    ):
        (tmp_path / "AAPL.csv").write_bytes(content)
        with pytest.raises(NightdeskError) as caught:
            _pull(tmp_path)
        assert caught.value.code == "data.schema"
        assert not any(word in str(caught.value.to_dict()) for word in ("root", "20228"))


def test_numbers_beyond_64_bits_go_to_quarantine_with_their_date(home: Home, tmp_path: Path) -> None:
    bad = {"2024-01-03": "9" * 30, "2024-01-04": "1e999", "2024-01-05": "9" * 5000}
    for day, volume in bad.items():
        (tmp_path / "AAPL.csv").write_text(HEADER + "2024-01-02,10,12,9,11,1000\n" + f"{day},10,12,9,11,{volume}\n")
        sources = Sources(bars="csv", csv_folder=str(tmp_path))
        update = update_symbol(Home(tmp_path / day), sources, "AAPL", "1d", datetime(2024, 1, 9, tzinfo=UTC))
        assert update.new_rows == 1
        assert sum(update.quarantined.values()) == 1


def test_a_link_inside_the_folder_and_a_folder_that_is_a_link_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    (folder / "shares.csv").write_text(HEADER + ROWS)
    (folder / "AAPL.csv").symlink_to(folder / "shares.csv")
    (tmp_path / "link").symlink_to(folder)
    assert len(_pull(tmp_path / "link")) == 3


def _write_days(folder: Path, first: str, last: str) -> int:
    days = calendar.session_dates(
        "AAPL", calendar.closes("AAPL", "1d", pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC"))
    )
    lines = [f"{day:%Y-%m-%d},10,10,10,10,1000\n" for day in days]
    (folder / "AAPL.csv").write_text(HEADER + "".join(lines))
    return len(days)


def test_a_history_is_taken_whole_however_old_and_long(home: Home, tmp_path: Path) -> None:
    sources = Sources(bars="csv", csv_folder=str(tmp_path))
    rows = _write_days(tmp_path, "1999-01-01", "2018-12-31")
    assert rows == 5030
    assert update_symbol(home, sources, "AAPL", "1d", datetime(2026, 11, 30, tzinfo=UTC)).new_rows == rows
    longer = _write_days(tmp_path, "1990-01-01", "2018-12-31")  # the owner adds older years
    again = update_symbol(home, sources, "AAPL", "1d", datetime(2026, 11, 30, 1, tzinfo=UTC))
    assert (again.new_rows, again.dataset.rows, again.dataset.why) == (longer - rows, longer, "mended")
    same = update_symbol(home, sources, "AAPL", "1d", datetime(2026, 11, 30, 2, tzinfo=UTC))
    assert same.dataset == again.dataset


def test_hours_of_a_past_year_are_taken_whole(home: Home, tmp_path: Path) -> None:
    times = calendar.closes("EURUSD=X", "1h", datetime(2017, 3, 1, tzinfo=UTC), datetime(2018, 3, 1, tzinfo=UTC))
    lines = [f"{time.isoformat()},1.1,1.1,1.1,1.1,1\n" for time in times]
    (tmp_path / "EURUSD=X.csv").write_text(HEADER.replace("date", "time") + "".join(lines))
    sources = Sources(bars="csv", csv_folder=str(tmp_path))
    update = update_symbol(home, sources, "EURUSD=X", "1h", datetime(2026, 11, 30, tzinfo=UTC))
    assert (update.new_rows, update.quarantined) == (len(times), {})
