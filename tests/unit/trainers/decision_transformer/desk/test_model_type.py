from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError, UsageError
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.events import TRADE
from evaluation.audit.leak_audit import FitRecord, LeakAudit, Span, audit
from evaluation.imitation.controls import verdict
from evaluation.signal_model import Request
from tests.support.markets import planted_trader
from tests.support.models.examples import example, save, trained
from trainers import Model, TrainingContext, TrainingTask, load_artifact, registry
from trainers.safe_files import json_bytes, read_json

NAME = "decision_transformer"


def task(inputs: Inputs, **params: Any) -> TrainingTask:
    """A training on all of the inputs."""
    start, end = inputs.times[0].to_pydatetime(), inputs.times[-1].to_pydatetime() + timedelta(minutes=1)
    values = planted_trader.SMALL_PARAMS | params
    return TrainingTask(inputs, start, end, "test", registry.validate_params(NAME, values))


def train(inputs: Inputs, context: TrainingContext | None = None, **params: Any) -> Model:
    return registry.get(NAME).train(task(inputs, **params), context or TrainingContext(measure=False))


def quick(inputs: Inputs, context: TrainingContext | None = None) -> Model:
    return train(inputs, context, fit={"epochs": 2, "batch_size": 4})


def with_fills(inputs: Inputs, keep: Any) -> Inputs:
    """The inputs with some of the trader's fills alone."""
    return inputs.with_events(lambda rows: rows[(rows["kind"] != TRADE) | keep(rows)])


def test_it_copies_a_rule_on_later_markets_better_than_the_commonest_action_does(tmp_path: Path) -> None:
    save(NAME, tmp_path / "model")
    artifact = load_artifact(tmp_path / "model")
    inputs = example(NAME).unseen
    teacher = registry.get(NAME).teacher_positions(inputs, artifact.manifest)
    decided = artifact.model.decide(inputs)
    later = [name for name, bars in inputs.bars.items() if bars.frame.index[0] > artifact.manifest.train_end]
    assert len(later) >= 1
    actual = pd.concat([teacher[name] for name in later])
    copied = pd.concat([decided[name].position for name in later])
    assert (copied == actual).mean() > actual.value_counts(normalize=True).max() + 0.1


def test_what_serves_does_not_depend_on_whether_it_is_measured(tmp_path: Path) -> None:
    files = []
    for measure in (False, True):
        (tmp_path / str(measure)).mkdir()
        quick(planted_trader.inputs(6), TrainingContext(measure=measure)).save(tmp_path / str(measure))
        files.append((tmp_path / str(measure) / "network.safetensors").read_bytes())
    assert files[0] == files[1]


def test_its_controls_are_measured_on_later_markets_and_each_answers_in_a_sentence(tmp_path: Path) -> None:
    save(NAME, tmp_path / "model")
    manifest = load_artifact(tmp_path / "model").manifest
    controls = registry.get(NAME).evidence(manifest).controls
    assert controls is not None
    assert set(controls) == {
        "cloning_without_returns", "cloning_of_the_best_tenth", "gradient_boosting",
        "last_fill", "last_action", "majority",
    }  # fmt: skip
    for name, control in controls.items():
        assert 0.0 <= control.accuracy <= 100.0
        assert control.part in verdict(name, control)
    measured = manifest.metrics["measured"]
    assert measured["markets"] == 1
    assert measured["accuracy"]["estimate"] - controls["majority"].accuracy == pytest.approx(controls["majority"].gain)


