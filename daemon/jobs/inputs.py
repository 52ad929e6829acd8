"""How workers gather the inputs of a model type: what the home has stored, and what other recipes decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from daemon.domain.recipes import recipe_of
from daemon.domain.targets import Target
from data_pipeline.stored_inputs import stored_inputs
from evaluation.records.folds import decided_history
from trainers import registry

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from data_pipeline.inputs import Inputs, Kind
    from evaluation.signals import Signals
    from trainers.needs import Needs


def inputs_for(
    context: WorkContext, subject: str, needs: Needs, kinds: Collection[Kind], until: datetime | None = None
) -> Inputs:
    """Everything of these kinds that is known of a subject, at `until` or now."""
    inputs = stored_inputs(
        context.home, context.settings, subject, scope=needs.scope, kinds=kinds, now=context.now(), until=until
    )
    if "signals" not in kinds:
        return inputs
    signals = {name: rows for name in inputs.bars if len(rows := _signals(context, name))}
    inputs = replace(inputs, signals=signals)
    return inputs if until is None else inputs.until(until)


def _signals(context: WorkContext, symbol: str) -> pd.DataFrame:
    """What the recipes that the settings ask for decided on the symbol, each on bars its models had not seen.

    They are those of the folds of its records, whose models were trained before the bars that they decide on. A recipe
    stands here because it is configured, not because of what it earned: whoever follows signals chooses among them.
    """
    tables = [
        pd.DataFrame({"model_type": name, "position": signals.position, "confidence": signals.confidence})
        for name in context.settings.model_types
        if registry.needs(name).scope == "symbol" and (signals := _history(context, Target(symbol, name))) is not None
    ]
    empty = pd.DataFrame({"model_type": [], "position": [], "confidence": []})
    return pd.concat(tables).sort_index(kind="stable") if tables else empty


def _history(context: WorkContext, target: Target) -> Signals | None:
    recipe = recipe_of(context.settings, target)
    folder = context.home.record(recipe.subject, recipe.model_type, recipe.fingerprint)
    return decided_history(folder).get(target.subject)
