"""The smallest changes of an input that can change its label, sought along gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from simplicity_sweep.functional.encoding import NOT_FINITE, labels
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.evaluation import evaluating

EPSILON = 0.1
"""The largest change of an input's element, in the units of the inputs (for standardised MNIST: pixel / 0.3081)."""

REACH = 2.5
"""What PGD's steps add up to, in epsilons: enough to cross the ball and to move along its edge (Madry et al. 2018)."""


def fgsm(
    network: nn.Module,
    inputs: Tensor,
    epsilon: float = EPSILON,
    *,
    bounds: Sequence[float] | None = None,
    batch: int = 1000,
) -> Tensor:
    """The inputs after one signed step against their predicted labels, ``x + ε·sign(∇ₓL)``; shape ``[n, d...]``.

    ``L = log Σ_{j≠y} exp f_j(x) − f_y(x)`` with the predicted label ``y``; for a single logit, ``∓f(x)``. It is the
    logarithm of the odds against ``y``, which rises with the cross-entropy: both have the same gradient but for a
    positive factor, so the same sign, and the attack is the published one. That factor is the probability of the
    other labels, which float32 rounds to 0 where a network is sure; ``L`` has no such flat place.

    No true label is needed: this asks how sensitive the network is, not how accurate it stays. An input whose gradient
    is 0 stays where it is, as does one whose outputs are not finite. Where a gradient is NaN, so is the attacked input.

    Args:
        network: maps ``[B, d...]`` to logits ``[B, C]``, differentiable, and treats inputs independently in eval
            mode, in which it is evaluated; it is left as it was, ``.grad`` fields included.
        inputs: shape ``[n, d...]``, floating point.
        epsilon: the largest change of an element, in the units of ``inputs``.
        bounds: the least and the largest value that an element may have; any by default.
        batch: how many inputs are attacked at once, which bounds the memory.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: if an argument is out of range, or the network is not differentiable or does not return one row of
            outputs for each input.

    References:
        I. Goodfellow et al., Explaining and harnessing adversarial examples, ICLR 2015.

    Example:
        f(x) = 3x₁ − 4x₂ is 1 at the input. One step takes it down by 0.5·(3 + 4).

        >>> network = nn.Linear(2, 1, bias=False)
        >>> network.weight = nn.Parameter(torch.tensor([[3.0, -4.0]]))
        >>> attacked = fgsm(network, torch.tensor([[3.0, 2.0]]), epsilon=0.5)
        >>> attacked, network(attacked).item()
        (tensor([[2.5000, 2.5000]]), -2.5)
    """
    _check(inputs, epsilon, bounds, batch)
    return _attacked(network, inputs, None, epsilon, epsilon, 1, bounds, batch)


def pgd(
    network: nn.Module,
    inputs: Tensor,
    epsilon: float = EPSILON,
    steps: int = 10,
    *,
    generator: Generator | None = None,
    bounds: Sequence[float] | None = None,
    batch: int = 1000,
) -> Tensor:
    """The inputs after signed steps against their predicted labels, within ``ε`` of each element; shape ``[n, d...]``.

    Each step is ``x ← clip(x + 2.5·ε/steps·sign(∇ₓL), x₀ − ε, x₀ + ε)`` with the loss of :func:`fgsm`, to which one
    step is equal. An input stays at the first point with another label than at ``x₀``, so that later steps can't lose
    it; one that never gets there ends at its last point.

    The steps start at ``x₀``, so the attack draws no random number, unless there is a generator.

    Args:
        network: see :func:`fgsm`.
        inputs: shape ``[n, d...]``, floating point.
        epsilon: the largest change of an element, in the units of ``inputs``.
        steps: number of steps.
        generator: where given, the steps start at a point drawn uniformly in the ball, on the generator's device.
        bounds: the least and the largest value that an element may have; any by default.
        batch: how many inputs are attacked at once, which bounds the memory.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: see :func:`fgsm`; also if ``steps`` is below 1.

    References:
        A. Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018.

    Example:
        f(x) = |x − 0.3| − 0.1 is positive at 0 and at 1, where FGSM looks, but not at the first of ten steps, 0.25.

        >>> network = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> values = ([[1.0], [-1.0]], [-0.3, 0.3], [[1.0, 1.0]], [-0.1])
        >>> for parameter, value in zip(network.parameters(), values):
        ...     parameter.data = torch.tensor(value)
        >>> start = torch.zeros(1, 1)
        >>> fgsm(network, start, epsilon=1.0), pgd(network, start, epsilon=1.0, steps=10)
        (tensor([[1.]]), tensor([[0.2500]]))
    """
    _check(inputs, epsilon, bounds, batch)
    if steps < 1:
        raise ValueError(f"Expected argument `steps` to be at least 1, but got {steps}.")
    starts = None if generator is None else _random_starts(inputs, epsilon, generator)
    return _attacked(network, inputs, starts, epsilon, REACH * epsilon / steps, steps, bounds, batch)


