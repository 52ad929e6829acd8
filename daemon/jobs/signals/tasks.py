"""The task that asks a champion for its latest signals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from daemon.jobs.signals.messages import LatestSignal, SignalResult
from daemon.jobs.versions import inputs_of, loaded, refuse_other_bars
from data_pipeline.bars.calendar import next_close, opens
from data_pipeline.provenance import Provenance
from data_pipeline.pulls.update import ended_on
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
    decided = artifact.model.decide(inputs, Request(published=published_signals(request.published)))
    ended = ended_on(inputs.bars.values(), context.settings, context.now())
    provenance = Provenance.parse(artifact.manifest.provenance).at(ended)
    return SignalResult(
        signals=tuple(newest_signal(inputs.bars[symbol], signals, provenance) for symbol, signals in decided.items())
    )


def newest_signal(bars: Bars, signals: Signals, provenance: Provenance) -> LatestSignal:
    """The decision at the close of the last bar, by when to act on it, and when it expires."""
    last = bars.frame.index[-1]
    following = next_close(bars.calendar, bars.interval, last)
    expires = following + min(GRACE, 6 * interval_length(bars.interval))
    return LatestSignal(
        symbol=bars.symbol,
        bar_time=last.to_pydatetime(),
        interval=bars.interval,
        position=float(signals.position.iloc[-1]),
        confidence=float(signals.confidence.iloc[-1]),
        price=float(bars.frame["close"].iloc[-1]),
        provenance=provenance,
        dataset=bars.fingerprint(),
        act_by=opens(bars.calendar, pd.DatetimeIndex([last, following]))[1].to_pydatetime(),
        expires_at=expires,
    )


def interval_length(interval: str) -> timedelta:
    """How long one bar of this interval lasts."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(interval[:-1]) * units[interval[-1]]
