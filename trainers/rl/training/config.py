"""The config of one training of an agent; light, so that it is validated without loading torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from config.dataclass_section import DataclassSection

Count = Annotated[int, Field(ge=1)]
Folder = Annotated[Path, Field(strict=False)]


class RLTrainingConfig(DataclassSection):
    """The end of a training, its evaluations, and its checkpoints.

    It ends when `total_episodes`, counted over all environments, or `total_timesteps` is reached, after the update from
    the rollout in which that happens.
    """

    leading_fields = ("total_episodes", "eval_frequency", "batch_size")

    # If both are None, the training ends after 1000 episodes.
    total_episodes: Count | None = None
    total_timesteps: Count | None = None
    # Episodes between two evaluations; None for none.
    eval_frequency: Count | None = 100
    # Episodes of each evaluation.
    eval_episodes: Count = 5
    # Rows of a gradient step; that of the agent's config if None.
    batch_size: Annotated[int, Field(ge=2)] | None = None
    # How many copies of a TradingEnvironment are played at once.
    environments: Annotated[int, Field(ge=1, le=65_536)] = 64
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    # Whether progress is shown on stderr.
    progress: bool = True
    # A folder for TensorBoard's logs, which needs the extra `tensorboard`.
    tensorboard: Folder | None = None
    # The folder of checkpoints for `resume_from`; None stores none.
    checkpoint_folder: Folder | None = None
    # Timesteps between two checkpoints.
    checkpoint_frequency: Count = 100_000

    @property
    def last_episode(self) -> int | None:
        """The number of the episode with which it ends; None if timesteps alone decide."""
        return 1_000 if self.total_episodes is None and self.total_timesteps is None else self.total_episodes
