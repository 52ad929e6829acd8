"""Policies that decide on one state at a time: `load_rl_policy`, and ensembles of them. Neither loads torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.errors import UsageError
from data_pipeline.actions import Action
from trainers.cloning.policy.network.file import PolicyDescription, read_policy, write_policy
from trainers.cloning.policy.network.serving import ServedPolicy

Floats = NDArray[np.float64]
DEVICES = ("cpu", "cuda", "auto")


class HasFeatures(Protocol):
    """A state whose numbers are its `features`."""

    @property
    def features(self) -> ArrayLike:
        """The 34 numbers."""


State = ArrayLike | HasFeatures
Decision = tuple[Action, float]
Detailed = tuple[Action, float, Floats]


class _Decides(ABC):
    """`predict` over what a policy says of one state."""

    @abstractmethod
    def _decide(self, state: Floats) -> Detailed:
        """The action, its strength, and the probabilities of hold, buy and sell."""

    @overload
    def predict(self, state: State, return_probs: Literal[False] = False) -> Decision: ...

    @overload
    def predict(self, state: State, return_probs: Literal[True]) -> Detailed: ...

    @overload
    def predict(self, state: State, return_probs: bool) -> Decision | Detailed: ...

    def predict(self, state: State, return_probs: bool = False) -> Decision | Detailed:
        """The action and its strength from 0 to 1; with `return_probs` also the probabilities of hold, buy, sell."""
        action, strength, probabilities = self._decide(numbers(state))
        return (action, strength, probabilities) if return_probs else (action, strength)


class RlPolicy(_Decides):
    """One policy: its arrays, and how it was made."""

    def __init__(self, policy: ServedPolicy, description: PolicyDescription) -> None:
        self.policy, self.description = policy, description

    def _decide(self, state: Floats) -> Detailed:
        probabilities, strengths = self.policy.decide(state[None])
        return Action(int(probabilities[0].argmax())), float(strengths[0]), probabilities[0]

    def outlook(self, state: State) -> tuple[float, Floats]:
        """The account's return over the next bar and the probabilities of three regimes, by a multi-task policy."""
        if "return" not in self.policy.heads:
            raise UsageError(
                "policy.no_outlook",
                "This policy predicts actions and strengths alone.",
                "Train one with the network multi_task.",
            )
        expected, logits = (self.policy.outputs(head, numbers(state)).astype(np.float64) for head in ("return", "risk"))
        weights = np.exp(logits - logits.max())
        return float(expected[0]) / 100.0, weights / weights.sum()

    def get_metadata(self) -> dict[str, Any]:
        """How it was trained and what it measured, such as `val_action_acc`."""
        return {**self.description.metadata, "config": self.description.config}

    def save(self, path: str | Path) -> None:
        """Publish it as a file for `load_rl_policy`."""
        write_policy(Path(path), self.policy, self.description)


class PolicyEnsemble(_Decides):
    """Several policies that vote: the action of most of them, and the mean of their strengths and probabilities.

    Of actions with equally many votes, the one with the highest mean probability.
    """

    def __init__(self, policies: Sequence[RlPolicy]) -> None:
        if not policies:
            raise UsageError("policy.empty_ensemble", "An ensemble of no policies cannot vote.", "Give at least one.")
        self.policies = tuple(policies)

    def _decide(self, state: Floats) -> Detailed:
        decided = [policy.predict(state, return_probs=True) for policy in self.policies]
        votes = np.bincount([action for action, _, _ in decided], minlength=len(Action))
        probabilities: Floats = np.mean([row for _, _, row in decided], axis=0)
        action = max(Action, key=lambda each: (votes[each], probabilities[each]))
        return action, float(np.mean([strength for _, strength, _ in decided])), probabilities


def load_rl_policy(path: str | Path, device: str = "cpu") -> RlPolicy:
    """The policy in a file of `BehaviorCloningTrainer`.

    One state takes far less time on a processor than the way to a GPU and back, so that it decides there whatever
    `device` says.
    """
    if device not in DEVICES:
        raise UsageError("policy.device", f"There is no device {device!r}.", f"Choose from {', '.join(DEVICES)}.")
    return RlPolicy(*read_policy(Path(path)))


def load_ensemble(paths: Sequence[str | Path]) -> PolicyEnsemble:
    """The policies of several files, such as those of three seeds, as one that votes."""
    return PolicyEnsemble([load_rl_policy(path) for path in paths])


def numbers(state: State) -> Floats:
    """The numbers of a state, given as an array or as an object with `features`."""
    return np.asarray(getattr(state, "features", state), np.float64)
