"""A home whose stored history grows bar by bar, and the records of a linear model's recipe over it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from config.paths import Home
from config.settings import Settings
from daemon.domain.recipes import Recipe, recipe_of
from daemon.domain.signals import PublishedSignal
from daemon.domain.targets import Target
from daemon.domain.tasks import VersionRef
from daemon.executors.worker.main import WorkContext
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.records.messages import RecordRef, RecordRequest, RecordResult
from daemon.jobs.records.tasks import extend_record
from daemon.jobs.trainings import training_span, training_task
from daemon.jobs.versions import inputs_of
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from tests.support.markets.easy import SYMBOL, easy_bars
from tests.support.models.linear_type import LINEAR, LinearModel, LinearType
from trainers import ArtifactFacts, TrainingContext, manifest_sha256, save_artifact

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
CLEAN = {"clean": True, "findings": [], "checked": {}}
WALK = {"train": 120, "test": 40, "purge": 2, "embargo": 1}
SETTINGS = Settings.model_validate({"symbols": [SYMBOL], "model_types": [LINEAR], "walk_forward": WALK})
MARKET = Bars(easy_bars(400).frame, SYMBOL, "1d", "yahoo")


@dataclass(frozen=True)
class RecordedHome:
    """A home with bars of the easy market."""

    home: Home
    settings: Settings = SETTINGS

    @property
    def recipe(self) -> Recipe:
        """The recipe that the settings ask for."""
        return recipe_of(self.settings, Target(SYMBOL, LINEAR))

    @property
    def context(self) -> WorkContext:
        """What a worker is given."""
        return WorkContext(self.home, self.settings, lambda *_: None, lambda: False, lambda: NOW)

    @property
    def keeper(self) -> RecordKeeper:
        """The record as it is stored now."""
        return RecordKeeper(self.context, self.recipe)

    def store(self, bars: int | Bars) -> None:
        """Store the first so many bars of the market, or these."""
        BarStore(self.home).save(MARKET.head(bars) if isinstance(bars, int) else bars, NOW)

    def extend(
        self,
        *,
        published: tuple[PublishedSignal, ...] = (),
        first_look: bool = False,
        at_most: int = 100,
        tried: int = 1,
    ) -> RecordResult:
        """Extend the record."""
        others: dict[str, Any] = {"first_look": first_look, "at_most": at_most, "tried": tried, "published": published}
        return extend_record(self.context, RecordRequest.of(self.recipe, **others))

    def reference(self, *published: PublishedSignal) -> RecordRef:
        """The record as tasks that judge by it take it."""
        recipe = self.recipe
        return RecordRef(
            params=recipe.params,
            seed=recipe.seed,
            window=recipe.window,
            standing="unproven",
            sentence="It is short.",
            published=published,
        )

    def save_version(self, name: str, bars: int, model: LinearModel | None = None) -> VersionRef:
        """A version that was trained on the first so many bars; `model` is saved in the place of what was learned."""
        inputs = inputs_of(self.context, SYMBOL, LINEAR).until(MARKET.frame.index[bars - 1])
        task = training_task(self.context, self.recipe, training_span(inputs, self.recipe.lookback))
        folder = self.home.model(SYMBOL, LINEAR, name)
        facts = ArtifactFacts(
            model_type=LINEAR, version=name, params=task.params, inputs=task.inputs, dataset=inputs.dataset,
            provenance=task.provenance, train_start=task.train_start, train_end=task.train_end, trained_at=NOW,
            settings_fingerprint="f" * 64, seed=self.recipe.seed, leaks=CLEAN, training_window=self.recipe.window,
        )  # fmt: skip
        save_artifact(folder, model or LinearType().train(task, TrainingContext(seed=self.recipe.seed)), facts)
        return VersionRef(name=name, manifest_sha256=manifest_sha256(folder))

    def folds(self) -> dict[str, bytes]:
        """The stored folds, by the name of each folder."""
        return {path.parent.name: path.read_bytes() for path in sorted(self.keeper.folder.glob("*/fold.json"))}
