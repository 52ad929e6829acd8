"""Controls: what copies the trader without the part of the model that they put to the test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from data_pipeline.features.rolling import Floats
from evaluation.imitation.baselines import SimpleRules
from trainers.decision_transformer.desk.markets import Codes, Market, Scales, split_by_time, with_mirrors

BEST_SHARE = 0.1  # of the markets, by what they earned


def simple_rules(scales: Scales, learned: Sequence[Market], judged: Sequence[Market]) -> dict[str, list[Codes]]:
    """The decisions of rules without learning in each judged market: majority, last action, last fill."""
    rules = SimpleRules.fit([scales.actions(market.rows).astype(np.int64) for market in learned])
    decided = [rules.decide(scales.actions(market.rows).astype(np.int64)) for market in judged]
    return {name: [market[name] for market in decided] for name in decided[0]}


def best_markets(markets: Sequence[Market]) -> list[Market]:
    """The share of the markets that earned most, at least two, in their order of time."""
    count = min(len(markets), max(2, round(len(markets) * BEST_SHARE)))
    least = sorted((market.earned for market in markets), reverse=True)[count - 1]
    return [market for market in markets if market.earned >= least][:count]


def boosted_trees(
    scales: Scales, learned: Sequence[Market], judged: Sequence[Market], validation: float, seed: int
) -> list[Codes]:
    """Gradient boosting on the same states, row by row; the newest learned markets end its training."""
    early, late = split_by_time(learned, validation)
    states, codes = _rows(scales, with_mirrors(early))
    forest = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=400, max_leaf_nodes=15, min_samples_leaf=40, l2_regularization=1.0,
        early_stopping=bool(late), n_iter_no_change=15, random_state=seed,
    )  # fmt: skip
    held_back = _rows(scales, late) if late else None
    if held_back is not None:  # a class that was never learned cannot be measured
        seen = np.isin(held_back[1], codes)
        held_back = held_back[0][seen], held_back[1][seen]
    if len(np.unique(codes)) < 2:
        return [np.full(len(market.rows), codes[0]) for market in judged]
    if held_back is not None and len(held_back[1]):
        forest.fit(states, codes, X_val=held_back[0], y_val=held_back[1])
    else:
        forest.set_params(early_stopping=False, max_iter=100).fit(states, codes)
    return [forest.predict(scales.states(market.rows)).astype(np.int64) for market in judged]


def _rows(scales: Scales, markets: Sequence[Market]) -> tuple[Floats, Codes]:
    states = np.concatenate([scales.states(market.rows)[market.first :] for market in markets])
    codes = np.concatenate([scales.actions(market.rows)[market.first :] for market in markets]).astype(np.int64)
    return states, codes
