"""A training that is killed goes on from its newest checkpoint to the same agent."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.models.trainings import timeless, train, weights
from trainers.rl.training.checkpoint import latest_checkpoint

ENVIRONMENTS, EPISODES = 4, 4_000
_TRAIN = f"""
import sys
from pathlib import Path
from tests.support.models.trainings import train
train(agent_type="sac", total_episodes={EPISODES}, checkpoint_folder=Path(sys.argv[1]), checkpoint_frequency=40)
"""


def reached(folder: Path) -> int:
    """The timesteps of the newest checkpoint."""
    newest = latest_checkpoint(folder)
    return 0 if newest is None else int(newest.name.rpartition("_")[2])


def train_until_killed(folder: Path) -> None:
    """Train in a process of its own, and kill it without a word while it writes one checkpoint after another."""
    process = subprocess.Popen([sys.executable, "-c", _TRAIN, str(folder)], cwd=Path(__file__).parents[2])
    try:
        until = time.monotonic() + 120.0
        while reached(folder) < 400 and time.monotonic() < until:
            assert process.poll() is None
            time.sleep(0.003)
    finally:
        process.kill()
        process.wait()


def after(rollouts: int) -> Callable[[], bool]:
    """Asks for the end after so many rollouts, each a step of every environment."""
    checks = iter(range(rollouts + 1))
    return lambda: next(checks) == rollouts


def test_a_killed_training_goes_on_to_the_same_agent(tmp_path: Path) -> None:
    train_until_killed(tmp_path)
    done, more = reached(tmp_path) // ENVIRONMENTS, 100
    assert done >= 100
    arguments = {"resume_from": tmp_path, "should_stop": after(more)}
    resumed, metrics = train(agent_type="sac", total_episodes=EPISODES, arguments=arguments)
    whole, whole_metrics = train(
        agent_type="sac", total_episodes=EPISODES, arguments={"should_stop": after(done + more)}
    )
    assert metrics["timesteps"] == (done + more) * ENVIRONMENTS
    assert timeless(metrics) == timeless(whole_metrics)
    assert weights(resumed) == weights(whole)
