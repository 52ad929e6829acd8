"""Records of recipes as tasks return them, with p-values that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from daemon.domain.metrics import Metrics
from daemon.domain.recipes import Recipe
from daemon.jobs.records.messages import RecordFacts, RecordResult
from daemon.store import records
from daemon.store.records import RecordProgress, RecordRow
from data_pipeline.provenance import Provenance
from evaluation.records.standing import RUN, Evidence, Standing
from tests.support.models.report_parts import figures

FIRST = datetime(2020, 1, 2, 21, tzinfo=UTC)


def evidence(skill: float = 1.0, worse: float = 1.0) -> Evidence:
    """The same p-values at each of the last bars."""
    return Evidence((skill,) * RUN, (worse,) * RUN)


def record_facts(*, skill: float = 1.0, worse: float = 1.0, **changes: Any) -> RecordFacts:
    """The facts of a record of two years with these p-values; `changes` are those of its figures."""
    return RecordFacts(
        first=FIRST,
        last=FIRST + timedelta(days=730),
        evidence=evidence(skill, worse),
        figures=figures(**changes),
        metrics=Metrics(values={"sharpe_ratio": 0.9}),
        on_history=Metrics(values={"sharpe_ratio": 0.9}),
        since_live=None,
        live_from=None,
    )


def record_result(facts: RecordFacts | None = None, **changes: Any) -> RecordResult:
    """The result of a task that found every fold of a record computed."""
    values: dict[str, Any] = {
        "provenance": Provenance.of("yahoo"), "dataset": "d" * 64, "folds": 8, "missing": 0, "computed": 0, "fitted": 0,
        "restarted": 0, "facts": facts,
    }  # fmt: skip
    return RecordResult(**(values | changes))


def put_record(
    c: Connection,
    recipe: Recipe,
    now: datetime,
    *,
    standing: Standing = "unproven",
    provenance: str = "yahoo",
    restarted: int = 0,
    facts: RecordFacts | None = None,
) -> RecordRow:
    """Write the record of a recipe with this standing."""
    progress = RecordProgress(
        **{**vars(recipe), "recipe": recipe.fingerprint},
        provenance=provenance,
        run_id=None,
        folds=8,
        missing=0,
        restarted=restarted,
        facts=(facts or record_facts()).document(),
    )
    row = records.put(c, progress, now)
    records.set_standing(c, row, standing, f"It is {standing}.", now)
    settled = records.find(c, recipe.subject, recipe.model_type, recipe.fingerprint, provenance)
    assert settled is not None
    return settled
