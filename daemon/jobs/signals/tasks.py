"""The task that asks a champion for its latest signals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from config.names import is_trader_subject
from daemon.domain.signals import target_name
from daemon.jobs.signals.messages import LatestSignal, SignalResult
from daemon.jobs.trainings import ended_at
from daemon.jobs.versions import inputs_of, loaded, refuse_other_bars
from data_pipeline.bars.calendar import next_close, opens
from data_pipeline.provenance import Provenance
from data_pipeline.trader_logs.inputs import newest_markets
from evaluation.records.live import published_signals
from evaluation.signal_model import Request

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.signals.messages import SignalRequest
    from data_pipeline.bars.bars import Bars
    from evaluation.signals import Signals

# A signal lives until the bar after its own has closed and its successor could be published.
GRACE = timedelta(hours=6)


def latest_signals(context: WorkContext, request: SignalRequest) -> SignalResult:
    """Target position and confidence at the close of each symbol's last stored bar, with what a reader needs."""
    artifact = loaded(context.home, request.subject, request.model_type, request.version)
    inputs = inputs_of(context, request.subject, artifact.manifest.model_type)
    refuse_other_bars(artifact.manifest, inputs)
    if is_trader_subject(request.subject):
        inputs = newest_markets(inputs)
    provenance = Provenance.parse(artifact.manifest.provenance).at(ended_at(context, inputs))
    published = published_signals(request.published)
    return SignalResult(
        signals=tuple(
            newest_signal(inputs.bars[symbol], signals, provenance, target)
            for target in request.target_returns
            for symbol, signals in artifact.model.decide(inputs, Request(target, published)).items()
        )
    )


def newest_signal(
    bars: Bars, signals: Signals, provenance: Provenance, target_return: float | None = None
) -> LatestSignal:
    """The decision at the close of the last bar, by when to act on it, and when it expires."""
    last = bars.frame.index[-1]
    act_by, expires = _times(bars, last)
    return LatestSignal(
        symbol=bars.symbol,
        bar_time=last.to_pydatetime(),
        interval=bars.interval,
        position=float(signals.position.iloc[-1]),
        confidence=float(signals.confidence.iloc[-1]),
        price=float(bars.frame["close"].iloc[-1]),
        provenance=provenance,
        dataset=bars.fingerprint(),
        act_by=act_by.to_pydatetime(),
        expires_at=expires,
        target=target_name(target_return),
        remark=signals.remark,
    )


def _times(bars: Bars, last: pd.Timestamp) -> tuple[pd.Timestamp, datetime]:
    """The next open and the expiry of a signal of the bar that closed `last`.

    A signal about a bar of seconds, in a trader's market, is over with that bar.
    """
    if bars.interval.endswith("s"):
        return last, (last + interval_length(bars.interval)).to_pydatetime()
    following = next_close(bars.calendar, bars.interval, last)
    expires = following + min(GRACE, 6 * interval_length(bars.interval))
    return opens(bars.calendar, pd.DatetimeIndex([last, following]))[1], expires


def interval_length(interval: str) -> timedelta:
    """How long one bar of this interval lasts."""
    units = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(interval[:-1]) * units[interval[-1]]
