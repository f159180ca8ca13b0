"""The mean cross-entropy in fewer operations than stacking the general one takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class PlainCrossEntropy(TorchFunctionMode):
    """Inside it `cross_entropy` takes every label for a class: the same gradient in 6 operations, not 25.

    The general function also leaves out the examples that are labelled `ignore_index`, which costs a mask at every
    turn. Calls with weights, label smoothing, another reduction or soft labels go through as they are.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.cross_entropy and (call := _plain_call(*args, **kwargs)):
            return _mean_cross_entropy(*call)
        return func(*args, **kwargs)


def _plain_call(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor] | None:
    """Logits `[B, C]` and labels `[B]` of a call, with `cross_entropy`'s own names, if it has no option set."""
    options = weight is None and size_average is None and reduce is None and not label_smoothing
    if not options or reduction != "mean" or ignore_index >= 0:
        return None
    shapes = input.dim() == 2 and target.dim() == 1 and target.dtype == torch.int64
    return (input, target) if shapes else None


def _mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    chosen = torch.log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return -chosen.mean()
