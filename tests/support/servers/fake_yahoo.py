"""A server that speaks Yahoo's protocol over loopback, and can fail in every way the real one does."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from data_pipeline.bars import calendar
from data_pipeline.bars.calendar import MINUTES

NEW_YORK = "America/New_York"
DAY = 86_400
CONSENT = b"<!doctype html><title>Your privacy choices</title><form class='consent-form'>We need your consent</form>"
# What is sent in the place of an answer: status, body, content type, and where to go.
INSTEAD: dict[str | None, tuple[int, bytes, str, str | None]] = {
    "429": (429, b"Too Many Requests", "text/plain", None),
    "down": (502, b"<html>Will be right back</html>", "text/html", None),
    "html": (200, CONSENT, "text/html; charset=utf-8", None),
    "consent": (302, b"", "text/html", "/v2/collectConsent?sessionId=3"),
}
# For each short interval: how many days back Yahoo tells of it, and how many in one answer.
REACH = {"1m": (30, 8), "5m": (60, 60), "15m": (60, 60), "30m": (60, 60), "1h": (730, 730)}


@dataclass
class FakeYahoo:
    """What the server serves: raw rows by symbol, stamped as Yahoo stamps them, and how it misbehaves."""

    rows: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)  # by symbol and interval
    time_zones: dict[str, str] = field(default_factory=dict)
    splits: dict[str, dict[int, float]] = field(default_factory=dict)
    dividends: dict[str, dict[int, float]] = field(default_factory=dict)
    news: dict[str, list[Any]] = field(default_factory=dict)
    failure: str | None = None
    failures_left: int | None = None  # None: until further notice
    failing: set[str] = field(default_factory=set)  # only these symbols, if any are named
    latency: float = 0.0  # seconds that every answer takes
    now: datetime | None = None  # what short bars are counted back from; None: there is no limit
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def serve(self, symbol: str, frame: pd.DataFrame, interval: str = "1d", time_zone: str = NEW_YORK) -> None:
        """Serve bars (as `Bars.frame` has them) with the stamps Yahoo would give them: when each bar opened."""
        self.rows[symbol, interval] = frame.set_axis(opening_stamps(symbol, interval, frame.index, time_zone))
        self.time_zones[symbol] = time_zone

    def fail(self, failure: str | None, times: int | None = None, *, symbols: Iterable[str] = ()) -> None:
        """Misbehave from now on, or only `times` times, or only about these symbols."""
        self.failure, self.failures_left, self.failing = failure, times, set(symbols)

    def split(self, symbol: str, ratio: float, row: int, interval: str = "1d") -> None:
        """Split the shares at the bar in this row: prices before it fall, volumes rise, and the event is listed."""
        rows = self.rows[symbol, interval] = self.rows[symbol, interval].copy()
        stamp = rows.index[row]
        rows.loc[rows.index < stamp, ["open", "high", "low", "close"]] /= ratio
        rows.loc[rows.index < stamp, "volume"] = (rows.loc[rows.index < stamp, "volume"] * ratio).round()
        self.splits.setdefault(symbol, {})[int(stamp)] = ratio
        self.dividends[symbol] = {
            at: value / ratio if at < stamp else value for at, value in self.dividends.get(symbol, {}).items()
        }

    def current_failure(self, symbol: str) -> str | None:
        if self.failing and symbol not in self.failing:
            return None
        if self.failures_left is None:
            return self.failure
        self.failures_left -= 1
        if self.failures_left < 0:
            self.failure, self.failures_left = None, None
        return self.failure

    def chart(self, symbol: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        interval = query["interval"][0]
        if (symbol, interval) not in self.rows:
            keys = [key for key in self.rows if key[0] == symbol]
            if not keys:
                return 404, _answer(None, {"code": "Not Found", "description": "No data found, symbol may be delisted"})
            interval = keys[0][1]
        rows = self.rows[symbol, interval]
        if "period1" in query:
            first, last = int(query["period1"][0]), int(query["period2"][0])
            if refusal := self._out_of_reach(interval, first, last):
                return 422, _answer(None, {"code": "Unprocessable Entity", "description": refusal})
            rows = rows[(rows.index >= first) & (rows.index < last)]
        else:
            rows = rows.tail(1)
        return 200, _answer([self._result(symbol, interval, rows)], None)

    def _out_of_reach(self, interval: str, first: int, last: int) -> str | None:
        """Yahoo's error message for a span of short bars that it does not serve."""
        if self.now is None or interval not in REACH:
            return None
        days, at_once = REACH[interval]
        if last - first > at_once * DAY:
            return f"Only {at_once} days worth of {interval} granularity data are allowed to be fetched per request."
        if first < self.now.timestamp() - days * DAY:
            return f"The requested range must be within the last {days} days."
        return None

    def stream(self, symbol: str) -> dict[str, Any]:
        """The answer to a question for news."""
        return {"data": {"tickerStream": {"stream": self.news.get(symbol, [])}}, "status": "OK"}

    def _result(self, symbol: str, interval: str, rows: pd.DataFrame) -> dict[str, Any]:
        time_zone = self.time_zones[symbol]
        events = {
            "dividends": {str(t): {"amount": value, "date": t} for t, value in self.dividends.get(symbol, {}).items()},
            "splits": {
                str(t): {"date": t, "numerator": value, "denominator": 1.0, "splitRatio": f"{value}:1"}
                for t, value in self.splits.get(symbol, {}).items()
            },
        }
        quote = {name: _plain(rows[name]) for name in ("open", "high", "low", "close", "volume")}
        result: dict[str, Any] = {
            "meta": _meta(symbol, interval, time_zone, rows),
            "timestamp": [int(stamp) for stamp in rows.index],
            "events": {name: by_time for name, by_time in events.items() if by_time},
            "indicators": {"quote": [quote]},
        }
        if interval == "1d":
            result["indicators"]["adjclose"] = [{"adjclose": quote["close"]}]
        return result


