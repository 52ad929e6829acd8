"""What a search may vary of a model type's params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from config.section import Section

Params = TypeVar("Params", bound=Section)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`: whole ones where `integer`, evenly spread over magnitudes where `log`."""

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
    """`params` with other values at dotted names, checked as if they had been configured so."""
    document = params.model_dump()
    for name, value in values.items():
        *sections, key = name.split(".")
        place = document
        for section in sections:
            place = place[section]
        place[key] = value
    return type(params).model_validate(document)
