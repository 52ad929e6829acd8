"""By which calendar a symbol trades, and what is said of one without a calendar."""

from __future__ import annotations

import pytest
from exchange_calendars.calendar_utils import _default_calendar_factories

from config.calendars import ALWAYS, EXCHANGES, INDICES, SUFFIXES, WEEKDAYS, Calendars, yahoo_calendar
from config.errors import ConfigError, UsageError
from config.loader import parse_settings


def test_every_calendar_of_the_library_can_be_named_and_no_other() -> None:
    assert EXCHANGES | {ALWAYS, WEEKDAYS} == set(_default_calendar_factories)
    assert set(SUFFIXES.values()) | set(INDICES.values()) <= EXCHANGES


@pytest.mark.parametrize(
    ("symbol", "code"),
    [("AAPL", "XNYS"), ("BRK-B", "XNYS"), ("VOD.L", "XLON"), ("RELIANCE.NS", "XBOM"), ("005930.KS", "XKRX"),
     ("0700.HK", "XHKG"), ("2222.SR", "XSAU"), ("2330.TW", "XTAI"), ("6488.TWO", "XTAI"), ("600519.SS", "XSHG"),
     ("PETR4.SA", "BVMF"), ("OPAP.AT", "ASEX"), ("TEVA.TA", "XTAE"), ("^FTSE", "XLON"), ("^N225", "XTKS"),
     ("^GDAXI", "XETR"), ("^GSPC", "XNYS"), ("^TA125.TA", "XTAE"), ("EURUSD=X", "24/5"), ("JPY=X", "24/5"),
     ("BTC-USD", "24/7"), ("ES=F", "CMES")],
)  # fmt: skip
def test_yahoos_way_of_writing_a_symbol_tells_its_calendar(symbol: str, code: str) -> None:
    assert yahoo_calendar(symbol) == code


@pytest.mark.parametrize("symbol", ["QNBK.QA", "THING.XYZ", "^NOSUCHINDEX", "A=B"])
def test_a_symbol_without_a_calendar_is_refused_with_the_key_to_set(symbol: str) -> None:
    with pytest.raises(UsageError) as caught:
        Calendars().of(symbol)
    assert symbol in caught.value.message
    assert f'data_params.calendars to {{"{symbol}"' in caught.value.cure
    assert Calendars({symbol: "XSAU"}).of(symbol).code == "XSAU"


def test_a_config_with_a_symbol_without_a_calendar_is_refused_until_it_names_one() -> None:
    with pytest.raises(ConfigError, match=r"QNBK\.QA.*suffix \.QA.*data_params\.calendars"):
        parse_settings("desk.json", '{"symbols": ["AAPL", "QNBK.QA"]}')
    named = '{"symbols": ["QNBK.QA"], "data_params": {"calendars": {"QNBK.QA": "XSAU"}}}'
    assert parse_settings("desk.json", named).calendars.of("QNBK.QA").code == "XSAU"


def test_a_calendar_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"/data_params/calendars/AAPL is \"NYSE!\": must be 24/5"):
        parse_settings("desk.json", '{"data_params": {"calendars": {"AAPL": "NYSE!"}}}')
