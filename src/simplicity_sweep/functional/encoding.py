"""From a network's outputs to sequences of symbols."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from simplicity_sweep.functional.evaluation import evaluating, outputs_of
from simplicity_sweep.functional.first_layer import halves

NOT_FINITE = -1
"""The label of an input whose outputs are not all finite."""


def labels(outputs: Tensor) -> Tensor:
    """The predicted label of each output, shape ``[...]``, dtype int64.

    The label is the place of the largest output, or, where there is one output only, whether it is positive.
    An output that is not finite has no label: it gets −1.

    Args:
        outputs: logits or probabilities, shape ``[..., C]``; a single logit means C = 1.

    Raises:
        ValueError: if there is no output (C = 0).

    Example:
        >>> labels(torch.tensor([[0.1, 0.9], [2.0, -1.0], [float("nan"), 0.0]]))
        tensor([ 1,  0, -1])
    """
    if outputs.dim() == 0 or outputs.shape[-1] == 0:
        raise ValueError(
            f"Expected argument `outputs` to have shape [..., C] with C ≥ 1, but got {list(outputs.shape)}."
        )
    predicted = (outputs[..., 0] > 0).long() if outputs.shape[-1] == 1 else outputs.argmax(dim=-1)
    return predicted.masked_fill(~outputs.isfinite().all(dim=-1), NOT_FINITE)


def by_true_class(values: Tensor, targets: Tensor) -> Tensor:
    """The values in the order of their true classes, shape ``[n, ...]``; ties keep the given order.

    Args:
        values: shape ``[n, ...]``, for example predicted labels.
        targets: true labels, shape ``[n]``.

    Raises:
        ValueError: if the two differ in length.

    Example:
        >>> by_true_class(torch.tensor([5, 6, 7, 8]), torch.tensor([1, 0, 1, 0]))
        tensor([6, 8, 5, 7])
    """
    if targets.dim() != 1 or len(values) != len(targets):
        raise ValueError(
            f"Expected argument `targets` to have shape [{len(values)}], one true label for each value, but "
            f"got {list(targets.shape)}."
        )
    return values[targets.sort(stable=True).indices.to(values.device)]


def binarised(outputs: Tensor, threshold: float | Tensor = 0.0) -> Tensor:
    """Whether each output lies above a threshold, one sequence for each class: shape ``[C, n]``, dtype uint8.

    Args:
        outputs: shape ``[n, C]``.
        threshold: one number, or one for each class, shape ``[C]`` (the medians, say).

    Raises:
        ValueError: if there are not two axes, or an output is not finite.

    Example:
        >>> binarised(torch.tensor([[-1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]))
        tensor([[0, 1, 1],
                [1, 1, 0]], dtype=torch.uint8)
    """
    if outputs.dim() != 2:
        raise ValueError(f"Expected argument `outputs` to have shape [n, C], but got {list(outputs.shape)}.")
    if not bool(outputs.isfinite().all()):
        raise ValueError("Expected argument `outputs` to be finite, but got NaN or inf; they are neither 0 nor 1.")
    return (outputs > threshold).t().to(torch.uint8)


def path_pairs(n: int, paths: int, generator: torch.Generator) -> Tensor:
    """Pairs of inputs to join by paths: indices, shape ``[paths, 2]``, on the generator's device.

    The first ``n // 2`` pairs share no input, so that the paths are independent; further pairs come from
    further permutations. No pair joins an input with itself.

    Args:
        n: number of inputs, at least 2.
        paths: number of pairs.
        generator: where the permutations come from.

    Raises:
        ValueError: if ``n`` is below 2 or ``paths`` below 1.

    Example:
        >>> pairs = path_pairs(6, 3, torch.Generator().manual_seed(0))
        >>> sorted(pairs.flatten().tolist())
        [0, 1, 2, 3, 4, 5]
    """
    if n < 2:
        raise ValueError(f"Expected argument `n` to be at least 2 inputs, but got {n}: a path has two ends.")
    if paths < 1:
        raise ValueError(f"Expected argument `paths` to be at least 1, but got {paths}.")
    half = n // 2
    rounds = -(-paths // half)
    draws = [torch.randperm(n, generator=generator, device=generator.device)[: 2 * half] for _ in range(rounds)]
    return torch.cat(draws).view(-1, 2)[:paths]


def path_points(starts: Tensor, ends: Tensor, points: int = 128) -> Tensor:
    """Evenly spaced points on straight paths, both ends included: shape ``[P, points, d...]``.

    Args:
        starts: shape ``[P, d...]``.
        ends: shape ``[P, d...]``.
        points: number of points of a path, at least 2.

    Raises:
        ValueError: if the shapes differ, or there are fewer than 2 points.

    Example:
        >>> path_points(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 5.0]]), points=3)
        tensor([[[0.0000, 1.0000],
                 [0.5000, 3.0000],
                 [1.0000, 5.0000]]])
    """
    if starts.shape != ends.shape:
        raise ValueError(
            f"Expected argument `ends` to have the shape of `starts`, {list(starts.shape)}, but got {list(ends.shape)}."
        )
    if points < 2:
        raise ValueError(f"Expected argument `points` to be at least 2, the ends of the path, but got {points}.")
    along = torch.linspace(0, 1, points, dtype=starts.dtype, device=starts.device)
    along = along.view(1, points, *[1] * (starts.dim() - 1))
    return torch.lerp(starts.unsqueeze(1), ends.unsqueeze(1), along)


def labels_along_paths(
    network: nn.Module,
    starts: Tensor,
    ends: Tensor,
    points: int = 128,
    batch: int = 8192,
    answer: Callable[[Tensor], Tensor] = labels,
) -> Tensor:
    """The predicted labels along the straight paths between inputs, shape ``[P, points]``, dtype int64.

    Where all that the network does with its inputs is to flatten them into a linear layer, that layer is evaluated
    at the ends only: its outputs between them lie on straight paths too.

    Args:
        network: maps ``[B, d...]`` to logits ``[B, C]``; evaluated in eval mode, and left as it was.
        starts: shape ``[P, d...]``.
        ends: shape ``[P, d...]``.
        points: number of points of a path.
        batch: how many points are evaluated at once, in whole paths.
        answer: what is said where the outputs are no logits of classes: maps outputs ``[B, C]`` to symbols ``[B]``.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.ones_(network.weight)
        >>> labels_along_paths(network, torch.tensor([[-2.0]]), torch.tensor([[2.0]]), points=4)
        tensor([[0, 0, 1, 1]])
    """
    paths = max(1, batch // points)
    parts = zip(torch.split(starts, paths), torch.split(ends, paths), strict=True)
    with evaluating(network, starts.device), torch.no_grad():
        apart = halves(network, starts)
        if apart is None:
            outputs = [
                outputs_of(network, path_points(start, end, points).flatten(0, 1), batch) for start, end in parts
            ]
        else:
            outputs = [
                apart.behind(path_points(apart.before(start), apart.before(end), points).flatten(0, 1))
                for start, end in parts
            ]
    return torch.cat([answer(part).view(-1, points) for part in outputs])