def worst_case_flip(logits: Tensor, attacked_logits: Tensor) -> Estimate:
    """The share of inputs whose predicted label at least one attack changes.

    It is a lower bound of ``P[∃ x' : ‖x' − x‖∞ ≤ ε, argmax f(x') ≠ argmax f(x)]``: an attack that finds nothing proves
    nothing. For one or two logits that are linear in the inputs, ``w·x + b`` or their difference, :func:`fgsm` and
    :func:`pgd` find every flip: it is the share with ``|w·x + b| < ε‖w‖₁``.

    Args:
        logits: shape ``[n, C]``, or probabilities.
        attacked_logits: shape ``[attacks, n, C]``, of the same inputs after each attack.

    Returns:
        The share with its standard error over inputs; 0 and 1 in ``per_input``. NaN where an output is not finite. A
        share of exactly 0 has standard error 0, which says only that no flip was found.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        The first attack flips the first input, the second the first two, and none the others.

        >>> logits = torch.tensor([[1.0, 0.0]]).expand(4, 2)
        >>> attacked = torch.tensor([[[0.0, 1.0], [2.0, 0.0], [1.0, 0.0], [3.0, 1.0]],
        ...                          [[0.0, 2.0], [0.0, 1.0], [1.0, 0.5], [3.0, 0.0]]])
        >>> worst_case_flip(logits, attacked).value
        0.5
    """
    if logits.dim() != 2:
        raise ValueError(f"Expected argument `logits` to have shape [n, C], but got {list(logits.shape)}.")
    if attacked_logits.dim() != 3 or attacked_logits.shape[1:] != logits.shape or len(attacked_logits) == 0:
        raise ValueError(
            f"Expected argument `attacked_logits` to have shape [attacks, {', '.join(map(str, logits.shape))}], with "
            f"the n and C of `logits` and at least one attack, but got {list(attacked_logits.shape)}. Unsqueeze a "
            "single attack."
        )
    before, after = labels(logits), labels(attacked_logits)
    if bool((before == NOT_FINITE).any() | (after == NOT_FINITE).any()):
        return undefined("non-finite outputs", len(logits))
    return mean_over_inputs((before != after).any(dim=0).double())


def _check(inputs: Tensor, epsilon: float, bounds: Sequence[float] | None, batch: int) -> None:
    if not inputs.is_floating_point():
        raise TypeError(
            f"Expected argument `inputs` to be floating point, but got {inputs.dtype}. Convert them, and state "
            "`epsilon` in their new units."
        )
    if inputs.dim() == 0:
        raise ValueError("Expected argument `inputs` to have shape [n, d...], but got [].")
    if not 0 <= epsilon < math.inf:
        raise ValueError(f"Expected argument `epsilon` to be a finite number of at least 0, but got {epsilon}.")
    if batch < 1:
        raise ValueError(f"Expected argument `batch` to be at least 1, but got {batch}.")
    if bounds is None:
        return
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise ValueError(f"Expected argument `bounds` to be a smaller and a larger number, but got {bounds}.")
    if bool(((inputs < bounds[0]) | (inputs > bounds[1])).any()):
        raise ValueError(
            f"Expected argument `inputs` to lie within `bounds`, {bounds}, but got values from {float(inputs.min())} "
            f"to {float(inputs.max())}. State the bounds in the units of the inputs."
        )


