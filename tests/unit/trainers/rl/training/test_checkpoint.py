"""A training that was interrupted goes on as if it had not been, or is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from config.errors import NightdeskError
from tests.support.models.small_agents import TYPES, small
from tests.support.models.trainings import agent_on, environment, timeless, train, training_config, weights
from trainers.rl import (
    EarlyStoppingRLCallback,
    EvalCallback,
    RLAgent,
    RLCallback,
    TradingMetricsCallback,
    create_rl_agent,
    train_rl_agent,
)
from trainers.rl.training.checkpoint import checkpoints, latest_checkpoint


class Stop:
    """Asks for the end at a number of timesteps, as a desk does when it is told to stop."""

    def __init__(self, timesteps: int) -> None:
        self.timesteps = timesteps
        self.training: Any = None

    def watch(self) -> RLCallback:
        stop = self

        class Watch(RLCallback):
            def on_training_start(self, training) -> None:
                stop.training = training

        return Watch()

    def __call__(self) -> bool:
        return self.training.timesteps >= self.timesteps


def callbacks() -> list[RLCallback]:
    return [EarlyStoppingRLCallback(patience=50, window=8), TradingMetricsCallback(4)]


def interrupted(agent_type: str, folder: Path, at: int = 300, **changes: Any) -> dict[str, Any]:
    stop = Stop(at)
    options = {"should_stop": stop}
    changes = {"checkpoint_folder": folder, "checkpoint_frequency": 100, **changes}
    _, metrics = train([*callbacks(), stop.watch()], agent_type, arguments=options, **changes)
    return metrics


@pytest.mark.parametrize("agent_type", TYPES)
def test_a_resumed_training_equals_one_that_was_never_interrupted(agent_type: str, tmp_path: Path) -> None:
    whole, metrics = train(callbacks(), agent_type)
    cut = interrupted(agent_type, tmp_path)
    assert cut["stopped_by"] == "should_stop"
    assert 300 <= cut["timesteps"] < metrics["timesteps"]
    resumed, resumed_metrics = train(callbacks(), agent_type, arguments={"resume_from": tmp_path})
    assert weights(resumed) == weights(whole)
    assert timeless(resumed_metrics) == timeless(metrics)
    assert len(metrics["trading"]) == 10


def test_a_training_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    whole, metrics = train(callbacks(), "sac")
    interrupted("sac", tmp_path, at=100)
    for at in (100, 300, 500):  # the first stops at once, where it was resumed
        stop = Stop(at)
        options = {"resume_from": tmp_path, "should_stop": stop}
        train([*callbacks(), stop.watch()], "sac", arguments=options, checkpoint_folder=tmp_path)
    resumed, resumed_metrics = train(callbacks(), "sac", arguments={"resume_from": tmp_path})
    assert weights(resumed) == weights(whole)
    assert timeless(resumed_metrics) == timeless(metrics)


def test_patience_that_began_before_an_interruption_ends_after_it(tmp_path: Path) -> None:
    def trained(callbacks: list[RLCallback], **options: Any) -> tuple[RLAgent, dict[str, Any]]:
        stopping = EarlyStoppingRLCallback(patience=20, min_delta=1e9, window=4)
        folder = tmp_path if "should_stop" in options else None
        return train([stopping, *callbacks], "sac", arguments=options, checkpoint_folder=folder)

    whole, metrics = trained([])
    stop = Stop(300)
    trained([stop.watch()], should_stop=stop)
    resumed, resumed_metrics = trained([], resume_from=tmp_path)
    assert metrics["stopped_by"] == "EarlyStoppingRLCallback"
    assert timeless(resumed_metrics) == timeless(metrics)
    assert weights(resumed) == weights(whole)


def test_the_best_evaluation_is_remembered(tmp_path: Path) -> None:
    def best_model(name: str, **options: Any) -> tuple[bytes, dict[str, Any]]:
        folder = tmp_path / name
        evaluated = EvalCallback(environment(seed=2), 4, 2, best_model_save_path=folder)
        stop = options.pop("stop", None)
        watch = [stop.watch()] if stop else []
        checkpoint_folder = tmp_path / "checkpoints" if stop else None
        options |= {"should_stop": stop} if stop else {}
        _, metrics = train([evaluated, *watch], "td3", arguments=options, checkpoint_folder=checkpoint_folder)
        return (folder / "best_model.safetensors").read_bytes(), metrics

    best, metrics = best_model("whole")
    best_model("cut", stop=Stop(400))
    shutil.rmtree(tmp_path / "whole")
    resumed_best, resumed_metrics = best_model("cut", resume_from=tmp_path / "checkpoints")
    assert resumed_best == best
    assert resumed_metrics["evaluations"] == metrics["evaluations"]


def test_checkpoints_are_kept_as_often_as_asked_for_and_only_the_newest(tmp_path: Path) -> None:
    train(agent_type="a2c", checkpoint_folder=tmp_path, checkpoint_frequency=100)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint_000000000600", "checkpoint_000000000700"]
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint_000000000700"
    assert latest_checkpoint(tmp_path / "nowhere") is None


def test_an_older_checkpoint_can_be_named(tmp_path: Path) -> None:
    whole, _ = train(agent_type="ddpg", checkpoint_folder=tmp_path, checkpoint_frequency=200)
    oldest = checkpoints(tmp_path)[0]
    resumed, _ = train(agent_type="ddpg", arguments={"resume_from": oldest})
    assert weights(resumed) == weights(whole)


def test_a_training_that_has_ended_ends_again_from_its_last_checkpoint(tmp_path: Path) -> None:
    whole, metrics = train(callbacks(), "a2c", checkpoint_folder=tmp_path, checkpoint_frequency=1)
    resumed, resumed_metrics = train(callbacks(), "a2c", arguments={"resume_from": tmp_path})
    assert resumed_metrics["stopped_by"] == "total_episodes"
    assert timeless(resumed_metrics) == timeless(metrics)
    assert weights(resumed) == weights(whole)


def test_watchers_may_come_and_go(tmp_path: Path) -> None:
    interrupted("a2c", tmp_path)
    _, metrics = train(
        callbacks(), "a2c", arguments={"resume_from": tmp_path}, progress=True, tensorboard=tmp_path / "logs"
    )
    assert metrics["stopped_by"] == "total_episodes"


def refused(folder: Path, **options: Any) -> NightdeskError:
    agent_type = options.pop("agent_type", "sac")
    with pytest.raises(NightdeskError) as caught:
        train(options.pop("callbacks", callbacks()), agent_type, arguments={"resume_from": folder}, **options)
    return caught.value


def test_a_checkpoint_of_another_training_is_refused_by_what_differs(tmp_path: Path) -> None:
    interrupted("sac", tmp_path)
    other_agent = agent_on(environment("sac"), "sac", gamma=0.5)
    other_spaces = environment("sac", windowed=("log_return", "rsi"))
    differing = {
        "agent 'sac'": refused(tmp_path, agent_type="td3"),
        "agent.gamma": refused(tmp_path, agent=other_agent),
        "inputs": refused(tmp_path, env=other_spaces, agent=agent_on(other_spaces, "sac")),
        "market": refused(tmp_path, env=environment("sac", seed=1)),
        "seed": refused(tmp_path, seed=7),
        "total_episodes": refused(tmp_path, total_episodes=80),
        "environments": refused(tmp_path, environments=2),
    }
    for name, error in differing.items():
        assert error.code == "training.other_checkpoint"
        assert name in error.message


def test_other_callbacks_than_then_are_refused(tmp_path: Path) -> None:
    interrupted("sac", tmp_path)
    error = refused(tmp_path, callbacks=[TradingMetricsCallback(4)])
    assert error.code == "training.other_callbacks"
    assert "EarlyStoppingRLCallback" in error.message


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path).code == "training.no_checkpoint"
    assert refused(tmp_path / "nowhere").code == "training.no_checkpoint"


def test_a_new_training_does_not_mix_with_the_checkpoints_of_another(tmp_path: Path) -> None:
    interrupted("sac", tmp_path)
    with pytest.raises(NightdeskError, match="another training") as caught:
        train(agent_type="sac", checkpoint_folder=tmp_path)
    assert caught.value.code == "training.checkpoints_exist"


@pytest.mark.parametrize("name", ["training.json", "agent/agent.safetensors"])
def test_a_torn_checkpoint_is_refused_and_the_agent_stays_as_it_was(name: str, tmp_path: Path) -> None:
    interrupted("sac", tmp_path)
    file = checkpoints(tmp_path)[-1] / name
    file.write_bytes(file.read_bytes()[:-20])
    env = environment("sac")
    agent = agent_on(env, "sac")
    before = weights(agent)
    with pytest.raises(NightdeskError) as caught:
        train_rl_agent(agent, env, training_config(), callbacks(), resume_from=tmp_path)
    assert caught.value.code == "model.corrupt"
    assert weights(agent) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("record"),
        lambda document: document.pop("made_by"),
        lambda document: document["record"].pop("episodes"),
        lambda document: document["record"]["episodes"].append({"reward": 1.0}),
        lambda document: document.pop("callbacks"),
        lambda document: document["callbacks"]["callbacks"][0]["state"].clear(),
    ],
)
def test_a_garbled_record_is_refused(spoil: Any, tmp_path: Path) -> None:
    interrupted("sac", tmp_path)
    file = checkpoints(tmp_path)[-1] / "training.json"
    document = json.loads(file.read_bytes())
    spoil(document)
    file.write_text(json.dumps(document))
    assert refused(tmp_path).code == "model.corrupt"


def test_an_environment_that_cannot_tell_its_state_goes_on_with_new_episodes(tmp_path: Path) -> None:
    def trained(**options: Any) -> dict[str, Any]:
        agent = create_rl_agent("dqn", 4, 2, small("dqn"))
        config = training_config(total_episodes=None, total_timesteps=200, checkpoint_folder=tmp_path)
        return train_rl_agent(agent, gymnasium.make("CartPole-v1"), config, **options)

    stop = Stop(100)
    assert trained(callbacks=[stop.watch()], should_stop=stop)["timesteps"] == 100
    assert trained(resume_from=tmp_path)["timesteps"] == 200
