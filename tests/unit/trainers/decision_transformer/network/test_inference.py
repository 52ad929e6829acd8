from __future__ import annotations

from typing import get_args

import pytest
import torch

from config.errors import UsageError
from tests.unit.trainers.decision_transformer.network.test_transformer import network
from trainers import TraderDecisionTransformer, TraderInference
from trainers.decision_transformer.params import Tokens

every_order = pytest.mark.parametrize("tokens", get_args(Tokens))


def test_the_documented_example_runs() -> None:
    model = TraderDecisionTransformer(state_dim=17, action_dim=5, d_model=16, layers=1)
    inference = TraderInference(model, device="cpu")
    states = torch.randn(1, 128, 17)
    predicted_actions, predicted_rtg = inference.predict_with_target_rtg(states=states, target_rtg=0.02)
    assert predicted_actions.shape == (1, 128, 5)
    assert predicted_rtg.shape == (1, 128, 1)
    action_probs = torch.softmax(predicted_actions[0, -1], dim=-1)
    assert action_probs.sum().item() == pytest.approx(1.0)
    assert action_probs.argmax().item() in range(5)


@every_order
def test_bar_by_bar_it_predicts_what_one_pass_over_its_own_actions_predicts(tokens: Tokens) -> None:
    inference = TraderInference(network(tokens))
    states, rewards = torch.randn(3, 12, 4), 0.01 * torch.randn(3, 12)
    rolled, to_go = inference.predict_with_target_rtg(states, [0.01, 0.02, -0.03], rewards=rewards)
    once, to_go_once = inference.predict_with_target_rtg(
        states, [0.01, 0.02, -0.03], actions=rolled.argmax(-1), rewards=rewards
    )
    torch.testing.assert_close(rolled, once, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(to_go, to_go_once, rtol=1e-4, atol=1e-4)


def test_what_was_earned_is_taken_off_the_target_from_the_next_bar_on() -> None:
    inference, states = TraderInference(network()), torch.randn(1, 4, 4)
    actions = torch.tensor([[0, 1, 2, 3]])
    earned = torch.tensor([[0.0, 0.02, 0.0, 0.0]])
    without, _ = inference.predict_with_target_rtg(states, 0.03, actions=actions)
    rewarded, _ = inference.predict_with_target_rtg(states, 0.03, actions=actions, rewards=earned)
    assert torch.equal(without[:, :2], rewarded[:, :2])
    assert not torch.equal(without[:, 2:], rewarded[:, 2:])
    actions_one_hot = torch.nn.functional.one_hot(actions, 5)
    again, _ = inference.predict_with_target_rtg(states, [0.03], actions=actions_one_hot)
    assert torch.equal(without, again)


@pytest.mark.parametrize("target", [float("nan"), float("inf"), [0.01, float("-inf")]])
def test_a_target_that_is_no_finite_number_is_refused(target: float | list[float]) -> None:
    with pytest.raises(UsageError, match="no target return") as refused:
        TraderInference(network()).predict_with_target_rtg(torch.randn(2, 4, 4), target)
    assert refused.value.code == "decision_transformer.target"


@pytest.mark.parametrize(
    ("states", "others", "problem"),
    [
        (torch.zeros(1, 4, 3), {}, "states are"),
        (torch.zeros(4, 4), {}, "states are"),
        (torch.zeros(1, 13, 4), {}, "13 bars"),
        (torch.full((1, 4, 4), float("nan")), {}, "finite"),
        (torch.zeros(1, 4, 4), {"actions": torch.full((1, 4), 5)}, "from 5 to 5"),
        (torch.zeros(1, 4, 4), {"rewards": torch.zeros(1, 3)}, "rewards"),
        (torch.zeros(2, 4, 4), {"target_rtg": [0.1]}, "1 target returns for 2"),
    ],
)
def test_inputs_that_do_not_fit_are_named(states: torch.Tensor, others: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        TraderInference(network()).predict_with_target_rtg(states, **({"target_rtg": 0.02} | others))
