"""Golden predictions: the last inputs a model was trained on and what it decides on them, as tensors and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from config.calendars import TradingCalendar
from config.errors import NightdeskError
from config.section import Section
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.inputs import EVENT_KINDS, EventKind, Inputs
from evaluation.signals import Signals
from trainers.safe_files import Tensors, corrupt, described

GOLDEN = "golden.safetensors"
CLOSES = 512
ROWS = 100_000  # of all symbols together, so that a version of a wide universe stays small
Floats = NDArray[np.float64]


class _BarsLayout(Section):
    """The content of the tensors `bars/N/time` and `bars/N/values`."""

    symbol: str
    interval: str
    source: str
    columns: tuple[str, ...] = Field(strict=False)
    calendar: str | None = None


class _EventsLayout(Section):
    """The content of the tensors `events/N/time` and `events/N/values`, and the columns of text themselves."""

    kind: EventKind
    name: str
    columns: tuple[str, ...] = Field(strict=False)
    text: dict[str, list[str]]


class _Layout(Section):
    """The content of the tensors of a golden file, in their order."""

    subject: str
    bars: tuple[_BarsLayout, ...] = Field(strict=False)
    events: tuple[_EventsLayout, ...] = Field(strict=False)


@dataclass(frozen=True, eq=False)
class Golden:
    """Inputs, and by symbol or market the signals that the model decided on them when it was trained."""

    inputs: Inputs
    signals: Mapping[str, Signals]


def golden_inputs(inputs: Inputs) -> Inputs:
    """The newest of the inputs, few enough to be stored with a model."""
    return inputs.for_decisions().tail(max(1, min(CLOSES, ROWS // max(len(inputs.bars), 1))))


def golden_tensors(golden: Golden) -> tuple[Tensors, dict[str, Any]]:
    """As tensors, and the JSON that describes each tensor."""
    tensors: Tensors = {}
    for place, (name, bars) in enumerate(golden.inputs.bars.items()):
        tensors[f"bars/{place}/time"] = pd.DatetimeIndex(bars.frame.index).asi8
        tensors[f"bars/{place}/values"] = bars.frame.to_numpy(np.float64)
        tensors[f"signals/{place}/position"] = golden.signals[name].position.to_numpy(np.float64)
        tensors[f"signals/{place}/confidence"] = golden.signals[name].confidence.to_numpy(np.float64)
    events = [(kind, name, rows) for kind in EVENT_KINDS for name, rows in golden.inputs.events(kind).items()]
    for place, (_, _, rows) in enumerate(events):
        tensors[f"events/{place}/time"] = pd.DatetimeIndex(rows.index).as_unit("ns").asi8
        tensors[f"events/{place}/values"] = rows[_numeric(rows)].to_numpy(np.float64)
    layout = _Layout(
        subject=golden.inputs.subject,
        bars=tuple(
            _BarsLayout(
                symbol=name,
                interval=bars.interval,
                source=bars.source,
                columns=tuple(bars.frame.columns),
                calendar=bars.named_calendar.code if bars.named_calendar else None,
            )
            for name, bars in golden.inputs.bars.items()
        ),
        events=tuple(
            _EventsLayout(
                kind=kind,
                name=name,
                columns=tuple(map(str, rows.columns)),
                text={str(column): rows[column].map(str).tolist() for column in rows if column not in _numeric(rows)},
            )
            for kind, name, rows in events
        ),
    )
    return tensors, {"inputs": layout.model_dump(mode="json")}


def _numeric(rows: pd.DataFrame) -> list[str]:
    return [str(name) for name, column in rows.items() if pd.api.types.is_numeric_dtype(column.dtype)]


def read_golden(tensors: Tensors, metadata: dict[str, Any]) -> Golden:
    """The inverse of `golden_tensors`; whatever does not fit together is `model.corrupt`."""
    layout = described(GOLDEN, _Layout, metadata.get("inputs"))
    try:
        bars = {part.symbol: _bars(tensors, place, part) for place, part in enumerate(layout.bars)}
        signals = {name: _signals(tensors, place, bars[name]) for place, name in enumerate(bars)}
        events: dict[EventKind, dict[str, pd.DataFrame]] = {kind: {} for kind in EVENT_KINDS}
        for place, part in enumerate(layout.events):
            events[part.kind][part.name] = _events(tensors, place, part)
        inputs = Inputs(
            layout.subject,
            bars,
            decisions=events["decisions"],
            headlines=events["headlines"],
            signals=events["signals"],
            trader_log=events["trader_log"],
        )
        return Golden(inputs, signals)
    except (NightdeskError, KeyError, ValueError, TypeError) as error:
        raise corrupt(GOLDEN, f"it does not hold golden inputs and predictions ({error})") from error


def read_first_format(tensors: Tensors, symbol: str, interval: str, source: str) -> Golden:
    """The golden bars and predictions of one symbol as manifests of format 1 name them."""
    rows = tensors["time"].shape if "time" in tensors else ()
    floats = dict.fromkeys((*COLUMNS, "position", "confidence"), ("<f8", rows))
    layout = {name: (array.dtype.str, array.shape) for name, array in tensors.items()}
    if len(rows) != 1 or layout != {"time": ("<i8", rows), **floats}:
        raise corrupt(GOLDEN, "it does not hold the golden bars and predictions")
    frame = pd.DataFrame({name: tensors[name] for name in COLUMNS}, index=_instants(tensors["time"]))
    bars = Bars(frame, symbol=symbol, interval=interval, source=source)
    index = bars.frame.index
    signals = Signals(pd.Series(tensors["position"], index=index), pd.Series(tensors["confidence"], index=index))
    return Golden(Inputs.of(bars), {symbol: signals})


@dataclass(frozen=True)
class Difference:
    """Where the decisions on one symbol differ first from the golden ones, and how many of them do."""

    symbol: str
    part: str
    row: int
    then: float
    now: float
    rows: int
    of: int


def differences(golden: Golden, decided: Mapping[str, Signals]) -> Iterator[Difference]:
    """Every position and confidence column that differs from the golden one in a bit."""
    for symbol, before in golden.signals.items():
        for part in ("position", "confidence"):
            then, now = (getattr(signals, part).to_numpy(np.float64) for signals in (before, decided[symbol]))
            rows = np.flatnonzero(then.view(np.int64) != now.view(np.int64))
            if len(rows):
                first = int(rows[0])
                yield Difference(symbol, part, first, float(then[first]), float(now[first]), len(rows), len(then))


def _bars(tensors: Tensors, place: int, layout: _BarsLayout) -> Bars:
    values = tensors[f"bars/{place}/values"]
    frame = pd.DataFrame(values, index=_instants(tensors[f"bars/{place}/time"]), columns=list(layout.columns))
    named = TradingCalendar(layout.calendar) if layout.calendar else None
    return Bars(frame, layout.symbol, layout.interval, layout.source, named)


def _signals(tensors: Tensors, place: int, bars: Bars) -> Signals:
    position, confidence = (
        pd.Series(tensors[f"signals/{place}/{part}"], index=bars.frame.index) for part in ("position", "confidence")
    )
    return Signals(position, confidence)


def _events(tensors: Tensors, place: int, layout: _EventsLayout) -> pd.DataFrame:
    numeric = [name for name in layout.columns if name not in layout.text]
    values = pd.DataFrame(tensors[f"events/{place}/values"], columns=numeric)
    rows = values.assign(**layout.text)[list(layout.columns)]
    return rows.set_axis(_instants(tensors[f"events/{place}/time"]))


def _instants(nanoseconds: NDArray[Any]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(nanoseconds.astype("datetime64[ns]"), name="time").tz_localize("UTC")
