"""What every registered model type must do, whatever it is inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from config.errors import ConfigError, NightdeskError
from config.settings import Section
from data_pipeline.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.trade_logs import ExpertLog
from evaluation import backtest
from evaluation.drift import measure_drift, read_reference
from evaluation.leaks import Learned, Span, audit
from evaluation.signals import Signals
from tests.support.easy_market import SYMBOL, easy_bars, easy_expert, easy_task, rough_bars, with_expert
from trainers import (
    ArtifactFacts,
    Model,
    TrainingContext,
    load_artifact,
    manifest_sha256,
    prove,
    registry,
    save_artifact,
)

every_model_type = pytest.mark.parametrize("name", registry.names())
every_expert_cloner = pytest.mark.parametrize(
    "name", [name for name in registry.names() if "expert_log" in registry.needs(name).data]
)


@cache
def trained(name: str) -> Model:
    return registry.get(name).train(easy_task(name), TrainingContext(seed=3))


def decided(model: Model, bars: Bars) -> Signals:
    """What the model decides on the bars of its symbol."""
    return model.decide(Inputs.of(bars))[SYMBOL]


def same(a: Signals, b: Signals) -> None:
    """Equal to the last bit, index and all."""
    assert_series_equal(a.position, b.position, check_exact=True)
    assert_series_equal(a.confidence, b.confidence, check_exact=True)


def facts(name: str) -> ArtifactFacts:
    task = easy_task(name)
    return ArtifactFacts(
        model_type=name,
        version="v1",
        params=task.params,
        inputs=task.inputs,
        dataset=task.bars.fingerprint(),
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=datetime(2024, 1, 2, tzinfo=UTC),
        settings_fingerprint="0" * 64,
        seed=3,
    )


@every_model_type
def test_it_tells_its_name_its_needs_and_its_params(name: str) -> None:
    model_type = registry.get(name)
    assert model_type.name == name
    assert model_type.description == registry.describe()[name]
    assert issubclass(model_type.params, Section)
    assert model_type.params.model_config["frozen"]
    assert model_type.params() == registry.validate_params(name, {})
    assert registry.validate_params(name, json.loads(model_type.params().model_dump_json())) == model_type.params()


@every_model_type
def test_it_learns_to_earn_in_a_market_that_can_be_read(name: str) -> None:
    bars, end = easy_bars(), easy_task(name).train_end
    unseen = bars.since(end)
    result = backtest(unseen, decided(trained(name), bars).since(end)).metrics()
    holding = unseen.frame["close"].iloc[-1] / unseen.frame["close"].iloc[0] - 1.0
    assert result["total_return"] > 100.0 * max(0.0, holding) + 10.0


@every_model_type
def test_its_signals_stand_on_the_bars_and_inside_their_bounds(name: str) -> None:
    bars = easy_bars()
    signals = decided(trained(name), bars)
    assert signals.index.equals(bars.frame.index)
    assert signals.position.between(-1.0, 1.0).all()
    assert signals.confidence.between(0.0, 1.0).all()
    assert signals.position.nunique() > 1


@every_model_type
@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 300))
def test_what_it_says_of_a_bar_depends_on_nothing_later(name: str, rows: int) -> None:
    model, bars = trained(name), rough_bars(300)
    whole = decided(model, bars)
    part = model.decide(Inputs.of(bars).head(rows))
    if rows == 0:
        assert part == {}
    else:
        same(part[SYMBOL], Signals(whole.position.iloc[:rows], whole.confidence.iloc[:rows]))


@every_model_type
def test_it_tells_what_it_learned_and_passes_the_leak_audit(name: str) -> None:
    learned: list[Learned] = []
    task = easy_task(name)
    model = registry.get(name).train(task, TrainingContext(seed=3, learned=learned.append))
    assert learned
    leaks = audit(model, Inputs.of(easy_bars()), learned, Span(task.train_start, task.train_end))
    assert leaks.findings == ()
    assert leaks.checked["features"] == list(model.facts.features)


@every_model_type
def test_saved_and_loaded_it_says_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    trained(name).save(tmp_path)
    loaded = registry.get(name).load(tmp_path)
    same(decided(loaded, easy_bars()), decided(trained(name), easy_bars()))
    assert loaded.facts == trained(name).facts


@every_model_type
def test_its_artefact_is_json_and_tensors_alone(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "EASY" / name / "v1"
    save_artifact(folder, trained(name), facts(name))
    for path in folder.iterdir():
        data = path.read_bytes()
        assert json.loads(data) if path.suffix == ".json" else safetensors.numpy.load(data)
        assert path.suffix in {".json", ".safetensors"}


@every_model_type
def test_its_artefact_proves_itself_by_its_golden_predictions(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "EASY" / name / "v1"
    manifest = save_artifact(folder, trained(name), facts(name))
    artifact = load_artifact(folder, manifest_sha256(folder))
    prove(artifact)
    assert artifact.manifest == manifest
    assert manifest.features == list(trained(name).facts.features)
    assert manifest.metrics == trained(name).facts.metrics
    same(decided(artifact.model, easy_bars()), decided(trained(name), easy_bars()))


@every_model_type
def test_its_artefact_keeps_what_it_saw_and_did_in_training(name: str, tmp_path: Path) -> None:
    bars = easy_task(name).bars
    before = read_reference(save_artifact(tmp_path / "EASY" / name / "v1", trained(name), facts(name)).reference)
    assert before is not None
    assert before.bars == sum(before.sides.counts) == len(bars)
    assert set(before.features) == set(trained(name).facts.features)
    again = measure_drift(before, decided(trained(name), bars), trained(name).features(Inputs.of(bars)))
    assert (again.drifted, again.sides.psi if again.sides else None) == ((), 0.0)


@every_model_type
def test_params_it_does_not_know_are_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match="no_such_param") as refused:
        registry.validate_params(name, {"no_such_param": 1})
    assert refused.value.code == "model_type.params"


@every_model_type
def test_the_same_seed_trains_the_same_model(name: str, tmp_path: Path) -> None:
    again = registry.get(name).train(easy_task(name), TrainingContext(seed=3))
    other = registry.get(name).train(easy_task(name), TrainingContext(seed=4))
    same(decided(again, easy_bars()), decided(trained(name), easy_bars()))
    weights = []
    for model, folder in ((trained(name), "first"), (again, "again"), (other, "other")):
        (tmp_path / folder).mkdir()
        model.save(tmp_path / folder)
        weights.append((tmp_path / folder / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


@every_model_type
def test_it_tells_how_far_it_is_from_start_to_end(name: str) -> None:
    heard: list[tuple[float, str]] = []
    context = TrainingContext(seed=3, progress=lambda fraction, message: heard.append((fraction, message)))
    registry.get(name).train(easy_task(name), context)
    fractions = [fraction for fraction, _ in heard]
    assert len(heard) > 2
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] < fractions[-1] == 1.0
    assert all(message for _, message in heard)


@every_model_type
@pytest.mark.parametrize("after", [0, 2])
def test_it_stops_when_it_is_asked_to(name: str, after: int) -> None:
    heard: list[float] = []
    context = TrainingContext(progress=lambda fraction, _: heard.append(fraction), should_stop=_after(after, heard))
    with pytest.raises(NightdeskError) as stopped:
        registry.get(name).train(easy_task(name), context)
    assert stopped.value.code == "training.stopped"
    assert len(heard) == after + 1


def _after(reports: int, heard: list[float]) -> Callable[[], bool]:
    return lambda: len(heard) > reports


@every_model_type
def test_too_few_bars_are_a_clear_error(name: str) -> None:
    with pytest.raises(NightdeskError, match="has 10 bars") as refused:
        registry.get(name).train(easy_task(name, easy_bars(10)), TrainingContext())
    assert refused.value.code == "training.too_few_bars"
    assert "lookback_days" in refused.value.cure


@every_model_type
def test_bars_from_beyond_the_training_end_are_refused(name: str) -> None:
    with pytest.raises(NightdeskError) as refused:
        easy_task(name, train_end=easy_bars().frame.index[100].to_pydatetime())
    assert refused.value.code == "training.future"


@every_expert_cloner
def test_without_an_experts_log_it_says_so(name: str) -> None:
    with pytest.raises(NightdeskError, match="no expert trade log") as refused:
        registry.get(name).train(easy_task(name, expert_log=None), TrainingContext())
    assert refused.value.code == "expert_log.missing"


@every_expert_cloner
def test_an_expert_who_only_held_teaches_nothing(name: str) -> None:
    log = easy_expert(easy_bars())
    held = ExpertLog(log.frame.assign(action=0))
    with pytest.raises(NightdeskError, match="only said hold") as refused:
        registry.get(name).train(with_expert(easy_task(name), held), TrainingContext())
    assert refused.value.code == "training.single_class"
