"""The task that asks a champion for its latest signal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.work.bars import stored_bars
from data_pipeline.calendar import next_close
from trainers.artifact import load_artifact

if TYPE_CHECKING:
    from daemon.worker import WorkContext

# A signal lives until the bar after its own has closed and its successor could be published.
GRACE = timedelta(hours=6)


def latest_signal(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Target position and confidence at the close of the last stored bar, with what a reader needs to trust them."""
    symbol = args["symbol"]
    bars = stored_bars(context.home, context.settings, symbol)
    folder = context.home.model(symbol, args["model_type"], args["version"])
    artifact = load_artifact(folder, expect_manifest_sha256=args["manifest_sha256"])
    if artifact.manifest.source != bars.source:
        raise NightdeskError(
            "signals.provenance",
            f"The champion {args['version']} of {symbol} was trained on {artifact.manifest.source} bars; "
            f"the bars now stored are from {bars.source}.",
            "Let a night train and judge a model on these bars; until then this pair stays silent.",
        )
    signals = artifact.model.signals(bars)
    position, before = float(signals.position.iloc[-1]), float(signals.position.iloc[-2])
    last = bars.frame.index[-1]
    expires = next_close(symbol, bars.interval, last) + min(GRACE, 6 * interval_length(bars.interval))
    return {
        "bar_time": last.isoformat(),
        "interval": bars.interval,
        "action": "buy" if position > before else "sell" if position < before else "hold",
        "position": position,
        "confidence": float(signals.confidence.iloc[-1]),
        "price": float(bars.frame["close"].iloc[-1]),
        "provenance": artifact.manifest.provenance,
        "bars_source": bars.source,
        "dataset": bars.fingerprint(),
        "expires_at": expires.isoformat(),
    }


def interval_length(interval: str) -> timedelta:
    """How long one bar of this interval lasts."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return int(interval[:-1]) * units[interval[-1]]
