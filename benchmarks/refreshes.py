"""Broken retrainings: how many the continuity of decisions and the comparison of inputs hold back on their first night.

Each trial makes a market and an expert who trades a noisy rule of it, trains a forest on the expert as the champion,
rehearses eight retrainings a bar apart as a night does, and then retrains it soundly and in three broken ways: with
labels shuffled, with the sign of its decisions flipped, and with a feature that has stood still for 21 bars.

    python -m benchmarks.refreshes [trials]
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from evaluation.records.continuity import COMPARED_BARS, REHEARSALS, Likeness, discontinuity, likeness
from evaluation.records.inputs import FROZEN_BARS, frozen_features

BARS, WINDOW, TREES = 1400, 750, 40


def market(rng: np.random.Generator) -> pd.DataFrame:
    """Features of a made-up history: returns over several spans, their volatility, and a slow wave."""
    volatility = np.exp(0.3 * np.cumsum(rng.normal(size=BARS)) / np.sqrt(BARS) * 3.0)
    close = pd.Series(np.cumsum(rng.standard_t(5, BARS) * 0.01 * volatility))
    spans = {f"return_{span}": close.diff(span) for span in (1, 5, 20, 60)}
    wide = {f"volatility_{span}": close.diff().rolling(span).std() for span in (10, 60)}
    return pd.DataFrame({**spans, **wide}).fillna(0.0)


def expert(features: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Long while the month is up and calm, with a tenth of the decisions wrong."""
    calm = features["volatility_10"] < features["volatility_10"].rolling(250, min_periods=1).median() * 1.2
    long = ((features["return_20"] > 0.0) & calm).to_numpy()
    return np.where(rng.random(BARS) < 0.1, ~long, long).astype(int)


def decide(features: pd.DataFrame, labels: np.ndarray, end: int, seed: int) -> RandomForestClassifier:
    """A forest that has learned up to the bar `end`."""
    rows = slice(end - WINDOW, end)
    forest = RandomForestClassifier(n_estimators=TREES, max_depth=8, min_samples_leaf=2, random_state=seed, n_jobs=1)
    return forest.fit(features.iloc[rows].to_numpy(), labels[rows])


def positions(forest: RandomForestClassifier, features: pd.DataFrame, end: int) -> np.ndarray:
    return forest.predict(features.iloc[end - COMPARED_BARS : end].to_numpy()).astype(float)


def trial(seed: int) -> tuple[float, dict[str, bool]]:
    """The median kappa of the rehearsals, and which retrainings were held back."""
    rng = np.random.default_rng(seed)
    features = market(rng)
    labels = expert(features, rng)
    tonight = BARS
    models = {end: decide(features, labels, end, 0) for end in range(tonight - 1 - REHEARSALS, tonight)}
    rehearsals: list[Likeness] = [
        likeness(positions(models[end], features, end), positions(models[end - 1], features, end))
        for end in range(tonight - REHEARSALS, tonight)
    ]
    champion = positions(models[tonight - 1], features, tonight)
    sound = positions(decide(features, labels, tonight, 0), features, tonight)
    shuffled = positions(decide(features, rng.permutation(labels), tonight, 0), features, tonight)
    frozen = features.copy()
    frozen.iloc[-FROZEN_BARS:, 2] = frozen.iloc[-FROZEN_BARS, 2]
    return float(np.median([each.kappa for each in rehearsals])), {
        "sound": discontinuity(likeness(sound, champion), rehearsals) is not None,
        "sign flipped": discontinuity(likeness(1.0 - sound, champion), rehearsals) is not None,
        "labels shuffled": discontinuity(likeness(shuffled, champion), rehearsals) is not None,
        "feature frozen": bool(frozen_features(frozen)),
        "sound, inputs": bool(frozen_features(features)),
    }


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    kappas, held = [], dict.fromkeys(("sound", "sound, inputs", "sign flipped", "labels shuffled", "feature frozen"), 0)
    for seed in range(trials):
        kappa, held_back = trial(seed)
        kappas.append(kappa)
        for name in held:
            held[name] += held_back[name]
    print(f"{trials} trials; median kappa of rehearsals {np.median(kappas):.2f}, lowest {min(kappas):.2f}")
    for name, count in held.items():
        print(f"  {name:<16} held back {count:>4} of {trials} ({count / trials:.1%})")


if __name__ == "__main__":
    main()
