"""Inputs: everything a model may look at for one subject, by kind, each row with the instant at which it was known.

Whatever cuts time (training, walk-forward, the leak audit, golden predictions) cuts `Inputs`, and so all kinds at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, reduce
from typing import Literal, Self

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.expert_log import ExpertLog, since_first_bar, until_last_bar

EventKind = Literal["decisions", "headlines", "signals", "trader_log"]
Kind = Literal["bars", "expert_log"] | EventKind
# Rows by symbol or market, each frame indexed by the instants (UTC) at which its rows were known.
Events = Mapping[str, pd.DataFrame]
# The name under which headlines about all markets stand beside those of symbols.
ALL_MARKETS = "all markets"
# Kinds for training alone: when a model decides live, no expert and no teacher has decided yet.
TEACHING: frozenset[Kind] = frozenset({"expert_log", "decisions"})
EVENT_KINDS: tuple[EventKind, ...] = ("decisions", "headlines", "signals", "trader_log")


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is known of one subject. A symbol or market without a bar yet is absent.

    Args:
        subject: a symbol, `universe`, or a trader such as `trader:0x6031`.
        bars: by symbol or market; a bar is known at its close, which is its time.
        expert_logs: an expert's trades, by symbol.
        decisions: a teacher's decisions, by symbol.
        headlines: by symbol, and those about `ALL_MARKETS`, known when they were first seen.
        signals: by symbol what recipes decided on bars that their models had not seen, at the closes of those bars:
            `model_type`, `position`, `confidence`.
        trader_log: a trader's events and the quoted prices, by market.
    """

    subject: str
    bars: Mapping[str, Bars]
    expert_logs: Mapping[str, ExpertLog] = field(default_factory=dict)
    decisions: Events = field(default_factory=dict)
    headlines: Events = field(default_factory=dict)
    signals: Events = field(default_factory=dict)
    trader_log: Events = field(default_factory=dict)

    def __post_init__(self) -> None:
        misnamed = [name for name, bars in self.bars.items() if bars.symbol != name]
        if misnamed:
            raise _invalid(
                f"the bars of {misnamed[0]!r} are those of {self.bars[misnamed[0]].symbol!r}",
                "Name each symbol's or market's bars by their own symbol.",
            )
        for kind in EVENT_KINDS:
            for name, rows in self.events(kind).items():
                _check_events(kind, name, rows)

    @classmethod
    def of(cls, bars: Bars, expert_log: ExpertLog | None = None) -> Self:
        """The inputs of one symbol: its bars, and what its expert did, if there is one."""
        logs = {bars.symbol: expert_log} if expert_log is not None else {}
        return cls(bars.symbol, {bars.symbol: bars}, logs)

    def __len__(self) -> int:
        return len(self.times)

    def events(self, kind: EventKind) -> Events:
        """The rows of one kind of event, by symbol or market."""
        rows: Events = getattr(self, kind)
        return rows

    @property
    def only(self) -> Bars:
        """The bars of the one symbol that these inputs are of."""
        if len(self.bars) != 1:
            raise _invalid(
                f"the inputs of {self.subject!r} hold bars of {len(self.bars)} symbols where one is needed",
                "Give a model of one symbol the inputs of that symbol.",
            )
        return next(iter(self.bars.values()))

    @cached_property
    def times(self) -> pd.DatetimeIndex:
        """The closes of all bars, each instant once, in order."""
        closes = [pd.DatetimeIndex(bars.frame.index) for bars in self.bars.values()]
        empty = pd.DatetimeIndex([], tz="UTC", name="time").as_unit("ns")
        return reduce(lambda one, other: one.union(other), closes[1:], closes[0]) if closes else empty

    def until(self, time: datetime) -> Self:
        """What was known at `time`."""
        return self._cut(lambda bars: bars.until(time), lambda rows: rows.loc[: pd.Timestamp(time)], until_last_bar)

    def since(self, time: datetime) -> Self:
        """What became known at `time` or later."""
        return self._cut(lambda bars: bars.since(time), lambda rows: rows.loc[pd.Timestamp(time) :], since_first_bar)

    def head(self, instants: int) -> Self:
        """What was known at the first so many closes."""
        if instants >= len(self.times):
            return self
        return self.until(self.times[instants - 1]) if instants > 0 else self._cut(lambda bars: bars.head(0), _nothing)

    def tail(self, instants: int) -> Self:
        """What became known at the last so many closes."""
        return self if instants >= len(self.times) else self.since(self.times[-instants])

    def _cut(
        self,
        bars: Callable[[Bars], Bars],
        rows: Callable[[pd.DataFrame], pd.DataFrame],
        log: Callable[[Bars, ExpertLog], ExpertLog] | None = None,
    ) -> Self:
        remaining = {name: part for name, each in self.bars.items() if len(part := bars(each))}
        logs = {
            name: log(remaining[name], each)
            for name, each in self.expert_logs.items()
            if log is not None and name in remaining
        }
        return replace(self, bars=remaining, expert_logs=logs).with_events(rows)

    def with_events(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Self:
        """The same with every table of events changed; a symbol or market of which none are left is absent."""

        def changed(kind: EventKind) -> Events:
            tables = {name: change(table) for name, table in self.events(kind).items()}
            return {name: table for name, table in tables.items() if len(table)}

        return replace(
            self,
            decisions=changed("decisions"),
            headlines=changed("headlines"),
            signals=changed("signals"),
            trader_log=changed("trader_log"),
        )

    def for_decisions(self) -> Self:
        """Without the kinds that are for training alone."""
        return replace(self, expert_logs={}, decisions={})

    @property
    def dataset(self) -> str:
        """The id of the dataset these inputs are: that of the bars where there is nothing else."""
        return self.only.fingerprint() if len(self.bars) == 1 and not self._has_more_than_bars else self.fingerprint()

    @property
    def _has_more_than_bars(self) -> bool:
        return bool(self.expert_logs) or any(self.events(kind) for kind in EVENT_KINDS)

    def fingerprint(self) -> str:
        """The sha256 of all rows of all kinds; equal content has equal fingerprints."""
        digest = hashlib.sha256(self.subject.encode())
        for name, bars in sorted(self.bars.items()):
            digest.update(json.dumps([name, bars.interval, bars.source, bars.fingerprint()]).encode())
        for name, log in sorted(self.expert_logs.items()):
            digest.update(json.dumps(["expert_log", name, log.fingerprint()]).encode())
        for kind in EVENT_KINDS:
            for name in sorted(self.events(kind)):
                digest.update(json.dumps([kind, name, self.events_fingerprint(kind, name)]).encode())
        return digest.hexdigest()

    def events_fingerprint(self, kind: EventKind, name: str) -> str:
        """The sha256 of the events of one kind of one symbol or market."""
        rows = self.events(kind)[name]
        digest = hashlib.sha256(json.dumps(list(map(str, rows.columns))).encode())
        digest.update(_content(rows))
        return digest.hexdigest()


def _content(rows: pd.DataFrame) -> bytes:
    """The bytes of event rows: their instants, then column by column."""
    parts = [pd.DatetimeIndex(rows.index).as_unit("ns").asi8.astype("<i8").tobytes()]
    for name in rows.columns:
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            parts.append(np.ascontiguousarray(column.to_numpy("f8"), dtype="<f8").tobytes())
        else:
            parts.append(json.dumps([str(value) for value in column]).encode())
    return b"\x00".join(parts)


def _nothing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:0]


def _check_events(kind: EventKind, name: str, rows: pd.DataFrame) -> None:
    index = rows.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None or not index.is_monotonic_increasing:
        raise _invalid(
            f"the {kind} of {name!r} is not indexed by instants with a time zone, in order",
            "Index each row by the instant at which it was known, in UTC, and sort the rows.",
        )


def _invalid(problem: str, cure: str) -> NightdeskError:
    return NightdeskError("inputs.invalid", f"{problem[:1].upper()}{problem[1:]}.", cure)
