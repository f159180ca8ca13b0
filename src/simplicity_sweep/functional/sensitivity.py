"""How far a network's outputs move when its inputs are disturbed by noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from simplicity_sweep.functional.encoding import NOT_FINITE, labels
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.evaluation import outputs_of, rows_at_once, rows_in_memory

SIGMA = 0.1
"""Standard deviation of the noise, in the units of the inputs (for standardised MNIST: pixel / 0.3081)."""


def noisy_inputs(inputs: Tensor, generator: torch.Generator, sigma: float = SIGMA, draws: int = 1) -> Iterator[Tensor]:
    """The inputs ``x + σ·n`` with ``n ~ N(0, I)``, shape ``[n, d...]``, once for each draw.

    Generators of one seed give the same noise, so that networks can be compared in pairs with 4–5 times fewer draws.

    Args:
        inputs: shape ``[n, d...]``.
        generator: the only source of the noise, which is drawn on its device.
        sigma: standard deviation of the noise, in the units of ``inputs``.
        draws: number of draws for each input.

    Raises:
        ValueError: if ``sigma`` is negative or not finite, or ``draws`` is below 1.

    Example:
        >>> [noisy] = noisy_inputs(torch.zeros(5, 3), torch.Generator().manual_seed(0))
        >>> noisy.shape
        torch.Size([5, 3])
    """
    if not 0 <= sigma < float("inf"):
        raise ValueError(f"Expected argument `sigma` to be a finite number of at least 0, but got {sigma}.")
    if draws < 1:
        raise ValueError(f"Expected argument `draws` to be at least 1, but got {draws}.")
    return (_noisy(inputs, generator, sigma) for _ in range(draws))


def _noisy(inputs: Tensor, generator: torch.Generator, sigma: float) -> Tensor:
    # The numbers a generator gives depend on how many are asked for at once: always so many, all if they are few.
    parts = [with_noise(part, generator, sigma) for part in torch.split(inputs, noise_rows(inputs))]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def with_noise(inputs: Tensor, generator: torch.Generator, sigma: float) -> Tensor:
    """The inputs ``x + σ·n``, shape ``[n, d...]``, for one draw: see :func:`noisy_inputs`, which equals this for the
    first :func:`noise_rows` inputs, then for the next, and so on."""
    noise = torch.randn(inputs.shape, generator=generator, device=generator.device, dtype=inputs.dtype)
    return torch.add(inputs, noise.to(inputs.device), alpha=sigma)


def noise_rows(inputs: Tensor) -> int:
    """For how many inputs noise is drawn at once."""
    return rows_in_memory(inputs, rows_at_once(inputs))


def disturbed_outputs(network: nn.Module, disturbed: Iterable[Tensor], batch: int | None = None) -> Tensor:
    """The outputs for inputs that were disturbed in several ways, in eval mode; shape ``[draws, n, C]``.

    Args:
        network: maps ``[B, d...]`` to ``[B, C]``; left as it was.
        disturbed: the disturbed inputs, each of shape ``[n, d...]``: see :func:`noisy_inputs`.
        batch: how many inputs are evaluated at once; by default :func:`rows_at_once`.

    Example:
        >>> disturbed_outputs(nn.Identity(), [torch.zeros(5, 3), torch.ones(5, 3)]).shape
        torch.Size([2, 5, 3])
    """
    try:
        return torch.stack([outputs_of(network, inputs, batch) for inputs in disturbed])
    except Exception as error:
        error.add_note("raised by the network on disturbed inputs")
        raise


def noisy_outputs(
    network: nn.Module,
    inputs: Tensor,
    generator: torch.Generator,
    sigma: float = SIGMA,
    draws: int = 1,
    batch: int | None = None,
) -> Tensor:
    """The outputs ``f(x + σ·n)`` with ``n ~ N(0, I)``, in eval mode; shape ``[draws, n, C]``.

    The noise is the same whatever the network and the batch: see :func:`noisy_inputs`, which says what the arguments
    are and raises.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> noisy_outputs(nn.Identity(), torch.zeros(5, 3), generator, draws=2).shape
        torch.Size([2, 5, 3])
    """
    return disturbed_outputs(network, noisy_inputs(inputs, generator, sigma, draws), batch)


def noise_l2(outputs: Tensor, noisy: Tensor) -> Estimate:
    """The mean distance ``E‖f(x + σ·n) − f(x)‖₂``, in the unit of the outputs (logits or probabilities).

    Grows with the scale of the outputs, so with training time; see :func:`noise_relative`.

    Args:
        outputs: shape ``[n, C]``, from undisturbed inputs.
        noisy: shape ``[draws, n, C]``, see :func:`noisy_outputs`.

    Returns:
        The mean over inputs and draws with its standard error, clustered on inputs; NaN where an output is
        not finite.

    Raises:
        ValueError: if the shapes do not fit.

    References:
        The source paper's sensitivity (Guan et al. 2024).

    Example:
        Two inputs whose outputs move by 5 and by 1.

        >>> outputs = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> estimate = noise_l2(outputs, torch.tensor([[[3.0, 4.0], [1.0, 2.0]]]))
        >>> estimate.value, estimate.standard_error
        (3.0, 2.0)
    """
    return mean_over_inputs(_distances(outputs, noisy))


def noise_relative(outputs: Tensor, noisy: Tensor) -> Estimate:
    """:func:`noise_l2` in units of the outputs' own spread, ``E‖f(x + σ·n) − f(x)‖₂ / E‖f(x) − mean f‖₂``.

    Args:
        outputs: shape ``[n, C]``.
        noisy: shape ``[draws, n, C]``.

    Returns:
        The ratio of the two means with its standard error (delta method, clustered on inputs); its
        ``per_input`` are the distances over the mean spread. NaN for a network that is constant up to
        rounding.

    Example:
        >>> outputs = torch.tensor([[0.0], [2.0]])
        >>> noise_relative(outputs, outputs + torch.tensor([[[0.5], [0.5]]])).value
        0.5
        >>> noise_relative(torch.ones(2, 1), torch.ones(1, 2, 1)).reason
        'the outputs are constant: they have no spread to compare with'
    """
    distance = mean_over_inputs(_distances(outputs, noisy))
    spread = output_spread(outputs)
    if distance.per_input is None or spread.per_input is None or distance.reason or spread.reason:
        return undefined(distance.reason or spread.reason or "no inputs", distance.n)
    # Equal inputs in different rows of a batch may differ by a rounding error.
    rounding = 8 * torch.finfo(outputs.dtype).eps * float(outputs.double().norm(dim=-1).mean())
    if spread.value <= rounding:
        return undefined("the outputs are constant: they have no spread to compare with", distance.n)
    ratio = distance.value / spread.value
    residual = mean_over_inputs((distance.per_input - ratio * spread.per_input) / spread.value)
    return Estimate(ratio, residual.standard_error, distance.n, distance.per_input / spread.value)


def output_spread(outputs: Tensor) -> Estimate:
    """The mean distance of the outputs from their mean, ``E‖f(x) − mean f‖₂``, in the unit of the outputs.

    Args:
        outputs: shape ``[n, C]``.

    Example:
        >>> output_spread(torch.tensor([[0.0, 0.0], [6.0, 8.0]])).value
        5.0
    """
    outputs = outputs.double()
    return mean_over_inputs((outputs - outputs.mean(dim=0)).norm(dim=-1))


def flip_rate(outputs: Tensor, noisy: Tensor) -> Estimate:
    """The probability that noise changes the predicted label, ``P[argmax f(x + σ·n) ≠ argmax f(x)]``.

    Args:
        outputs: shape ``[n, C]``, logits or probabilities.
        noisy: shape ``[draws, n, C]``.

    Returns:
        The rate with its standard error, clustered on inputs; NaN where an output is not finite. A rate of
        exactly 0 has standard error 0, which says only that no flip was seen.

    Example:
        >>> outputs = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> flip_rate(outputs, torch.tensor([[[0.0, 1.0], [2.0, 0.0]]])).value
        0.5
    """
    _check_pair(outputs, noisy)
    before, after = labels(outputs), labels(noisy)
    if bool((before == NOT_FINITE).any() | (after == NOT_FINITE).any()):
        return undefined("non-finite outputs", len(outputs))
    return mean_over_inputs((before != after).double())


def change_rate(symbols: Tensor, noisy: Tensor) -> Estimate:
    """The probability that noise changes the answer, ``P[a(f(x + σ·n)) ≠ a(f(x))]``: :func:`flip_rate` for answers of
    any kind.

    Args:
        symbols: shape ``[n]``, for example from :func:`quantised`; −1 stands for an output that is not finite.
        noisy: shape ``[draws, n]``.

    Returns:
        The rate with its standard error, clustered on inputs; NaN where an output is not finite.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> change_rate(torch.tensor([3, 5]), torch.tensor([[3, 4], [3, 5]])).value
        0.25
    """
    if symbols.dim() != 1 or noisy.dim() != 2 or noisy.shape[1:] != symbols.shape or len(noisy) == 0:
        raise ValueError(
            "Expected argument `noisy` to have shape [draws, n] with the n of `symbols` and at least one draw, but got "
            f"{list(noisy.shape)} beside {list(symbols.shape)}."
        )
    if bool((symbols == NOT_FINITE).any() | (noisy == NOT_FINITE).any()):
        return undefined("non-finite outputs", len(symbols))
    return mean_over_inputs((symbols != noisy).double())


def _distances(outputs: Tensor, noisy: Tensor) -> Tensor:
    _check_pair(outputs, noisy)
    distances: Tensor = (noisy.double() - outputs.double()).norm(dim=-1)
    return distances


def _check_pair(outputs: Tensor, noisy: Tensor) -> None:
    if outputs.dim() != 2 or noisy.dim() != 3 or noisy.shape[1:] != outputs.shape or len(noisy) == 0:
        raise ValueError(
            f"Expected argument `noisy` to have shape [draws, n, C] with the n and C of `outputs`, and at "
            f"least one draw, but got {list(noisy.shape)} beside {list(outputs.shape)}. Unsqueeze a single "
            "draw."
        )
