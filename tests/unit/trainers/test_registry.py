from __future__ import annotations

import subprocess
import sys

import pytest

from config.errors import ConfigError, UsageError
from trainers import registry
from trainers.cloning.behavioral.config import BehavioralClonerConfig


def test_an_unknown_model_type_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="'deepscalper'") as refused:
        registry.get("deepscalper")
    assert refused.value.code == "model_type.unknown"
    assert "behavioral_cloner" in refused.value.cure
    with pytest.raises(UsageError):
        registry.validate_params("deepscalper", {})


def test_invalid_params_are_refused_by_name_and_reason() -> None:
    with pytest.raises(ConfigError, match=r"n_estimators.*greater than or equal to 1.*max_depths") as refused:
        registry.validate_params("behavioral_cloner", {"n_estimators": 0, "max_depths": 3})
    assert "max_depth" in refused.value.cure
    assert len(refused.value.detail["mistakes"]) == 2


@pytest.mark.parametrize("weights", [{"buy": 3.0, "sell": 2.0}, {"1": 3.0, "-1": 2.0}, {1: 3, -1: 2}])
def test_class_weights_may_be_named_by_word_or_number(weights: dict[object, float]) -> None:
    assert BehavioralClonerConfig(class_weight=weights).class_weight == {1: 3.0, -1: 2.0}


@pytest.mark.parametrize("weights", [{"purchase": 3.0}, {"buy": 0.0}, {"buy": 1.0, "1": 2.0}, "heavy"])
def test_class_weights_that_make_no_sense_are_refused(weights: object) -> None:
    with pytest.raises(ConfigError):
        registry.validate_params("behavioral_cloner", {"class_weight": weights})


def test_params_can_be_checked_without_loading_what_only_a_worker_needs() -> None:
    heavy = "numpy", "pandas", "sklearn", "numba", "torch", "safetensors"
    check = (
        "import sys, trainers; from trainers import registry, manifest_sha256, read_manifest;"
        "registry.describe(); registry.validate_params('behavioral_cloner', {'n_estimators': 5});"
        f"loaded = [name for name in {heavy} if name in sys.modules]; sys.exit(str(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_predicting_with_a_brain_does_not_load_scikit_learn() -> None:
    modules = "trainers.cloning.behavioral.forest, trainers.cloning.behavioral.model_type"
    check = f"import sys, {modules}; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_room_offers_every_name_it_lists() -> None:
    import trainers  # noqa: PLC0415

    assert all(getattr(trainers, name) for name in trainers.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = trainers.no_such_name
