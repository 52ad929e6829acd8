"""Training steps of the Decision Transformer beside the same network of nn.TransformerEncoderLayer with a causal mask.

Batch 32, context 128 bars (384 tokens), d_model 128, 6 layers, 4 heads; the same embedding, heads, losses and optimiser
on the same batch, on one core, in turns. In bf16 only where the processor has instructions for it. Then how long one
window takes to decide on.

python -m benchmarks.decision_transformer
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks._figures import seconds, show, show_ratio
from trainers import TraderDecisionTransformer, TraderInference
from trainers.decision_transformer.network.inference import Rollout
from trainers.decision_transformer.training.losses import action_loss, return_loss

BATCH, BARS, STATES, REPEATS = 32, 128, 17, 5
GOAL, BF16_GOAL, WINDOW_GOAL = 1.05, 1.4, 0.010


class Peer(TraderDecisionTransformer):
    """The same network with the library's layers and a mask in place of our blocks."""

    def __init__(self) -> None:
        super().__init__()
        config = self.config
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.d_model, config.heads, 4 * config.d_model, config.dropout, "gelu", batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )  # fmt: skip
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(3 * config.context))

    def read(self, tokens: Tensor, memories: object = None) -> Tensor:  # noqa: ARG002 -- it has none
        """The tokens behind all layers."""
        for block in self.blocks:
            tokens = block(tokens, src_mask=self.mask)
        return self.norm(tokens)


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns to go, states, actions, and which bars count."""
    actions = nn.functional.one_hot(torch.randint(0, 5, (BATCH, BARS)), 5).float()
    return torch.randn(BATCH, BARS, 1), torch.randn(BATCH, BARS, STATES), actions, torch.ones(BATCH, BARS).bool()


def step_of(network: TraderDecisionTransformer, *, bf16: bool) -> Callable[[], None]:
    """One training step of a network."""
    to_go, states, actions, counted = batch()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            predicted = network(to_go, states, actions)
        loss = action_loss(predicted.actions.float(), actions, counted)
        loss = loss + 0.1 * return_loss(predicted.returns_to_go.float(), to_go, counted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step


def training(*, bf16: bool, goal: float) -> bool:
    """Print both; whether ours is as many times as fast as it should be."""
    torch.manual_seed(0)
    steps = [step_of(network.train(), bf16=bf16) for network in (TraderDecisionTransformer(), Peer())]
    ours, theirs = seconds(*steps, repeats=REPEATS)
    kind = "bf16" if bf16 else "fp32"
    show(f"training step, {kind}", ours)
    show(f"training step, {kind}, library's layers", theirs)
    return show_ratio(f"{kind} beside the library", statistics.median(theirs) / statistics.median(ours), goal)


def deciding() -> bool:
    """Print how long a window takes; whether its newest bar, with the earlier ones in memory, meets the goal."""
    inference = TraderInference(TraderDecisionTransformer())
    states, actions = torch.randn(1, BARS, STATES), torch.randint(0, 5, (1, BARS))
    whole, rolled = seconds(
        partial(inference.predict_with_target_rtg, states, 0.02, actions=actions),
        partial(inference.predict_with_target_rtg, states, 0.02),
        repeats=REPEATS,
    )
    show("window of 128 bars, one pass", whole)
    show("window of 128 bars, own actions", rolled)
    newest = []
    for _ in range(REPEATS + 1):
        rollout, before = Rollout(inference.model, torch.zeros(1)), None
        for bar in range(BARS - 1):
            rollout.step(states[:, bar], before)
            before = nn.functional.one_hot(actions[:, bar], 5).float()
        newest.append(once(partial(rollout.step, states[:, -1], before)))
    return show("newest bar, earlier ones in memory", newest[1:], WINDOW_GOAL)


def once(call: Callable[[], object]) -> float:
    """How long it took."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> bool:
    """Print every figure; whether each goal was met."""
    torch.set_num_threads(1)
    met = training(bf16=False, goal=GOAL)
    if torch.cpu.get_capabilities().get("avx512_bf16", False):
        met &= training(bf16=True, goal=BF16_GOAL)
    else:
        print("bf16 is left out: this processor has no instructions for it")
    return deciding() and met


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
