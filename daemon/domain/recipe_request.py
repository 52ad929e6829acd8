"""Tasks for one recipe."""

from __future__ import annotations

from typing import Any, Self

from daemon.domain.recipes import Recipe
from daemon.domain.tasks import Document, ModelRequest, ResultT_co


class RecipeRequest(ModelRequest[ResultT_co]):
    """A task for one recipe: a model type with its resolved params, its seed, and the days that it learns from."""

    params: Document
    seed: int
    window: int

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return Recipe(self.subject, self.model_type, self.params, self.seed, self.window)

    @classmethod
    def of(cls, recipe: Recipe, **others: Any) -> Self:
        """A request for this recipe."""
        return cls(**vars(recipe), **others)
