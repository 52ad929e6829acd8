"""Yahoo Finance through yfinance: one symbol at a time, every failure named, nothing hidden."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import numpy as np
import pandas as pd
import stamina
import yfinance
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import ChunkedEncodingError, HTTPError, IncompleteRead, RequestException
from curl_cffi.requests.session import HttpMethod
from yfinance import cache as yfinance_cache
from yfinance.data import YfData
from yfinance.exceptions import (
    YFDataException,
    YFPricesMissingError,
    YFRateLimitError,
    YFTzMissingError,
)

from config.calendars import TradingCalendar, yahoo_calendar
from config.errors import NightdeskError
from config.secrets import read_address
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, EXTRAS
from data_pipeline.news.headlines import Headline
from data_pipeline.sources.base import BarSource

if TYPE_CHECKING:
    from config.settings import YahooSource as YahooSettings

_COOKIE_HOST = "https://fc.yahoo.com"
_PRICES_HOST = "https://query2.finance.yahoo.com"
_CONNECT_SECONDS = 2.5  # what cannot be reached in this time is out of reach
_HEADLINES = 20  # asked for at a time
_LONGEST_BAR = timedelta(days=1)
_CONNECTION_VALID = 30.0  # seconds after an answer in which the connection is not checked again
# How far back Yahoo serves short bars (30, 60 and 730 days, counted from when it is asked), and how much of them in one
# answer. Each is less by what an answer takes, and by the longest bar.
_REACH = {"1m": 28, "5m": 58, "15m": 58, "30m": 58, "1h": 728}
_DAYS_AT_ONCE = {"1m": 6}
_TORN = (JSONDecodeError, ChunkedEncodingError, IncompleteRead)  # asking again may help
# What yfinance makes of a wrong answer.
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)


class YahooSource(BarSource):
    """Prices as Yahoo gives them: adjusted for splits, not for dividends, which come beside them."""

    name = "yahoo"

    def __init__(self, settings: YahooSettings, cache: Path) -> None:
        self._timeout = settings.timeout.total_seconds()
        server = settings.base_url and read_address("address in sources.yahoo.base_url", settings.base_url)
        self._session = _session(server, self._timeout)
        _prepare_yfinance(cache)

    def pull(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of the bars closed in [start, end]; bars still open, and a last one without prices, are left out."""
        reach = self.reach(interval)
        begin = start if reach is None else max(start, end - reach)
        parts, nothing = [], _error("data.empty", symbol, f"has no {interval} bars closed between {start} and {end}")
        for span in _spans(interval, begin, end):
            try:
                parts.append(self._part(symbol, interval, *span))
            except NightdeskError as error:
                if error.code != "data.empty":
                    raise
                nothing = error  # of this part; another may have some
        rows = pd.concat(parts) if parts else pd.DataFrame()
        if rows.empty:
            raise nothing
        return rows

    def reach(self, interval: str) -> timedelta | None:
        """Yahoo forgets short bars."""
        return timedelta(days=_REACH[interval]) if interval in _REACH else None

    def headlines(self, symbol: str, now: datetime) -> list[Headline]:  # noqa: ARG002 -- it tells the newest only
        """What Yahoo now reports about a symbol, newest first; an entry without title or time is left out."""
        with _named_errors(symbol):
            self._session.check_connection()
            ticker = yfinance.Ticker(symbol, session=self._session)
            entries = [_headline(entry) for entry in ticker.get_news(count=_HEADLINES)]
        return [headline for headline in entries if headline is not None]

    def _part(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of one answer."""
        with _named_errors(symbol):
            self._session.check_connection()
            for attempt in stamina.retry_context(on=_TORN, attempts=2, wait_initial=0.2):
                with attempt:
                    frame = self._history(symbol, interval, start, end)
            rows = _at_closes(frame, symbol, interval, self.calendars.of(symbol))
            return _closed(rows, start, end)

    def _history(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        YfData.cache_get.cache_clear()  # it remembers answers for ever; history that was rewritten must show
        ticker = yfinance.Ticker(symbol, session=self._session)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.Pandas4Warning)  # its own use of pandas, not ours to mend
            frame: pd.DataFrame = ticker.history(
                start=start - _LONGEST_BAR,  # Yahoo goes by when a bar opened
                end=end,
                interval=interval,
                auto_adjust=False,
                actions=True,
                keepna=True,  # `_closed` leaves them out at a tenth of the cost
                timeout=self._timeout,
            )
        return frame


def _spans(interval: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """[start, end] in as many parts as Yahoo must be asked for."""
    step = timedelta(days=_DAYS_AT_ONCE[interval]) if interval in _DAYS_AT_ONCE else end - start
    while start + step < end:
        yield start, start + step
        start += step + timedelta(microseconds=1)  # a bar that closed at the seam is fetched once
    yield start, end


def _headline(entry: Any) -> Headline | None:
    """One of Yahoo's news entries, if it has a title and a time."""
    content = entry.get("content") if isinstance(entry, dict) else None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in ("title", "pubDate")):
        return None
    published = pd.to_datetime(content["pubDate"], errors="coerce", utc=True, format="ISO8601")
    if pd.isna(published) or not content["title"].strip():
        return None
    provider, link = content.get("provider"), content.get("canonicalUrl")
    return Headline(
        id=str(entry.get("id") or content.get("id") or content["title"]),
        published_at=published.to_pydatetime(),
        title=content["title"].strip(),
        publisher=str(provider.get("displayName") or "") if isinstance(provider, dict) else "",
        url=str(link.get("url") or "") if isinstance(link, dict) else "",
    )


