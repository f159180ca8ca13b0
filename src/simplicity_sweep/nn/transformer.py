"""Transformers that read an input as a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simplicity_sweep.nn.activation import Activation, made
from simplicity_sweep.nn.patches import Patches


class Transformer(nn.Module):
    """A small transformer encoder from inputs [n, *shape] to logits [n, outputs].

    An image is a sequence of square patches (Dosovitskiy et al. 2021, arXiv 2010.11929), a vector one of windows. Each
    is embedded by a linear layer, to which a learned number for its place is added. The blocks normalise before
    attention and before the layers behind it; what comes out is normalised, averaged over the sequence, and goes
    through a linear layer. No dropout.

    Depth is the number of blocks; with none of them, what is embedded is normalised and averaged at once.

    Args:
        shape: of one input: (d,), (height, width) or (channels, height, width).
        outputs: how many logits.
        hidden_layers: how many blocks.
        activation: a factory, called once for each block.
        patch: side of a square patch, or the length of a window.
        features: numbers that a patch is embedded to; twice as many are hidden in a block.
        heads: of attention; they share the features out.

    Raises:
        ValueError: patches don't fit the inputs, or heads the features; or there are less than 0 blocks.

    >>> Transformer((8, 8), 10, 2, nn.GELU)(torch.zeros(5, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        hidden_layers: int,
        activation: Activation,
        patch: int = 4,
        features: int = 64,
        heads: int = 4,
    ) -> None:
        super().__init__()
        if hidden_layers < 0:
            raise ValueError(f"Expected argument `hidden_layers` to be 0 or more, but got {hidden_layers}.")
        if heads < 1 or features < 1 or features % heads:
            raise ValueError(f"Expected argument `heads` to divide the {features} features, but got {heads}.")
        self.patches = Patches(shape, patch)
        self.embedding = nn.Linear(self.patches.size, features)
        self.places = nn.Parameter(torch.empty(self.patches.length, features))
        nn.init.trunc_normal_(self.places, std=0.02)
        self.blocks = nn.Sequential(*(_Block(features, heads, activation) for _ in range(hidden_layers)))
        self.norm = nn.LayerNorm(features)
        self.head = nn.Linear(features, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        sequence = self.blocks(self.embedding(self.patches(inputs)) + self.places)
        logits: Tensor = self.head(self.norm(sequence).mean(dim=1))
        return logits


class _Block(nn.Module):
    """[n, length, features] to the same."""

    def __init__(self, features: int, heads: int, activation: Activation) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(features)
        self.attention = _Attention(features, heads)
        self.norm_hidden = nn.LayerNorm(features)
        self.hidden = nn.Linear(features, 2 * features)
        self.activation = made(activation)
        self.out = nn.Linear(2 * features, features)

    def forward(self, sequence: Tensor) -> Tensor:
        sequence = sequence + self.attention(self.norm_attention(sequence))
        added: Tensor = self.out(self.activation(self.hidden(self.norm_hidden(sequence))))
        return sequence + added


class _Attention(nn.Module):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017), written in products of matrices, which can be
    stacked and differentiated like any other."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(features, 3 * features)
        self.outward = nn.Linear(features, features)

    def forward(self, sequence: Tensor) -> Tensor:
        n, length, features = sequence.shape
        several = self.inward(sequence).reshape(n, length, 3, self.heads, features // self.heads)
        query, key, value = several.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
        mixed: Tensor = self.outward((scores.softmax(-1) @ value).transpose(1, 2).reshape(n, length, features))
        return mixed
