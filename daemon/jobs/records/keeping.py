"""Records as workers keep them: the folds of a recipe in the home, and what they and the live signals come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.jobs.records.fold_model import FoldModel, load_fold_model
from daemon.jobs.trainings import fitted, teaching_inputs, training_task
from data_pipeline.inputs import EVENT_KINDS, Inputs
from evaluation import judges
from evaluation.judges.base import Training
from evaluation.records.folds import DecidedFold, FoldModels, FoldStore
from trainers import registry
from trainers.artifact import ArtifactFacts
from trainers.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from daemon.domain.recipes import Recipe
    from daemon.domain.signals import PublishedSignal
    from daemon.executors.worker.main import WorkContext
    from evaluation.judges.base import Judge, JudgedRecord, Plan
    from evaluation.walk_forward import Fold


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
    def judge(self) -> Judge[Any]:
        """The judge of its model type."""
        return judges.get(registry.get(self.recipe.model_type).judge)

    @cached_property
    def plan(self) -> Plan:
        """How the history is cut."""
        needs = registry.needs(self.recipe.model_type)
        training = Training(self.recipe.lookback, needs.min_bars, needs.costly)
        return self.judge.plan(self.inputs, training, self.context.settings, self.store)

    @cached_property
    def store(self) -> FoldStore:
        """The computed ones."""
        return FoldStore(self.folder, self._key)

    @cached_property
    def _keys(self) -> dict[Fold, str]:
        return {}

    def _key(self, fold: Fold) -> str:
        """What the model of a fold learned from besides bars, and the revision of the code that made it."""
        if fold not in self._keys:  # cutting the inputs of many markets takes a while
            self._keys[fold] = self._content(fold)
        return self._keys[fold]

    def _content(self, fold: Fold) -> str:
        inputs = self.inputs.until(fold.train.last)
        logs = {name: log.fingerprint() for name, log in inputs.expert_logs.items()}
        events = {
            kind: {name: inputs.events_fingerprint(kind, name) for name in inputs.events(kind)} for kind in EVENT_KINDS
        }
        content: list[Any] = [logs, {kind: names for kind, names in events.items() if names}]
        if (revision := registry.revision(self.recipe.model_type)) > 1:
            content.append(revision)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def missing(self) -> list[Fold]:
        """The folds that are not computed up to the last bar of their test, newest first."""
        return [fold for fold in reversed(self.folds) if not self.store.complete(fold)]

    def compute(self, fold: Fold) -> bool:
        """Compute one fold as far as it is not; returns whether that took a training."""
        metrics = self._metrics if self.judge.compares_with_teacher else None
        models = FoldModels(fit=self._fit, load=load_fold_model, metrics=metrics)
        more_to_come = fold is self.folds[-1] and self.plan.grows(self.inputs, fold)
        return self.store.compute(self.inputs.for_decisions(), fold, models, more_to_come=more_to_come)

    def _fit(self, fold: Fold) -> FoldModel:
        """A model that has seen nothing after the training span; its features were warm before it."""
        task = training_task(self.context, self.recipe, fold.train)
        facts = ArtifactFacts(
            model_type=self.recipe.model_type,
            version="fold",
            params=task.params,
            inputs=task.inputs,
            dataset=task.inputs.dataset,
            provenance=task.provenance,
            train_start=task.train_start,
            train_end=task.train_end,
            trained_at=self.context.now(),
            settings_fingerprint=self.context.settings.fingerprint(),
            seed=self.recipe.seed,
            training_window=self.recipe.window,
        )
        return FoldModel(fitted(self.context, self.recipe, task, fold.number), facts)

    def record(self, published: Sequence[PublishedSignal]) -> JudgedRecord | None:
        """The record over the newest folds that follow one another, continued by live signals; None without any."""
        decided: list[DecidedFold] = []
        for fold in reversed(self.folds):
            signals = self.store.stored(fold)
            if signals is None:
                break
            decided.insert(0, DecidedFold(fold, signals, partial(self._teacher, fold)))
        record: JudgedRecord | None = self.judge.record(self.inputs, decided, published, self.context.settings)
        return record

    @staticmethod
    def _metrics(model: Any) -> Mapping[str, Any]:
        """The metrics of a training."""
        metrics: Mapping[str, Any] = model.trained.model.facts.metrics
        return metrics

    def _teacher(self, fold: Fold) -> Mapping[str, pd.Series]:
        """The positions of the teacher, as the fold's model was taught them: of a manifest it has but these parts."""
        parts: dict[str, Any] = {"params": self.recipe.params, "metrics": dict(self.store.metrics(fold))}
        return registry.get(self.recipe.model_type).teacher_positions(self.inputs, Manifest.model_construct(**parts))
