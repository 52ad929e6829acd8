"""Traders' logs made into one table to learn from: a row a decision, market by market, in memory that does not grow."""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from config.errors import NightdeskError
from config.publish import TEMP_PREFIX, publishing
from data_pipeline import actions
from data_pipeline.trader_logs import states as trader_states
from data_pipeline.trader_logs.bars import TraderBars, grid_of, trader_bars
from data_pipeline.trader_logs.contract import bar_seconds, nominal
from data_pipeline.trader_logs.events import TRADE, TraderEvents
from data_pipeline.trader_logs.inputs import market_slug, read_market, settled_at
from data_pipeline.trader_logs.labels import Exit, Labels, exit_barriers, exits, trader_labels
from data_pipeline.trader_logs.options import TableOptions
from data_pipeline.trader_logs.report import Report
from data_pipeline.trader_logs.sequences import returns_to_go

VERSION = 2
_GROUP = 65_536  # rows that are written at one go; a market is never cut by it
_SIZES = np.geomspace(1e-6, 1e12, 40_001)  # edges of the histogram of net amounts: a quantile to a thousandth
_SPLITS = ("train", "purged", "validation")
_DRAFT = pa.schema(
    [
        ("market", pa.int32()),
        ("address", pa.string()),
        ("slug", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("price", pa.float64()),
        ("net", pa.float64()),
        ("trades", pa.int32()),
        ("reward", pa.float64()),
        ("label", pa.int8()),
        ("pnl", pa.float64()),
        ("bars_held", pa.int32()),
        *((name, pa.float32()) for name in trader_states.NAMES),
    ]
)
_TABLE = pa.schema([*_DRAFT, ("action", pa.int8()), ("split", pa.string())])

Progress = Callable[[float, str], None]


def make_table(
    logs: Iterable[tuple[str, Path]],
    out: Path,
    options: TableOptions | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Report:
    """Make the table `out` of these logs, which are named by their keys (`.../<address>/<slug>_prices.json`).

    Twice through the rows: amounts and scales of the training markets must be known before an action has its
    class. In between they wait in a nameless file, so that only a few markets are in memory at any time. A market that
    is open at `now` is left out: what it earns is not known yet.
    """
    logs, options = list(logs), options or TableOptions()
    seconds = options.seconds or bar_seconds(
        filter(None, (nominal(market_slug(path)) for _, path in logs)), options.window
    )
    report = Report(seconds=seconds)
    options = _with_fitted_barriers(logs, replace(options, seconds=seconds), report, now)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(prefix=TEMP_PREFIX, dir=out.parent) as draft:
        drafting = _Drafting(options, report, now)
        drafting.write(logs, draft, progress or (lambda _done, _name: None))
        if not report.markets:
            raise NightdeskError(
                "trades.empty",
                f"None of {len(logs)} logs has a market that is over and long enough to learn from{report.rejection}.",
                report.cure_of_no_market,
                **report.to_dict(),
            )
        spans = np.array(drafting.spans, dtype="i8").reshape(-1, 2)
        report.first, report.last = (_instant(time) for time in (spans[:, 0].min(), spans[:, 1].max()))
        with pq.ParquetFile(draft) as rows, publishing(out) as temp:
            _write(rows, temp, _splits(spans, options.train), options, report)
    return report


def _with_fitted_barriers(
    logs: list[tuple[str, Path]], options: TableOptions, report: Report, now: datetime | None
) -> TableOptions:
    """With the barriers of the trader's exits in training markets, if they are wanted and can be had."""
    if options.fit_barriers:
        spans, left = array("q"), list[list[Exit]]()
        for _, path in logs:
            with suppress(NightdeskError):  # counted when the rows are made
                events, contract = read_market(path, options.repeats)
                grid = grid_of(events, report.seconds, contract)
                if grid.rows > 0 and (settled := settled_at(events, contract, grid, now)) is not None:
                    spans.extend((int(grid.time[0]), settled))
                    left.append(exits(events, report.seconds))
        try:
            splits = _splits(np.array(spans, dtype="i8").reshape(-1, 2), options.train)
            fitted = exit_barriers(
                each for split, market in zip(splits, left, strict=True) if split == 0 for each in market
            )
            options, report.barriers = options.with_barriers(fitted), "fitted"
        except NightdeskError as error:
            report.barriers = f"not fitted: {error.message}"
    report.profit, report.stop, report.patience = options.profit, options.stop, options.patience
    return options


class _Drafting:
    """The first way through the logs: their rows, and counts of what was rejected."""

    def __init__(self, options: TableOptions, report: Report, now: datetime | None) -> None:
        self.spans = array("q")  # of each market, the first row, and when all that it earned is known
        self._options = options
        self._report = report
        self._now = now
        self._rejected: Counter[str] = Counter()

    def write(self, logs: Iterable[tuple[str, Path]], draft: Any, progress: Progress) -> None:
        """Write the rows of every market that is long enough."""
        with pq.ParquetWriter(draft, _DRAFT) as writer:
            for group in _grouped(self._markets(list(logs), progress)):
                writer.write_table(group, row_group_size=len(group))
        self._report.rejected = dict(sorted(self._rejected.items()))

    def _markets(self, logs: list[tuple[str, Path]], progress: Progress) -> Iterator[pa.Table]:
        for nth, (key, path) in enumerate(logs):
            progress(nth / len(logs), path.name)
            try:
                events, contract = read_market(path, self._options.repeats)
            except NightdeskError as error:
                self._report.failed[key] = error.code
                continue
            self._see_newest(events)
            bars, grid = (
                trader_bars(events, self._report.seconds, contract),
                grid_of(events, self._report.seconds, contract),
            )
            settled = settled_at(events, contract, grid, self._now) if len(bars) else None
            if len(bars) and settled is None:
                self._report.open += 1
                continue
            self._count(events, bars)
            if settled is None:
                self._report.too_short += 1
                continue
            self.spans.extend((int(bars.time[0]), settled))
            yield _rows(bars, trader_labels(bars, self._options.barriers), self._report.markets, path)
            self._report.markets += 1

    def _see_newest(self, events: TraderEvents) -> None:
        fills = events.t[events.kind == TRADE]
        if len(fills):
            self._report.newest_fill = max(self._report.newest_fill, _instant(fills[-1]))

    def _count(self, events: TraderEvents, bars: TraderBars) -> None:
        self._rejected.update(events.rejected)
        report, fills = self._report, int((events.kind == TRADE).sum())
        report.events += len(events)
        report.repeated_fills += events.repeats
        report.assumed_outcomes += events.assumed
        report.not_held += bars.not_held
        report.fills += fills
        report.fills_without_row += fills - int(bars.trades.sum())
        report.earned += bars.earned * bars.put_up
        report.earned_without_row += (bars.earned - float(bars.reward.sum())) * bars.put_up


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat()


def _rows(bars: TraderBars, labels: Labels, market: int, path: Path) -> pa.Table:
    n = len(bars)
    states = trader_states.states(bars).astype("f4")
    columns = [
        np.full(n, market, dtype="i4"),
        pa.repeat(path.parent.name, n),
        pa.repeat(market_slug(path), n),
        pa.array(bars.time, pa.timestamp("ms", tz="UTC")),
        bars.prices.close,
        bars.net,
        bars.trades.astype("i4"),
        bars.reward,
        *labels,
        *states.T,
    ]
    arrays = [pa.array(values, from_pandas=True).cast(kind) for values, kind in zip(columns, _DRAFT.types, strict=True)]
    return pa.table(arrays, _DRAFT)


def _grouped(markets: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Whole markets, together about as many rows as are good to write at one go."""
    waiting: list[pa.Table] = []
    rows = 0
    for market in markets:
        waiting.append(market)
        rows += len(market)
        if rows >= _GROUP:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _splits(spans: npt.NDArray[np.int64], train: float) -> npt.NDArray[np.int8]:
    """0, 1 or 2 for each market: settled before the cut, across it, begun after it. Whole markets, and never shuffled.

    A return to go knows of the redemption, which may come long after the last price.
    """
    starts = np.sort(spans[:, 0])
    nth = max(1, int(len(starts) * train))
    if nth >= len(starts):
        return np.zeros(len(spans), dtype=np.int8)
    cut = starts[nth]
    if spans[:, 1].min() > cut:
        raise NightdeskError(
            "trades.no_training",
            f"None of {len(spans)} markets was settled before the first one to validate on begins.",
            "Add logs of older markets.",
        )
    return np.where(spans[:, 1] <= cut, 0, np.where(spans[:, 0] >= cut, 2, 1)).astype(np.int8)


@dataclass
class _Training:
    """Statistics of the training markets: scales of states, amounts, and the deviation of returns to go."""

    moments: trader_states.Moments = field(default_factory=trader_states.Moments)
    amounts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_SIZES) - 1, dtype="i8"))
    returns: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # count, sum, sum of squares

    def add(self, rows: pa.Table) -> None:
        """Take whole markets in."""
        self.moments.add(
            np.column_stack([rows[name].to_numpy() for name in trader_states.NAMES[: trader_states.SCALED]])
        )
        net = np.abs(rows["net"].to_numpy())
        self.amounts += np.histogram(net[net > 0], _SIZES)[0]
        market = rows["market"].to_numpy()
        to_go = returns_to_go(rows["reward"].to_numpy(), np.searchsorted(market, market))
        for nth, power in enumerate((to_go**0, to_go, to_go**2)):
            self.returns[nth] += float(power.sum())

    def facts(self, strong: float) -> dict[str, Any]:
        """As JSON. A strong amount is the edge below which the share `strong` of all amounts lies."""
        centre, spread = self.moments.scale()
        traded = np.cumsum(self.amounts)
        amount = _SIZES[1 + np.searchsorted(traded, strong * traded[-1])] if traded[-1] else float(_SIZES[-1])
        n, total, squares = self.returns
        variance = squares / n - (total / n) ** 2 if n else 0.0
        return {
            "centre": centre.tolist(),
            "spread": spread.tolist(),
            "strong_amount": float(amount),
            "return_deviation": max(variance, 0.0) ** 0.5,
        }


def _write(
    draft: pq.ParquetFile, path: Path, splits: npt.NDArray[np.int8], options: TableOptions, report: Report
) -> None:
    training = _Training()
    for rows in _groups(draft):
        training.add(rows.filter(pa.array(splits[rows["market"].to_numpy()] == 0)))
    facts = {
        "version": VERSION,
        **asdict(options),
        **training.facts(options.strong),
        "states": list(trader_states.NAMES),
    }
    counted: Counter[str] = Counter()
    graded: Counter[str] = Counter()
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    schema = _TABLE.with_metadata({b"nightdesk": json.dumps(facts).encode()})
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for rows in _groups(draft):
            grades = actions.graded(rows["net"].to_numpy(), facts["strong_amount"])
            split = np.array(_SPLITS, dtype=object)[splits[rows["market"].to_numpy()]]
            full = rows.append_column("action", pa.array(grades)).append_column("split", pa.array(split, pa.string()))
            writer.write_table(full, row_group_size=len(full))
            for name in full.column_names:
                _digest(digest, full[name])
            counted.update(split)
            graded.update(actions.GRADES[grade] for grade in grades)
        report.id = digest.hexdigest()
        writer.add_key_value_metadata({"id": report.id})
    report.sequences = {name: counted[name] for name in _SPLITS}
    report.actions = {name: graded[name] for name in actions.GRADES}


def _digest(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    if pa.types.is_string(column.type):
        digest.update(json.dumps(column.to_pylist()).encode())
    else:
        digest.update(np.ascontiguousarray(column.to_numpy()).tobytes())


def _groups(draft: pq.ParquetFile) -> Iterator[pa.Table]:
    return (draft.read_row_group(nth) for nth in range(draft.num_row_groups))
