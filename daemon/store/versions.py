"""Model versions: what was trained, how it was judged, and which version served from when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from daemon.store.rows import all_as, first_as, insert, insert_once
from daemon.store.tables import evaluations as evaluations_table
from daemon.store.tables import model_versions
from daemon.store.tables import servings as servings_table

VersionState = Literal["challenger", "champion", "retired", "rejected", "quarantined", "deleted"]
# From these a version may begin to serve: a new one, one that served before, one that a person wants all the same.
SERVABLE: tuple[VersionState, ...] = ("challenger", "retired", "rejected")
# However short the retention, so many of the newest versions of a pair stay.
NEWEST_KEPT = 3


@dataclass(frozen=True, kw_only=True)
class NewVersion:
    """A trained model version to be recorded; its files are named by subject, model type and version."""

    subject: str
    model_type: str
    version: str
    manifest_sha256: str
    provenance: str
    dataset: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    run_id: int | None
    metrics: dict[str, Any]
    recipe: str | None = None  # what names its recipe; None for what was trained before recipes had names
    seed: int | None = None
    state: VersionState = "challenger"


@dataclass(frozen=True, kw_only=True)
class Version(NewVersion):
    """A recorded version."""

    id: int


@dataclass(frozen=True, kw_only=True)
class NewEvaluation:
    """One judgement of a version, compared with the champion of that moment, to be recorded."""

    run_id: int | None
    version_id: int
    champion_id: int | None
    dataset: str
    first: datetime
    last: datetime
    evaluated_at: datetime
    metrics: dict[str, Any]
    verdict: str
    reasons: list[str]
    report: str | None
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation(NewEvaluation):
    """A recorded judgement."""

    id: int


@dataclass(frozen=True)
class Serving:
    """From when a version served, why, and who or what decided it."""

    id: int
    subject: str
    model_type: str
    version_id: int
    serving_from: datetime
    why: str
    who: str
    stopped: bool


def add_version(c: Connection, new: NewVersion) -> Version | None:
    """Record a new version; None if this subject and model type have one of that name."""
    version_id = insert_once(c, model_versions, ("subject", "model_type", "version"), **vars(new))
    return None if version_id is None else _version(c, version_id)


def version(c: Connection, version_id: int) -> Version | None:
    """The version with this id."""
    return _version(c, version_id)


def find(c: Connection, subject: str, model_type: str, name: str) -> Version | None:
    """The version of this name."""
    named = select(model_versions).where(
        model_versions.c.subject == subject,
        model_versions.c.model_type == model_type,
        model_versions.c.version == name,
    )
    return first_as(c, Version, named)


def versions(
    c: Connection,
    subject: str | None = None,
    model_type: str | None = None,
    *,
    states: tuple[VersionState, ...] | None = None,
    dataset: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Version]:
    """Versions, newest first, trained on `dataset`; `before` is the last id of the page already seen."""
    query = select(model_versions).order_by(model_versions.c.id.desc()).limit(limit)
    if dataset is not None:
        query = query.where(model_versions.c.dataset == dataset)
    if subject is not None:
        query = query.where(model_versions.c.subject == subject)
    if model_type is not None:
        query = query.where(model_versions.c.model_type == model_type)
    if states is not None:
        query = query.where(model_versions.c.state.in_(states))
    return all_as(c, Version, query if before is None else query.where(model_versions.c.id < before))


def challengers(c: Connection, subject: str, model_type: str) -> list[Version]:
    """The versions that want the champion's place, newest first."""
    return versions(c, subject, model_type, states=("challenger",))


def champion(c: Connection, subject: str, model_type: str) -> Version | None:
    """The version that serves."""
    return next(iter(versions(c, subject, model_type, states=("champion",))), None)


def champions(c: Connection) -> list[Version]:
    """Every version that serves, by subject and model type."""
    serving = select(model_versions).where(model_versions.c.state == "champion")
    return all_as(c, Version, serving.order_by(model_versions.c.subject, model_versions.c.model_type))


def predecessor(c: Connection, subject: str, model_type: str) -> Version | None:
    """The version that served last before the one that serves, or served, now: where a rollback leads."""
    served = [serving for serving in servings(c, subject, model_type) if not serving.stopped]
    earlier = (serving.version_id for serving in served if serving.version_id != served[0].version_id)
    return next((version_row for version_id in earlier if (version_row := _version(c, version_id))), None)