def opening_stamps(symbol: str, interval: str, closes: pd.Index, time_zone: str) -> pd.Index:
    """Unix seconds of when each bar opened."""
    times = pd.DatetimeIndex(closes)
    if interval == "1d":
        dates = calendar.session_dates(symbol, times)
        opening = pd.Timedelta(hours=9, minutes=30) if time_zone == NEW_YORK else pd.Timedelta(0)
        opens = (dates + opening).tz_localize(time_zone)
    else:
        step = pd.Timedelta(minutes=MINUTES[interval])
        sessions = calendar.closes(symbol, interval, times[0] - pd.Timedelta(days=9), times[-1])
        before = pd.Series(sessions[:-1], sessions[1:]).reindex(times)
        opens = pd.DatetimeIndex(before.where(times - before <= step, times - step))
        # The first bar of a session opens a step before it closes; any later one when the bar before it closed.
    return pd.Index(opens.tz_convert("UTC").as_unit("s").asi8)


def _plain(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column.tolist()]


def _meta(symbol: str, interval: str, time_zone: str, rows: pd.DataFrame) -> dict[str, Any]:
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "firstTradeDate": 345479400,
        "regularMarketTime": int(rows.index[-1]) if len(rows) else 0,
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": time_zone,
        "regularMarketPrice": 1.0,
        "chartPreviousClose": 1.0,
        "priceHint": 2,
        "dataGranularity": interval,
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }
    if interval != "1d":
        meta["tradingPeriods"] = _trading_periods(rows, time_zone)
    return meta


def _trading_periods(rows: pd.DataFrame, time_zone: str) -> list[list[dict[str, Any]]]:
    local = pd.to_datetime(rows.index, unit="s", utc=True).tz_convert(time_zone)
    periods = []
    for date in sorted(set(local.date)):
        start = int(pd.Timestamp(f"{date} 09:30").tz_localize(time_zone).timestamp())
        end = int(pd.Timestamp(f"{date} 16:00").tz_localize(time_zone).timestamp())
        periods.append([{"timezone": "EST", "start": start, "end": end, "gmtoffset": -18000}])
    return periods


def _answer(result: Any, error: Any) -> dict[str, Any]:
    return {"chart": {"result": result, "error": error}}