class _YahooSession(Session[Response]):
    """The kind of session yfinance insists on, kept to our time limit and, where one is configured, to one host."""

    def __init__(self, base_url: str | None, timeout: float) -> None:
        super().__init__(impersonate="chrome")
        self._limit = timeout
        self._base = urlsplit(base_url.rstrip("/")) if base_url else None
        self._last_answer_at = float("-inf")
        self._cookie_answer: Response | None = None

    def request(self, method: HttpMethod, url: str, *args: Any, **options: Any) -> Response:
        """Every request of yfinance's passes here, whatever host and time limit it was meant for."""
        if url == _COOKIE_HOST and self._cookie_answer is not None and len(self.cookies):
            return self._cookie_answer  # yfinance would fetch its cookie anew for each request; the session holds it
        options["timeout"] = (min(_CONNECT_SECONDS, self._limit), self._limit)
        answer = super().request(method, _moved(url, self._base) if self._base else url, *args, **options)
        self._last_answer_at = time.monotonic()
        if url == _COOKIE_HOST:
            self._cookie_answer = answer
        return answer

    def check_connection(self) -> None:
        """Fail at once where Yahoo cannot be reached; yfinance would first wait for each of its hosts in turn."""
        if time.monotonic() - self._last_answer_at > _CONNECTION_VALID:
            self.head(_PRICES_HOST, allow_redirects=False)


@lru_cache(maxsize=4)
def _session(base_url: str | None, timeout: float) -> _YahooSession:
    """One session for all symbols: its connection stays open, its cookie fits the crumb that yfinance remembers."""
    return _YahooSession(base_url, timeout)


def _moved(url: str, base: SplitResult) -> str:
    parts = urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path + parts.path, parts.query, parts.fragment))


def _prepare_yfinance(cache: Path) -> None:
    """Exceptions in the open, files under the home, and no cookie cache, which would unpickle what it finds there.

    The cache of time zones is an SQLite file, which parallel workers lock against each other. Our calendars know them,
    and so Yahoo is asked once for each symbol, not twice.
    """
    yfinance.config.debug.hide_exceptions = False
    yfinance.set_tz_cache_location(str(cache))
    yfinance_cache._CookieCacheManager._Cookie_cache = yfinance_cache._CookieCacheDummy()  # noqa: SLF001
    yfinance_cache._TzCacheManager._tz_cache = _TimeZones()  # noqa: SLF001


