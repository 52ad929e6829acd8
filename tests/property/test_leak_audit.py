"""The law of the leak audit: no alarm where nothing leaks, and none missed where something does, in any market."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data_pipeline.features.registry import DEFAULT_FEATURES, FEATURES
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import FitRecord, LeakAudit, Span, audit
from tests.support.markets.random import random_expert, random_market
from tests.support.models import leaking_type as leaky
from trainers import ModelType, TrainingContext, TrainingTask, registry

HANDFUL, MANY = range(5), range(5, 105)


def audited(kind: ModelType, params: dict[str, Any], seed: int) -> LeakAudit:
    """The audit of a model that was trained on the first four fifths of a market, as the desk trains."""
    bars = random_market(seed)
    index = bars.frame.index
    last = int(len(bars) * 0.8)
    start, end = index[last // 10].to_pydatetime(), index[last].to_pydatetime()
    log = random_expert(bars, seed)
    inputs = Inputs.of(bars, log)
    task = TrainingTask(inputs.until(end), start, end, "test", kind.params(**params))
    fits: list[FitRecord] = []
    model = kind.train(task, TrainingContext(seed=seed, record_fit=fits.append))
    return audit(model, inputs, fits, Span(start, end), seed=seed)


def no_alarm(seed: int) -> None:
    random = np.random.default_rng(seed)
    every = tuple(random.permutation(list(FEATURES))[:20].tolist())
    params = {
        "n_estimators": 5,
        "max_depth": 6,
        "features": (DEFAULT_FEATURES, every)[seed % 2],
        "sell": ("exit", "short")[seed % 2],
        "size_by_confidence": bool(random.integers(2)),
    }
    assert audited(registry.get("behavioral_cloner"), params, seed).findings == ()
    assert audited(leaky.PlantedType(), {}, seed).findings == ()


@pytest.mark.parametrize("seed", HANDFUL)
def test_a_model_without_a_leak_has_no_findings(seed: int) -> None:
    no_alarm(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_a_model_without_a_leak_has_no_findings_in_a_hundred_markets(seed: int) -> None:
    no_alarm(seed)


def no_miss(plant: str, seed: int) -> None:
    if leaky.FEATURES[plant](random_market(seed)).nunique() < 2:
        return  # in a market without a fall nothing tells of one
    findings = audited(leaky.PlantedType(), {"plant": plant}, seed).findings
    assert "spread" in {finding.name for finding in findings}, findings
    assert {"change", "trend"}.isdisjoint(finding.name for finding in findings)


@pytest.mark.parametrize("plant", leaky.FEATURES)
def test_a_planted_leak_is_found(plant: str) -> None:
    no_miss(plant, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("plant", leaky.FEATURES)
def test_a_planted_leak_is_found_in_many_markets(plant: str) -> None:
    for seed in MANY[:30]:
        no_miss(plant, seed)
