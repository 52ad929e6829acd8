"""`nightdesk train --dataset`: a model type trained on a file of decisions, outside the desk."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import UsageError
from daemon.cli.choices import Choices
from daemon.cli.output import answer
from trainers import registry


def train_on_dataset(
    global_options: Choices,
    model_types: Sequence[str],
    params: Mapping[str, Mapping[str, Any]],
    dataset: Path,
    output: Path | None,
    device: str | None,
) -> None:
    """Train the one model type on the dataset, and print how it went; with --json, what it came to."""
    if len(model_types) != 1:
        raise UsageError(
            "train.dataset",
            f"--dataset trains one model type, and {len(model_types) or 'none'} are named.",
            "Name it with --model-type.",
        )
    (name,) = model_types
    trainer = registry.dataset_trainer(name)
    values = registry.validate_params(name, dict(params.get(name, {})))
    stream = sys.stderr if global_options.json else sys.stdout
    result = trainer(values, dataset, output, _checked(device), stream)
    answer(result, as_json=global_options.json, render=lambda _: None)


def _checked(device: str | None) -> str | None:
    if device not in {None, "auto", "cpu", "cuda"}:
        raise UsageError("option.invalid", f"There is no device {device!r}.", "Choose auto, cpu or cuda.")
    return device
