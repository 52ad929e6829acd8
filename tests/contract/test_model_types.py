"""What every model type must do: all that are registered, and a small one of each kind that is to come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from config.errors import ConfigError, NightdeskError
from config.section import Section
from data_pipeline.experts.expert_log import ExpertLog
from data_pipeline.inputs import Inputs
from evaluation import WalkForwardValidator, backtest, judges
from evaluation.audit.leak_audit import FitRecord, audit
from evaluation.monitoring.drift import measure_drift, read_reference
from evaluation.signal_model import Request
from evaluation.signals import Signals
from tests.golden.decisions import assert_unchanged, recorded_types
from tests.support.markets.easy import SYMBOL, easy_bars, easy_expert, easy_task, with_expert
from tests.support.models.examples import NAMES, everything_registered, example, save, trained, training_of
from tests.support.models.small_types import MARKETS, TRADER
from trainers import Model, TrainingContext, load_artifact, manifest_sha256, prove, registry
from trainers.golden import GOLDEN
from trainers.search_space import OneOf, with_values

every_model_type = pytest.mark.parametrize("name", NAMES)
every_registered_type = pytest.mark.parametrize("name", registry.names())
every_type_of_symbols = pytest.mark.parametrize(
    "name", [name for name in registry.names() if registry.needs(name).scope == "symbol"]
)
every_expert_cloner = pytest.mark.parametrize(
    "name", [name for name in registry.names() if "expert_log" in registry.needs(name).data]
)


@pytest.fixture(autouse=True)
def _all_kinds() -> Iterator[None]:
    with everything_registered():
        yield


def same(a: Mapping[str, Signals], b: Mapping[str, Signals]) -> None:
    """Equal to the last bit, symbols, index and all."""
    assert a.keys() == b.keys()
    for name in a:
        assert_series_equal(a[name].position, b[name].position, check_exact=True)
        assert_series_equal(a[name].confidence, b[name].confidence, check_exact=True)


@every_model_type
def test_it_states_its_name_its_needs_its_judge_and_its_params(name: str) -> None:
    model_type = registry.get(name)
    assert model_type.name == name
    assert model_type.description == registry.describe()[name]
    assert model_type.needs == registry.needs(name)
    assert model_type.judge in judges.names()
    assert issubclass(model_type.params, Section)
    assert model_type.params.model_config["frozen"]
    assert model_type.params() == registry.validate_params(name, {})
    assert registry.validate_params(name, json.loads(model_type.params().model_dump_json())) == model_type.params()


@pytest.mark.parametrize("name", recorded_types())
def test_its_decisions_are_those_of_its_revision(name: str) -> None:
    assert_unchanged(name, trained(name).decide(example(name).unseen))


@every_type_of_symbols
def test_it_learns_to_earn_in_an_easy_market(name: str) -> None:
    bars, end = easy_bars(), example(name).task.train_end
    unseen = bars.since(end)
    result = backtest(unseen, trained(name).decide(Inputs.of(bars))[SYMBOL].since(end)).metrics()
    holding = unseen.frame["close"].iloc[-1] / unseen.frame["close"].iloc[0] - 1.0
    assert result["total_return"] > 100.0 * max(0.0, holding) + 10.0


@every_model_type
def test_its_signals_have_the_index_of_the_bars_and_stay_within_their_bounds(name: str) -> None:
    inputs = example(name).unseen
    decided = trained(name).decide(inputs)
    assert decided.keys() == inputs.bars.keys()
    for symbol, signals in decided.items():
        assert signals.index.equals(inputs.bars[symbol].frame.index)
        assert signals.position.between(-1.0, 1.0).all()
        assert signals.confidence.between(0.0, 1.0).all()
        assert signals.position.nunique() > 1


@every_model_type
def test_its_features_are_named_and_have_the_index_of_the_bars(name: str) -> None:
    inputs, model = example(name).unseen, trained(name)
    features = model.features(inputs)
    assert features.keys() == inputs.bars.keys()
    for symbol, table in features.items():
        assert list(table.columns) == list(model.facts.features)
        assert table.index.equals(inputs.bars[symbol].frame.index)


@every_model_type
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_its_decision_at_a_bar_does_not_depend_on_later_bars(name: str, data: st.DataObject) -> None:
    model, inputs = trained(name), example(name).unseen
    closes = data.draw(st.integers(0, len(inputs)))
    part = inputs.head(closes)
    expected = {symbol: signals for symbol, signals in model.decide(inputs).items() if symbol in part.bars}
    last = inputs.times[closes - 1] if closes else None
    assert (last is not None) == bool(part.bars)
    if last is not None:
        same(model.decide(part), {symbol: signals.until(last) for symbol, signals in expected.items()})


@every_model_type
def test_it_declares_what_it_learned_and_passes_the_leak_audit(name: str) -> None:
    case = example(name)
    training = training_of(name)
    assert training.fits
    leaks = audit(training.model, case.inputs, training.fits, case.span)
    assert leaks.findings == ()
    assert leaks.checked["features"] == list(training.model.facts.features)


@every_model_type
def test_saved_and_loaded_it_decides_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save(name, folder)
    loaded = registry.get(name).load(folder)
    same(loaded.decide(example(name).unseen), trained(name).decide(example(name).unseen))
    assert loaded.facts == trained(name).facts


@every_model_type
def test_its_artefact_is_json_and_tensors_alone(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save(name, folder)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        assert json.loads(data) if path.suffix == ".json" else safetensors.numpy.load(data)
        assert path.suffix in {".json", ".safetensors"}


@every_model_type
def test_its_artefact_proves_itself_by_its_golden_predictions(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    facts = save(name, folder)
    artifact = load_artifact(folder, manifest_sha256(folder))
    prove(artifact)
    manifest = artifact.manifest
    assert (manifest.subject, manifest.model_type) == (example(name).task.subject, name)
    assert manifest.features == list(trained(name).facts.features)
    assert manifest.metrics == trained(name).facts.metrics
    assert {entry.name for entry in manifest.datasets if entry.kind == "bars"} == facts.inputs.bars.keys()
    assert manifest.members.keys() == set(registry.needs(name).members)
    same(artifact.model.decide(example(name).unseen), trained(name).decide(example(name).unseen))


@every_model_type
def test_one_bit_of_its_golden_predictions_is_noticed(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save(name, folder)
    artifact = load_artifact(folder)
    other = training_of(name, seed=4).model
    if name != "small_committee":  # which draws nothing by lot
        with pytest.raises(NightdeskError) as refused:
            prove(replace(artifact, model=_Opposite(other)))
        assert refused.value.code == "model.golden_mismatch"


class _Opposite:
    """A model whose decisions are turned around."""

    def __init__(self, model: Model) -> None:
        self.facts, self.features, self.save, self._model = model.facts, model.features, model.save, model

    def decide(self, inputs: Inputs, request: Request | None = None) -> Mapping[str, Signals]:
        return {
            name: Signals(-signals.position, signals.confidence) for name, signals in self._model.decide(inputs).items()
        }


@every_model_type
def test_its_artefact_keeps_a_reference_of_every_feature(name: str, tmp_path: Path) -> None:
    folder, task = tmp_path / "model", example(name).task
    save(name, folder)
    before = read_reference(load_artifact(folder).manifest.reference)
    assert before is not None
    inputs = task.inputs.for_decisions()
    span = inputs.since(task.train_start)
    assert before.bars == sum(before.position_sign.counts) == sum(map(len, span.bars.values()))
    assert set(before.features) == set(trained(name).facts.features)
    decided, features = trained(name).decide(inputs), trained(name).features(inputs)
    drift = measure_drift(
        before,
        {symbol: decided[symbol].since(task.train_start) for symbol in span.bars},
        {symbol: features[symbol].loc[task.train_start :] for symbol in span.bars},
    )
    assert (drift.drifted, drift.position_sign.psi if drift.position_sign else None) == ((), 0.0)


@every_model_type
def test_it_walks_forward_over_its_inputs(name: str) -> None:
    inputs, model = example(name).inputs, trained(name)
    validator = WalkForwardValidator(train=len(inputs) // 3, test=len(inputs) // 6, purge=2)
    walks = validator.validate(inputs, lambda _train, _fold: model)
    tested = inputs.since(validator.folds(inputs)[0].test.first)
    assert walks.keys() == tested.bars.keys()
    for symbol, walk in walks.items():
        assert walk.signals.index.equals(tested.bars[symbol].frame.index)


@every_model_type
def test_unknown_params_are_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match="no_such_param") as refused:
        registry.validate_params(name, {"no_such_param": 1})
    assert refused.value.code == "model_type.params"


@every_model_type
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_point_of_its_search_space_is_a_valid_config(name: str, data: st.DataObject) -> None:
    params = registry.validate_params(name, {})
    values = {}
    for param, choice in registry.get(name).search_space(params).items():
        if isinstance(choice, OneOf):
            values[param] = data.draw(st.sampled_from(choice.values))
        elif choice.integer:
            values[param] = data.draw(st.integers(int(choice.low), int(choice.high)))
        else:
            values[param] = data.draw(st.floats(choice.low, choice.high))
    assert with_values(params, values) == with_values(with_values(params, values), values)


@every_model_type
def test_the_same_seed_trains_the_same_model(name: str, tmp_path: Path) -> None:
    twin, other = example(name).train(seed=3).model, training_of(name, seed=4).model
    same(twin.decide(example(name).unseen), trained(name).decide(example(name).unseen))
    contents = []
    for model, folder in ((trained(name), "first"), (twin, "again"), (other, "other")):
        (tmp_path / folder).mkdir()
        model.save(tmp_path / folder)
        contents.append([path.read_bytes() for path in sorted((tmp_path / folder).glob("*.safetensors"))])
    assert contents[0] == contents[1]
    draws_nothing = bool(registry.needs(name).members) or name == "portfolio"
    assert (contents[1] == contents[2]) == draws_nothing


@every_registered_type
def test_it_reports_how_far_it_is_from_start_to_end(name: str) -> None:
    reports = training_of(name).progress
    fractions = [fraction for fraction, _ in reports]
    assert len(reports) > 2
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] < fractions[-1] == 1.0
    assert all(message for _, message in reports)


@every_registered_type
@pytest.mark.parametrize("after", [0, 2])
def test_it_stops_when_it_is_asked_to(name: str, after: int) -> None:
    reports: list[float] = []
    members = {member: trained(member) for member in registry.needs(name).members}
    context = TrainingContext(
        progress=lambda fraction, _: reports.append(fraction), should_stop=_after(after, reports), members=members
    )
    with pytest.raises(NightdeskError) as stopped:
        registry.get(name).train(example(name).task, context)
    assert stopped.value.code == "training.stopped"
    assert len(reports) == after + 1


def _after(reports: int, received: list[float]) -> Callable[[], bool]:
    return lambda: len(received) > reports


@every_registered_type
def test_a_search_sees_its_validation_scores_and_may_prune_it(name: str) -> None:
    scores = training_of(name).scores
    assert scores
    assert [step for step, _ in scores] == sorted({step for step, _ in scores})
    members = {member: trained(member) for member in registry.needs(name).members}
    with pytest.raises(NightdeskError) as pruned:
        registry.get(name).train(
            example(name).task, TrainingContext(seed=3, should_prune=lambda: True, members=members)
        )
    assert pruned.value.code == "training.pruned"
    assert (pruned.value.detail["step"], pruned.value.detail["value"]) == scores[0]


@every_model_type
def test_too_few_bars_are_a_clear_error(name: str) -> None:
    task = example(name).task
    few = replace(task, inputs=task.inputs.since(task.train_start).head(10))
    with pytest.raises(NightdeskError, match="has 10 bars") as refused:
        registry.get(name).train(few, TrainingContext())
    assert refused.value.code == "training.too_few_bars"
    assert "lookback_days" in refused.value.cure


@every_model_type
def test_inputs_from_beyond_the_training_end_are_refused(name: str) -> None:
    case = example(name)
    with pytest.raises(NightdeskError) as refused:
        replace(case.task, inputs=case.inputs)
    assert refused.value.code == "training.future"


@every_expert_cloner
def test_without_an_experts_log_training_is_refused(name: str) -> None:
    with pytest.raises(NightdeskError, match="no expert trade log") as refused:
        registry.get(name).train(easy_task(name, expert_log=None), TrainingContext())
    assert refused.value.code == "expert_log.missing"


@every_expert_cloner
def test_an_expert_log_with_holds_only_is_refused(name: str) -> None:
    log = easy_expert(easy_bars())
    holds = ExpertLog(log.frame.assign(action=0))
    with pytest.raises(NightdeskError, match="only action is hold") as refused:
        registry.get(name).train(with_expert(easy_task(name), holds), TrainingContext())
    assert refused.value.code == "training.single_class"


@every_expert_cloner
def test_the_teacher_positions_are_those_of_the_actions_in_the_expert_log(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "model")
    manifest = load_artifact(tmp_path / "model").manifest
    inputs = example(name).inputs
    positions = registry.get(name).teacher_positions(inputs, manifest)[SYMBOL]
    assert positions.index.equals(easy_bars().frame.index)  # this expert acts at every bar
    assert set(positions) == {0.0, 1.0}
    assert registry.get(name).teacher_positions(inputs.for_decisions(), manifest) == {}


@every_model_type
def test_its_evidence_is_read_from_its_manifest(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "model")
    manifest = load_artifact(tmp_path / "model").manifest
    evidence = registry.get(name).evidence(manifest)
    if evidence.feature_importance is not None:
        assert set(evidence.feature_importance.features) == set(manifest.features)
    if evidence.model_selection is not None:
        assert evidence.model_selection.checkpoints >= evidence.model_selection.seeds >= 1
    assert (evidence.feature_importance is None) or (evidence.model_selection is None)
    for check in evidence.checks:
        assert re.fullmatch(r"[a-z][a-z_]*", check.name)
        assert check.required
        assert check.measured is not None or check.note


# What only some kinds can show.


def test_a_trader_s_model_decides_for_every_market_by_the_return_that_is_asked_for() -> None:
    inputs, model = example("small_trader").unseen, trained("small_trader")
    assert inputs.subject == TRADER
    assert max(map(len, MARKETS)) == 37
    nothing, usual = (model.decide(inputs, Request(target_return=target)) for target in (0.0, 100.0))
    for slug in MARKETS:
        assert not nothing[slug].position.any()
        assert set(usual[slug].position.unique()) == {-1.0, 0.0, 1.0}


def test_a_symbol_that_is_not_listed_yet_is_absent_and_changes_nothing_before() -> None:
    inputs, model = example("small_universe").unseen, trained("small_universe")
    listed = inputs.bars["NEW"].frame.index[0]
    before = inputs.head(int(inputs.times.searchsorted(listed)))
    assert before.bars.keys() == {"ONE", "TWO"}
    assert model.decide(before).keys() == {"ONE", "TWO"}


def test_members_travel_with_the_artefact_and_are_checked_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save("small_committee", folder)
    manifest = load_artifact(folder).manifest
    for member in registry.needs("small_committee").members:
        assert manifest.members[member] == manifest_sha256(folder / "members" / member)
        prove(load_artifact(folder / "members" / member))
    golden = folder / "members" / "a2c" / GOLDEN
    data = bytearray(golden.read_bytes())
    data[-1] ^= 1
    golden.write_bytes(data)
    with pytest.raises(NightdeskError, match=r"members/a2c/golden\.safetensors was changed") as refused:
        load_artifact(folder)
    assert refused.value.code == "model.corrupt"


@pytest.mark.parametrize("stray", ["members/a2c/extra.json", "members/odd", "members/x/y/z.json"])
def test_a_stray_file_among_the_members_is_refused(tmp_path: Path, stray: str) -> None:
    folder = tmp_path / "model"
    save("small_committee", folder)
    (folder / stray).parent.mkdir(parents=True, exist_ok=True)
    (folder / stray).write_text("{}")
    with pytest.raises(NightdeskError) as refused:
        load_artifact(folder)
    assert refused.value.code in {"model.unsafe", "model.corrupt"}


def test_a_link_among_the_members_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save("small_committee", folder)
    (folder / "members" / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(NightdeskError) as refused:
        load_artifact(folder)
    assert refused.value.code == "model.unsafe"


@pytest.mark.parametrize("kind", ["universe", "trader"])
def test_a_leak_is_found_in_every_kind(kind: str) -> None:
    case = example(f"small_{kind}")
    leaks = audit(_Peeking(trained(case.name), kind), case.inputs, [_any_rows(case.task.inputs)], case.span)
    assert {finding.kind for finding in leaks.findings} == {"look_ahead"}


def _any_rows(inputs: Inputs) -> FitRecord:
    times = inputs.times[len(inputs.times) // 3 :]
    return FitRecord("level", times, times)


class _Peeking:
    """Looks one row ahead: at another symbol's next close, or at the fill that comes after the bar."""

    def __init__(self, model: Model, kind: str) -> None:
        self._model, self._kind = model, kind

    def features(self, inputs: Inputs) -> Mapping[str, object]:
        return self._model.features(self._shifted(inputs))

    def decide(self, inputs: Inputs, request: Request | None = None) -> Mapping[str, Signals]:
        return self._model.decide(self._shifted(inputs))

    def _shifted(self, inputs: Inputs) -> Inputs:
        if self._kind == "trader":
            return inputs.with_events(lambda rows: rows.shift(-1).ffill())
        ahead = {
            name: replace(bars, frame=bars.frame.shift(-1).ffill()) if name == "ONE" else bars
            for name, bars in inputs.bars.items()
        }
        return replace(inputs, bars=ahead)
