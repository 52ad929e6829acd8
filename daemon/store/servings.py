"""The serving ledger: which version served from when, what was pinned, and which versions nothing will need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select, update

from daemon.store import versions
from daemon.store.rows import all_as
from daemon.store.tables import model_versions, servings
from daemon.store.versions import SERVABLE, Version

# What an entry says of its version: it serves from now on; it stops, and none takes its place; a person holds it in its
# place whatever the nights find, or no longer does.
Action = Literal["serve", "stop", "pin", "unpin"]
# However short the retention, so many of the newest versions of a pair stay.
NEWEST_KEPT = 3


@dataclass(frozen=True)
class Serving:
    """What became of a version in its place, since when, why, and who or what decided it."""

    id: int
    subject: str
    model_type: str
    version_id: int
    action: Action
    serving_from: datetime
    why: str
    author: str


def serve(
    c: Connection, subject: str, model_type: str, version_id: int, now: datetime, *, why: str, author: str
) -> bool:
    """Make a version the champion, retire the one before it and write the serving ledger; False if it may not serve.

    The caller has loaded the version and seen it reproduce its golden predictions.
    """
    candidate = versions.version(c, version_id)
    if candidate is None or (candidate.subject, candidate.model_type) != (subject, model_type):
        return False
    if candidate.state not in SERVABLE:
        return False
    if before := versions.champion(c, subject, model_type):
        versions.set_state(c, before.id, "retired", ("champion",))
    _make_champion(c, version_id)
    _write(c, candidate, "serve", now, why=why, author=author)
    return True


def stop(c: Connection, champion: Version, now: datetime, *, why: str, author: str) -> bool:
    """Retire a champion though none takes its place; False if it does not serve any more."""
    if not versions.set_state(c, champion.id, "retired", ("champion",)):
        return False
    _write(c, champion, "stop", now, why=why, author=author)
    return True


def pin(c: Connection, champion: Version, now: datetime, *, pinned: bool, why: str, author: str) -> None:
    """Hold a champion in its place whatever the nights find, or no longer."""
    _write(c, champion, "pin" if pinned else "unpin", now, why=why, author=author)


def pinned(c: Connection, subject: str, model_type: str) -> bool:
    """Whether a person holds the champion of this place."""
    newest = next(iter(history(c, subject, model_type, limit=1)), None)
    return newest is not None and newest.action == "pin"


def _write(c: Connection, version: Version, action: Action, now: datetime, *, why: str, author: str) -> None:
    place = {"subject": version.subject, "model_type": version.model_type, "version_id": version.id}
    c.execute(servings.insert().values(**place, action=action, serving_from=now, why=why[:255], author=author[:64]))


def _make_champion(c: Connection, version_id: int) -> None:
    servable = update(model_versions).where(model_versions.c.id == version_id, model_versions.c.state.in_(SERVABLE))
    if c.execute(servable.values(state="champion")).rowcount != 1:
        raise RuntimeError(f"version {version_id} changed while it was being promoted")


def history(
    c: Connection, subject: str | None = None, model_type: str | None = None, *, limit: int | None = None
) -> list[Serving]:
    """The serving ledger, newest first."""
    query = select(servings).order_by(servings.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(servings.c.subject == subject)
    return all_as(c, Serving, query if model_type is None else query.where(servings.c.model_type == model_type))


def predecessor(c: Connection, subject: str, model_type: str) -> Version | None:
    """The version that served last before the one that serves, or served, now: where a rollback leads."""
    served = [entry for entry in history(c, subject, model_type) if entry.action == "serve"]
    earlier = (serving.version_id for serving in served if serving.version_id != served[0].version_id)
    return next((version for version_id in earlier if (version := versions.version(c, version_id))), None)


def expendable(c: Connection, keep: int) -> list[Version]:
    """The versions that retention may delete: never a champion, its predecessor, a challenger, or the newest `keep`."""
    deletable = []
    for pair in c.execute(select(model_versions.c.subject, model_versions.c.model_type).distinct()):
        before = predecessor(c, *pair)
        stored = [version for version in versions.versions(c, *pair) if version.state != "deleted"]
        deletable += [
            version
            for version in stored[max(keep, NEWEST_KEPT) :]
            if version.state in ("retired", "rejected") and (before is None or version.id != before.id)
        ]
    return deletable
