"""What looks on: when it acts, what it keeps, and how it ends a training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import NightdeskError
from tests.support.models.trainings import EPISODE, agent_on, environment, train, weights
from trainers.rl import (
    CallbackList,
    CheckpointCallback,
    EarlyStoppingRLCallback,
    EvalCallback,
    RLCallback,
    TradingMetricsCallback,
)
from trainers.rl.training.evaluating import play_episodes
from trainers.rl.training.record import Evaluation


class Recorder(RLCallback):
    """Writes down what it hears, and asks for the end at one event."""

    def __init__(self, end: str = "") -> None:
        self.events: list[str] = []
        self.end = end

    def _hear(self, event: str) -> bool:
        self.events.append(event)
        return event != self.end

    def on_training_start(self, training) -> None:
        self._hear("start")

    def on_step(self, training) -> bool:
        return self._hear(f"step {training.timesteps}")

    def on_episode_end(self, training, episode) -> bool:
        return self._hear(f"episode {episode.number}")

    def on_evaluation(self, training, evaluation) -> bool:
        return self._hear(f"evaluation {evaluation.episodes}")

    def on_training_end(self, training) -> None:
        self._hear("end")


def test_callbacks_hear_of_everything_in_order() -> None:
    recorder = Recorder()
    train([recorder], "a2c", total_episodes=8, eval_frequency=4)
    assert recorder.events[:3] == ["start", "step 1", "step 2"]
    assert recorder.events[-1] == "end"
    assert [event for event in recorder.events if event.startswith("evaluation")] == ["evaluation 4", "evaluation 8"]
    at = recorder.events.index("evaluation 4")
    assert recorder.events[at - 1].startswith("step")
    assert recorder.events[at - 2] == "episode 4"


@pytest.mark.parametrize("event", ["step 200", "episode 9", "evaluation 12"])
def test_false_ends_the_training_after_all_callbacks_were_called(event: str) -> None:
    ending, other = Recorder(event), Recorder()
    _, metrics = train([CallbackList([ending]), other], "sac", environment("sac", random_start=False))
    assert metrics["stopped_by"] == "Recorder"
    assert metrics["episodes"] < 40
    assert other.events == ending.events
    assert other.events[-1] == "end"


def test_what_was_played_is_learned_from_before_the_end() -> None:
    ending = Recorder("episode 1")
    agent, metrics = train([ending], "ppo", eval_frequency=None)
    assert metrics["timesteps"] % agent.algorithm.n_steps == 0
    assert weights(agent) != weights(agent_on(environment()))


@pytest.mark.parametrize("environments", [1, 4])
def test_weights_are_kept_by_timesteps_of_all_environments(environments: int, tmp_path: Path) -> None:
    callback, env = CheckpointCallback(100, tmp_path, keep=3), environment("a2c", random_start=False)
    agent, _ = train([callback], "a2c", env, environments=environments, total_episodes=36)
    names = ["a2c_000000500.safetensors", "a2c_000000600.safetensors", "a2c_000000700.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    loaded = agent_on(environment("a2c"), "a2c")
    loaded.load(tmp_path / names[-1])
    assert weights(loaded).keys() == weights(agent).keys()


def test_the_best_evaluated_agent_is_kept(tmp_path: Path) -> None:
    env = environment(seed=2)
    _, metrics = train([EvalCallback(env, 4, 3, best_model_save_path=tmp_path)], "ppo")
    best = agent_on(environment())
    best.load(tmp_path / "best_model.safetensors")
    rewards = [episode.reward for episode in play_episodes(best, env, 3, seed=42)]
    assert metrics["best_evaluation"]["rewards"] == rewards
    assert metrics["best_evaluation"]["reward"] == max(row["reward"] for row in metrics["evaluations"])


def test_an_own_evaluation_takes_the_place_of_the_configs() -> None:
    _, metrics = train([EvalCallback(environment(seed=2), eval_freq=20)], "a2c")
    assert [row["episodes"] for row in metrics["evaluations"]] == [20, 40]
    assert len(metrics["evaluations"][0]["rewards"]) == 5


class Rewarded:
    """A training as the early stopping sees it, with rewards of our choosing."""

    environments = 2

    def __init__(self) -> None:
        self.record = self
        self.episodes: list[Any] = []


def looks(stopping: EarlyStoppingRLCallback, rewards: list[float]) -> int | None:
    """After which evaluation it ends the training."""
    for number, reward in enumerate(rewards, start=1):
        evaluation = Evaluation(number, number, (reward,), reward)
        if stopping.on_evaluation(Rewarded(), evaluation) is False:
            return number
    return None


def test_patience_counts_looks_without_a_gain_of_more_than_min_delta() -> None:
    def stopping() -> EarlyStoppingRLCallback:
        return EarlyStoppingRLCallback(patience=2, min_delta=0.1, monitor="evaluation")

    assert looks(stopping(), [0.0, 0.05, 0.1]) == 3
    assert looks(stopping(), [0.0, 0.05, 0.2, 0.25, 0.35]) is None
    assert looks(stopping(), [1.0, 0.0, 1.05]) == 3


@pytest.mark.parametrize("environments", [1, 4])
def test_patience_counts_episodes_however_many_environments_there_are(environments: int) -> None:
    stopping = EarlyStoppingRLCallback(patience=12, min_delta=1e9, window=8)
    _, metrics = train([stopping], "sac", total_episodes=200, environments=environments)
    assert metrics["stopped_by"] == "EarlyStoppingRLCallback"
    assert metrics["episodes"] == 8 + 12
    assert stopping.best == pytest.approx(np.mean(metrics["episode_rewards"][:8]))


def test_early_stopping_by_evaluations_looks_at_those_alone() -> None:
    stopping = EarlyStoppingRLCallback(patience=2, min_delta=1e9, monitor="evaluation")
    _, metrics = train([stopping], "sac", total_episodes=400, environments=4)
    assert metrics["stopped_by"] == "EarlyStoppingRLCallback"
    assert len(metrics["evaluations"]) == 3


def test_early_stopping_by_evaluations_needs_evaluations() -> None:
    with pytest.raises(NightdeskError, match="there are none") as caught:
        train([EarlyStoppingRLCallback(monitor="evaluation")], "sac", eval_frequency=None)
    assert caught.value.code == "training.callback"


def test_what_episodes_earned_is_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trainers")
    _, metrics = train([TradingMetricsCallback(log_freq=10)], "sac")
    rows = metrics["trading"]
    assert [row["episodes"] for row in rows] == [10, 20, 30, 40]
    assert rows[1]["reward"] == pytest.approx(np.mean(metrics["episode_rewards"][10:20]))
    assert {"sharpe_ratio", "max_drawdown", "win_rate", "total_return"} <= rows[0].keys()
    assert sum("sharpe_ratio" in message for message in caplog.messages) == 4


def test_a_callbacks_counts_begin_at_one() -> None:
    for make in (
        lambda: CheckpointCallback(save_freq=0),
        lambda: CheckpointCallback(keep=0),
        lambda: EvalCallback(environment(), eval_freq=0),
        lambda: EarlyStoppingRLCallback(patience=0),
        lambda: TradingMetricsCallback(log_freq=-1),
    ):
        with pytest.raises(NightdeskError, match="counts from 1"):
            make()


@pytest.mark.parametrize("options", [{"monitor": "rewards"}, {"min_delta": float("nan")}, {"min_delta": -0.1}])
def test_patience_that_would_never_end_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(NightdeskError, match=str(next(iter(options.values())))) as caught:
        EarlyStoppingRLCallback(**options)
    assert caught.value.code == "training.callback"


def test_folders_of_callbacks_are_tried_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    recorder = Recorder()
    for callback in (
        CheckpointCallback(100, tmp_path / "file"),
        EvalCallback(environment(), best_model_save_path=tmp_path / "file" / "deeper"),
    ):
        with pytest.raises(NightdeskError, match="cannot be written") as caught:
            train([callback, recorder])
        assert caught.value.code == "training.unwritable"
    assert set(recorder.events) <= {"start", "end"}


def test_a_step_is_one_of_every_environment() -> None:
    recorder = Recorder()
    train([recorder], "a2c", environment("a2c", random_start=False), total_episodes=32, environments=4)
    steps = [event for event in recorder.events if event.startswith("step")]
    assert steps[0] == "step 4"
    assert len(steps) == 32 // 4 * EPISODE