def test_a_stopped_training_resumes_to_the_same_bits(tmp_path: Path) -> None:
    inputs, reports = planted_trader.inputs(5), []
    (tmp_path / "whole").mkdir()
    train(inputs).save(tmp_path / "whole")

    def stop() -> bool:
        reports.append(1)
        return len(reports) > 16  # in the second fit

    with pytest.raises(NightdeskError, match="stopped"):
        train(inputs, TrainingContext(measure=False, checkpoints=tmp_path / "state", should_stop=stop))
    assert (tmp_path / "state" / "serve" / "training.safetensors").exists()
    (tmp_path / "resumed").mkdir()
    context = TrainingContext(measure=False, checkpoints=tmp_path / "state")
    train(inputs, context).save(tmp_path / "resumed")
    for name in ("network.safetensors", "model.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


def test_checkpoints_of_other_data_are_not_used(tmp_path: Path) -> None:
    for markets in (4, 3):
        quick(planted_trader.inputs(markets), TrainingContext(measure=False, checkpoints=tmp_path / "state"))
    (tmp_path / "fresh").mkdir()
    (tmp_path / "used").mkdir()
    quick(planted_trader.inputs(3)).save(tmp_path / "fresh")
    context = TrainingContext(measure=False, checkpoints=tmp_path / "state")
    quick(planted_trader.inputs(3), context).save(tmp_path / "used")
    assert (tmp_path / "fresh" / "network.safetensors").read_bytes() == (
        tmp_path / "used" / "network.safetensors"
    ).read_bytes()


def test_it_decides_by_the_return_that_is_asked_for_and_refuses_one_that_is_no_number() -> None:
    inputs, model = example(NAME).unseen, trained(NAME)
    usual, asked = model.decide(inputs), model.decide(inputs, Request(target_return=5.0))
    assert any(not usual[name].confidence.equals(asked[name].confidence) for name in usual)
    with pytest.raises(UsageError, match="nan is no target return"):
        model.decide(inputs, Request(target_return=float("nan")))


def test_a_trader_who_never_trades_is_refused_with_the_reason() -> None:
    inputs = with_fills(planted_trader.inputs(3), lambda rows: rows["size"] < 0.0)
    with pytest.raises(NightdeskError, match="only action is hold") as refused:
        quick(inputs)
    assert refused.value.code == "training.single_class"


@pytest.mark.parametrize("markets", [1, 2])
def test_few_markets_still_train(markets: int) -> None:
    model = quick(planted_trader.inputs(markets), TrainingContext())
    assert model.facts.metrics["markets"] == markets
    assert ("measured" in model.facts.metrics) == (markets > 1)
    assert (model.facts.metrics["validation"] is None) == (markets == 1)


def test_one_side_and_even_one_trade_still_train() -> None:
    one_side = with_fills(planted_trader.inputs(3), lambda rows: rows["outcome"] > 0.0)
    decided = train(one_side, TrainingContext()).decide(one_side)
    assert all((signals.position >= 0.0).all() for signals in decided.values())
    first = next(iter(one_side.trader_log.values())).query("kind == @TRADE", local_dict={"TRADE": TRADE}).index[0]
    one_trade = with_fills(one_side, lambda rows: rows.index == first)
    assert quick(one_trade).facts.metrics["strong_amount"] > 0.0


def test_markets_that_are_not_over_cannot_be_learned_from() -> None:
    inputs = planted_trader.inputs(2)
    early = inputs.until(inputs.times[40])
    with pytest.raises(NightdeskError, match="None of the 1 markets") as refused:
        quick(early)
    assert refused.value.code == "training.no_settled_market"


def test_an_artefact_whose_states_and_network_do_not_fit_is_refused(tmp_path: Path) -> None:
    trained(NAME).save(tmp_path)
    description = read_json(tmp_path / "model.json")
    description["scales"]["groups"] = ["base"]
    (tmp_path / "model.json").write_bytes(json_bytes(description))
    with pytest.raises(NightdeskError, match="17") as refused:
        registry.get(NAME).load(tmp_path)
    assert refused.value.code == "model.corrupt"


class _KnowsTheFill:
    """Reads, beside the states, facts of the fill that follows each row: a row knows what it is to predict."""

    def __init__(self, model: Model) -> None:
        self._model, self.facts, self.save = model, model.facts, model.save

    def features(self, inputs: Inputs) -> dict[str, pd.DataFrame]:
        return {name: rows.join(self._fill(inputs, name)) for name, rows in self._model.features(inputs).items()}

    def _fill(self, inputs: Inputs, name: str) -> pd.DataFrame:
        index = inputs.bars[name].frame.index
        fills = inputs.trader_log[name].query("kind == @TRADE", local_dict={"TRADE": TRADE})
        own = np.where(fills["outcome"] > 0.0, fills["price"], 1.0 - fills["price"])
        facts = pd.DataFrame(
            {"fill_price": own, "is_cheaper_outcome": (own < 0.5).astype("f8"), "fill_size": fills["size"]}, fills.index
        )
        row = np.maximum(index.searchsorted(fills.index, side="right") - 1, 0)
        return facts.set_axis(index[row]).groupby(level=0).last().reindex(index).fillna(0.0)

    def decide(self, inputs: Inputs, request: Request = Request()) -> Any:  # noqa: B008
        return self._model.decide(inputs, request)


@pytest.fixture(scope="module")
def leaks() -> LeakAudit:
    """The audit of a model that knows facts of the fill that it is to predict."""
    case = example(NAME)
    times = case.task.inputs.times
    return audit(_KnowsTheFill(trained(NAME)), case.inputs, [FitRecord("network", times, times)], _span(case.task))


@pytest.mark.parametrize("feature", ["fill_price", "is_cheaper_outcome", "fill_size"])
def test_a_feature_of_the_fill_itself_is_found_by_name(leaks: LeakAudit, feature: str) -> None:
    finding = next(each for each in leaks.findings if each.name == feature)
    assert (finding.kind, leaks.clean) == ("look_ahead", False)
    assert finding.detail.startswith(f"{feature} is ")


def test_the_states_beside_features_of_the_fill_are_clean(leaks: LeakAudit) -> None:
    names = {finding.name for finding in leaks.findings if finding.kind == "look_ahead"}
    assert names == {"fill_price", "is_cheaper_outcome", "fill_size"}


def _span(of: TrainingTask) -> Span:
    first: datetime = of.inputs.times[0].to_pydatetime()
    return Span(first, of.train_end)


def test_a_network_whose_order_of_tokens_leaks_is_never_published(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainers.decision_transformer.network import transformer  # noqa: PLC0415

    honest = transformer.TraderDecisionTransformer._aligned

    def unshifted(self: Any, to_go: Any, states: Any, actions: Any) -> Any:
        return replace_actions(honest(self, to_go, states, actions), self, (to_go, states, actions))

    def replace_actions(predicted: Any, self: Any, given: Any) -> Any:
        return predicted._replace(actions=self.action_head(self.read(self.embed(*given))))

    monkeypatch.setattr(transformer.TraderDecisionTransformer, "_aligned", unshifted)
    with pytest.raises(NightdeskError, match="The action that is predicted for a bar depends on actions"):
        quick(planted_trader.inputs(2))