def _broken(failure: str, answer: Any) -> Any:
    """The answer as a misbehaving Yahoo gives it."""
    if failure == "empty":
        return _answer([{"meta": _meta("X", "1d", NEW_YORK, pd.DataFrame()), "indicators": {"quote": [{}]}}], None)
    if failure == "no_rows":
        result = answer["chart"]["result"][0]
        result["timestamp"] = []
        result["indicators"] = {"quote": [{name: [] for name in result["indicators"]["quote"][0]}]}
    if failure == "no_result":
        return _answer([], None)
    if failure == "nulls":
        return _answer(None, None)
    if failure == "no_timestamps":
        del answer["chart"]["result"][0]["timestamp"]
    if failure.startswith("huge_"):
        result = answer["chart"]["result"][0]
        column = result["timestamp"] if failure == "huge_times" else result["indicators"]["quote"][0]["close"]
        column[-1] = 10**400
    if failure == "uneven_columns":
        quote = answer["chart"]["result"][0]["indicators"]["quote"][0]
        quote["close"] = quote["close"][:-3]
    if failure == "no_time_zone":
        del answer["chart"]["result"][0]["meta"]["exchangeTimezoneName"]
    if failure == "missing_columns":
        del answer["chart"]["result"][0]["indicators"]["quote"][0]["volume"]
    if failure == "other_time_zone":
        answer["chart"]["result"][0]["meta"]["exchangeTimezoneName"] = "UTC"
    if failure == "not_an_object":
        return ["nothing", "to", "see"]
    if failure == "text_for_numbers":
        quote = answer["chart"]["result"][0]["indicators"]["quote"][0]
        quote["close"] = ["n/a" for _ in quote["close"]]
    return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body wait for each other, 40 ms an answer
    yahoo: FakeYahoo

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.yahoo.requests.append(self.path)
        if url.path.startswith("/v8/finance/chart/"):
            self._chart(url.path.rpartition("/")[2], parse_qs(url.query))
        elif url.path == "/v1/test/getcrumb":
            self._send(200, b"crumb-of-a-fake", "text/plain")
        elif url.path == "/v2/collectConsent":
            self._send(200, CONSENT, "text/html; charset=utf-8")
        elif url.path in ("", "/"):
            self._send(404, b"", "text/html", cookie="A3=fake; Path=/")
        else:
            self._send_json(404, {"quoteSummary": {"result": None, "error": {"code": "Not Found"}}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.yahoo.requests.append(self.path)
        time.sleep(self.yahoo.latency)
        (symbol,) = body["serviceConfig"]["s"]
        if self.yahoo.failure == "429":
            return self._send(429, b"Too Many Requests", "text/plain")
        if self.yahoo.failure == "no_news":
            return self._send(200, b"<html>", "text/html")
        return self._send_json(200, self.yahoo.stream(symbol))

    def do_HEAD(self) -> None:
        if self.yahoo.failure == "slow":
            time.sleep(5.0)
        self._send(404, b"", "text/html")

    def _chart(self, symbol: str, query: dict[str, list[str]]) -> None:
        time.sleep(self.yahoo.latency)
        failure = self.yahoo.current_failure(symbol)
        if failure in INSTEAD:
            return self._send(*INSTEAD[failure])
        if failure == "reset":
            return self._hang_up()
        status, answer = self.yahoo.chart(symbol, query)
        body = json.dumps(_broken(failure, answer) if failure else answer).encode()
        if failure == "dripping":
            return self._drip(body)
        kind = "text/plain" if failure == "other_type" else "application/json"
        return self._send(status, body[: len(body) // 2] if failure == "truncated" else body, kind)

    def _hang_up(self) -> None:
        """Close the connection with a reset, in the place of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def _drip(self, body: bytes) -> None:
        """A whole answer, so slowly that the client times out first."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked has gone
            for byte in body[:100]:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.1)
        self.close_connection = True

    def _send_json(self, status: int, answer: Any) -> None:
        self._send(status, json.dumps(answer).encode(), "application/json")

    def _send(
        self, status: int, body: bytes, kind: str, location: str | None = None, cookie: str | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class calls it so
        """Print nothing; `requests` has them all."""


@contextmanager
def fake_yahoo() -> Iterator[FakeYahoo]:
    """Run the server on a free port of loopback."""
    yahoo = FakeYahoo()
    handler = type("Handler", (_Handler,), {"yahoo": yahoo})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    yahoo.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield yahoo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
