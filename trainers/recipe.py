"""Recipes: what two trainings have in common that differ in nothing but their data; what a record is kept of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def recipe_fingerprint(model_type: str, params: Mapping[str, Any], training_window: int | None, seed: int) -> str:
    """The sha256 that names a recipe: its model type, resolved params (features among them), days of history, seed."""
    choices = json.dumps([model_type, params, training_window, seed], sort_keys=True)
    return hashlib.sha256(choices.encode()).hexdigest()
