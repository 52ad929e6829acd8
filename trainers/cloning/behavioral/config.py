"""The choices of the behavioural cloner; light, so that a config can be checked without loading a forest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from config.dataclass_section import DataclassSection
from data_pipeline.actions import number
from trainers.flags import Flag


def _by_action(value: Any) -> Any:
    """Weights by action, whether its key is 1, "1" or "buy"."""
    if not isinstance(value, dict):
        return value
    weights = {number(key): weight for key, weight in value.items()}
    if None in weights or len(weights) != len(value):
        raise ValueError("must name each of sell, hold, buy (or -1, 0, 1) once at most")
    return weights


Weight = Annotated[float, Field(gt=0.0)]
ClassWeights = Annotated[dict[int, Weight], BeforeValidator(_by_action)]


class ForestConfig(DataclassSection):
    """How a forest is grown and measured. Classes left out of hand-made weights weigh 1."""

    n_estimators: Annotated[int, Field(ge=1, le=10_000), Flag("--n-estimators", help="trees of the forest")] = 100
    max_depth: Annotated[int | None, Field(ge=1), Flag("--max-depth", help="depth of a tree")] = 10
    min_samples_split: int = Field(default=5, ge=2)
    min_samples_leaf: int = Field(default=2, ge=1)
    class_weight: Literal["balanced"] | ClassWeights | None = "balanced"
    # Rare classes are filled up with synthetic rows to this share of the largest one; 0 leaves the data alone.
    oversample: float = Field(default=0.0, ge=0.0, le=1.0)
    # The last part of the span, by time, on which the forest is measured.
    test_size: float = Field(default=0.2, gt=0.0, lt=1.0)
    # Rows left out beside a test span: their indicator windows overlap with it.
    purge: int = Field(default=5, ge=0)


class BehavioralClonerConfig(ForestConfig):
    """The configuration of a `BehavioralCloner`."""

    leading_fields = (
        "n_estimators",
        "max_depth",
        "min_samples_split",
        "min_samples_leaf",
        "random_state",
        "test_size",
        "class_weight",
    )

    random_state: int = Field(default=42, ge=0, le=2**32 - 1)


class BehavioralClonerParams(ForestConfig):
    """The params of the desk's model type `behavioral_cloner`; its seed comes from the training context."""

    # Names in data_pipeline.features.registry; None is the desk's default set.
    features: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    sell: Literal["exit", "short"] = "exit"
    size_by_confidence: bool = False
