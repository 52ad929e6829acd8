"""The networks that read a window of features [batch, bars, features] and forecast from its newest bar."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from config.errors import UsageError
from trainers.forecast.params import Network


class LstmNet(nn.Module):
    """Long short-term memory; the state after the newest bar forecasts."""

    def __init__(self, features: int, hidden: int, layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, windows: Tensor) -> Tensor:
        """The numbers of the head [batch, outputs]."""
        states, _ = self.lstm(windows)
        out: Tensor = self.head(self.dropout(states[:, -1]))
        return out


class AttentionBlock(nn.Module):
    """Attention between all bars of the window, then a feed-forward network; both on normalised bars, both added."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.attended = nn.Linear(hidden, hidden)
        self.feed_norm = nn.LayerNorm(hidden)
        self.up = nn.Linear(hidden, 2 * hidden)
        self.down = nn.Linear(2 * hidden, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, bars: Tensor) -> Tensor:
        """The bars one block later."""
        split = self.qkv(self.attention_norm(bars)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        bars = bars + self.dropout(self.attended(mixed.transpose(1, 2).flatten(2)))
        out: Tensor = bars + self.dropout(self.down(functional.relu(self.up(self.feed_norm(bars)))))
        return out


class TransformerNet(nn.Module):
    """Self-attention over the window, whose bars know their place; the newest one forecasts."""

    def __init__(self, features: int, hidden: int, layers: int, dropout: float, outputs: int, *, window: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, hidden)
        self.places = nn.Parameter(torch.zeros(window, hidden))
        nn.init.normal_(self.places, std=0.02)
        self.blocks = nn.ModuleList(AttentionBlock(hidden, attention_heads(hidden), dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, windows: Tensor) -> Tensor:
        """The numbers of the head [batch, outputs]."""
        bars = self.embed(windows) + self.places
        for block in self.blocks:
            bars = block(bars)
        out: Tensor = self.head(self.norm(bars[:, -1]))
        return out


class CnnNet(nn.Module):
    """Convolutions over three bars each, ever farther apart, that look at no later bar; added layer by layer."""

    def __init__(self, features: int, hidden: int, layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, hidden)
        self.convolutions = nn.ModuleList(nn.Conv1d(hidden, hidden, 3, dilation=2**layer) for layer in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, windows: Tensor) -> Tensor:
        """The numbers of the head [batch, outputs]."""
        bars = self.embed(windows).transpose(1, 2)
        for layer, convolution in enumerate(self.convolutions):
            padded = functional.pad(bars, (2 * 2**layer, 0))
            bars = bars + self.dropout(functional.relu(convolution(padded)))
        out: Tensor = self.head(bars[:, :, -1])
        return out


def attention_heads(hidden: int) -> int:
    """As many heads as there are eights in the width; one where it cannot be divided so."""
    heads = hidden // 8
    return heads if heads and hidden % heads == 0 else 1


def make_network(
    network: Network, *, features: int, window: int, hidden: int, layers: int, dropout: float, outputs: int
) -> nn.Module:
    """The network of a name."""
    if network == "lstm":
        return LstmNet(features, hidden, layers, dropout, outputs)
    if network == "transformer":
        return TransformerNet(features, hidden, layers, dropout, outputs, window=window)
    if network != "cnn":
        raise UsageError("forecast.network", f"There is no network {network!r}.", "Choose lstm, transformer or cnn.")
    return CnnNet(features, hidden, layers, dropout, outputs)
