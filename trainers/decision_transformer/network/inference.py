"""`TraderInference`: the actions that a trained network expects of the trader on the way to a target return."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from config.errors import UsageError
from trainers.decision_transformer.network.transformer import Prediction, TraderDecisionTransformer, require_shape


class Rollout:
    """One bar after another: each step reads the bar's state alone, the earlier ones are in memory."""

    def __init__(self, network: TraderDecisionTransformer, targets: Tensor) -> None:  # [batch], scaled
        self._network = network
        self._memories = network.memories(len(targets))
        self._to_go = targets
        self._bar = 0
        self._last: Tensor | None = None  # the last token of the bar before

    @torch.no_grad()
    def step(self, state: Tensor, before: Tensor | None, reward: Tensor | None = None) -> Prediction:
        """The prediction at the next bar.

        `state` is [batch, state_dim]; `before` the one-hot action [batch, action_dim] of the bar before, None at the
        first; `reward` what that bar earned, scaled, which is taken off the target.
        """
        network = self._network
        if self._bar >= network.config.context:
            raise UsageError(
                "decision_transformer.context",
                f"The context of this network, {network.config.context} bars, is full.",
                "Begin another rollout with the newest bars.",
            )
        if reward is not None:
            self._to_go = self._to_go - reward
        if before is None:
            before = state.new_zeros(len(state), network.config.action_dim)
        prediction = self._one_token(state, before) if network.join else self._three_tokens(state, before)
        self._bar += 1
        return prediction

    def _one_token(self, state: Tensor, before: Tensor) -> Prediction:
        tokens = self._network.embed(self._to_go[:, None, None], state[:, None], before[:, None], self._bar)
        return self._predicted(self._network.read(tokens, self._memories))

    def _three_tokens(self, state: Tensor, before: Tensor) -> Prediction:
        """Reads the action of the bar before, then this bar's return to go and state."""
        network = self._network
        tokens = network.embed(self._to_go[:, None, None], state[:, None], before[:, None], self._bar)[:, :2]
        if self._bar:
            zeros = torch.zeros_like(state[:, None])
            earlier = network.embed(zeros[..., :1], zeros, before[:, None], self._bar - 1)[:, 2:]
            tokens = torch.cat([earlier, tokens], dim=1)
        hidden = network.read(tokens, self._memories)
        if self._bar:
            self._last = hidden[:, :1]
        return self._predicted(hidden[:, -1:])

    def _predicted(self, acting: Tensor) -> Prediction:
        network = self._network
        last = network.begin.expand(len(acting), 1, -1) if self._last is None else self._last
        if network.join:
            self._last = acting
        return Prediction(network.action_head(acting), network.return_head(last))


class TraderInference:
    """Predictions of a network for target returns, such as 0.02 for 2 % of the money put up, not scaled."""

    def __init__(self, model: TraderDecisionTransformer, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.model = model.to(self.device).eval()

    @torch.no_grad()
    def predict_with_target_rtg(
        self,
        states: Tensor,
        target_rtg: float | Sequence[float],
        actions: Tensor | None = None,
        rewards: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The logits of the action at every bar [batch, bars, actions], and the return to go expected there.

        Args:
            states: [batch, bars, state_dim], scaled as in training.
            target_rtg: the return still to come at the first bar, one for all windows or one for each.
            actions: the trader's actions [batch, bars], known but for the last, or one-hot; without them each bar
                follows the likeliest action of the bars before.
            rewards: what each bar earned [batch, bars]; taken off the target from the next bar on.
        """
        states = self._states(states)
        targets = self._targets(target_rtg, len(states))
        scale = self.model.config.return_scale
        gained = self._gained(rewards, states) * scale
        if actions is None:
            prediction = self._rolled_out(states, targets, gained)
        else:
            to_go = targets[:, None] - (gained.cumsum(1) - gained)
            prediction = self.model(to_go[..., None], states, self._one_hot(actions, states))
        return prediction.actions, prediction.returns_to_go / scale

    def _rolled_out(self, states: Tensor, targets: Tensor, gained: Tensor) -> Prediction:
        rollout, action, steps = Rollout(self.model, targets), None, []
        for bar in range(states.shape[1]):
            step = rollout.step(states[:, bar], action, gained[:, bar - 1] if bar else None)
            action = one_hot(step.actions[:, 0].argmax(-1), self.model.config.action_dim).to(states.dtype)
            steps.append(step)
        return Prediction(*(torch.cat(part, dim=1) for part in zip(*steps, strict=True)))

    def _states(self, states: Tensor) -> Tensor:
        bars = states.shape[1] if states.ndim == 3 else 0
        require_shape("states", states, (states.shape[0], bars, self.model.config.state_dim))
        if not 1 <= bars <= self.model.config.context or not bool(torch.isfinite(states).all()):
            raise UsageError(
                "decision_transformer.states",
                f"The states are {bars} bars, or not all of them are finite numbers.",
                f"Give 1 to {self.model.config.context} bars of finite, scaled states.",
            )
        return states.to(self.device, self.model.begin.dtype)

    def _targets(self, target_rtg: float | Sequence[float], windows: int) -> Tensor:
        targets = [float(target_rtg)] * windows if isinstance(target_rtg, int | float) else list(map(float, target_rtg))
        require_finite_targets(targets)
        if len(targets) != windows:
            raise UsageError(
                "decision_transformer.target",
                f"There are {len(targets)} target returns for {windows} windows.",
                "Give one for all windows, or one for each.",
            )
        scaled = [target * self.model.config.return_scale for target in targets]
        return torch.tensor(scaled, dtype=self.model.begin.dtype, device=self.device)

    def _gained(self, rewards: Tensor | None, states: Tensor) -> Tensor:
        if rewards is None:
            return states.new_zeros(states.shape[:2])
        if rewards.shape != states.shape[:2] or not bool(torch.isfinite(rewards).all()):
            raise UsageError(
                "decision_transformer.rewards",
                f"The rewards are {list(rewards.shape)} for states {list(states.shape)}, or not all finite.",
                "Give a finite reward for every bar.",
            )
        return rewards.to(states)

    def _one_hot(self, actions: Tensor, states: Tensor) -> Tensor:
        width = self.model.config.action_dim
        if actions.ndim == 2:
            if not bool(((actions >= 0) & (actions < width)).all()):
                raise UsageError(
                    "decision_transformer.actions",
                    f"The actions reach from {int(actions.min())} to {int(actions.max())}.",
                    f"Give actions from 0 to {width - 1}.",
                )
            actions = one_hot(actions.long(), width)
        require_shape("actions", actions, (*states.shape[:2], width))
        return actions.to(states)


def require_finite_targets(targets: Sequence[float]) -> None:
    """Refuse a target return that is no finite number."""
    wrong = [target for target in targets if not math.isfinite(target)]
    if wrong:
        raise UsageError(
            "decision_transformer.target",
            f"{wrong[0]} is no target return.",
            "Give a finite number, such as 0.02 for 2 % of the money put up.",
        )
