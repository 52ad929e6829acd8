"""A causal transformer block, and the memory of one that reads its tokens one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass
class Memory:
    """The keys and values of the tokens that a block has read."""

    keys: Tensor  # [batch, heads, room, d_head]
    values: Tensor  # [batch, heads, room, d_head]
    length: int = 0

    @classmethod
    def empty(cls, batch: int, heads: int, room: int, d_head: int, like: Tensor) -> Memory:
        """Room for so many tokens."""
        return cls(like.new_zeros(batch, heads, room, d_head), like.new_zeros(batch, heads, room, d_head))

    def add(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Those of all tokens, the new ones last."""
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class CausalBlock(nn.Module):
    """Attention to the tokens up to each one, then a feed-forward network; both on normalised tokens, both added."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.attended = nn.Linear(d_model, d_model)
        self.feed_norm = nn.LayerNorm(d_model)
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> Tensor:  # [batch, tokens, d_model]
        """The tokens one block later; those in `memory` come before them."""
        tokens = tokens + self.dropout(self._attend(tokens, memory))
        fed = self.down(functional.gelu(self.up(self.feed_norm(tokens)), approximate="tanh"))
        return cast("Tensor", tokens + self.dropout(fed))

    def _attend(self, tokens: Tensor, memory: Memory | None) -> Tensor:
        queries, keys, values = self._heads(tokens)
        before = 0 if memory is None else memory.length
        if memory is not None:
            keys, values = memory.add(keys, values)
        # A mask keeps the kernel from leaving out what lies in the future, so there is one only behind earlier tokens.
        mask = _behind(before, tokens.shape[1], tokens.device) if before else None
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=mask is None)
        return cast("Tensor", self.attended(mixed.transpose(1, 2).flatten(2)))

    def _heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [batch, heads, tokens, d_head]."""
        split = self.qkv(self.attention_norm(tokens)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        return queries, keys, values

    def attention(self, tokens: Tensor) -> Tensor:
        """How much each token attends to each other: [batch, heads, token, earlier token]."""
        queries, keys, _ = self._heads(tokens)
        scores = queries @ keys.transpose(-1, -2) / keys.shape[-1] ** 0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        weights: Tensor = scores.masked_fill(future, float("-inf")).softmax(-1)
        return weights


def _behind(before: int, new: int, device: torch.device) -> Tensor:
    """Which of all tokens each new one may attend to: every one before and up to itself."""
    return torch.ones(new, before + new, dtype=torch.bool, device=device).tril(before)
