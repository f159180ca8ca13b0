"""What a network says, as one symbol, where its outputs are no logits of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from simplicity_sweep.functional import quantised

Answer = Callable[[Tensor], Tensor]
"""From outputs [..., C] to symbols [...], int64; −1 where an output is not finite. Those that say the same are equal:
networks that are observed together share theirs."""


@dataclass(frozen=True)
class Bins:
    """Which bin each output lies in: see `functional.quantised`.

    Attributes:
        edges: for each output those of its bins.

    Example:
        >>> import torch
        >>> Bins.of_labels(2)(torch.tensor([[-1.0, 2.0], [3.0, 4.0]]))
        tensor([2, 3])
    """

    edges: tuple[tuple[float, ...], ...]

    @classmethod
    def of_labels(cls, count: int) -> Bins:
        """The set of labels whose logits are positive, each a bit of the symbol."""
        return cls(((0.0,),) * count)

    def __call__(self, outputs: Tensor) -> Tensor:
        return quantised(outputs, self.edges)
