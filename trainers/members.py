"""Models made of models: members are trained before the model that uses them, on the very same span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.errors import NightdeskError
from trainers import registry
from trainers.artifact import ArtifactFacts, save_artifact
from trainers.interface import Model, TrainingContext, TrainingTask
from trainers.manifest import Manifest

# These end the whole training; any other fault of a member leaves the model to go on without it, or to refuse.
ENDING = ("training.stopped", "training.pruned")


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model, and the members that it was made of, each with the params that it was trained with."""

    model: Model
    members: Mapping[str, TrainedMember] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TrainedMember:
    """A member and its task: that of the model it is part of, but for the params."""

    model: Model
    task: TrainingTask


def train_with_members(name: str, task: TrainingTask, context: TrainingContext) -> TrainedModel:
    """Train the members of model type `name`, then a model of them; all see the same inputs and nothing later.

    One that cannot be trained is named in `context.untrained`; the model type decides whether it can do without.
    """
    params = registry.member_params(name, task.params)
    parts = len(params) + 1
    members: dict[str, TrainedMember] = {}
    untrained: dict[str, str] = {}
    for place, (member, own) in enumerate(params.items()):
        part = replace(task, params=own)
        try:
            model = registry.get(member).train(part, _part_of(context, member, place, parts))
        except NightdeskError as error:
            if error.code in ENDING:
                raise
            untrained[member] = str(error)
        else:
            members[member] = TrainedMember(model, part)
    whole = replace(
        _part_of(context, None, parts - 1, parts),
        members={member: one.model for member, one in members.items()},
        untrained=untrained,
    )
    return TrainedModel(registry.get(name).train(task, whole), members)


def _part_of(context: TrainingContext, member: str | None, place: int, parts: int) -> TrainingContext:
    """The context of one of several trainings: its share of the progress, and checkpoints of its own."""
    if parts == 1:
        return context
    folder = context.checkpoints / member if context.checkpoints is not None and member else context.checkpoints
    return replace(
        context,
        checkpoints=folder,
        progress=lambda fraction, message: context.progress(
            (place + fraction) / parts, f"{member}: {message}" if member else message
        ),
    )


def save_with_members(folder: Path, trained: TrainedModel, facts: ArtifactFacts, scratch: Path) -> Manifest:
    """Publish a model with its members as artefacts of their own among its files; `scratch` holds them meanwhile."""
    places = {name: scratch / name for name in trained.members}
    for name, member in trained.members.items():
        save_artifact(places[name], member.model, replace(facts, model_type=name, params=member.task.params))
    return save_artifact(folder, trained.model, replace(facts, members=places))
