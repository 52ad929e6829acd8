"""A desk with one champion that can really predict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from config.paths import Home
from daemon.store import servings, versions
from daemon.store.database import Database
from tests.support.markets.easy import easy_task
from trainers import ArtifactFacts, manifest_sha256, save_artifact

NAME = "behavioral_cloner"
NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)


def serve_champion(
    home: Home, database: Database, model: Any, version: str = "v1", subject: str = "EASY"
) -> versions.Version:
    """Publish the model as a version of `subject` and let it serve."""
    task = easy_task(NAME)
    folder = home.model(subject, NAME, version)
    facts = ArtifactFacts(
        model_type=NAME,
        version=version,
        params=task.params,
        inputs=task.inputs,
        dataset=task.bars.fingerprint(),
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=NOW,
        settings_fingerprint="f" * 64,
        seed=3,
    )
    save_artifact(folder, model, facts)

    def serve(c):
        new = versions.NewVersion(
            subject=subject,
            model_type=NAME,
            version=version,
            manifest_sha256=manifest_sha256(folder),
            provenance="sample",
            dataset="d" * 64,
            train_start=task.train_start,
            train_end=task.train_end,
            trained_at=NOW,
            run_id=None,
            metrics={},
        )
        row = versions.add_version(c, new)
        assert row is not None
        assert servings.serve(c, subject, NAME, row.id, NOW, why="better", author="test")
        return row

    return database.write(serve)
