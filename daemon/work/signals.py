"""The task that asks a champion for its latest signal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from daemon.work.versions import inputs_of, loaded, refuse_other_bars
from data_pipeline.calendar import next_close

if TYPE_CHECKING:
    from daemon.worker import WorkContext

# A signal lives until the bar after its own has closed and its successor could be published.
GRACE = timedelta(hours=6)


def latest_signal(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Target position and confidence at the close of the last stored bar, with what a reader needs to trust them."""
    symbol = args["symbol"]
    artifact = loaded(context.home, args, args)
    inputs = inputs_of(context, symbol, artifact.manifest)
    refuse_other_bars(artifact.manifest, inputs)
    bars, signals = inputs.bars[symbol], artifact.model.decide(inputs)[symbol]
    last = bars.frame.index[-1]
    expires = next_close(symbol, bars.interval, last) + min(GRACE, 6 * interval_length(bars.interval))
    return {
        "bar_time": last.isoformat(),
        "interval": bars.interval,
        "position": float(signals.position.iloc[-1]),
        "confidence": float(signals.confidence.iloc[-1]),
        "price": float(bars.frame["close"].iloc[-1]),
        "provenance": artifact.manifest.provenance,
        "dataset": bars.fingerprint(),
        "expires_at": expires.isoformat(),
    }


def interval_length(interval: str) -> timedelta:
    """How long one bar of this interval lasts."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(interval[:-1]) * units[interval[-1]]
