"""What a status page asks of the whole desk, and of many models at once: one query each, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from config.names import is_trader_subject
from config.settings import NIGHT, JobName
from daemon.domain.alert_engine import Alert
from daemon.domain.runs import Run
from daemon.domain.targets import Target
from daemon.store import alerts, backups, datasets, runs, signals, versions
from daemon.store.evaluations import Evaluation
from daemon.store.records import RecordRow
from daemon.store.rows import all_as
from daemon.store.tables import evaluations, model_versions, records, servings
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance

# A pair that was not judged in so many judgements is one that the desk has long ceased to work on.
RECENT = 2000


@dataclass(frozen=True)
class DeskRecord:
    """What the database says at one moment of the desk's work.

    Args:
        results: the newest run of each job of the night that says how the job goes.
        pending: the runs that have not come to their end.
        champions: how many of the configured pairs of symbol and model type have a version that serves.
        signals_expire: when the last of the newest signals of such pairs expires; None if there was never one.
        firing: the alerts that fire.
        newest_bars: the close of the last stored bar of each symbol.
        backup_at: when the newest verified backup was taken; None if there is none.
        places: the places of the config outside the home, and what was copied to them last.
        signals_due: whether any of these pairs should always have a current signal: a trader's model has none while
            no market is open.
    """

    results: Mapping[JobName, Run]
    pending: Sequence[Run]
    champions: int
    signals_expire: datetime | None
    firing: Sequence[Alert]
    newest_bars: Mapping[str, datetime]
    backup_at: datetime | None
    places: Sequence[backups.PlaceRecord] = ()
    signals_due: bool = True


def desk_record(c: Connection, targets: Collection[Target], now: datetime, places: Collection[str] = ()) -> DeskRecord:
    """The rows from which the condition of the desk is derived.

    `targets` are those that it keeps fresh, `places` those outside the home to which it copies its backups. A signal
    that was published after `now`, by a clock that ran ahead, counts as expired.
    """
    results = {job: run for job in NIGHT if (run := runs.last_result(c, job))}
    newest = signals.latest(c)
    expiries = [
        now if each.of_the_future(now) else each.expires_at
        for each in newest
        if Target(each.subject, each.model_type) in targets and not is_trader_subject(each.subject)
    ]
    backup, champions = backups.last_verified(c), serving(c, targets)
    return DeskRecord(
        results=results,
        pending=runs.pending(c),
        champions=len(champions),
        signals_due=not champions or not all(is_trader_subject(champion.subject) for champion in champions),
        signals_expire=max(expiries, default=None),
        firing=[alert for alert in alerts.open_alerts(c) if alert.state == "firing"],
        newest_bars={row.symbol: row.last for row in datasets.latest(c) if row.kind == "bars"},
        backup_at=backup.taken_at if backup else None,
        places=backups.places(c, places),
    )


def pinned_places(c: Connection) -> set[Target]:
    """The places whose champion a person has pinned."""
    newest = select(func.max(servings.c.id)).group_by(servings.c.subject, servings.c.model_type)
    pinned = select(servings.c.subject, servings.c.model_type).where(
        servings.c.id.in_(newest), servings.c.action == "pin"
    )
    return {Target(row.subject, row.model_type) for row in c.execute(pinned)}


def serving(c: Connection, targets: Collection[Target]) -> list[Version]:
    """The champions of these targets: what serves, wherever the desk says so."""
    return [version for version in versions.champions(c) if Target(version.subject, version.model_type) in targets]


def provenances(c: Connection, version_ids: Collection[int]) -> dict[int, str]:
    """Where the data of these versions came from."""
    query = select(model_versions.c.id, model_versions.c.provenance).where(model_versions.c.id.in_(version_ids))
    return {row.id: row.provenance for row in c.execute(query)}


def version_names(c: Connection, version_ids: Collection[int]) -> dict[int, str]:
    """The names of these versions."""
    query = select(model_versions.c.id, model_versions.c.version).where(model_versions.c.id.in_(version_ids))
    return {row.id: row.version for row in c.execute(query)}


def standings(c: Connection, version_ids: Collection[int]) -> dict[int, RecordRow]:
    """The records of the recipes of these versions, by version; those without one are left out."""
    of_version = (
        select(model_versions.c.id.label("version_id"), model_versions.c.provenance.label("of"), records)
        .join(
            records,
            (records.c.subject == model_versions.c.subject)
            & (records.c.model_type == model_versions.c.model_type)
            & (records.c.recipe == model_versions.c.recipe),
        )
        .where(model_versions.c.id.in_(version_ids))
    )
    standings = {}
    for row in c.execute(of_version):
        values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
        version_id, provenance = values.pop("version_id"), Provenance.parse(values.pop("of"))
        record = RecordRow(**values)
        if Provenance.parse(record.provenance).comparable(provenance):
            standings[version_id] = record
    return standings


def latest_evaluations(c: Connection, version_ids: Collection[int]) -> dict[int, Evaluation]:
    """The newest judgement of each of these versions that was judged."""
    newest = (
        select(func.max(evaluations.c.id))
        .where(evaluations.c.version_id.in_(version_ids))
        .group_by(evaluations.c.version_id)
    )
    rows = all_as(c, Evaluation, select(evaluations).where(evaluations.c.id.in_(newest)))
    return {evaluation.version_id: evaluation for evaluation in rows}


def last_verdicts(c: Connection) -> dict[tuple[str, str], Evaluation]:
    """The newest judgement of each subject and model type, of whichever version."""
    recent = (
        select(evaluations.c.id, evaluations.c.version_id).order_by(evaluations.c.id.desc()).limit(RECENT).subquery()
    )
    pair = (model_versions.c.subject, model_versions.c.model_type)
    newest = (
        select(func.max(recent.c.id).label("id"), *pair)
        .join(model_versions, model_versions.c.id == recent.c.version_id)
        .group_by(*pair)
        .subquery()
    )
    pairs = {row.id: (row.subject, row.model_type) for row in c.execute(select(newest))}
    rows = all_as(c, Evaluation, select(evaluations).where(evaluations.c.id.in_(pairs)))
    return {pairs[evaluation.id]: evaluation for evaluation in rows}
