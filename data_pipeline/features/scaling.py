"""Features brought to one scale, learned from the training span alone; a scaler is two rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.features.rolling import Floats

_LEAST = 2  # rows; a single one has no scale


@dataclass(frozen=True, eq=False)
class Scaler:
    """(x - centre) / scale for each column, by name; what was NaN stays NaN."""

    names: tuple[str, ...]
    centre: Floats
    scale: Floats

    def __post_init__(self) -> None:
        shapes = {(len(self.names),), self.centre.shape, self.scale.shape}
        if len(shapes) > 1 or not np.isfinite([self.centre, self.scale]).all() or (self.scale <= 0.0).any():
            raise NightdeskError(
                "scaling.malformed",
                f"A scaler of {', '.join(self.names)} has a centre or scale that does not fit.",
                "Each column needs a finite centre and a finite scale above 0.",
            )

    @classmethod
    def standard(cls, training: pd.DataFrame) -> Self:
        """Mean 0 and standard deviation (n) 1 over the training span; rows inside a warm-up do not count."""
        values = _checked_values(training)
        return cls._of(training, np.nanmean(values, axis=0), np.nanstd(values, axis=0))

    @classmethod
    def robust(cls, training: pd.DataFrame) -> Self:
        """Median 0 and interquartile range 1 over the training span: a few wild values move neither."""
        low, middle, high = np.nanquantile(_checked_values(training), (0.25, 0.5, 0.75), axis=0)
        return cls._of(training, middle, high - low)

    @classmethod
    def _of(cls, training: pd.DataFrame, centre: Floats, scale: Floats) -> Self:
        """A column that hardly moved, as little as rounding does, keeps its own scale."""
        flat = scale <= 16.0 * np.finfo(np.float64).eps * np.abs(centre)
        return cls(tuple(map(str, training.columns)), centre, np.where(flat, 1.0, scale))

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame on the training span's scale; its columns must be those of training, in their order."""
        return self._like(frame, (self._values(frame) - self.centre) / self.scale)

    def inverse(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame back on its own scale."""
        return self._like(frame, self._values(frame) * self.scale + self.centre)

    def to_dict(self) -> dict[str, Any]:
        """The scaler as JSON can hold it, to the last bit."""
        return {"names": list(self.names), "centre": self.centre.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(tuple(data["names"]), np.array(data["centre"], float), np.array(data["scale"], float))

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Centre and scale for safetensors, which needs them contiguous; names travel with the features' manifest."""
        return {"centre": np.ascontiguousarray(self.centre), "scale": np.ascontiguousarray(self.scale)}

    def _values(self, frame: pd.DataFrame) -> Floats:
        if tuple(map(str, frame.columns)) != self.names:
            raise NightdeskError(
                "scaling.columns",
                f"The scaler is for {', '.join(self.names)}; the frame has {', '.join(map(str, frame.columns))}.",
                "Give the columns it was fitted on, in their order.",
            )
        return frame.to_numpy(np.float64)

    @staticmethod
    def _like(frame: pd.DataFrame, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, index=frame.index, columns=frame.columns)


def _checked_values(training: pd.DataFrame) -> Floats:
    """The values of the training span, each column with enough of them."""
    values = training.to_numpy(np.float64)
    poor = np.isinf(values).any(axis=0) | ((~np.isnan(values)).sum(axis=0) < _LEAST)
    if poor.any():
        raise NightdeskError(
            "scaling.undefined",
            f"{training.columns[int(np.argmax(poor))]!r} has no scale in the {len(values)} rows of the training span.",
            f"Each column needs at least {_LEAST} numbers, none of them infinite.",
        )
    return values
