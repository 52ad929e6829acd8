"""By which calendar a symbol trades: its class or its exchange, as Yahoo's symbols tell them, or what the config says.

Yahoo ends a symbol with its exchange (`VOD.L`), marks indices (`^FTSE`), exchange rates (`EURUSD=X`) and futures
(`ES=F`), and writes a coin as a pair (`BTC-USD`). A plain symbol trades in New York. Whatever else is unknown: no
calendar is assumed for it, because bars of another calendar would be refused and a year would have the wrong length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.errors import UsageError

ALWAYS, WEEKDAYS = "24/7", "24/5"
NEW_YORK, _FUTURES = "XNYS", "CMES"

# The exchanges that the library exchange_calendars knows; a test compares. Named here, because the library brings
# pandas, and whoever reads a config must not load it.
EXCHANGES = frozenset(
    [
        "AIXK",
        "ASEX",
        "BVMF",
        "CMES",
        "IEPA",
        "XAMS",
        "XASX",
        "XBDA",
        "XBEL",
        "XBKK",
        "XBOG",
        "XBOM",
        "XBRA",
        "XBRU",
        "XBSE",
        "XBUD",
        "XBUE",
        "XCBF",
        "XCSE",
        "XCYS",
        "XDUB",
        "XDUS",
        "XEEE",
        "XETR",
        "XEUR",
        "XFRA",
        "XHAM",
        "XHEL",
        "XHKG",
        "XICE",
        "XIDX",
        "XIST",
        "XJSE",
        "XKAR",
        "XKLS",
        "XKRX",
        "XLIM",
        "XLIS",
        "XLIT",
        "XLJU",
        "XLON",
        "XLUX",
        "XMAD",
        "XMEX",
        "XMIL",
        "XMOS",
        "XNYS",
        "XNZE",
        "XOSL",
        "XPAR",
        "XPHS",
        "XPRA",
        "XRIS",
        "XSAU",
        "XSES",
        "XSGO",
        "XSHG",
        "XSTO",
        "XSTU",
        "XSWX",
        "XTAE",
        "XTAI",
        "XTAL",
        "XTKS",
        "XTSE",
        "XWAR",
        "XWBO",
        "XZAG",
        "us_futures",
    ]
)

# Yahoo's suffixes. Exchanges of one country that keep the same days and hours share a calendar.
SUFFIXES: dict[str, str] = {
    "AS": "XAMS", "AT": "ASEX", "AX": "XASX", "BA": "XBUE", "BD": "XBUD", "BK": "XBKK", "BO": "XBOM", "BR": "XBRU",
    "CBT": "CMES", "CL": "XBOG", "CME": "CMES", "CMX": "CMES", "CN": "XTSE", "CO": "XCSE", "DE": "XETR", "DU": "XDUS",
    "F": "XFRA", "HE": "XHEL", "HK": "XHKG", "HM": "XHAM", "IC": "XICE", "IL": "XLON", "IR": "XDUB", "IS": "XIST",
    "JK": "XIDX", "JO": "XJSE", "KA": "XKAR", "KL": "XKLS", "KQ": "XKRX", "KS": "XKRX", "L": "XLON", "LM": "XLIM",
    "LS": "XLIS", "LU": "XLUX", "MC": "XMAD", "ME": "XMOS", "MI": "XMIL", "MX": "XMEX", "NE": "XTSE", "NS": "XBOM",
    "NYB": "IEPA", "NYM": "CMES", "NZ": "XNZE", "OL": "XOSL", "PA": "XPAR", "PR": "XPRA", "PS": "XPHS", "RG": "XRIS",
    "RO": "XBSE", "SA": "BVMF", "SG": "XSTU", "SI": "XSES", "SN": "XSGO", "SR": "XSAU", "SS": "XSHG", "ST": "XSTO",
    "SW": "XSWX", "SZ": "XSHG", "T": "XTKS", "TA": "XTAE", "TI": "XMIL", "TL": "XTAL", "TO": "XTSE", "TW": "XTAI",
    "TWO": "XTAI", "V": "XTSE", "VI": "XWBO", "VS": "XLIT", "WA": "XWAR", "XA": "XASX", "XC": "XLON",
}  # fmt: skip

# Indices without a suffix, by calendar.
_INDICES: dict[str, str] = {
    "XNYS": "GSPC SPX DJI DJT DJU DJA IXIC NDX NYA XAX RUT RUI RUA MID SP400 SP500TR SP600 OEX SOX VIX VIX9D VIX3M "
    "VIX6M VXN VXD VVIX GVZ OVX SKEW XMI BKX HGX OSX XAU XOI TNX TYX FVX IRX W5000",
    "XLON": "FTSE FTMC FTAS FTAI FTLC",
    "XETR": "GDAXI MDAXI SDAXI TECDAX",
    "XPAR": "FCHI N100 N150 STOXX STOXX50E SBF120 CN20",
    "XBRU": "BFX", "XAMS": "AEX AMX", "XMAD": "IBEX", "XSWX": "SSMI SSHI", "XWBO": "ATX", "XDUB": "ISEQ",
    "XSTO": "OMX OMXS30 OMXSPI OMXN40", "XCSE": "OMXC20 OMXC25", "XHEL": "OMXH25", "XICE": "OMXI10",
    "XTKS": "N225 TOPX N300", "XHKG": "HSI HSCE HSCC", "XASX": "AXJO AORD AXKO ATOI", "XNZE": "NZ50",
    "XBOM": "BSESN NSEI NSEBANK NSEMDCP50 CNX100 CNX200 CNXIT CNX500 INDIAVIX", "XKRX": "KS11 KS200 KQ11 KQ100",
    "XTAI": "TWII TWOII", "XSES": "STI", "XIDX": "JKSE", "XKLS": "KLSE", "XBKK": "SET",
    "XTSE": "GSPTSE SPTSX TX60", "BVMF": "BVSP IBX50", "XMEX": "MXX", "XSGO": "IPSA", "XBUE": "MERV",
}  # fmt: skip
INDICES: dict[str, str] = {name: code for code, names in _INDICES.items() for name in names.split()}

_COIN = re.compile(r".+-(USD|USDT|USDC|EUR|GBP|JPY|CAD|AUD|CHF|KRW|CNY|INR|BRL|BTC|ETH)")


@dataclass(frozen=True)
class TradingCalendar:
    """A calendar by its code: `24/7`, `24/5`, or that of an exchange, such as `XLON`."""

    code: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True)
class Calendars:
    """The calendars of symbols: those that an owner names, and Yahoo's for all others."""

    named: Mapping[str, str] = field(default_factory=dict)

    def named_for(self, symbol: str) -> TradingCalendar | None:
        """The calendar that the owner names for `symbol`, if there is one."""
        return TradingCalendar(self.named[symbol]) if symbol in self.named else None

    def of(self, symbol: str) -> TradingCalendar:
        """The calendar of `symbol`, or an error that names the key to set."""
        code = self.named.get(symbol) or yahoo_calendar(symbol)
        if code is None:
            raise UsageError("calendar.unknown", f"{unknown_text(symbol)}.", f"{cure(symbol)}.", symbol=symbol)
        return TradingCalendar(code)


