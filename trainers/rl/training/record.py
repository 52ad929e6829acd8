"""The episodes and evaluations of a training, and the metrics over them at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, pstdev
from typing import Any, Self

from config.errors import NightdeskError

# Metrics of a training are means over its newest episodes, because the first ones are played at random.
NEWEST = 100


@dataclass(frozen=True)
class Episode:
    """One episode at its end, by number and timesteps of the training; returns and drawdowns are in percent.

    What only a trading environment reports is None elsewhere; `wins` are the closed trades that earned something.
    """

    number: int
    timesteps: int
    reward: float
    length: int
    total_return: float | None = None
    sharpe_ratio: float | None = None
    max_drawdown: float | None = None
    trades: int | None = None
    wins: int | None = None
    symbol: str | None = None

    @classmethod
    def of(cls, summary: Mapping[str, Any], *, number: int, timesteps: int) -> Self:
        """The episode that an environment, or a Monitor around it, reports in `info["episode"]`."""
        reward, length = float(summary["r"]), int(summary["l"])
        if not math.isfinite(reward):
            raise NightdeskError(
                "training.reward",
                f"The reward of episode {number} is {reward}.",
                "Let the environment give finite rewards only.",
            )
        trading = {name: summary.get(name) for name in ("total_return", "max_drawdown", "trades", "wins", "symbol")}
        return cls(number, timesteps, reward, length, sharpe_ratio=summary.get("sharpe"), **trading)


@dataclass(frozen=True)
class Evaluation:
    """Mean results of the deterministic agent after `episodes` episodes of training; `rewards` has each episode's."""

    episodes: int
    timesteps: int
    rewards: tuple[float, ...]
    reward: float
    total_return: float | None = None
    sharpe_ratio: float | None = None
    max_drawdown: float | None = None
    win_rate: float | None = None

    @classmethod
    def of(cls, played: Sequence[Episode], *, episodes: int, timesteps: int) -> Self:
        """The evaluation that consists of these episodes."""
        rewards = tuple(episode.reward for episode in played)
        return cls(episodes, timesteps, rewards, fmean(rewards), mean(played, "total_return"), **trading(played))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "rewards": list(self.rewards)}


@dataclass
class TrainingRecord:
    """Counters and series of one training. All of it is in a checkpoint, so that a resumed training goes on with it."""

    timesteps: int = 0
    seconds: float = 0.0
    episodes: list[Episode] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        evaluations = [Evaluation(**{**row, "rewards": tuple(row["rewards"])}) for row in document["evaluations"]]
        episodes = [Episode(**row) for row in document["episodes"]]
        return cls(document["timesteps"], document["seconds"], episodes, evaluations)

    def metrics(self) -> dict[str, Any]:
        """The metrics of the training as JSON, with the reason for each that is undefined."""
        newest = self.episodes[-NEWEST:]
        best = max(self.evaluations, key=lambda evaluation: evaluation.reward, default=None)
        figures = trading(newest)
        undefined = [name for name, value in figures.items() if value is None]
        return {
            "episodes": len(self.episodes),
            "timesteps": self.timesteps,
            "seconds": self.seconds,
            "steps_per_second": self.timesteps / self.seconds if self.seconds > 0.0 else None,
            "reward": _summary([episode.reward for episode in self.episodes]),
            **figures,
            "reasons": dict.fromkeys(undefined, "no episode that ended reports it"),
            "episode_rewards": [episode.reward for episode in self.episodes],
            "evaluations": [evaluation.to_dict() for evaluation in self.evaluations],
            "best_evaluation": best.to_dict() if best else None,
        }


def mean(episodes: Sequence[Episode], name: str) -> float | None:
    """The mean of one figure over the episodes that have it."""
    values = [value for episode in episodes if (value := getattr(episode, name)) is not None]
    return fmean(values) if values else None


def trading(episodes: Sequence[Episode]) -> dict[str, float | None]:
    """Mean Sharpe ratio and drawdown, and the percentage of closed trades that earned something."""
    trades = sum(episode.trades or 0 for episode in episodes)
    wins = sum(episode.wins or 0 for episode in episodes)
    return {
        "sharpe_ratio": mean(episodes, "sharpe_ratio"),
        "max_drawdown": mean(episodes, "max_drawdown"),
        "win_rate": 100.0 * wins / trades if trades else None,
    }


def _summary(rewards: list[float]) -> dict[str, float | None]:
    if not rewards:
        return dict.fromkeys(("mean", "std", "best", "worst", "newest"))
    return {
        "mean": fmean(rewards),
        "std": pstdev(rewards),
        "best": max(rewards),
        "worst": min(rewards),
        "newest": fmean(rewards[-NEWEST:]),
    }
