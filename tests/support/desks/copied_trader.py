"""A home with the logs of one trader, whose decisions a small model copies, and the record of its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from config.paths import Home
from config.settings import Settings
from daemon.domain.recipes import Recipe, recipe_of
from daemon.domain.signals import PublishedSignal
from daemon.domain.targets import Target
from daemon.domain.tasks import VersionRef
from daemon.executors.worker.main import WorkContext
from daemon.jobs.evaluation.messages import EvaluateRequest, EvaluateResult
from daemon.jobs.evaluation.tasks import evaluate
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.records.messages import RecordRef, RecordRequest, RecordResult
from daemon.jobs.records.tasks import extend_record
from daemon.jobs.trainings import training_span, training_task
from tests.support.markets.trader_logs import OPENS, trade, write_log
from tests.support.models.small_types import TRADER, TraderType
from trainers import ArtifactFacts, TrainingContext, manifest_sha256, save_artifact

NAME = TraderType.name
NOW = datetime(2026, 2, 1, 3, tzinfo=UTC)
SETTINGS = Settings.model_validate({"model_types": [NAME], "traders": ["0x6031"], "trader_params": {"bar": "60s"}})
CLEAN = {"clean": True, "findings": [], "checked": {}}
MINUTES = 15


@dataclass(frozen=True)
class CopiedTrader:
    """A home of one trader, whose markets of a quarter of an hour follow each other."""

    home: Home
    settings: Settings = SETTINGS

    @property
    def recipe(self) -> Recipe:
        """The recipe that the settings ask for."""
        return recipe_of(self.settings, Target(TRADER, NAME))

    @property
    def context(self) -> WorkContext:
        """What a worker is given."""
        return WorkContext(self.home, self.settings, lambda *_: None, lambda: False, lambda: NOW)

    @property
    def keeper(self) -> RecordKeeper:
        """The record as it is stored now."""
        return RecordKeeper(self.context, self.recipe)

    def store(self, first: int, end: int, *, steady: float = 0.9) -> None:
        """Logs of the markets from `first` to before `end`, whose trader repeats its last side so often."""
        for number in range(first, end):
            random = np.random.default_rng(number)
            opens = number * MINUTES * 60
            price, side, events = 0.5, 1.0, []
            for minute in range(MINUTES):
                price = float(np.clip(price + random.normal(0.0, 0.03), 0.1, 0.9))
                side = side if random.random() < steady else -side
                if random.random() < 0.6:
                    events.append(
                        trade(
                            opens + 60 * minute + 7,
                            round(price, 3),
                            round(float(random.uniform(1.0, 20.0)), 2),
                            side="BUY" if side > 0 else "SELL",
                            tx=f"0x{number}.{minute}",
                        )
                    )
            slug = f"btc-updown-15m-{OPENS // 1000 + opens}"
            write_log(self.home.trades / "merged_trades" / "0x6031" / f"{slug}_prices.json", events)

    def extend(
        self, *, first_look: bool = False, at_most: int = 100, published: tuple[PublishedSignal, ...] = ()
    ) -> RecordResult:
        """Extend the record."""
        others: dict[str, Any] = {"first_look": first_look, "at_most": at_most, "tried": 1, "published": published}
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

    def save_version(self, name: str) -> VersionRef:
        """A version that was trained on everything stored."""
        inputs = self.keeper.inputs
        task = training_task(self.context, self.recipe, training_span(inputs, self.recipe.lookback))
        folder = self.home.model(TRADER, NAME, name)
        facts = ArtifactFacts(
            model_type=NAME, version=name, params=task.params, inputs=task.inputs, dataset=inputs.dataset,
            provenance=task.provenance, train_start=task.train_start, train_end=task.train_end, trained_at=NOW,
            settings_fingerprint="f" * 64, seed=self.recipe.seed, leaks=CLEAN, training_window=self.recipe.window,
        )  # fmt: skip
        save_artifact(folder, TraderType().train(task, TrainingContext(seed=self.recipe.seed)), facts)
        return VersionRef(name=name, manifest_sha256=manifest_sha256(folder))

    def evaluate(self, challenger: VersionRef, **changes: Any) -> EvaluateResult:
        """Judge a version, as the first of its place unless `changes` say otherwise."""
        values: dict[str, Any] = {
            "run": "run", "case": "first", "challenger": challenger, "record": self.reference(), "challenges": 1,
            "tried": 1, "sample_teacher": False, "pinned": False,
        }  # fmt: skip
        return evaluate(self.context, EvaluateRequest.of(self.recipe, **(values | changes)))
