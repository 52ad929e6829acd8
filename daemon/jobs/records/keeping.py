"""Records as workers keep them: the folds of a recipe in the home, and what they and the live signals come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.jobs.live import followed
from daemon.jobs.trainings import fitted, teaching_inputs, training_task
from data_pipeline.inputs import EVENT_KINDS, Inputs
from evaluation.accounting.costs import Costs
from evaluation.accounting.inputs import bars_a_year
from evaluation.records.folds import FoldModels, FoldPlan, FoldStore, short_history
from evaluation.records.record import Record, stitched_record
from evaluation.signals import Signals
from evaluation.walk_forward import Fold
from trainers import registry

if TYPE_CHECKING:
    from config.settings import Settings
    from daemon.domain.recipes import Recipe
    from daemon.domain.signals import PublishedSignal
    from daemon.executors.worker.main import WorkContext
    from trainers.interface import Model


@dataclass(frozen=True, eq=False)
class RecordKeeper:
    """The record of one recipe in this home."""

    context: WorkContext
    recipe: Recipe

    @cached_property
    def inputs(self) -> Inputs:
        """Everything stored that a training may look at."""
        return teaching_inputs(self.context, self.recipe)

    @cached_property
    def folder(self) -> Path:
        """Where its folds and rehearsals are."""
        return self.context.home.record(self.recipe.subject, self.recipe.model_type, self.recipe.fingerprint)

    @cached_property
    def folds(self) -> list[Fold]:
        """The folds that the stored history holds, oldest first."""
        return self.plan.folds(self.inputs)

    @cached_property
    def plan(self) -> FoldPlan:
        """How the history is cut."""
        plan, configured = (
            fold_plan(self.context.settings, self.recipe, self.inputs),
            self.context.settings.walk_forward,
        )
        least = self.store.least_train(configured.train, plan.rules.train)
        return replace(plan, rules=plan.rules.model_copy(update={"train": least}))

    @cached_property
    def store(self) -> FoldStore:
        """The computed ones."""
        return FoldStore(self.folder, self._key)

    def _key(self, fold: Fold) -> str:
        """What the model of a fold learned from besides bars."""
        inputs = self.inputs.until(fold.train.last)
        logs = {name: log.fingerprint() for name, log in inputs.expert_logs.items()}
        events = {
            kind: {name: inputs.events_fingerprint(kind, name) for name in inputs.events(kind)} for kind in EVENT_KINDS
        }
        content = [logs, {kind: names for kind, names in events.items() if names}]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def missing(self) -> list[Fold]:
        """The folds that are not computed up to the last bar of their test, newest first."""
        return [fold for fold in reversed(self.folds) if not self.store.complete(fold)]

    def compute(self, fold: Fold) -> bool:
        """Compute one fold as far as it is not; returns whether that took a training."""
        models = FoldModels(fit=self._fit, load=registry.get(self.recipe.model_type).load)
        tested = len(self.inputs.since(fold.test.first).until(fold.test.last))
        rules = self.plan.rules
        last = fold is self.folds[-1]
        more_to_come = last and tested < rules.test
        return self.store.compute(self.inputs.for_decisions(), fold, models, more_to_come=more_to_come)

    def _fit(self, fold: Fold) -> Model:
        """A model that has seen nothing after the training span; its features were warm before it."""
        task = training_task(self.context, self.recipe, fold.train)
        return fitted(self.context, self.recipe, task, fold.number)

    def record(self, published: Sequence[PublishedSignal]) -> Record | None:
        """The record over the newest folds that follow one another, continued by live signals; of one symbol only."""
        if len(self.inputs.bars) != 1:
            return None
        bars, costs = self.inputs.only, self.context.settings.costs
        parts: list[Signals] = []
        for fold in reversed(self.folds):
            signals = self.store.stored(fold)
            if signals is None or bars.symbol not in signals:
                break
            parts.insert(0, signals[bars.symbol])
        live = followed(bars, published) if published else None
        return stitched_record(bars, parts, live, Costs.of(costs), costs.initial_cash)


def fold_plan(settings: Settings, recipe: Recipe, inputs: Inputs) -> FoldPlan:
    """How the history of a recipe is cut: as the settings say, or by years where its trainings take long."""
    rules, needs = settings.walk_forward, registry.needs(recipe.model_type)
    if needs.costly:
        year = max(round(bars_a_year(next(iter(inputs.bars.values()))) or 252.0), rules.test)
        rules = rules.model_copy(update={"test": year, "step": None, "anchored": True})
    rules = short_history(rules, len(inputs), settings.training_params.holdout, needs.min_bars)
    window = None if rules.anchored else recipe.lookback
    return FoldPlan(rules, window, settings.records.folds if needs.costly else None)
