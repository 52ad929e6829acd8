"""Windows over traders' decisions: return to go, state and action of the newest bars, one market at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from config.errors import NightdeskError, UsageError
from data_pipeline.actions import GRADES, NO_TRADE
from data_pipeline.trader_logs.states import GROUPS, SCALED

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

WINDOW = 128
RETURN_SCALE = 100.0  # returns to go are hundredths; a net wants them near 1
_WIDEST = 10.0  # deviations: one odd market shall not drown the others

Split = Literal["train", "validation"]
F32 = npt.NDArray[np.float32]


class Batch(NamedTuple):
    """Windows, newest bar last, padded on the left; `mask` is true where there is a bar.

    A training's loss is taken where `counted` is true: at a bar that several windows hold, in one of them alone.
    """

    returns_to_go: F32  # [windows, bars, 1], scaled
    states: F32  # [windows, bars, states], scaled
    actions: npt.NDArray[np.int64]  # [windows, bars]
    mask: npt.NDArray[np.bool_]  # [windows, bars]
    returns: F32  # [windows, bars], what each bar earned, not scaled
    counted: npt.NDArray[np.bool_]  # [windows, bars]

    @property
    def one_hot(self) -> F32:
        """The actions as [windows, bars, 5]: 1 at the action of a bar, 0 elsewhere and where there is no bar."""
        return np.eye(len(GRADES), dtype="f4")[self.actions] * self.mask[..., None]


class Windows(NamedTuple):
    """Stretches of rows: of each its last row, its first one, and the first that counts in a loss."""

    ends: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    counted_from: npt.NDArray[np.int64]

    def take(self, numbers: npt.ArrayLike) -> Windows:
        """Those of these numbers."""
        return Windows(*(part[np.asarray(numbers, dtype="i8")] for part in self))


@dataclass(frozen=True, eq=False)
class Sequences:
    """All windows of some markets: the nth ends at the nth bar and begins `window` bars before, or with its market.

    Bars are kept once; windows are cut when they are asked for.
    """

    states: F32  # [bars, states], scaled
    actions: npt.NDArray[np.int8]
    returns_to_go: F32  # scaled
    returns: F32
    begins: npt.NDArray[np.int64]  # for each bar, the first of its market
    window: int = WINDOW

    @classmethod
    def of(
        cls,
        states: npt.NDArray[np.floating],
        actions: npt.NDArray[np.int8],
        rewards: npt.NDArray[np.float64],
        begins: npt.NDArray[np.int64],
        *,
        window: int = WINDOW,
        return_scale: float | None = RETURN_SCALE,
    ) -> Sequences:
        """Sequences over rows of whole markets; without a `return_scale`, one over the deviation of these returns."""
        to_go = returns_to_go(rewards, begins)
        if return_scale is None:
            deviation = float(to_go.std()) if len(to_go) else 0.0
            return_scale = 1.0 / deviation if deviation > 0 else 1.0
        scaled = (to_go * return_scale).astype("f4")
        return cls(states.astype("f4"), actions, scaled, rewards.astype("f4"), begins, window)

    def __len__(self) -> int:
        return len(self.actions)

    def batch(self, windows: npt.ArrayLike) -> Batch:
        """The windows of these numbers; each ends at the bar of the same number."""
        ends = np.asarray(windows, dtype="i8")
        if len(ends) and not (ends.min() >= 0 and ends.max() < len(self)):
            raise NightdeskError(
                "sequences.range",
                f"There are {len(self)} windows; {ends.min()} to {ends.max()} were asked for.",
                "Choose from 0 to one less than there are.",
            )
        return self.cut(self.every_bar().take(ends))

    def every_bar(self) -> Windows:
        """The window of every bar; all bars of a window count."""
        ends = np.arange(len(self))
        begins = np.maximum(self.begins, ends + 1 - self.window)
        return Windows(ends, begins, begins)

    def contracts(self) -> Windows:
        """Whole markets, each in one window; in a longer one every next window begins half a window later.

        Every bar counts once. Where a window begins does not depend on how long its market goes on.
        """
        starts = np.unique(self.begins)
        cuts = [
            (begin, min(begin + self.window, end), counted)
            for start, end in zip(starts.tolist(), np.append(starts[1:], len(self)).tolist(), strict=True)
            for begin, counted in _overlapping(start, end, self.window)
        ]
        begins, ends, counted = np.array(cuts, dtype="i8").reshape(-1, 3).T
        return Windows(ends - 1, begins, counted)

    def cut(self, windows: Windows) -> Batch:
        """These windows as arrays."""
        rows = windows.ends[:, None] + np.arange(1 - self.window, 1)
        mask = rows >= windows.begins[:, None]
        counted = mask & (rows >= windows.counted_from[:, None])
        rows = np.where(mask, rows, 0)
        return Batch(
            np.where(mask, self.returns_to_go[rows], 0.0).astype("f4")[..., None],
            np.where(mask[..., None], self.states[rows], 0.0).astype("f4"),
            np.where(mask, self.actions[rows], NO_TRADE).astype("i8"),
            mask,
            np.where(mask, self.returns[rows], 0.0).astype("f4"),
            counted,
        )


def _overlapping(start: int, end: int, window: int) -> Iterator[tuple[int, int]]:
    """The first row of each window from `start` to `end`, and the first that no window before holds."""
    step = max(window // 2, 1)
    yield start, start
    for begin in range(start + step, end - window + step, step):
        yield begin, begin + window - step


def returns_to_go(rewards: npt.NDArray[np.float64], begins: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """RTG_t = r_t + r_(t+1) + ... to the end of the market of t."""
    out = np.empty(len(rewards))
    for start, end in pairwise([*np.unique(begins).tolist(), len(rewards)]):
        out[start:end] = np.cumsum(rewards[start:end][::-1])[::-1]
    return out


def read_sequences(
    path: Path,
    split: Split,
    *,
    groups: Sequence[str] = ("base",),
    window: int | None = None,
    return_scale: float | None = RETURN_SCALE,
) -> Sequences:
    """The sequences of one split of a table of traders' decisions, scaled by the statistics of its training markets.

    `groups` are those of their states; the 17 of `base` come first. Without a `window`, it is that of the table. With
    `return_scale` None, returns are scaled by the deviation that the returns to go of training markets have.
    """
    names = state_names(groups)
    facts, table = _read(path, ["split", "market", "action", "reward", *names])
    rows = table.filter(np.asarray(table["split"].to_pandas() == split))
    scale = facts["return_deviation"]
    values = np.column_stack([rows[name].to_numpy() for name in names]).astype("f8")
    values[:, :SCALED] = (values[:, :SCALED] - facts["centre"]) / facts["spread"]
    market = rows["market"].to_numpy()
    begins = np.searchsorted(market, market, side="left")
    return Sequences.of(
        np.clip(values, -_WIDEST, _WIDEST),
        rows["action"].to_numpy(),
        rows["reward"].to_numpy(),
        begins,
        window=window if window is not None else facts["window"],
        return_scale=return_scale if return_scale is not None else (1.0 / scale if scale > 0 else 1.0),
    )


def state_names(groups: Sequence[str]) -> tuple[str, ...]:
    """The names of the states of these groups; `base` must be the first of them."""
    unknown = [group for group in groups if group not in GROUPS]
    if unknown or not groups or groups[0] != "base" or len(set(groups)) < len(groups):
        raise UsageError(
            "trades.groups",
            f"{', '.join(groups) or 'no group'} cannot be used as groups of states.",
            f"Name base first, then any of {', '.join(list(GROUPS)[1:])}, each once.",
        )
    return tuple(name for group in groups for name in GROUPS[group])


def _read(path: Path, columns: list[str]) -> tuple[dict[str, Any], pa.Table]:
    """The metadata of a table, and these columns of it."""
    import pyarrow.parquet as pq  # noqa: PLC0415 -- heavy

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return table_facts(file), file.read(columns=columns).select(columns)
    except (OSError, ValueError, KeyError) as error:
        raise NightdeskError(
            "trades.no_table",
            f"{path.name} is no table of traders' decisions: {error}.",
            "Make one with `nightdesk data --trades PLACE`.",
        ) from error


def table_facts(file: pq.ParquetFile) -> dict[str, Any]:
    """The metadata of a table of traders' decisions."""
    facts: dict[str, Any] = json.loads((file.schema_arrow.metadata or {})[b"nightdesk"])
    return facts
