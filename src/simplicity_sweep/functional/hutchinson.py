"""The norm of a Jacobian from a few random directions: for many outputs, and for what can't be differentiated.

:func:`~simplicity_sweep.functional.jacobian.jacobian_gram` is exact and has no error of its own: use it for up to some
hundred outputs. Beyond, its cost of one backward pass for each output rules; an estimate costs one for each probe.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs
from simplicity_sweep.functional.evaluation import outputs_of
from simplicity_sweep.functional.jacobian import reduced_products

Space = Literal["logits", "probabilities"]

PROBES = 4
"""Random directions for each input: what they leave of the bias is within 0.6 %."""


def jacobian_norm_hutchinson(
    network: nn.Module,
    inputs: Tensor,
    generator: torch.Generator,
    probes: int = PROBES,
    space: Space = "logits",
    batch: int | None = None,
) -> Estimate:
    """An estimate of the mean Frobenius norm of the Jacobian, ``E ‖∂f/∂x‖_F``, in outputs per unit of input.

    The cost of ``probes`` backward passes, however many outputs there are: ``‖J‖_F² = E ‖vᵀJ‖²`` for random ``v`` in
    output space with ``E vvᵀ = I``. Here ``v`` is uniform on the sphere of radius ``√C``, which has less variance than
    Gaussian ``v`` (none at all where ``J Jᵀ`` is a multiple of the identity, so with one output) and, unlike random
    signs, prefers no output.

    The norm of one input, ``√(mean over probes of ‖vᵀJ‖²)``, would be too small on average, by as much as 20, 11, 8
    and 6 % with m = 1, 2, 3 and 4 probes (``1 − √(2/m) Γ((m+1)/2) / Γ(m/2)``, where ``J`` has rank 1 and many outputs).
    The jackknife over an input's probes removes most of that: of hundreds of spectra of ``J Jᵀ`` that were tried, none
    left more than 3, 1.2, 0.6 and 0.2 % with 2, 3, 4 and 8 probes, too small or, with few outputs, too large. This
    does not shrink with more inputs, and the standard error does not hold it.

    Args:
        network: see :func:`~simplicity_sweep.functional.jacobian.jacobian_gram`; its outputs are logits.
        inputs: shape ``[n, d...]``, floating point.
        generator: the only source of the probes. Generators of one seed give the same probes, whatever the batch, so
            that networks with equally many outputs can be compared in pairs. Its seed must not be the one that the
            weights were drawn with: then the probes resemble the weights.
        probes: random directions for each input, at least 2.
        space: of the outputs: ``"logits"``, or ``"probabilities"``, their softmax.
        batch: how many inputs are differentiated at once, which bounds the memory as there, with ``probes`` in place
            of the number of outputs; by default as there.

    Returns:
        The mean over inputs. Every input has probes of its own, so that the spread between inputs holds that of the
        probes too: the standard error, clustered on inputs, accounts for both.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: if an argument is out of range, or the network can't be differentiated: then use
            :func:`jacobian_norm_differences`.

    References:
        M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
        Communications in Statistics 19, 1990. R. Novak et al., Sensitivity and generalization in neural networks: an
        empirical study, ICLR 2018 (the norm itself).

    Example:
        J = [[3, 4], [−4, 3]] with ‖J‖_F = √50 has J Jᵀ = 25·I: no matter which, ‖vᵀJ‖² = 25·‖v‖² = 50.

        >>> network = nn.Linear(2, 2)
        >>> network.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [-4.0, 3.0]]))
        >>> generator = torch.Generator().manual_seed(0)
        >>> round(jacobian_norm_hutchinson(network, torch.zeros(5, 2), generator).value, 4)
        7.0711
    """
    _check(probes, space)

    def vectors(outputs: Tensor) -> Tensor:
        drawn = _directions(generator, len(outputs), probes, outputs.shape[1]).to(outputs.device, outputs.dtype)
        return drawn if space == "logits" else _times_softmax_jacobian(drawn, outputs)

    return mean_over_inputs(_corrected_root(reduced_products(network, inputs, vectors, _squares, batch)))


def jacobian_norm_differences(
    network: nn.Module,
    inputs: Tensor,
    generator: torch.Generator,
    probes: int = PROBES,
    space: Space = "logits",
    step: float | None = None,
    batch: int = 1000,
) -> Estimate:
    """:func:`jacobian_norm_hutchinson` for a network of which nothing but outputs is known.

    ``‖J‖_F² = E ‖J v‖²`` for random ``v`` in input space, uniform on the sphere of radius ``√d``; ``J v`` is taken from
    ``(f(x + h·v) − f(x − h·v)) / 2h``, at the cost of ``2·probes`` evaluations for each input. Bias and standard error
    are as there; those of the differences come on top.

    A difference is wrong by ``h²`` times a third derivative and by the rounding of the outputs over ``h``. For a
    network that varies over distances like the inputs' own length both are smallest together near ``h = ε^(1/3)``
    times the inputs' size: they are then of order ``ε^(2/3)``, 2e-5 in single precision. Where a network has kinks,
    its slope is averaged over ``2h·√d`` along ``v``; where it is made of steps, the difference says nothing.

    Args:
        network: maps ``[B, d...]`` to logits ``[B, C]``; left as it was.
        inputs: shape ``[n, d...]``, floating point. The differences are taken in their precision.
        generator: the only source of the probes, as there.
        probes: random directions for each input, at least 2.
        space: of the outputs: ``"logits"``, or ``"probabilities"``, their softmax.
        step: ``h``, the root mean square of what is added to each number of an input, in the units of the inputs; by
            default ``ε^(1/3)`` times the inputs' root mean square (times 1 where all of them are 0).
        batch: how many inputs are evaluated at once.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: if an argument is out of range, or the network does not return one row of outputs for each input.

    Example:
        J = (3, 4)ᵀ of a single input: v is 1 or −1, and J v has length 5.

        >>> network = nn.Linear(1, 2).double()
        >>> network.weight = nn.Parameter(torch.tensor([[3.0], [4.0]], dtype=torch.float64))
        >>> generator = torch.Generator().manual_seed(0)
        >>> inputs = torch.ones(7, 1, dtype=torch.float64)
        >>> round(jacobian_norm_differences(network, inputs, generator).value, 4)
        5.0
    """
    _check(probes, space)
    if not inputs.is_floating_point():
        raise TypeError(f"Expected argument `inputs` to be floating point, but got {inputs.dtype}.")
    if batch < 1:
        raise ValueError(f"Expected argument `batch` to be at least 1, but got {batch}.")
    if step is not None and not 0 < step < float("inf"):
        raise ValueError(f"Expected argument `step` to be a finite number above 0, but got {step}.")
    h = _default_step(inputs) if step is None else step

    def outputs(at: Tensor) -> Tensor:
        found = outputs_of(network, at, batch).double()
        return found if space == "logits" else found.softmax(-1)

    def squares(part: Tensor) -> Tensor:
        drawn = _directions(generator, len(part), probes, part[:1].numel()).to(part.device, part.dtype)
        moves = [h * direction.view_as(part) for direction in drawn]
        return _squares(torch.stack([(outputs(part + move) - outputs(part - move)) / (2 * h) for move in moves]))

    return mean_over_inputs(_corrected_root(torch.cat([squares(part) for part in torch.split(inputs.detach(), batch)])))


def _check(probes: int, space: str) -> None:
    if probes < 2:
        raise ValueError(
            f"Expected argument `probes` to be at least 2, whose spread tells the bias of the norm, but got {probes}."
        )
    if space not in get_args(Space):
        raise ValueError(f"Expected argument `space` to be one of {list(get_args(Space))}, but got {space!r}.")


def _directions(generator: torch.Generator, n: int, probes: int, length: int) -> Tensor:
    """Uniform on the sphere of radius √length, shape [probes, n, length]."""
    drawn = torch.empty(n, probes, length, dtype=torch.float32, device=generator.device)
    for of_one_input in drawn:  # the numbers a generator gives depend on how many are asked for at once
        of_one_input.normal_(generator=generator)
    return nn.functional.normalize(drawn.double(), dim=-1).mul_(length**0.5).transpose(0, 1)


def _times_softmax_jacobian(vectors: Tensor, outputs: Tensor) -> Tensor:
    """``S v`` with ``S = diag(p) − p pᵀ``; in double precision, since ``p − p²`` cancels where p is near 1."""
    p = outputs.double().softmax(-1)
    return (p * (vectors - (p * vectors).sum(-1, keepdim=True))).to(vectors.dtype)


def _squares(products: Tensor) -> Tensor:
    """Squared lengths, shape [n, probes], of what has shape [probes, n, ...]."""
    lengths: Tensor = torch.linalg.vector_norm(products, dim=-1, dtype=torch.float64)
    return lengths.square().t()


def _corrected_root(squares: Tensor) -> Tensor:
    """The square root of each row's mean, less biased by the jackknife; shape [n], from [n, probes].

    It is never below the plain root, which is concave.
    """
    probes = squares.shape[1]
    others = (squares.sum(dim=1, keepdim=True) - squares).clamp_min(0) / (probes - 1)
    return probes * squares.mean(dim=1).sqrt() - (probes - 1) * others.sqrt().mean(dim=1)


def _default_step(inputs: Tensor) -> float:
    size = float(inputs.double().square().mean().sqrt())
    return float(torch.finfo(inputs.dtype).eps ** (1 / 3)) * (size or 1.0)
