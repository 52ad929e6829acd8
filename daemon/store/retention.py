"""What the ledger knows of files that were written: nothing else may be deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from daemon.store import servings, versions
from daemon.store.evaluations import Evaluation
from daemon.store.rows import first_as
from daemon.store.tables import datasets, evaluations, records, runs
from daemon.store.versions import Version

Series = tuple[str, str, str]
# Subject, model type and recipe of a record.
RecordName = tuple[str, str, str]


def ended_before(c: Connection, limit: datetime) -> dict[str, datetime]:
    """The names of the runs that ended before `limit`, and when."""
    query = select(runs.c.job, runs.c.id, runs.c.finished_at).where(runs.c.finished_at < limit)
    return {f"{row.job}-{row.id}": row.finished_at for row in c.execute(query)}


def serving_reports(c: Connection) -> set[str]:
    """The newest report of each champion and of its predecessor, relative to the home."""
    reports = set()
    for champion in versions.champions(c):
        before = servings.predecessor(c, champion.subject, champion.model_type)
        reports |= {_newest_report(c, version) for version in (champion, before) if version is not None}
    return reports - {""}


def _newest_report(c: Connection, version: Version) -> str:
    judged = select(evaluations).where(evaluations.c.version_id == version.id, evaluations.c.report.is_not(None))
    newest = first_as(c, Evaluation, judged.order_by(evaluations.c.id.desc()).limit(1))
    return newest.report or "" if newest else ""


def series(c: Connection) -> set[Series]:
    """Source, symbol and interval of all bars that were ever stored."""
    query = select(datasets.c.source, datasets.c.symbol, datasets.c.interval).where(datasets.c.kind == "bars")
    return {(row.source, row.symbol, row.interval) for row in c.execute(query.distinct())}


def dataset_names(c: Connection) -> set[str]:
    """The name of every dataset that was ever used."""
    return set(c.execute(select(datasets.c.dataset).distinct()).scalars())


def unused_records(c: Connection, limit: datetime) -> set[RecordName]:
    """The records of recipes that are no longer used, and that no run has looked at since `limit`.

    A recipe of which a version is still stored may serve again, and is not among them.
    """
    names = (records.c.subject, records.c.model_type, records.c.recipe)
    used = {tuple(row) for row in c.execute(select(*names).where(records.c.in_use | (records.c.updated_at >= limit)))}
    unused = {(row.subject, row.model_type, row.recipe) for row in c.execute(select(*names))} - used
    stored = {
        (version.subject, version.model_type, version.recipe)
        for version in versions.versions(c)
        if version.state != "deleted"
    }
    return {name for name in unused if name not in stored}
