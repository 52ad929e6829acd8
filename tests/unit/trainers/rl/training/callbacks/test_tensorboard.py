"""Logs for TensorBoard: losses and what was earned, if it is there and asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from config.errors import NightdeskError
from tests.support.models.trainings import train


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = event_accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: [(row.step, row.value) for row in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.parametrize(("agent_type", "loss"), [("ppo", "train/value_loss"), ("sac", "train/critic_loss")])
def test_losses_and_what_was_earned_are_logged_over_timesteps(agent_type: str, loss: str, tmp_path: Path) -> None:
    agent, metrics = train(agent_type=agent_type, tensorboard=tmp_path)
    logged = scalars(tmp_path)
    assert {loss, "trading/sharpe_ratio", "trading/max_drawdown", "trading/total_return"} <= logged.keys()
    assert logged["evaluation/reward"][-1][1] == pytest.approx(metrics["evaluations"][-1]["reward"], rel=1e-5)
    assert all(0 < step <= metrics["timesteps"] for step, _ in logged[loss])
    assert agent.algorithm.logger.output_formats == []


def test_without_tensorboard_the_training_is_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "tensorboard" else find_spec(name)
    )
    with pytest.raises(NightdeskError, match="not installed") as caught:
        train(tensorboard=tmp_path / "logs")
    assert "nightdesk[tensorboard]" in caught.value.cure
    assert not (tmp_path / "logs").exists()