class _TimeZones(yfinance_cache._TzCacheDummy):  # type: ignore[misc]  # noqa: SLF001
    """What yfinance looks up before it asks; it only parses our own times by it, and reads answers by their own."""

    def lookup(self, tkr: str) -> str:
        """The time zone of the symbol's exchange, UTC where only the owner knows the exchange."""
        return str(calendar.time_zone(tkr)) if yahoo_calendar(tkr) else "UTC"


@contextmanager
def _named_errors(symbol: str) -> Iterator[None]:
    """Whatever yfinance or the wire raises, as one of the errors that `BarSource.pull` promises."""
    try:
        yield
    except YFRateLimitError as error:
        raise _error("data.rate_limited", symbol, "wants fewer requests (429)") from error
    except YFTzMissingError as error:
        raise _unknown(symbol) from error
    except YFPricesMissingError as error:
        if "delisted" in str(error.rationale).lower():
            raise _unknown(symbol) from error
        raise _error("data.empty", symbol, f"has no prices: {error.rationale}") from error
    except (*_TORN, *_UNREADABLE) as error:
        raise _error("data.schema", symbol, f"gave an answer that cannot be read: {error!r}") from error
    except HTTPError as error:
        if getattr(error.response, "status_code", None) == HTTPStatus.NOT_FOUND:
            raise _unknown(symbol) from error
        raise _error("data.unreachable", symbol, f"cannot be reached: {_first_sentence(error)}") from error
    except (RequestException, YFDataException) as error:
        raise _error("data.unreachable", symbol, f"cannot be reached: {_first_sentence(error)}") from error


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". See http")[0]


def _error(code: str, symbol: str, problem: str) -> NightdeskError:
    cure = "Try again later. What was stored before stays in use."
    return NightdeskError(code, f"Yahoo, asked for {symbol}, {problem}.", cure, symbol=symbol)


def _unknown(symbol: str) -> NightdeskError:
    return NightdeskError(
        "data.unknown_symbol",
        f"Yahoo does not know the symbol {symbol}.",
        "Mend it in the config, or take it out.",
        symbol=symbol,
    )


def _at_closes(frame: pd.DataFrame, symbol: str, interval: str, hours: TradingCalendar) -> pd.DataFrame:
    """Yahoo's rows, stamped with the opening of a bar or its local midnight, at the instant their bar closes."""
    column_names = {str(name).lower().removeprefix("stock "): name for name in frame.columns}
    missing = [name for name in COLUMNS if name not in column_names]
    if missing or not isinstance(frame.index, pd.DatetimeIndex):
        raise _error("data.schema", symbol, f"gave rows without {', '.join(missing) or 'times'}")
    columns = [*COLUMNS, *(name for name in EXTRAS if name in column_names)]
    values = np.column_stack([frame[column_names[name]].to_numpy(dtype="float64") for name in columns])
    return pd.DataFrame(values, _closes(frame.index, interval, hours), columns)


def _closes(stamps: pd.DatetimeIndex, interval: str, hours: TradingCalendar) -> pd.DatetimeIndex:
    if interval == "1d":
        return calendar.session_closes(hours, stamps.tz_localize(None).normalize())
    if len(stamps) == 0:
        return stamps
    stamps = stamps if stamps.tz is not None else stamps.tz_localize("UTC")
    closes = calendar.closes(hours, interval, stamps[0], stamps[-1] + pd.Timedelta(days=15))
    return closes[closes.searchsorted(stamps, side="right")]


def _closed(rows: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """Rows inside the span that are not empty; a last one without a close was not finished when Yahoo was asked."""
    times, values = pd.DatetimeIndex(rows.index), rows.to_numpy()
    inside = (times >= pd.Timestamp(start)) & (times <= pd.Timestamp(end)) | times.isna()
    inside &= (np.nan_to_num(values) != 0.0).any(axis=1)
    last = np.flatnonzero(inside)[-1:]
    inside[last] = ~np.isnan(values[last, COLUMNS.index("close")])
    return rows[inside]
