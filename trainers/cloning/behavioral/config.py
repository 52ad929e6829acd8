"""The configs of the behavioural cloner; light, so that they are validated without loading a forest."""

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
    """How a random forest (Breiman 2001, https://doi.org/10.1023/A:1010933404324) is grown and measured.

    Each tree is grown on a bootstrap sample by splits that lower the weighted Gini impurity most,

        G = sum over classes c of p_c (1 - p_c)

    and the forest predicts the mean of the trees' class shares.

    Args:
        n_estimators: trees of the forest.
        max_depth: of a tree; None is unlimited.
        min_samples_split: rows that a node needs to be split.
        min_samples_leaf: rows that each side of a split needs.
        class_weight: weights of the classes; "balanced" is n / (classes * n_class), None weighs all rows equally. A
            class that is missing in a mapping weighs 1.
        oversample: synthetic rows (SMOTE, Chawla et al. 2002) fill rare classes up to this share of the largest one; 0
            adds none.
        test_size: the last part of the span, by time, on which the forest is measured.
        purge: rows before a test span that are not trained on, since their indicator windows overlap with it.
    """

    n_estimators: Annotated[int, Field(ge=1, le=10_000), Flag("--n-estimators", help="trees of the forest")] = 100
    max_depth: Annotated[int | None, Field(ge=1), Flag("--max-depth", help="depth of a tree")] = 10
    min_samples_split: int = Field(default=5, ge=2)
    min_samples_leaf: int = Field(default=2, ge=1)
    class_weight: Literal["balanced"] | ClassWeights | None = "balanced"
    oversample: float = Field(default=0.0, ge=0.0, le=1.0)
    test_size: float = Field(default=0.2, gt=0.0, lt=1.0)
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
