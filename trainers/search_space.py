"""The params of a model type that a hyperparameter search may vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from config.section import Section

Params = TypeVar("Params", bound=Section)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`: integers if `integer`, sampled on a log scale if `log`."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    values: tuple[Any, ...]


# By the dotted name of a param, such as `agent.learning_rate`.
SearchSpace = Mapping[str, Range | OneOf]


def with_values(params: Params, values: Mapping[str, Any]) -> Params:
    """`params` with the values at these dotted names replaced, validated as a config is."""
    document = params.model_dump()
    for name, value in values.items():
        *sections, key = name.split(".")
        place = document
        for section in sections:
            place = place[section]
        place[key] = value
    return type(params).model_validate(document)
