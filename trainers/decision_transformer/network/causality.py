"""An audit of a network: whether a prediction changes with something that was not known when it was made."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from config.errors import NightdeskError
from trainers.decision_transformer.network.transformer import TraderDecisionTransformer

_BARS = 6
# Of each prediction at bar t and each input: the newest bar of the input, counted from t, that it may depend on.
ALLOWED = {
    ("action", "returns_to_go"): 0,
    ("action", "states"): 0,
    ("action", "actions"): -1,
    ("return to go", "returns_to_go"): -1,
    ("return to go", "states"): -1,
    ("return to go", "actions"): -1,
}


@torch.no_grad()
def require_causal(network: TraderDecisionTransformer) -> None:
    """Change each input at each bar, and raise if a prediction made before it was known changes.

    In f8, where a change that is no leak leaves every bit of an earlier prediction as it was.
    """
    audited = copy.deepcopy(network).cpu().double().eval()
    bars = min(_BARS, network.config.context)
    inputs = _inputs(network, bars)
    before = audited(**inputs)
    for name, values in inputs.items():
        for bar in range(bars):
            changed = values.clone()
            changed[:, bar] = changed[:, bar].roll(1, -1) + (name != "actions")
            after = audited(**(inputs | {name: changed}))
            _compare(name, bar, before.actions, after.actions, "action")
            _compare(name, bar, before.returns_to_go, after.returns_to_go, "return to go")


def _inputs(network: TraderDecisionTransformer, bars: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    config = network.config
    return {
        "returns_to_go": torch.randn(1, bars, 1, generator=random, dtype=torch.float64),
        "states": torch.randn(1, bars, config.state_dim, generator=random, dtype=torch.float64),
        "actions": one_hot(torch.arange(bars)[None] % config.action_dim, config.action_dim).double(),
    }


def _compare(name: str, bar: int, before: Tensor, after: Tensor, predicted: str) -> None:
    first = bar - ALLOWED[predicted, name]  # the first bar whose prediction may depend on the input at `bar`
    if bool(((before - after)[:, :first].abs() > 1e-9).any()):
        raise NightdeskError(
            "decision_transformer.leak",
            f"The {predicted} that is predicted for a bar depends on {name} that are known only after it.",
            "Shift what the network reads: an action or a return to go must not be read before it is predicted.",
            prediction=predicted,
            input=name,
        )
