"""Durations, cron lines, symbols and addresses of traders in a config."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config import Settings
from config.settings import Duration, Symbol
from tests.support.settings import settings


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=1000)))
def test_a_duration_survives_being_written_as_text(value):
    adapter = TypeAdapter(Duration)
    assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("30s", timedelta(seconds=30)),
        ("1.5h", timedelta(minutes=90)),
        ("7 d", timedelta(days=7)),
        ("weekly", timedelta(days=7)),
    ],
)
def test_durations_are_written_as_people_write_them(text, meaning):
    assert settings(limits={"task_timeout": text}).limits.task_timeout == meaning


@pytest.mark.parametrize(
    "text", ["", "0s", "-5s", "5", "five minutes", "PT5M", "99999999999999d", "1001d", "monthly", "1e5s"]
)
def test_a_text_that_is_no_duration_is_refused(text):
    with pytest.raises(Exception, match="/limits/task_timeout is"):
        settings(limits={"task_timeout": text})


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/5 1-3 1,15 jan-mar mon-fri", "30 4 * * sun"])
def test_a_cron_line_has_five_fields(cron):
    assert settings(jobs={"training": {"cron": cron}}).job_schedule("training").cron == cron


@pytest.mark.parametrize(
    ("cron", "complaint"),
    [
        ("0 2 * *", "must be five cron fields"),
        ("0 2 * * * *", "must be five cron fields"),
        ("0 2 * * $(reboot)", "must be five cron fields"),
        ("0 2 * * 1-5", "must name its weekdays"),
    ],
)
def test_a_cron_line_that_could_be_misread_is_refused(cron, complaint):
    with pytest.raises(Exception, match=complaint):
        settings(jobs={"training": {"cron": cron}})


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "BTC-USD", "^GSPC", "EURUSD=X", "7203.T"])
def test_symbols_as_markets_write_them_are_welcome(symbol):
    assert TypeAdapter(Symbol).validate_python(symbol) == symbol


@pytest.mark.parametrize("symbol", ["", ".", "..", "A/B", "A\\B", "-x", "A..B", "A" * 33, "A\n", "quarantine", "a b"])
def test_symbols_that_could_not_name_a_folder_are_refused(symbol):
    with pytest.raises(ValidationError):
        TypeAdapter(Symbol).validate_python(symbol)


@pytest.mark.parametrize("symbol", ["universe", "Universe", "QUARANTINE", "trader-0x6031", "Trader-X"])
def test_a_symbol_that_would_share_a_folder_is_refused_with_a_cure(symbol):
    with pytest.raises(ValidationError, match="under another name"):
        TypeAdapter(Symbol).validate_python(symbol)


def test_traders_are_named_by_their_addresses():
    assert Settings(traders=["0x6031", "0x" + "aB" * 20]).traders == ("0x6031", "0x" + "aB" * 20)


@pytest.mark.parametrize("address", ["6031", "0x", "0xG", "trader:0x6031", "0x" + "a" * 41, "0x6031/..", "0x6031\n"])
def test_a_text_that_is_no_address_of_a_trader_is_refused(address):
    with pytest.raises(ValidationError, match="such as 0x6031"):
        Settings(traders=[address])


def test_a_trader_is_named_once():
    with pytest.raises(ValidationError, match="names 0x6031 more than once"):
        Settings(traders=["0x6031", "0x6031"])
