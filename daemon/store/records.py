"""Records of recipes: how far each is, and its standing; each is a try that every later verdict counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from daemon.store.rows import all_as, first_as, insert
from daemon.store.tables import records, trials
from daemon.store.trials import MEASURED
from data_pipeline.provenance import Provenance
from evaluation.records.standing import Standing

NOT_YET = "Has no record yet."


@dataclass(frozen=True, kw_only=True)
class _Record:
    """The recipe of a record, how far it is by the newest run that looked at it, and what it says."""

    subject: str
    model_type: str
    recipe: str
    provenance: str
    params: dict[str, Any]
    seed: int
    window: int
    run_id: int | None
    folds: int
    missing: int
    facts: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class RecordProgress(_Record):
    """How far a record is, to be written; `restarted` folds were computed anew since their past was revised."""

    restarted: int


@dataclass(frozen=True, kw_only=True)
class RecordRow(_Record):
    """A record as it is written, and its standing."""

    id: int
    started_at: datetime
    updated_at: datetime
    restarts: int
    in_use: bool
    standing: Standing
    standing_since: datetime
    sentence: str


def put(c: Connection, progress: RecordProgress, now: datetime) -> RecordRow:
    """Write how far a record is; one that is new begins unproven."""
    row = find(c, progress.subject, progress.model_type, progress.recipe, progress.provenance)
    values = {name: value for name, value in vars(progress).items() if name != "restarted"} | {"updated_at": now}
    values["provenance"] = _live(progress.provenance)
    restart = int(progress.restarted > 0)
    if row is None:
        new = {"started_at": now, "standing": "unproven", "standing_since": now, "sentence": NOT_YET, "in_use": True}
        row_id = insert(c, records, **values, **new, restarts=restart)
    else:
        row_id = row.id
        changed = update(records).where(records.c.id == row_id)
        c.execute(changed.values(**values, in_use=True, restarts=row.restarts + restart))
    return all_as(c, RecordRow, select(records).where(records.c.id == row_id))[0]


def begin(c: Connection, progress: RecordProgress, now: datetime) -> RecordRow:
    """The record of a recipe that a version was trained of; it begins here unless it exists."""
    row = find(c, progress.subject, progress.model_type, progress.recipe, progress.provenance)
    return row if row is not None else put(c, progress, now)


def _live(provenance: str) -> str:
    """The provenance without the date on which data ended: the record goes on when the data does."""
    return Provenance.parse(provenance).at(None).label


def find(c: Connection, subject: str, model_type: str, recipe: str, provenance: str) -> RecordRow | None:
    """The record of this recipe on bars of this provenance, whether they go on or have ended."""
    query = select(records).where(
        records.c.subject == subject,
        records.c.model_type == model_type,
        records.c.recipe == recipe,
        records.c.provenance == _live(provenance),
    )
    return first_as(c, RecordRow, query)


def of(
    c: Connection, subject: str | None = None, model_type: str | None = None, *, in_use: bool | None = None
) -> list[RecordRow]:
    """Records, by subject and model type, those looked at last first."""
    query = select(records).order_by(records.c.subject, records.c.model_type, records.c.updated_at.desc())
    if subject is not None:
        query = query.where(records.c.subject == subject)
    if model_type is not None:
        query = query.where(records.c.model_type == model_type)
    if in_use is not None:
        query = query.where(records.c.in_use == in_use)
    return all_as(c, RecordRow, query)


def rank(row: RecordRow) -> float:
    """What records of one place are ranked by: the Sharpe ratio of an account, or what a copy gains on simple rules.

    The lowest number there is where the record has none.
    """
    figures = (row.facts or {}).get("figures", {})
    value = figures.get("sharpe_ratio", figures.get("gain"))
    return float("-inf") if value is None else float(value)


def tried(c: Connection) -> int:
    """Everything this home has ever tried: recipes, records made anew, and trials of searches."""
    recipes = c.execute(select(func.count(), func.coalesce(func.sum(records.c.restarts), 0)).select_from(records)).one()
    searched = c.execute(select(func.count()).where(trials.c.state.in_(MEASURED))).scalar_one()
    return int(recipes[0] + recipes[1] + searched)


def keep_in_use(c: Connection, subject: str, model_type: str, recipes: set[str]) -> None:
    """In this place these recipes are configured or serve; others are no longer looked at, and still count as tried.

    Of a recipe's records on bars of several provenances, the one that was looked at last is in use.
    """
    newest: dict[str, int] = {}
    for row in of(c, subject, model_type):
        if row.recipe in recipes:
            newest.setdefault(row.recipe, row.id)
    place = (records.c.subject == subject) & (records.c.model_type == model_type)
    c.execute(update(records).where(place, records.c.id.not_in(newest.values())).values(in_use=False))


def set_standing(c: Connection, record: RecordRow, standing: Standing, sentence: str, now: datetime) -> None:
    """Write what the evidence says of a recipe now."""
    since = record.standing_since if record.standing == standing else now
    c.execute(
        update(records)
        .where(records.c.id == record.id)
        .values(standing=standing, standing_since=since, sentence=sentence[:512])
    )