def is_calendar(code: str) -> bool:
    """Whether there is a calendar of this code."""
    return code in (ALWAYS, WEEKDAYS) or code in EXCHANGES


def yahoo_calendar(symbol: str) -> str | None:
    """The code of the calendar that Yahoo's way of writing symbols tells; None where it tells none."""
    if _COIN.fullmatch(symbol):
        return ALWAYS
    if symbol.endswith("=X"):
        return WEEKDAYS
    if symbol.endswith("=F"):
        return _FUTURES
    if "." in symbol:
        return SUFFIXES.get(symbol.rpartition(".")[2].upper())
    if symbol.startswith("^"):
        return INDICES.get(symbol[1:].upper())
    return None if "=" in symbol else NEW_YORK


def unknown_text(symbol: str) -> str:
    """What is unknown of a symbol without a calendar."""
    if "." in symbol:
        return f"the exchange of {symbol} is unknown: no calendar goes with the suffix .{symbol.rpartition('.')[2]}"
    kind = "index" if symbol.startswith("^") else "symbol"
    return f"the calendar of the {kind} {symbol} is unknown"


def cure(symbol: str) -> str:
    """The key to set for a symbol without a calendar."""
    return (
        f'Set data_params.calendars to {{"{symbol}": "XNYS"}}, with the calendar it trades by: 24/5, 24/7, or the code '
        "of an exchange, such as XNYS, XLON or XTKS"
    )
