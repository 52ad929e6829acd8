from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from config.errors import NightdeskError
from tests.unit.trainers.decision_transformer.network.test_transformer import network
from trainers import TraderDecisionTransformer
from trainers.decision_transformer.network.causality import require_causal
from trainers.decision_transformer.network.transformer import Prediction
from trainers.decision_transformer.params import Tokens


@pytest.mark.parametrize("tokens", get_args(Tokens))
def test_both_orders_of_tokens_pass(tokens: Tokens) -> None:
    require_causal(network(tokens))
    require_causal(network(tokens, context=2))


class _Unshifted(TraderDecisionTransformer):
    """Predicts a_t from a token of (R_t, s_t, a_t), and R_t from the same token."""

    returns_shifted = False

    def forward(self, returns_to_go: Tensor, states: Tensor, actions: Tensor, mask: Tensor | None = None) -> Prediction:
        hidden = self.read(self.embed(returns_to_go, states, actions))
        honest = super().forward(returns_to_go, states, actions, mask)
        if self.returns_shifted:
            return Prediction(self.action_head(hidden), honest.returns_to_go)
        return Prediction(honest.actions, self.return_head(hidden))


@pytest.mark.parametrize(
    ("shifted", "named"), [(True, ("action", "actions")), (False, ("return to go", "returns_to_go"))]
)
def test_an_order_that_shows_a_prediction_its_own_label_fails_by_name(shifted: bool, named: tuple[str, str]) -> None:
    torch.manual_seed(3)
    leaking = _Unshifted(4, 5, d_model=16, layers=1, context=12, heads=2, tokens="concatenated")
    leaking.returns_shifted = shifted
    with pytest.raises(NightdeskError, match=f"The {named[0]} that is predicted .* {named[1]}") as refused:
        require_causal(leaking)
    assert refused.value.code == "decision_transformer.leak"
    assert (refused.value.detail["prediction"], refused.value.detail["input"]) == named
