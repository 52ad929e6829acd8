"""Provenance: whether data is real, so that people see it, and models of real and sample data are never compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

SAMPLE = "sample"  # the source of the made-up market and of its expert
Badge = Literal["sample data", "sample expert"]
_TEACHER: Badge = "sample expert"
_WARNINGS: dict[Badge, str] = {
    "sample data": "The sample market is made up: numbers from it mean nothing.",
    "sample expert": "The bars are real, but the expert is made up: what a model learned from it is no skill.",
}


@dataclass(frozen=True)
class Provenance:
    """Where bars came from, and whether the trades that a model learned from were made up for them.

    Args:
        sources: the sources of the bars, each once, in alphabetical order.
        sample_teacher: whether the sample expert traded on these bars, though they are real.
    """

    sources: tuple[str, ...]
    sample_teacher: bool = False

    @classmethod
    def of(cls, *sources: str, teacher: str | None = None) -> Provenance:
        """That of bars from these sources, and of trades from `teacher`, if a model learns from any.

        On the sample market, the sample expert is the real one.
        """
        return cls(tuple(sorted(set(sources))), teacher == SAMPLE and SAMPLE not in sources)

    @classmethod
    def parse(cls, label: str) -> Provenance:
        """The inverse of `label`, which is what databases, manifests and reports hold."""
        sources = label.removesuffix(f", {_TEACHER}")
        return cls(tuple(sources.split(" + ")), sources != label)

    @classmethod
    def joint(cls, parts: Iterable[Provenance]) -> Provenance:
        """That of all of these together."""
        together = list(parts)
        sources = sorted({source for part in together for source in part.sources})
        return cls(tuple(sources), any(part.sample_teacher for part in together))

    @property
    def label(self) -> str:
        """As people read it and files hold it: "yahoo", "csv + yahoo", "yahoo, sample expert"."""
        sources = " + ".join(self.sources)
        return f"{sources}, {_TEACHER}" if self.sample_teacher else sources

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
        """Whether models of the two may be compared: only those of the same provenance."""
        return self == other


def _parsed(value: object) -> object:
    return Provenance.parse(value) if isinstance(value, str) else value


# A field of a pydantic model whose JSON is the label.
ProvenanceField = Annotated[
    Provenance,
    BeforeValidator(_parsed),
    PlainSerializer(lambda provenance: provenance.label, return_type=str),
    WithJsonSchema({"type": "string", "title": "Provenance"}),
]
