"""Checkpoints of a training as folders; a resumed training has the same result as an uninterrupted one."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

from config.errors import NightdeskError
from config.publish import publishing_folder
from trainers.rl.environments.vector_environment import VectorTradingEnvironment
from trainers.rl.training.callbacks.base import TrainingView
from trainers.rl.training.record import TrainingRecord
from trainers.safe_files import corrupt, json_bytes, read_json

FORMAT = 1
NEWEST_STORED = 2
_PREFIX = "checkpoint_"
_AGENT, _TRAINING = "agent", "training.json"
# Fields of the config that may differ when a training is resumed, as the result does not depend on them.
_FREE = {"progress", "tensorboard", "checkpoint_folder", "checkpoint_frequency"}


def checkpoints(folder: Path) -> list[Path]:
    """Every checkpoint in the folder, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint in the folder."""
    return next(reversed(checkpoints(folder)), None)


def save_checkpoint(folder: Path, training: TrainingView) -> Path:
    """Publish a checkpoint of the training, between two rollouts; only the newest few stay."""
    path = folder / f"{_PREFIX}{training.timesteps:012d}"
    if path.exists():  # the one that the training was resumed from
        return path
    with publishing_folder(path) as temp:
        (temp / _AGENT).mkdir()
        training.agent.save_checkpoint(temp / _AGENT)
        (temp / _TRAINING).write_bytes(json_bytes(_document(training)))
    for old in checkpoints(folder)[:-NEWEST_STORED]:
        shutil.rmtree(old)
    return path


def resume(source: Path, training: TrainingView) -> None:
    """Restore agent, environments, callbacks and record from a checkpoint, or from the newest one in a folder."""
    checkpoint = source if (source / _TRAINING).is_file() else latest_checkpoint(source)
    if checkpoint is None:
        raise NightdeskError(
            "training.no_checkpoint",
            f"There is no checkpoint in {source}.",
            "Name the checkpoint_folder of a training, or start without resume_from.",
        )
    document = read_json(checkpoint / _TRAINING, math.inf)
    _require_same(checkpoint, document, _made_by(training))
    try:
        record = TrainingRecord.from_dict(document["record"])
        training.callbacks.restore(document["callbacks"])
    except (KeyError, TypeError, ValueError) as error:
        raise corrupt(f"{checkpoint.name}/{_TRAINING}", f"it lacks or garbles something ({error!r})") from error
    training.agent.load_checkpoint(checkpoint / _AGENT, training.env)
    training.record = record


def _document(training: TrainingView) -> dict[str, Any]:
    return {
        "made_by": _made_by(training),
        "record": training.record.to_dict(),
        "callbacks": training.callbacks.state(),
    }


def _made_by(training: TrainingView) -> dict[str, Any]:
    """The facts that must be the same for a training to be resumed."""
    agent = training.agent.describe()
    return {
        "format": FORMAT,
        "agent": agent.agent_type,
        "inputs": agent.inputs,
        "actions": agent.actions.model_dump(mode="json"),
        "market": _fingerprint(training.env),
        "environments": training.environments,
        **{f"agent.{name}": value for name, value in agent.config.items()},
        **training.config.model_dump(mode="json", exclude=_FREE),
    }


def _fingerprint(env: Any) -> str | None:
    """The sha256 of the market that is played on."""
    if not isinstance(env, VectorTradingEnvironment):
        return None
    market = env.market
    description = json.dumps([list(market.symbols), market.config.model_dump(mode="json")])
    digest = hashlib.sha256(description.encode())
    for array in market.arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _require_same(checkpoint: Path, document: dict[str, Any], expected: dict[str, Any]) -> None:
    made_by = document.get("made_by")
    if not isinstance(made_by, dict):
        raise corrupt(f"{checkpoint.name}/{_TRAINING}", "it lacks `made_by`")
    for name, value in expected.items():
        if made_by.get(name) != value:
            raise NightdeskError(
                "training.other_checkpoint",
                f"{checkpoint.name} was made with {name} {made_by.get(name)!r}; here it is {value!r}.",
                "Resume with the agent, environment and config that the training began with, or start a new one.",
            )
