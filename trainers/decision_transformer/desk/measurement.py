"""How well a network trained on the older markets copies the trader on the newest, and its controls beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.imitation.controls import Control
from evaluation.imitation.measures import accuracy
from evaluation.imitation.measures.intervals import MarketInterval, market_interval
from trainers.decision_transformer.desk.controls import best_markets, boosted_trees, simple_rules
from trainers.decision_transformer.desk.fitting import Fitter
from trainers.decision_transformer.desk.markets import Codes, Market, Scales
from trainers.decision_transformer.desk.model import ModelDescription, TraderModel

Counts = NDArray[np.int64]  # [markets, classes, classes]
# What each control does without, as `evaluation.imitation.controls` puts it into a sentence.
PARTS = {
    "cloning_without_returns": "conditioning on the return to go",
    "cloning_of_the_best_tenth": "learning from all markets by their returns",
    "gradient_boosting": "the transformer",
    "last_fill": "learning from states",
    "last_action": "learning from states",
    "majority": "learning from states",
}
TRAININGS = ("plain", "plain_all", "best", "measured", "measured_all")  # the names of its fits, in their order


def measure(fitter: Fitter, learned: Sequence[Market], judged: Sequence[Market]) -> dict[str, Any]:
    """The accuracy on the judged markets, with its interval over markets, and that of each control; in percent.

    The epoch is chosen within the learned markets, so that nothing of the judged ones has been looked at.
    """
    scales = Scales.fit(learned, fitter.params)
    plain = replace(fitter, params=fitter.params.model_copy(update={"conditioned": False}))
    epochs = _epochs(plain, "plain", learned)
    decided = {
        "cloning_without_returns": _decisions(plain, "plain_all", learned, epochs, judged),
        "cloning_of_the_best_tenth": _decisions(plain, "best", best_markets(learned), epochs, judged),
        "gradient_boosting": boosted_trees(scales, learned, judged, fitter.params.validation, fitter.seed),
        **simple_rules(scales, learned, judged),
    }
    own = _decisions(fitter, "measured_all", learned, _epochs(fitter, "measured", learned), judged)
    model = _counts(scales, judged, own)
    controls = {name: _control(name, model, _counts(scales, judged, codes)) for name, codes in decided.items()}
    exact, balanced = _accuracy(model), _balanced(model)
    return {
        "markets": len(judged),
        "bars": int(model.sum()),
        "learned_markets": len(learned),
        "accuracy": asdict(exact),
        "balanced_accuracy": asdict(balanced),
        "by_class": [asdict(each) for each in accuracy.by_class(model.sum(axis=0))],
        "controls": {name: asdict(control) for name, control in controls.items()},
    }


def _epochs(fitter: Fitter, name: str, markets: Sequence[Market]) -> int:
    best, _, _ = fitter.selected_epoch(name, markets)
    return best.number if best else fitter.params.fit.epochs


def _decisions(
    fitter: Fitter, name: str, learned: Sequence[Market], epochs: int, judged: Sequence[Market]
) -> list[Codes]:
    network, scales = fitter.fitted(name, learned, epochs)
    model = TraderModel(network, ModelDescription(scales=scales, device=fitter.device, metrics={}))
    return [model.probabilities(market.rows, scales.target_return).argmax(axis=1) for market in judged]


def _counts(scales: Scales, judged: Sequence[Market], decided: Sequence[Codes]) -> Counts:
    """What the trader did and what was decided, by market."""
    return np.array(
        [
            accuracy.confusion(scales.actions(market.rows).astype(np.int64), codes)
            for market, codes in zip(judged, decided, strict=True)
        ]
    )


def _accuracy(counts: Counts) -> MarketInterval:
    return market_interval(counts.astype("f8"), lambda sums: 100.0 * accuracy.accuracy(sums))


def _balanced(counts: Counts) -> MarketInterval:
    return market_interval(counts.astype("f8"), lambda sums: 100.0 * accuracy.balanced_accuracy(sums))


def _control(name: str, model: Counts, counts: Counts) -> Control:
    exact, balanced = _accuracy(counts), _balanced(counts)
    both = np.stack([model, counts], axis=1).astype("f8")
    gain = market_interval(both, lambda sums: 100.0 * (accuracy.accuracy(sums[:, 0]) - accuracy.accuracy(sums[:, 1])))
    return Control(
        accuracy=exact.estimate or 0.0,
        balanced_accuracy=balanced.estimate,
        low=exact.low,
        high=exact.high,
        part=PARTS[name],
        gain=gain.estimate,
        gain_low=gain.low,
        gain_high=gain.high,
    )