def expendable(c: Connection, keep: int) -> list[Version]:
    """The versions that retention may delete: never a champion, its predecessor, a challenger, or the newest `keep`."""
    deletable = []
    for pair in c.execute(select(model_versions.c.subject, model_versions.c.model_type).distinct()):
        before = predecessor(c, *pair)
        stored = [version for version in versions(c, *pair) if version.state != "deleted"]
        deletable += [
            version
            for version in stored[max(keep, NEWEST_KEPT) :]
            if version.state in ("retired", "rejected") and (before is None or version.id != before.id)
        ]
    return deletable


def set_state(c: Connection, version_id: int, state: VersionState, allowed_from: tuple[VersionState, ...]) -> bool:
    """Change a version's state if it is in one of `allowed_from`; whether it was. Only `serve` makes a champion."""
    if state == "champion":
        raise ValueError("a version becomes champion by serve(), which writes the serving ledger")
    return _set_state(c, version_id, state, allowed_from)


def serve(
    c: Connection, subject: str, model_type: str, version_id: int, now: datetime, *, why: str, author: str
) -> bool:
    """Make a version the champion, retire the one before it and write the serving ledger; False if it may not serve.

    The caller has loaded the version and seen it reproduce its golden predictions.
    """
    version_row = _version(c, version_id)
    if (
        version_row is None
        or (version_row.subject, version_row.model_type) != (subject, model_type)
        or version_row.state not in SERVABLE
    ):
        return False
    if before := champion(c, subject, model_type):
        _set_state(c, before.id, "retired", ("champion",))
    if not _set_state(c, version_id, "champion", SERVABLE):
        raise RuntimeError(f"version {version_id} changed while it was being promoted")
    c.execute(
        servings_table.insert().values(
            subject=subject,
            model_type=model_type,
            version_id=version_id,
            serving_from=now,
            stopped=False,
            why=why,
            who=author,
        )
    )
    return True


def stop_serving(c: Connection, version: Version, now: datetime, *, why: str, author: str) -> bool:
    """Retire a champion though none takes its place; False if it does not serve any more."""
    if not _set_state(c, version.id, "retired", ("champion",)):
        return False
    c.execute(
        servings_table.insert().values(
            subject=version.subject,
            model_type=version.model_type,
            version_id=version.id,
            serving_from=now,
            stopped=True,
            why=why,
            who=author,
        )
    )
    return True


def servings(
    c: Connection, subject: str | None = None, model_type: str | None = None, *, limit: int | None = None
) -> list[Serving]:
    """The serving ledger, newest first."""
    query = select(servings_table).order_by(servings_table.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(servings_table.c.subject == subject)
    return all_as(c, Serving, query if model_type is None else query.where(servings_table.c.model_type == model_type))


def add_evaluation(c: Connection, new: NewEvaluation) -> Evaluation:
    """Record a judgement."""
    evaluation_id = insert(c, evaluations_table, **vars(new))
    return all_as(c, Evaluation, select(evaluations_table).where(evaluations_table.c.id == evaluation_id))[0]


def evaluations(
    c: Connection,
    version_id: int | None = None,
    *,
    run_id: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Evaluation]:
    """Judgements, newest first; `before` is the last id of the page already seen."""
    query = select(evaluations_table).order_by(evaluations_table.c.id.desc()).limit(limit)
    if version_id is not None:
        query = query.where(evaluations_table.c.version_id == version_id)
    if run_id is not None:
        query = query.where(evaluations_table.c.run_id == run_id)
    return all_as(c, Evaluation, query if before is None else query.where(evaluations_table.c.id < before))


def challenges(c: Connection, subject: str, model_type: str) -> int:
    """How many versions of another recipe than the champion's have asked for this place."""
    query = (
        select(func.count())
        .select_from(evaluations_table.join(model_versions, model_versions.c.id == evaluations_table.c.version_id))
        .where(
            model_versions.c.subject == subject,
            model_versions.c.model_type == model_type,
            evaluations_table.c.kind == "challenge",
        )
    )
    return c.execute(query).scalar_one()


def latest_evaluation(c: Connection, version_id: int) -> Evaluation | None:
    """How a version was judged last."""
    return next(iter(evaluations(c, version_id, limit=1)), None)


def _version(c: Connection, version_id: int) -> Version | None:
    return first_as(c, Version, select(model_versions).where(model_versions.c.id == version_id))


def _set_state(c: Connection, version_id: int, state: VersionState, allowed_from: tuple[VersionState, ...]) -> bool:
    statement = update(model_versions).where(
        model_versions.c.id == version_id, model_versions.c.state.in_(allowed_from)
    )
    return c.execute(statement.values(state=state)).rowcount == 1
