"""Recipes: what is trained of whom, by the settings; what two trainings have in common but for their data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from daemon.domain.targets import Target
from trainers import registry
from trainers.recipe import recipe_fingerprint

if TYPE_CHECKING:
    from config.settings import Settings
    from daemon.domain.tasks import Document


@dataclass(frozen=True)
class Recipe:
    """A model type with its resolved params, its seed, and the days of history it learns from, of one subject."""

    subject: str
    model_type: str
    params: Document
    seed: int
    window: int

    @property
    def target(self) -> Target:
        """The place of its versions."""
        return Target(self.subject, self.model_type)

    @property
    def fingerprint(self) -> str:
        """What names the recipe, whoever it is of."""
        return recipe_fingerprint(self.model_type, self.params, self.window, self.seed)

    @property
    def lookback(self) -> timedelta:
        """How far back it learns."""
        return timedelta(days=self.window)


def recipe_of(settings: Settings, target: Target, iteration: int = 0) -> Recipe:
    """The recipe that the settings ask for; each iteration has a seed, and so a recipe, of its own."""
    written = settings.model_params.get(target.model_type, {})
    params = registry.validate_params(target.model_type, written, settings).model_dump(mode="json")
    training = settings.training_params
    return Recipe(target.subject, target.model_type, params, training.seed + iteration, training.lookback_days)


def recipes_of(settings: Settings, target: Target) -> list[Recipe]:
    """Every recipe that the settings ask for in one place."""
    return [recipe_of(settings, target, iteration) for iteration in range(settings.training_params.iterations)]
