"""What the six model types that learn by doing promise beyond the contract of all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from config.errors import NightdeskError
from data_pipeline.inputs import Inputs
from evaluation import backtest
from evaluation.audit.leak_audit import FitRecord
from tests.support.markets.easy import QUICK, easy_bars, easy_task, rough_bars
from trainers import ArtifactFacts, Model, TrainingContext, TrainingTask, registry, save_artifact
from trainers.rl.desk.agent_training import AgentTraining, policy_after
from trainers.rl.desk.candidates import Candidate, Learner, learn
from trainers.rl.desk.model_type import RLModel
from trainers.rl.desk.span_split import SpanSplit
from trainers.rl.environments.market import Market
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout
from trainers.safe_files import tensor_bytes

ROOT = Path(__file__).parents[5]


def task(name: str, **changes: Any) -> TrainingTask:
    return easy_task(name, params=registry.validate_params(name, QUICK[name] | changes), expert_log=None)


def train(name: str, context: TrainingContext, **changes: Any) -> RLModel:
    model = registry.get(name).train(task(name, **changes), context)
    assert isinstance(model, RLModel)
    return model


@cache
def trained(name: str) -> RLModel:
    return train(name, TrainingContext(seed=3))


def weights(model: Model, folder: Path) -> bytes:
    folder.mkdir(parents=True)
    model.save(folder)
    return (folder / "weights.safetensors").read_bytes()


# What is learned from, and what is chosen by.


def test_what_is_learned_from_ends_before_what_is_chosen_by() -> None:
    whole = easy_bars().head(600)
    start = whole.frame.index[100].to_pydatetime()
    late = replace(task("ppo", purge=7, validation=0.25), train_start=start)
    split = SpanSplit.of(late, late.params)  # type: ignore[arg-type]
    times = list(whole.frame.index)
    assert len(split.validation) == 125
    assert times.index(split.validation.frame.index[0]) - times.index(split.training.frame.index[-1]) == 7 + 1
    assert split.decision_times[0] == start, "the bars before the span only warm its features"
    served = Market.of(whole, late.params.environment, serving=True)  # type: ignore[attr-defined]
    learned = split.market.features
    np.testing.assert_array_equal(learned, served.features[: len(learned)])
    policies, choice, served_policy = split.fit_records()
    assert policies.measured_span is not None
    assert policies.span.last < policies.measured_span.first
    assert policies.span.first == served_policy.span.first == start
    assert choice.span.last == served_policy.span.last == whole.frame.index[-1]
    np.testing.assert_array_equal(policies.ends[:-1], policies.starts[1:])


def test_without_bars_before_the_span_the_first_ones_warm_its_features() -> None:
    plain = task("ppo")
    split = SpanSplit.of(plain, plain.params)  # type: ignore[arg-type]
    assert split.decision_times[0] == plain.bars.frame.index[5]


def test_it_records_the_fits_of_its_policy_and_of_its_selection() -> None:
    fits: list[FitRecord] = []
    train("a2c", TrainingContext(seed=3, record_fit=fits.append), total_timesteps=64, evaluations=1)
    assert [fit.name for fit in fits] == [
        "policies to select from",
        "selection of the checkpoint",
        "policy and normaliser",
    ]
    assert fits[-1].span.last == easy_bars().frame.index[599], "what serves has learned up to the last bar"


# What serves has learned from every bar.


def agent_training(name: str, given: TrainingTask, folder: Path) -> AgentTraining:
    return AgentTraining(name, given.params, 0, folder, TrainingContext(seed=3))  # type: ignore[arg-type]


def first_layer(policy: CompiledPolicy) -> bytes:
    return policy.tensors()["weight_0"].tobytes()


@pytest.mark.parametrize("name", ["a2c", "dqn"])
def test_what_serves_is_trained_on_every_bar_for_the_selected_steps(name: str, tmp_path: Path) -> None:
    model, given = trained(name), task(name)
    split, step = SpanSplit.of(given, given.params), model.facts.metrics["chosen"]["step"]  # type: ignore[arg-type]
    every_bar = policy_after(agent_training(name, given, tmp_path / "every"), split.whole_market, step)
    selected = policy_after(agent_training(name, given, tmp_path / "selected"), split.market, step)
    assert first_layer(model.policy) == first_layer(every_bar)
    assert first_layer(model.policy) != first_layer(selected)
    assert len(split.whole_market.prices) == 600
    assert model.facts.metrics["learned_bars"] == 595


@pytest.mark.parametrize("part", [1, 2, 3])
def test_the_policy_after_some_steps_is_the_one_that_was_evaluated_there(part: int, tmp_path: Path) -> None:
    given = task("a2c", total_timesteps=1200)
    split = SpanSplit.of(given, given.params)  # type: ignore[arg-type]
    candidates = learn(split, agent_training("a2c", given, tmp_path / "all")).candidates
    candidate = candidates[part - 1]
    policy = policy_after(agent_training("a2c", given, tmp_path / "part"), split.market, candidate.step)
    assert first_layer(policy) == first_layer(candidate.policy)


def test_the_model_is_the_same_whether_it_is_measured_or_not(tmp_path: Path) -> None:
    models = [train("a2c", TrainingContext(seed=3, measure=measure), total_timesteps=300) for measure in (True, False)]
    assert weights(models[0], tmp_path / "measured") == weights(models[1], tmp_path / "not")


# Its metrics.


@pytest.mark.parametrize("name", ["a2c", "dqn"])
def test_its_metrics_are_of_the_selected_checkpoint_on_the_validation_bars(name: str, tmp_path: Path) -> None:
    metrics, model, given = trained(name).facts.metrics, trained(name), task(name)
    validation = metrics["validation"]
    bars = easy_bars().head(600)
    unseen = bars.since(bars.frame.index[480])
    assert (validation["first"], validation["bars"]) == (unseen.frame.index[0].isoformat(), 120)
    split = SpanSplit.of(given, given.params)  # type: ignore[arg-type]
    selected = policy_after(agent_training(name, given, tmp_path), split.market, metrics["chosen"]["step"])
    second = backtest(unseen, replace(model, policy=selected).signals(bars).since(unseen.frame.index[0])).metrics()
    for figure in ("sharpe_ratio", "total_return", "max_drawdown", "trades", "exposure"):
        assert validation[figure] == second[figure]
    assert validation["sharpe_ratio"] > validation["buy_and_hold"]["sharpe_ratio"]
    assert metrics["seeds"][0]["steps_per_second"] > 0.0
    assert model.facts.features == ("log_return", "return_5")
    assert model.facts.libraries == ("gymnasium", "stable-baselines3", "torch")
    assert model.facts.device == "cpu"
    json.dumps(asdict(model.facts), allow_nan=False)


def test_of_several_agents_the_best_serves_and_the_metrics_have_all() -> None:
    metrics = train("a2c", TrainingContext(seed=3), seeds=3, total_timesteps=1200).facts.metrics
    ratios = [agent["sharpe_ratio"] for agent in metrics["seeds"]]
    assert len(set(ratios)) == 3
    assert metrics["validation"]["sharpe_ratio"] == max(ratios)
    assert metrics["chosen"]["seed"] == metrics["seeds"][int(np.argmax(ratios))]["seed"]
    assert metrics["chosen"]["checkpoints"] == 9
    spread = metrics["sharpe_ratios"]
    assert (spread["min"], spread["max"]) == (min(ratios), max(ratios))
    assert spread["mean"] == pytest.approx(np.mean(ratios))
    assert spread["std"] == pytest.approx(np.std(ratios))


@pytest.mark.parametrize(("name", "learned"), [("ppo", 2), ("td3", 9)])
def test_only_an_agent_that_was_updated_since_is_evaluated_again(name: str, learned: int, tmp_path: Path) -> None:
    # Ten times in 2000 steps: ppo learns after 1024 and 2048 of them, td3 from 300 on.
    train(name, TrainingContext(seed=3, checkpoints=tmp_path), total_timesteps=2000, evaluations=10)
    policies = [path.read_bytes() for path in tmp_path.glob("seed_0/policy_*.safetensors")]
    tensors = [safetensors.numpy.load(policy) for policy in policies]
    assert len({policy["weight_0"].tobytes() for policy in tensors}) == len(tensors) == learned


def test_too_few_validation_bars_are_refused_before_the_training() -> None:
    progress_reports: list[float] = []
    with pytest.raises(NightdeskError, match="leaves 6 bars to select by") as caught:
        train("ppo", TrainingContext(progress=lambda done, _: progress_reports.append(done)), validation=0.01)
    assert caught.value.code == "training.too_few_bars"
    assert not progress_reports


def _learner(*figures: dict[str, Any], cash: float = 0.0) -> Learner:
    policy = trained("a2c").policy
    return Learner(
        tuple(Candidate(policy, step, candidate_figures, cash) for step, candidate_figures in enumerate(figures)), {}
    )


def test_the_earliest_of_the_best_is_chosen_and_cash_is_better_than_a_loss() -> None:
    idle = {"sharpe_ratio": None, "exposure": 0.0, "total_return": 0.0}
    ruined = {"sharpe_ratio": None, "exposure": 50.0, "total_return": -100.0}

    def traded(sharpe: float, gain: float = 5.0) -> dict[str, float]:
        return {"sharpe_ratio": sharpe, "exposure": 50.0, "total_return": gain}

    assert _learner(traded(1.0), traded(2.0), traded(2.0), idle).best.step == 1
    assert _learner(traded(-1.0), idle, idle).best.step == 1
    assert _learner(ruined, traded(-3.0)).best.step == 1
    assert _learner(traded(2.0, -0.1), traded(0.5)).best.step == 1, "who ends below cash has not beaten it"
    assert [_learner(each).best.beats_cash for each in (idle, ruined, traded(-1.0), traded(0.1))] == [
        False, False, False, True,
    ]  # fmt: skip
    assert not _learner(traded(0.1), cash=6.0).best.beats_cash


def test_a_model_that_learned_something_says_so_with_its_figures() -> None:
    metrics = trained("a2c").facts.metrics
    assert metrics["learned"] is True
    assert metrics["learned_reason"].startswith(
        "Beat cash on validation: yes. On 120 validation bars the policy after "
    )
    assert f"Sharpe ratio of {metrics['validation']['sharpe_ratio']:.2f}" in metrics["learned_reason"]
    assert metrics["learned_reason"].endswith("from all 595 bars up to 2021-05-19.")


def test_a_model_of_which_no_checkpoint_beats_cash_is_flat_and_says_so(tmp_path: Path) -> None:
    ruinous = {**QUICK["a2c"]["environment"], "commission": 0.3}
    heard: list[str] = []
    context = TrainingContext(seed=3, progress=lambda _, message: heard.append(message))
    model = train("a2c", context, environment=ruinous, evaluations=2)
    metrics = model.facts.metrics
    assert metrics["learned"] is False
    assert heard[-1] == metrics["learned_reason"]
    assert heard[-1].startswith("Beat cash on validation: no. None of 2 checkpoints beat cash on 120 validation bars")
    assert heard[-1].endswith("so the model stays in cash.")
    assert metrics["chosen"] == {"seed": None, "step": None, "checkpoints": 2}
    assert (metrics["validation"]["total_return"], metrics["validation"]["trades"]) == (0.0, 0)
    assert metrics["seeds"][0]["total_return"] < 0.0, "what its best checkpoint did is told too"
    folder = tmp_path / "model"
    folder.mkdir()
    model.save(folder)
    for each in (model, registry.get("a2c").load(folder)):
        signals = each.signals(easy_bars())
        assert not signals.position.any()
        assert not signals.confidence.any()
        assert signals.index.equals(easy_bars().frame.index)


def test_an_agent_that_never_trades_has_no_sharpe_ratio_and_says_so() -> None:
    costly = {**QUICK["dqn"]["environment"], "commission": 0.5}
    progress_reports: list[str] = []
    context = TrainingContext(seed=3, progress=lambda _, message: progress_reports.append(message))
    model = train("dqn", context, environment=costly)
    validation = model.facts.metrics["validation"]
    assert (validation["sharpe_ratio"], validation["trades"], validation["exposure"], validation["total_return"]) == (
        None,
        0,
        0.0,
        0.0,
    )
    assert validation["reasons"]["sharpe_ratio"]
    assert model.facts.metrics["sharpe_ratios"]["max"] == 0.0
    assert "never trades" in progress_reports[-1]


def test_the_confidence_of_action_values_is_relative_to_their_typical_spread() -> None:
    signals = trained("dqn").signals(easy_bars().head(600))
    usual = signals.confidence[signals.confidence > 0.0]
    assert trained("dqn").policy.layers.temperature != 1.0
    assert 0.4 < usual.median() < 0.95


# Cut off and gone on with.


def stopped_after(reports: int, checkpoints: Path) -> TrainingContext:
    """The context of a training that is asked to stop after this many progress reports."""
    progress_reports: list[float] = []
    return TrainingContext(
        seed=3,
        progress=lambda fraction, _: progress_reports.append(fraction),
        should_stop=lambda: len(progress_reports) >= reports,
        checkpoints=checkpoints,
    )


@pytest.mark.parametrize("name", ["a2c", "dqn", pytest.param("sac", marks=pytest.mark.slow)])
def test_a_training_that_was_cut_off_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for part, context in (("seed_0", stopped_after(2, folder)), ("every_bar", stopped_after(5, folder))):
        with pytest.raises(NightdeskError) as ended:
            train(name, context)
        assert ended.value.code == "training.stopped"
        assert list(folder.glob(f"{part}/checkpoint_*"))
    progress_reports: list[float] = []
    going_on = TrainingContext(
        seed=3, progress=lambda fraction, _: progress_reports.append(fraction), checkpoints=folder
    )
    model = train(name, going_on)
    assert progress_reports[1] > 0.6, "what was played is not played again"
    assert weights(model, tmp_path / "resumed") == weights(trained(name), tmp_path / "whole")
    resumed, whole = (each.facts.metrics for each in (model, trained(name)))
    assert (resumed["chosen"], resumed["validation"]) == (whole["chosen"], whole["validation"])
    assert not list(folder.glob("*/checkpoint_*")), "what will not be gone on with is not kept"


def test_an_agent_that_had_finished_is_not_trained_again(tmp_path: Path) -> None:
    progress_reports: list[str] = []
    context = TrainingContext(
        seed=3, progress=lambda _, message: progress_reports.append(message), checkpoints=tmp_path / "checkpoints"
    )
    first = train("a2c", context, seeds=2, total_timesteps=300)
    progress_reports.clear()
    second = train("a2c", context, seeds=2, total_timesteps=300)
    assert len(progress_reports) == 2, "nothing but its beginning and its end"
    assert weights(first, tmp_path / "first") == weights(second, tmp_path / "again")


@pytest.mark.parametrize(
    "other",
    [
        lambda it: replace(it, inputs=Inputs.of(rough_bars(600))),
        lambda it: replace(it, params=it.params.model_copy(update={"evaluations": 2})),
    ],
    ids=["bars", "params"],
)
def test_another_task_begins_anew(other: Callable[[TrainingTask], TrainingTask], tmp_path: Path) -> None:
    kind, first = registry.get("a2c"), task("a2c", total_timesteps=300)
    for folder in (tmp_path / "used", tmp_path / "new"):
        if folder.name == "used":
            kind.train(first, TrainingContext(seed=3, checkpoints=folder))
        model = kind.train(other(first), TrainingContext(seed=3, checkpoints=folder))
        (tmp_path / f"{folder.name}.bytes").write_bytes(weights(model, tmp_path / f"model_{folder.name}"))
    assert (tmp_path / "used.bytes").read_bytes() == (tmp_path / "new.bytes").read_bytes()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _garble(path: Path) -> None:
    path.write_text('{"policy": 1}')


def _of_another_seed(path: Path) -> None:
    path.write_text(path.read_text().replace('"seed": ', '"seed": 1'))


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("seed_0/checkpoint_*/agent/agent.safetensors", _cut),
        pytest.param("seed_0/checkpoint_*/agent/agent.safetensors", _garble, marks=pytest.mark.slow),
        pytest.param("seed_0/checkpoint_*/agent/agent.safetensors", Path.unlink, marks=pytest.mark.slow),
        pytest.param("seed_0/checkpoint_*/training.json", _cut, marks=pytest.mark.slow),
        ("seed_0/checkpoint_*/training.json", _garble),
        ("seed_0/checkpoint_*/training.json", _of_another_seed),
        pytest.param("seed_0/policy_*.safetensors", _cut, marks=pytest.mark.slow),
        ("seed_0/policy_*.safetensors", lambda path: path.write_bytes(b"\x80\x04")),
        ("seed_0/policy_*.safetensors", lambda path: path.write_bytes(tensor_bytes({}, {}))),
        pytest.param("seed_0/done.json", _cut, marks=pytest.mark.slow),
        ("seed_0/done.json", _garble),
        ("every_bar/policy.safetensors", _cut),
        ("every_bar/policy.safetensors", lambda path: path.write_bytes(tensor_bytes({}, {"seed": 1, "step": 1}))),
    ],
)
def test_a_damaged_stored_file_is_reported_and_the_agent_starts_over(
    pattern: str, damage: Callable[[Path], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkpoints"
    with pytest.raises(NightdeskError, match="stopped"):
        train("a2c", stopped_after(2, folder))
    if pattern.endswith(("done.json", "every_bar/policy.safetensors")):
        train("a2c", TrainingContext(seed=3, checkpoints=folder))
    damaged = list(folder.glob(pattern))
    assert damaged
    for path in damaged:
        damage(path)
    progress_reports: list[str] = []
    model = train(
        "a2c", TrainingContext(seed=3, progress=lambda _, message: progress_reports.append(message), checkpoints=folder)
    )
    assert weights(model, tmp_path / "resumed") == weights(trained("a2c"), tmp_path / "whole")
    assert "starts over" in caplog.text
    assert any("starts over" in message for message in progress_reports)


@pytest.mark.parametrize("damage", [_cut, _garble, Path.unlink])
def test_checkpoints_without_a_readable_key_are_not_resumed(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match="stopped"):
        train("a2c", stopped_after(2, tmp_path / "checkpoints"))
    damage(tmp_path / "checkpoints" / "task.json")
    model = train("a2c", TrainingContext(seed=3, checkpoints=tmp_path / "checkpoints"))
    assert weights(model, tmp_path / "anew") == weights(trained("a2c"), tmp_path / "whole")


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in its place")
    progress_reports: list[float] = []
    context = TrainingContext(progress=lambda done, _: progress_reports.append(done), checkpoints=tmp_path / "file")
    with pytest.raises(NightdeskError) as refused:
        train("a2c", context)
    assert refused.value.code == "training.unwritable"
    assert progress_reports == [0.0]


# On disk.


def _saved(name: str, folder: Path) -> Path:
    folder.mkdir()
    trained(name).save(folder)
    return folder


def _change_about(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(document | changes))


def _change_weights(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(safetensors.numpy.save(change(safetensors.numpy.load(path.read_bytes()))))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _change_about(folder, agent="sac"),
        lambda folder: _change_about(folder, format=3),
        lambda folder: _change_about(folder, format=1),
        lambda folder: _change_about(folder, account_start=None),
        lambda folder: _change_about(folder, account_start="2024-01-02T00:00:00"),
        lambda folder: _change_about(folder, environment={"window_size": 3}),
        lambda folder: _change_about(folder, environment={"window_size": "3"}),
        lambda folder: _change_about(folder, more=1),
        lambda folder: _change_weights(folder, lambda t: t | {"weight_0": t["weight_0"][:-1]}),
        lambda folder: _change_weights(folder, lambda t: t | {"bias_0": np.full_like(t["bias_0"], np.nan)}),
        lambda folder: _change_weights(folder, lambda t: {"weight_0": t["weight_0"]}),
        lambda folder: (folder / "weights.safetensors").write_bytes(b"\x10"),
        lambda folder: (folder / "weights.safetensors").unlink(),
        lambda folder: (folder / "model.json").write_text("{"),
    ],
)
def test_a_model_that_is_damaged_is_not_loaded(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    folder = _saved("ppo", tmp_path / "ppo")
    damage(folder)
    with pytest.raises(NightdeskError) as refused:
        registry.get("ppo").load(folder)
    assert refused.value.code == "model.corrupt"
    assert refused.value.cure


def test_a_model_of_format_1_begins_its_account_with_the_first_stored_bar(tmp_path: Path) -> None:
    folder = _saved("a2c", tmp_path / "a2c")
    document = json.loads((folder / "model.json").read_text())
    del document["history_start"], document["account_start"]
    (folder / "model.json").write_text(json.dumps(document | {"format": 1}))
    old = registry.get("a2c").load(folder)
    shorter = easy_bars().since(easy_bars().frame.index[21])
    for bars in (easy_bars(), shorter):
        rollout = Rollout.of(trained("a2c").policy, bars, trained("a2c").description.environment)
        np.testing.assert_array_equal(old.signals(bars).position, rollout.targets)
        np.testing.assert_array_equal(old.signals(bars).confidence, rollout.confidences)
    assert isinstance(old, RLModel)
    assert old.reaches_back(shorter)


def test_its_account_starts_where_its_training_span_can_be_decided_on() -> None:
    start = easy_bars().frame.index[100].to_pydatetime()
    late = replace(task("a2c", total_timesteps=64, evaluations=1), train_start=start)
    model = registry.get("a2c").train(late, TrainingContext(seed=3))
    assert isinstance(model, RLModel)
    assert model.description.account_start == start
    assert model.description.history_start == easy_bars().frame.index[0]
    assert trained("a2c").description.account_start == easy_bars().frame.index[5]


def test_bars_long_before_the_span_are_not_used_at_all() -> None:
    whole = rough_bars(900)
    start = whole.frame.index[700].to_pydatetime()
    long = replace(
        task("a2c", total_timesteps=64, evaluations=1),
        inputs=Inputs.of(whole),
        train_start=start,
        train_end=whole.frame.index[-1].to_pydatetime(),
    )
    split = SpanSplit.of(long, long.params)  # type: ignore[arg-type]
    assert split.history_start == whole.frame.index[700 - 500 - 5]
    shorter = replace(long, inputs=Inputs.of(whole.since(split.history_start)))
    first, second = (registry.get("a2c").train(each, TrainingContext(seed=3)) for each in (long, shorter))
    np.testing.assert_array_equal(
        first.signals(whole).since(start).position, second.signals(shorter.bars).since(start).position
    )


_SERVES = """
import sys
from pathlib import Path
import daemon.jobs.evaluation.tasks, daemon.jobs.backup.tasks, daemon.jobs.signals.tasks
from tests.support.markets.easy import easy_bars
from trainers import load_artifact, prove
artifact = load_artifact(Path(sys.argv[1]))
prove(artifact)
print(artifact.model.signals(easy_bars()).position.sum())
heavy = {"torch", "gymnasium", "stable_baselines3", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def test_it_is_proved_judged_and_served_without_what_it_was_trained_by(tmp_path: Path) -> None:
    given, folder = task("dqn"), tmp_path / "EASY" / "dqn" / "v1"
    facts = ArtifactFacts(
        model_type="dqn",
        version="v1",
        params=given.params,
        inputs=given.inputs,
        dataset="d" * 64,
        provenance="test",
        train_start=given.train_start,
        train_end=given.train_end,
        trained_at=given.train_end,
        settings_fingerprint="f" * 64,
        seed=3,
    )
    manifest = save_artifact(folder, trained("dqn"), facts)
    assert {"torch", "gymnasium", "stable-baselines3"} <= manifest.libraries.keys()
    command = [sys.executable, "-c", _SERVES, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == trained("dqn").signals(easy_bars()).position.sum()
