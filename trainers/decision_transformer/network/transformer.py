"""`TraderDecisionTransformer`: predicts a trader's actions and returns to go from what was known before each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn

from config.errors import UsageError
from trainers.decision_transformer.network.blocks import CausalBlock, Memory
from trainers.decision_transformer.network.files import fitting, read_network, write_network
from trainers.decision_transformer.params import NetworkConfig, Tokens

_STD = 0.02  # of initial weights


class Prediction(NamedTuple):
    """The network's predictions at every bar."""

    actions: Tensor  # [batch, bars, actions], logits
    returns_to_go: Tensor  # [batch, bars, 1], scaled; each made before its return to go was read


class TraderDecisionTransformer(nn.Module):
    """A Decision Transformer; see `NetworkConfig` for what it reads and predicts, and for every argument."""

    def __init__(
        self,
        state_dim: int = 17,
        action_dim: int = 5,
        d_model: int = 128,
        layers: int = 6,
        context: int = 128,
        *,
        heads: int = 4,
        dropout: float = 0.1,
        tokens: Tokens = "interleaved",
        conditioned: bool = True,
        return_scale: float = 100.0,
    ) -> None:
        super().__init__()
        self.config = NetworkConfig(
            state_dim=state_dim,
            action_dim=action_dim,
            d_model=d_model,
            layers=layers,
            heads=heads,
            context=context,
            dropout=dropout,
            tokens=tokens,
            conditioned=conditioned,
            return_scale=return_scale,
        )
        self.encode_return = nn.Linear(1, d_model)
        self.encode_state = nn.Linear(state_dim, d_model)
        self.encode_action = nn.Linear(action_dim, d_model)
        self.join = nn.Linear(3 * d_model, d_model) if tokens == "concatenated" else None
        self.timestep = nn.Embedding(context, d_model)
        self.embedded_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(CausalBlock(d_model, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(d_model)
        self.begin = nn.Parameter(torch.zeros(d_model))  # from which the first return to go is predicted
        self.action_head = nn.Linear(d_model, action_dim)
        self.return_head = nn.Linear(d_model, 1)
        self.apply(_initialise)

    @classmethod
    def of(cls, config: NetworkConfig) -> Self:
        """The network of a config."""
        return cls(**config.model_dump())

    def forward(
        self,
        returns_to_go: Tensor,  # [batch, bars, 1], scaled
        states: Tensor,  # [batch, bars, state_dim]
        actions: Tensor,  # [batch, bars, action_dim], one-hot
        mask: Tensor | None = None,  # [batch, bars], true where there is a bar: a stretch of each row
    ) -> Prediction:
        """Predict every bar from the bars before it; predictions where there is no bar mean nothing."""
        self._check(returns_to_go, states, actions)
        if mask is None or bool(mask[:, 0].all()):
            return self._aligned(returns_to_go, states, actions)
        # Bars move to the front, so that no bar attends to padding: what is behind it, it does not see.
        forth = _rolled(mask.shape, (~mask).long().cumprod(1).sum(1, keepdim=True), mask.device)
        inputs = (values.gather(1, forth.expand(values.shape)) for values in (returns_to_go, states, actions))
        back = forth.argsort(1)
        return Prediction(*(values.gather(1, back.expand(values.shape)) for values in self._aligned(*inputs)))

    def _aligned(self, returns_to_go: Tensor, states: Tensor, actions: Tensor) -> Prediction:
        before = torch.cat([torch.zeros_like(actions[:, :1]), actions[:, :-1]], dim=1)
        hidden = self.read(self.embed(returns_to_go, states, before if self.join else actions))
        if self.join:
            return self._heads(hidden, hidden)
        return self._heads(hidden[:, 1::3], hidden[:, 2::3])

    def _heads(self, acting: Tensor, last: Tensor) -> Prediction:
        """The predictions from the tokens that know a state, and from the last token of each bar."""
        begin = self.begin.expand(len(last), 1, -1)
        return Prediction(self.action_head(acting), self.return_head(torch.cat([begin, last[:, :-1]], dim=1)))

    def embed(self, returns_to_go: Tensor, states: Tensor, actions: Tensor, first: int = 0) -> Tensor:
        """The tokens of bars, of which the first is bar number `first` of its window: [batch, tokens, d_model].

        Where a bar is one token, `actions` are those of the bars before.
        """
        if not self.config.conditioned:
            returns_to_go = torch.zeros_like(returns_to_go)
        parts = (self.encode_return(returns_to_go), self.encode_state(states), self.encode_action(actions))
        time = self.timestep.weight[first : first + states.shape[1]]
        if self.join:
            tokens = self.join(torch.cat(parts, dim=-1)) + time
        else:
            tokens = (torch.stack(parts, dim=2) + time[:, None]).flatten(1, 2)
        return cast("Tensor", self.dropout(self.embedded_norm(tokens)))

    def read(self, tokens: Tensor, memories: list[Memory] | None = None) -> Tensor:
        """The tokens behind all blocks."""
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, memories[number] if memories else None)
        return cast("Tensor", self.norm(tokens))

    def attention(self, returns_to_go: Tensor, states: Tensor, actions: Tensor) -> Tensor:
        """How much each token attends to each earlier one: [layers, batch, heads, tokens, tokens]."""
        self._check(returns_to_go, states, actions)
        before = torch.cat([torch.zeros_like(actions[:, :1]), actions[:, :-1]], dim=1)
        tokens = self.embed(returns_to_go, states, before if self.join else actions)
        maps = []
        for block in self._blocks:
            maps.append(block.attention(tokens))
            tokens = block(tokens)
        return torch.stack(maps)

    @property
    def _blocks(self) -> list[CausalBlock]:
        return [block for block in self.blocks if isinstance(block, CausalBlock)]

    def memories(self, batch: int) -> list[Memory]:
        """Empty memories of all blocks, for `read`."""
        config = self.config
        room = config.context * (1 if self.join else 3)
        return [
            Memory.empty(batch, config.heads, room, config.d_model // config.heads, self.begin) for _ in self.blocks
        ]

    def save(self, path: str | Path) -> None:
        """Publish the network as one file of tensors and JSON, whatever its suffix."""
        write_network(Path(path), self.config, self.state_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The network in a file that `save` wrote; a pickle is refused."""
        config, tensors = read_network(Path(path))
        network = cls.of(config)
        network.load_state_dict(fitting(Path(path).name, tensors, network.state_dict()))
        return network.eval()

    def _check(self, returns_to_go: Tensor, states: Tensor, actions: Tensor) -> None:
        config, bars = self.config, states.shape[1] if states.ndim == 3 else 0
        expected = {"returns_to_go": 1, "states": config.state_dim, "actions": config.action_dim}
        for (name, width), values in zip(expected.items(), (returns_to_go, states, actions), strict=True):
            require_shape(name, values, (states.shape[0], bars, width))
        if not 1 <= bars <= config.context:
            raise UsageError(
                "decision_transformer.context",
                f"A window of {bars} bars cannot be read; the context of this network is {config.context}.",
                "Give it its newest bars alone, or make a network with a longer context.",
            )


def require_shape(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse values of another shape."""
    if tuple(values.shape) != shape:
        raise UsageError(
            "decision_transformer.shape",
            f"{name} are {list(values.shape)}; this network takes [batch, bars, {shape[-1]}], here {list(shape)}.",
            f"Give {name} of width {shape[-1]}, or make a network for theirs (state_dim, action_dim).",
        )


def _rolled(shape: torch.Size, padding: Tensor, device: torch.device) -> Tensor:
    """For each place the bar that comes there when the padding before the bars moves behind them: [batch, bars, 1]."""
    bars = torch.arange(shape[1], device=device)
    return ((bars + padding) % shape[1])[..., None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
