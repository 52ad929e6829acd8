"""Strategy files are read as they stand, and a mistake is named with its cure."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from trainers.analysts.strategies import load_strategy, strategy_names


def test_the_packaged_strategy_weighs_four_analysts_alike() -> None:
    assert "baseline_v1" in strategy_names()
    ensemble = load_strategy("baseline_v1").ensemble
    assert set(ensemble.analyst_weights.model_dump().values()) == {1.0}
    assert ensemble.enabled
    assert not ensemble.rl_policy.enabled


def test_a_file_of_ones_own_is_read(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "ensemble:\n  analyst_weights: {tech: 2.0, news: 0.0}\n"
        "  rl_policy: {enabled: true, model_path: models/p.pt, device: cpu}\n"
    )
    ensemble = load_strategy(path).ensemble
    assert ensemble.analyst_weights.model_dump() == {"tech": 2.0, "news": 0.0, "risk": 1.0, "rl": 1.0}
    assert ensemble.rl_policy.model_path == "models/p.pt"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("ensemble: {analyst_weights: {astrologer: 1.0}}", "strategy.invalid", "astrologer: is not a known key"),
        ("ensemble: {analyst_weights: {tech: -1.0}}", "strategy.invalid", "analyst_weights.tech"),
        ("ensemble: {analyst_weights: {tech: .nan}}", "strategy.invalid", "analyst_weights.tech"),
        (
            "ensemble: {analyst_weights: {tech: 0.0, news: 0.0, risk: 0.0, rl: 0.0}}",
            "strategy.invalid",
            "all weights are 0",
        ),
        ("ensemble: {rl_policy: {enabled: true}}", "strategy.invalid", "without a model_path"),
        ("ensemble: {enabled: true, enabled: false}", "strategy.malformed", "'enabled' stands there twice"),
        ("ensemble: [", "strategy.malformed", "no YAML"),
        ("!!python/object/apply:os.system ['true']", "strategy.malformed", "no YAML"),
        ("", "strategy.invalid", "holds nothing"),
        ("[1]", "strategy.invalid", "holds list"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, code, words) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_strategy(path)
    assert refused.value.code == code
    assert words in refused.value.message
    assert "mine.yaml" in refused.value.message
    assert refused.value.cure


def test_a_file_that_is_not_there_names_the_packaged_ones(tmp_path) -> None:
    with pytest.raises(ConfigError, match="baseline_v1") as refused:
        load_strategy(tmp_path / "none.yaml")
    assert refused.value.code == "strategy.missing"
