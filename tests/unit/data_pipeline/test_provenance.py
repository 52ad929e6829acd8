from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from data_pipeline.provenance import Provenance, ProvenanceField

SOURCES = st.sets(st.sampled_from(["csv", "sample", "yahoo"]), min_size=1)


class Part(BaseModel):
    provenance: ProvenanceField


@pytest.mark.parametrize(
    ("provenance", "label"),
    [
        (Provenance.of("yahoo"), "yahoo"),
        (Provenance.of("yahoo", teacher="file"), "yahoo"),
        (Provenance.of("yahoo", teacher="sample"), "yahoo, sample expert"),
        (Provenance.of("sample", teacher="sample"), "sample"),
        (Provenance.of("yahoo", "csv", "yahoo"), "csv + yahoo"),
    ],
)
def test_a_label_is_read_in_one_glance_and_read_back(provenance: Provenance, label: str) -> None:
    assert provenance.label == label
    assert Provenance.parse(label) == provenance


@pytest.mark.parametrize(
    ("label", "badge"),
    [
        ("yahoo", None),
        ("csv, sample expert", "sample expert"),
        ("sample", "sample data"),
        ("csv + sample", "sample data"),
    ],
)
def test_what_is_made_up_has_a_badge_and_a_sentence(label: str, badge: str | None) -> None:
    provenance = Provenance.parse(label)
    assert provenance.badge == badge
    assert bool(provenance.warning) == bool(badge)
    assert "made up" in (provenance.warning or "made up")


@given(SOURCES, st.sampled_from([None, "file", "sample"]))
def test_every_provenance_is_read_back_from_its_label(sources: set[str], teacher: str | None) -> None:
    provenance = Provenance.of(*sources, teacher=teacher)
    assert Provenance.parse(provenance.label) == provenance
    part = Part(provenance=provenance)
    assert Part.model_validate_json(part.model_dump_json()) == part
    assert part.model_dump(mode="json") == {"provenance": provenance.label}


def test_only_models_of_the_same_kind_of_truth_are_comparable() -> None:
    real, cloned, made_up = Provenance.of("yahoo"), Provenance.of("yahoo", teacher="sample"), Provenance.of("sample")
    assert real.comparable(Provenance.of("yahoo", teacher="file"))
    assert not any(one.comparable(other) for one, other in ((real, cloned), (cloned, made_up), (made_up, real)))


def test_data_is_sample_data_as_soon_as_any_of_its_bars_are_made_up() -> None:
    assert Provenance.of("yahoo", "sample").is_sample
    assert not Provenance.of("yahoo", teacher="sample").is_sample


def test_together_provenances_have_all_sources_and_any_made_up_teacher() -> None:
    parts = [Provenance.of("yahoo"), Provenance.of("csv", teacher="sample")]
    assert Provenance.joint(parts).label == "csv + yahoo, sample expert"


def test_data_that_has_ended_is_marked_and_stays_comparable_to_data_of_its_source() -> None:
    ended = Provenance.of("csv", teacher="sample").at(date(2018, 12, 31))
    assert ended.label == "csv, sample expert, as of 2018-12-31, not live"
    assert Provenance.parse(ended.label) == ended
    assert ended.comparable(Provenance.of("csv", teacher="sample"))
    assert not ended.comparable(Provenance.of("csv"))
    assert Provenance.joint([Provenance.of("csv"), ended]).as_of == date(2018, 12, 31)
    assert ended.at(None).label == "csv, sample expert"