def _random_starts(inputs: Tensor, epsilon: float, generator: Generator) -> Tensor:
    # One call for all inputs: the numbers a generator gives depend on how many are asked for at once.
    uniform = torch.rand(inputs.shape, generator=generator, device=generator.device, dtype=inputs.dtype)
    return inputs + epsilon * (2 * uniform.to(inputs.device) - 1)


def _attacked(
    network: nn.Module,
    inputs: Tensor,
    starts: Tensor | None,
    epsilon: float,
    step: float,
    steps: int,
    bounds: Sequence[float] | None,
    batch: int,
) -> Tensor:
    """The inputs after ``steps`` steps from ``starts``, or from where they are, batch by batch."""
    # Without inference mode, in which a caller may be, and in which no gradient can be had.
    with torch.inference_mode(False), torch.enable_grad(), evaluating(network, inputs.device):
        found = inputs.detach().clone()
        for part, clean in enumerate(torch.split(found, batch) if len(found) else ()):
            lower, upper = clean - epsilon, clean + epsilon
            if bounds is not None:
                lower, upper = lower.clamp_min_(bounds[0]), upper.clamp_max_(bounds[1])
            predicted = None
            if starts is not None:
                with torch.no_grad():
                    predicted = labels(_checked(network(clean.clone()), clean))
                clean.copy_(starts[part * batch :][: len(clean)].clamp(lower, upper))
            _climb(network, clean, lower, upper, predicted, step, steps)
        return found


def _climb(
    network: nn.Module,
    found: Tensor,
    lower: Tensor,
    upper: Tensor,
    predicted: Tensor | None,
    step: float,
    steps: int,
) -> None:
    """Moves ``found``, shape ``[B, d...]``, up the loss in place; each row until its label is not ``predicted``.

    The rows still to be moved are kept together, so that a step costs what they cost.
    """
    point, seeking = found, torch.arange(len(found), device=found.device)
    for _ in range(steps):
        leaf = point.detach().requires_grad_(True)
        # A copy, for networks that overwrite what they are given.
        outputs = _checked(network(leaf.clone()), leaf)
        current = labels(outputs.detach())
        predicted = current if predicted is None else predicted
        kept = (current == predicted) & (current != NOT_FINITE)
        if not bool(kept.any()):
            return
        point = torch.clamp(torch.add(point, _direction(outputs, predicted, leaf), alpha=step), lower, upper)
        if not bool(kept.all()):
            point, lower, upper, predicted, seeking = (x[kept] for x in (point, lower, upper, predicted, seeking))
        found[seeking] = point


def _checked(outputs: Any, given: Tensor) -> Tensor:
    if not isinstance(outputs, Tensor) or outputs.dim() != 2 or len(outputs) != len(given):
        received = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"Expected argument `network` to map {list(given.shape)} to [{len(given)}, C], but got {received}. Wrap it "
            "so that it returns one row of outputs for each input."
        )
    return outputs


def _direction(outputs: Tensor, predicted: Tensor, leaf: Tensor) -> Tensor:
    """The sign of the loss's gradient at each input, shape ``[B, d...]``; NaN where the gradient is.

    Inputs are independent, so that the gradient of the losses' sum is each input's own.
    """
    loss = _loss(outputs, predicted).sum()
    gradient = torch.autograd.grad(loss, leaf, allow_unused=True)[0] if loss.requires_grad else None
    if gradient is None:
        raise ValueError(
            "Expected argument `network` to be differentiable, but no graph leads from its outputs back to its inputs. "
            "Remove what detaches them, or use flip_rate, which needs outputs only."
        )
    sign = gradient.sign()
    # torch's sign of NaN is 0: the network would seem calm.
    return torch.where(gradient.isnan(), gradient, sign)


def _loss(outputs: Tensor, predicted: Tensor) -> Tensor:
    """The logarithm of the odds against the predicted label, shape ``[B]``."""
    if outputs.shape[-1] == 1:
        return torch.where(predicted == 1, -outputs[:, 0], outputs[:, 0])
    own = predicted.clamp_min(0).unsqueeze(1)  # an input without a label is not moved, whatever its loss
    others = outputs.scatter(1, own, -math.inf).logsumexp(1)
    return others - outputs.gather(1, own).squeeze(1)
