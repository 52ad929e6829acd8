"""The bars that are stored: what they are, how fresh, and whether they are still what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from data_pipeline import calendar, quality
from data_pipeline.store import BarStore, Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from config.paths import Home


def stored(home: Home, now: datetime, symbols: Sequence[str] | None, *, check: bool) -> list[dict[str, Any]]:
    """Every dataset (of `symbols`), with `fresh` and, if it is to be checked, its `problem` or None."""
    store = BarStore(home)
    chosen = [dataset for dataset in store.all() if not symbols or dataset.symbol in symbols]
    return [
        {
            **dataset.to_dict(),
            "fresh": dataset.last >= calendar.last_closed(dataset.symbol, dataset.interval, now),
            "problem": _problem(store, dataset, now) if check else None,
        }
        for dataset in chosen
    ]


def _problem(store: BarStore, dataset: Dataset, now: datetime) -> dict[str, Any] | None:
    """Read it (which proves its hash), and let it pass the gates that it passed once before."""
    try:
        bars = store.load(dataset.symbol, dataset.interval, dataset.source)
        quality.check(bars.frame, dataset.symbol, dataset.interval, now)
    except NightdeskError as error:
        return error.to_dict()
    return None
