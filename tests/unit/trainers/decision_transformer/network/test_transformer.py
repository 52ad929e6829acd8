from __future__ import annotations

import pickle
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from config.errors import NightdeskError, UsageError
from trainers import TraderDecisionTransformer
from trainers.decision_transformer.params import Tokens

every_order = pytest.mark.parametrize("tokens", get_args(Tokens))
Inputs = tuple[Tensor, Tensor, Tensor]


def network(tokens: Tokens = "interleaved", **changes: object) -> TraderDecisionTransformer:
    torch.manual_seed(3)
    small = {"d_model": 16, "layers": 2, "context": 12, "heads": 2, "tokens": tokens}
    made = TraderDecisionTransformer(4, 5, **(small | changes))
    with torch.no_grad():  # larger than usual, so that whatever is read shows
        for weight in made.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return made.eval()


def inputs(bars: int = 10, batch: int = 2) -> Inputs:
    torch.manual_seed(4)
    actions = torch.nn.functional.one_hot(torch.randint(0, 5, (batch, bars)), 5).float()
    return torch.randn(batch, bars, 1), torch.randn(batch, bars, 4), actions


def changed_from(before: Tensor, after: Tensor) -> int | None:
    """The first bar at which a prediction differs."""
    differs = ((before - after).abs() > 1e-6).any(-1).any(0).nonzero()
    return int(differs[0]) if len(differs) else None


@every_order
@pytest.mark.parametrize("bar", [0, 4, 9])
def test_nothing_is_predicted_from_what_comes_later(tokens: Tokens, bar: int) -> None:
    """Of each input: the first bar whose action, and whose return to go, may change with it."""
    allowed = {"returns_to_go": (bar, bar + 1), "states": (bar, bar + 1), "actions": (bar + 1, bar + 1)}
    if tokens == "concatenated":  # the action of a bar is read with the bar after it
        allowed["actions"] = (bar + 1, bar + 2)
    net, values = network(tokens), inputs()
    with torch.no_grad():
        before = net(*values)
        for place, (name, (action_from, return_from)) in enumerate(allowed.items()):
            other = [each.clone() for each in values]
            other[place][:, bar] = other[place][:, bar].roll(1, -1) + 1.0
            after = net(*other)
            assert changed_from(before.actions, after.actions) == (action_from if action_from < 10 else None), name
            later = changed_from(before.returns_to_go, after.returns_to_go)
            assert later == (return_from if return_from < 10 else None), name


def test_an_order_of_tokens_that_shows_the_action_to_its_own_prediction_is_caught() -> None:
    """The concatenation (R_t, s_t, a_t) without the shift by one."""
    net, (to_go, states, actions) = network("concatenated"), inputs()
    assert net.join is not None

    def leaking(given: Tensor) -> Tensor:
        return net.action_head(net.read(net.embed(to_go, states, given)))

    with torch.no_grad():
        assert changed_from(leaking(actions), leaking(_other_at(actions, 4))) == 4
        honest, other = net(to_go, states, actions), net(to_go, states, _other_at(actions, 4))
    assert changed_from(honest.actions, other.actions) == 5


def _other_at(actions: Tensor, bar: int) -> Tensor:
    other = actions.clone()
    other[:, bar] = other[:, bar].roll(1, -1)
    return other


@every_order
def test_padding_before_or_behind_the_bars_changes_nothing(tokens: Tokens) -> None:
    net, values = network(tokens), inputs(7)
    with torch.no_grad():
        alone = net(*values)
        for front, back in ((5, 0), (0, 5), (2, 3)):
            padded = [torch.nn.functional.pad(each, (0, 0, front, back), value=9.0) for each in values]
            mask = torch.zeros(2, 12, dtype=torch.bool)
            mask[:, front : front + 7] = True
            for ours, theirs in zip(net(*padded, mask), alone, strict=True):
                torch.testing.assert_close(ours[:, front : front + 7], theirs)


def test_an_unconditioned_network_does_not_read_returns() -> None:
    net, (to_go, states, actions) = network(conditioned=False), inputs()
    with torch.no_grad():
        assert torch.equal(net(to_go, states, actions).actions, net(to_go + 5.0, states, actions).actions)


@every_order
def test_attention_is_causal_and_adds_up_to_one(tokens: Tokens) -> None:
    net, values = network(tokens), inputs()
    with torch.no_grad():
        maps = net.attention(*values)
    length = 10 if tokens == "concatenated" else 30
    assert maps.shape == (2, 2, 2, length, length)
    torch.testing.assert_close(maps.sum(-1), torch.ones(maps.shape[:-1]))
    assert not maps.triu(1).any()


@every_order
def test_a_network_is_stored_safely_whatever_the_suffix_and_predicts_the_same(tokens: Tokens, tmp_path: Path) -> None:
    net, values = network(tokens), inputs()
    net.save(tmp_path / "best_model.pt")
    loaded = TraderDecisionTransformer.load(str(tmp_path / "best_model.pt"))
    assert loaded.config == net.config
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(*values).actions, net(*values).actions)


def test_a_pickled_checkpoint_is_refused_with_a_cure(tmp_path: Path) -> None:
    torch.save({"model_state_dict": network().state_dict()}, tmp_path / "zip.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"model_state_dict": {}}))
    for name in ("zip.pt", "pickle.pt"):
        with pytest.raises(NightdeskError, match="never read") as refused:
            TraderDecisionTransformer.load(tmp_path / name)
        assert refused.value.code == "model.unsafe"
        assert "load_state_dict" in refused.value.cure


def test_a_file_whose_tensors_do_not_fit_its_config_is_refused(tmp_path: Path) -> None:
    from trainers.decision_transformer.network.files import write_network  # noqa: PLC0415

    net = network()
    weights = net.state_dict()
    for name, broken in {
        "missing": {key: value for key, value in weights.items() if key != "begin"},
        "shape": weights | {"begin": torch.zeros(3)},
        "nan": weights | {"begin": torch.full((16,), float("nan"))},
    }.items():
        write_network(tmp_path / name, net.config, broken)
        with pytest.raises(NightdeskError, match="begin") as refused:
            TraderDecisionTransformer.load(tmp_path / name)
        assert refused.value.code == "model.corrupt"


def test_inputs_of_another_width_or_too_many_bars_are_named() -> None:
    net, (to_go, states, actions) = network(), inputs()
    with pytest.raises(UsageError, match="states are"):
        net(to_go, states[..., :3], actions)
    with pytest.raises(UsageError, match="actions are"):
        net(to_go, states, actions[..., :3])
    with pytest.raises(UsageError, match="13 bars") as refused:
        net(*inputs(13))
    assert refused.value.code == "decision_transformer.context"


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = TraderDecisionTransformer().config
    assert (config.state_dim, config.action_dim, config.d_model, config.layers, config.context) == (17, 5, 128, 6, 128)
    assert (config.tokens, config.return_scale) == ("interleaved", 100.0)
