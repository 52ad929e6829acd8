"""Databases for tests: an empty place of either kind, and rows to put into one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from daemon.domain.runs import Owner
from daemon.store import outbox, signals, versions
from tests.support.servers.postgres import fresh_postgres_url

KINDS = ("sqlite", "postgresql")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
# A process of an earlier boot of the machine: dead, whatever lives now.
DEAD = Owner(pid=1, started=1, boot="an earlier boot")


def empty_place(kind: str, folder: Path) -> Path | str:
    """Where a new database of this kind may be opened."""
    return folder / "nightdesk.sqlite3" if kind == "sqlite" else fresh_postgres_url()


def add_version(c: Connection, name: str, **changes: Any) -> versions.Version:
    """A challenger of (AAPL, cloner) with plausible facts."""
    facts: dict[str, Any] = {
        "subject": "AAPL",
        "model_type": "cloner",
        "manifest_sha256": "a" * 64,
        "provenance": "sample",
        "dataset": "d" * 64,
        "train_start": NOON - 900 * DAY,
        "train_end": NOON - 200 * DAY,
        "trained_at": NOON,
        "run_id": None,
        "metrics": {"accuracy": 0.6, "undefined": None},
    }
    added = versions.add_version(c, versions.NewVersion(version=name, **(facts | changes)))
    if added is None:
        raise LookupError(f"the version {name} exists")
    return added


def publish(c: Connection, version: versions.Version, bar_time: datetime, **changes: Any) -> bool:
    """A signal of `version` at the close of one bar."""
    facts: dict[str, Any] = {
        "run_id": None,
        "subject": version.subject,
        "symbol": version.subject,
        "model_type": version.model_type,
        "version_id": version.id,
        "interval": "1d",
        "action": "buy",
        "position": 1.0,
        "confidence": 0.75,
        "price": 101.25,
        "provenance": version.provenance,
        "dataset": version.dataset,
        "published_at": bar_time,
        "act_by": bar_time + timedelta(hours=17, minutes=30),
        "expires_at": bar_time + DAY,
    }
    return signals.publish(c, signals.NewSignal(bar_time=bar_time, **(facts | changes)))


def next_attempt(c: Connection, channels: Iterable[str] = ("webhook",)) -> datetime | None:
    """When the next message to these channels is due; None if none waits."""
    far = datetime(2100, 1, 1, tzinfo=UTC)
    return min((delivery.next_attempt_at for delivery in outbox.pending(c, far, channels)), default=None)
