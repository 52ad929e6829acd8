"""Model versions: what was trained, and the state that each version is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select, update

from daemon.domain.tasks import Document
from daemon.store.rows import all_as, first_as, insert_once
from daemon.store.tables import model_versions

VersionState = Literal["challenger", "champion", "retired", "rejected", "quarantined", "deleted"]
# From these a version may begin to serve: a new one, one that served before, one that a person wants all the same.
SERVABLE: tuple[VersionState, ...] = ("challenger", "retired", "rejected")


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
    metrics: Document
    recipe: str | None = None  # what names its recipe; None for what was trained before recipes had names
    seed: int | None = None
    state: VersionState = "challenger"


@dataclass(frozen=True, kw_only=True)
class Version(NewVersion):
    """A recorded version."""

    id: int


def add_version(c: Connection, new: NewVersion) -> Version | None:
    """Record a new version; None if this subject and model type have one of that name."""
    version_id = insert_once(c, model_versions, ("subject", "model_type", "version"), **vars(new))
    return None if version_id is None else version(c, version_id)


def version(c: Connection, version_id: int) -> Version | None:
    """The version with this id."""
    return first_as(c, Version, select(model_versions).where(model_versions.c.id == version_id))


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


def newest(c: Connection) -> dict[tuple[str, str], Version]:
    """The version of each subject and model type that was trained last, whatever became of it; broken ones left out."""
    ids = select(func.max(model_versions.c.id)).where(model_versions.c.state != "quarantined")
    of_places = ids.group_by(model_versions.c.subject, model_versions.c.model_type)
    rows = all_as(c, Version, select(model_versions).where(model_versions.c.id.in_(of_places)))
    return {(row.subject, row.model_type): row for row in rows}


def champion(c: Connection, subject: str, model_type: str) -> Version | None:
    """The version that serves."""
    return next(iter(versions(c, subject, model_type, states=("champion",))), None)


def champions(c: Connection) -> list[Version]:
    """Every version that serves, by subject and model type."""
    serving = select(model_versions).where(model_versions.c.state == "champion")
    return all_as(c, Version, serving.order_by(model_versions.c.subject, model_versions.c.model_type))


def set_state(c: Connection, version_id: int, state: VersionState, allowed_from: tuple[VersionState, ...]) -> bool:
    """Change a version's state if it is in one of `allowed_from`; whether it was."""
    if state == "champion":
        raise ValueError("a version becomes champion by servings.serve(), which also writes the serving ledger")
    allowed = update(model_versions).where(model_versions.c.id == version_id, model_versions.c.state.in_(allowed_from))
    return c.execute(allowed.values(state=state)).rowcount == 1
