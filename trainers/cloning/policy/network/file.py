"""A policy as one file in the safetensors format, whatever its suffix: its arrays, and how it was made as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.cloning.policy.network.serving import ServedPolicy
from trainers.safe_files import described, read_tensors, tensor_bytes

_CURE = (
    "Train it with BehaviorCloningTrainer or `nightdesk train --model-type policy_cloner --dataset FILE.npz --output "
    "DIR`, and name the policy_best.pt that this writes."
)


class PolicyDescription(Section):
    """The description of a policy in its file."""

    format: Literal[1] = 1
    config: dict[str, Any]
    metadata: dict[str, Any]


def write_policy(path: Path, policy: ServedPolicy, description: PolicyDescription) -> None:
    """Publish the file."""
    publish_bytes(path, tensor_bytes(policy.tensors(), {"policy": description.model_dump(mode="json")}))


def read_policy(path: Path) -> tuple[ServedPolicy, PolicyDescription]:
    """The policy and its description in a file."""
    if not path.is_file():
        raise NightdeskError("policy.missing", f"There is no policy {path}.", _CURE)
    try:
        tensors, metadata = read_tensors(path)
    except NightdeskError as error:
        if error.code != "model.unsafe":
            raise
        raise NightdeskError(
            "model.unsafe",
            f"{path.name} is a pickle, as torch.save writes it; reading one runs whatever code is in it, so it is "
            "never read.",
            f"{_CURE} Where you trust the file, load it yourself in the environment that wrote it, hand its weights to "
            "load_state_dict of a PolicyNet, and save that by its method save.",
        ) from error
    if "policy" not in metadata:
        raise NightdeskError("policy.foreign", f"{path.name} holds tensors, but no policy.", _CURE)
    return ServedPolicy.from_tensors(tensors), described(path.name, PolicyDescription, metadata["policy"])
