"""Versions of one trained cloner, in a home with the easy market stored: what judging them needs, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from config.paths import Home
from config.settings import Settings
from daemon.domain.recipes import Recipe, recipe_of
from daemon.domain.targets import Target
from daemon.executors.worker.main import WorkContext
from daemon.store import versions
from daemon.store.versions import Version
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from tests.support.markets.easy import SYMBOL, easy_bars, easy_task
from trainers import ArtifactFacts, Model, TrainingContext, manifest_sha256, registry, save_artifact

NAME = "behavioral_cloner"
NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
SETTINGS = Settings(symbols=(SYMBOL,))
TARGET = Target(SYMBOL, NAME)
RECIPE = recipe_of(SETTINGS, TARGET)


@cache
def trained() -> Model:
    """The cloner, trained once on the first 600 bars."""
    return registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))


def market(source: str = "yahoo", interval: str = "1d") -> Bars:
    """The bars of the easy market, as if `source` had sent them."""
    return Bars(easy_bars().frame, SYMBOL, interval, source)


def context(home: Home) -> WorkContext:
    """What a worker is given."""
    return WorkContext(home, SETTINGS, lambda *_: None, lambda: False, lambda: NOW)


CLEAN = {"clean": True, "findings": [], "checked": {}}


@dataclass(frozen=True)
class Shelf:
    """Where versions are put."""

    home: Home

    def store(self, bars: Bars) -> None:
        """Bars that the desk will read."""
        BarStore(self.home).save(bars, NOW)

    def put(self, version: str, *, bars: Bars | None = None, leaks: dict[str, Any] | None = CLEAN) -> str:
        """Save a version that claims training on the first 600 of `bars`; returns the sha256 of its manifest."""
        task = easy_task(NAME, (bars or market()).head(600))
        folder = self.home.model(SYMBOL, NAME, version)
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
            leaks=leaks,
        )
        save_artifact(folder, trained(), facts)
        return manifest_sha256(folder)


def record(
    c: Connection, version: str, *, provenance: str = "yahoo", recipe: Recipe = RECIPE, trained_at: datetime = NOW
) -> Version:
    """The row of a version of the easy market."""
    row = versions.add_version(
        c,
        versions.NewVersion(
            subject=SYMBOL,
            model_type=NAME,
            version=version,
            manifest_sha256="a" * 64,
            provenance=provenance,
            dataset="d" * 64,
            train_start=NOW,
            train_end=NOW,
            trained_at=trained_at,
            run_id=None,
            metrics={},
            recipe=recipe.fingerprint,
            seed=recipe.seed,
        ),
    )
    if row is None:
        raise LookupError(f"the version {version} exists")
    return row
