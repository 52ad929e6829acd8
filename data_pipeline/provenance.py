"""Provenance: whether data is real and live, so that people see it, and real and sample data are never compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

SAMPLE = "sample"  # the source of the made-up market and of its expert
Badge = Literal["sample data", "sample expert"]
_TEACHER: Badge = "sample expert"
_WARNINGS: dict[Badge, str] = {
    "sample data": "The sample market is made up: numbers from it mean nothing.",
    "sample expert": "The bars are real, but the expert is made up: what a model learned from it is no skill.",
}
_AS_OF = re.compile(r", as of (\d{4}-\d{2}-\d{2}), not live$")


@dataclass(frozen=True)
class Provenance:
    """Where bars came from, and whether the trades that a model learned from were made up for them.

    Args:
        sources: the sources of the bars, each once, in alphabetical order.
        sample_teacher: whether the sample expert traded on these bars, though they are real.
        as_of: the date of the last bar of a history that has ended, where the owner works as of it; None for live data.
    """

    sources: tuple[str, ...]
    sample_teacher: bool = False
    as_of: date | None = None

    @classmethod
    def of(cls, *sources: str, teacher: str | None = None) -> Provenance:
        """That of bars from these sources, and of trades from `teacher`, if a model learns from any.

        On the sample market, the sample expert is the real one.
        """
        return cls(tuple(sorted(set(sources))), teacher == SAMPLE and SAMPLE not in sources)

    @classmethod
    def parse(cls, label: str) -> Provenance:
        """The inverse of `label`, which is what databases, manifests and reports hold."""
        ended = _AS_OF.search(label)
        rest = label[: ended.start()] if ended else label
        sources = rest.removesuffix(f", {_TEACHER}")
        as_of = date.fromisoformat(ended[1]) if ended else None
        return cls(tuple(sources.split(" + ")), sources != rest, as_of)

    @classmethod
    def joint(cls, parts: Iterable[Provenance]) -> Provenance:
        """That of all of these together."""
        together = list(parts)
        sources = sorted({source for part in together for source in part.sources})
        ended = [part.as_of for part in together if part.as_of is not None]
        return cls(tuple(sources), any(part.sample_teacher for part in together), min(ended, default=None))

    def at(self, as_of: date | None) -> Provenance:
        """The same of data that ended at `as_of`, or of live data (None)."""
        return replace(self, as_of=as_of)

    @property
    def label(self) -> str:
        """As people read it and files hold it: "yahoo", "csv, sample expert", "csv, as of 2018-12-31, not live"."""
        teacher = f", {_TEACHER}" if self.sample_teacher else ""
        ended = f", as of {self.as_of}, not live" if self.as_of is not None else ""
        return " + ".join(self.sources) + teacher + ended

    @property
    def is_sample(self) -> bool:
        """Whether any of the bars are made up."""
        return SAMPLE in self.sources

    @property
    def badge(self) -> Badge | None:
        """What a reader must not overlook, in two words: what is made up. None where all is real."""
        if self.is_sample:
            return "sample data"
        return _TEACHER if self.sample_teacher else None

    @property
    def warning(self) -> str | None:
        """What the badge means, in a sentence."""
        return _WARNINGS[self.badge] if self.badge else None

    def comparable(self, other: Provenance) -> bool:
        """Whether models of the two may be compared: those of the same sources and kind of teacher, ended or not."""
        return (self.sources, self.sample_teacher) == (other.sources, other.sample_teacher)


def _parsed(value: object) -> object:
    return Provenance.parse(value) if isinstance(value, str) else value


# A field of a pydantic model whose JSON is the label.
ProvenanceField = Annotated[
    Provenance,
    BeforeValidator(_parsed),
    PlainSerializer(lambda provenance: provenance.label, return_type=str),
    WithJsonSchema({"type": "string", "title": "Provenance"}),
]
