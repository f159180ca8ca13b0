"""The Jacobian of a network's outputs with respect to its inputs, through its small Gram matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs
from simplicity_sweep.functional.evaluation import evaluating
from simplicity_sweep.functional.first_layer import Chain, Halves, chain, halves

_BATCH, _BATCH_IN_A_ROW = 500, 2000  # inputs differentiated at once: in any network, and in a row of layers
_ROWS = 2500  # gradients at work at once in a row of layers on a CPU, where they stay in a core's cache

Vectors = Callable[[Tensor], Tensor]
"""From the outputs of a batch, shape ``[B, C]``, vectors in output space, shape ``[P, B, C]``."""

Products = Callable[[Tensor], Iterator[Tensor]]
"""From a batch of inputs, the products of its vectors and Jacobians, shape ``[P, ≤ B, r]``, a few inputs at a time."""


def jacobian_gram(network: nn.Module, inputs: Tensor, batch: int | None = None) -> Tensor:
    """The exact Gram matrix ``J Jᵀ`` of each input's Jacobian ``J = ∂f/∂x``, shape ``[n, C, C]``.

    Holds everything about ``J`` that a norm in output space can ask for, in C·C numbers instead of C·d. Where
    all that the network does with its inputs is to flatten them into a linear layer ``W``, differentiation
    stops at that layer's output: with its gradients ``A`` and ``Wᵀ = Q R``, ``J Jᵀ = (A Rᵀ) (A Rᵀ)ᵀ``, and no
    gradient is as long as an input. Where the rest is linear layers with functions of single numbers between them
    (activations, dropout, batch normalisation in eval mode), ``A`` is a product of weights and slopes.

    Args:
        network: maps ``[B, d...]`` to ``[B, C]``, differentiable, and treats inputs independently in eval
            mode, in which it is evaluated; it is left as it was, ``.grad`` fields included.
        inputs: shape ``[n, d...]``, floating point.
        batch: how many inputs are differentiated at once, which bounds the memory to what the network holds for
            them, and about ``2·batch·C·d`` numbers (with the first layer's width in place of d where differentiation
            stops there). By default 500, and 2000 where the network is such a row of layers.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: if ``batch`` is below 1, or the network does not return one row of outputs for each input, or
            its outputs can't be differentiated.

    Example:
        >>> network = nn.Linear(2, 2, bias=False)
        >>> network.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> jacobian_gram(network, torch.zeros(1, 2))
        tensor([[[25.,  4.],
                 [ 4.,  1.]]])
    """
    return reduced_products(network, inputs, None, _gram, batch)


def reduced_products(
    network: nn.Module,
    inputs: Tensor,
    vectors: Vectors | None,
    reduce: Callable[[Tensor], Tensor],
    batch: int | None = None,
) -> Tensor:
    """What is made of the products ``vᵀJ`` of vectors with each input's Jacobian, shape ``[n, ...]``.

    The products are given up to one rotation that is common to all inputs, so that their lengths and the angles
    between them are right: they are shorter to write where the network's first layer can be taken apart.

    Args:
        network: see :func:`jacobian_gram`, also for what is raised.
        inputs: shape ``[n, d...]``, floating point.
        vectors: maps some inputs' outputs, shape ``[B, C]``, to vectors in output space, shape ``[P, B, C]``, in the
            inputs' order; ``None`` for each output alone.
        reduce: maps the products of some inputs, shape ``[P, B, r]``, to ``[B, ...]``.
        batch: see :func:`jacobian_gram`.

    Example:
        The squared length of (1, 1) J at one input, where J = [[3, 4], [0, 1]].

        >>> network = nn.Linear(2, 2, bias=False)
        >>> network.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> ones, squared = (lambda outputs: torch.ones(1, 1, 2)), (lambda products: products.square().sum((0, 2)))
        >>> reduced_products(network, torch.zeros(1, 2), ones, squared).round(decimals=3)
        tensor([34.])
    """
    if not inputs.is_floating_point():
        raise TypeError(f"Expected argument `inputs` to be floating point, but got {inputs.dtype}.")
    if batch is not None and batch < 1:
        raise ValueError(f"Expected argument `batch` to be at least 1, but got {batch}.")
    with evaluating(network, inputs.device), torch.inference_mode(False), torch.enable_grad():
        given = inputs.detach().clone() if inputs.is_inference() else inputs.detach()
        products, usual = _products(network, given, vectors)
        return torch.cat([reduce(each) for part in torch.split(given, batch or usual) for each in products(part)])


def _products(network: nn.Module, inputs: Tensor, vectors: Vectors | None) -> tuple[Products, int]:
    """The shortest way that this network allows, and how many inputs suit it."""
    apart = halves(network, inputs)
    if apart is None:
        return _products_of_any(network, vectors or _unit_vectors), _BATCH
    wide = apart.weight if apart.weight.dtype in (torch.float32, torch.float64) else apart.weight.float()
    lower = torch.linalg.qr(wide.t(), mode="r").R.t().contiguous().to(apart.weight.dtype)
    behind, links = _products_behind(apart, lower, vectors or _unit_vectors), chain(apart, inputs)
    if links is None:
        return behind, _BATCH
    return _products_along(links, lower, vectors, behind), _BATCH_IN_A_ROW


def _products_of_any(network: nn.Module, vectors: Vectors) -> Products:
    """Products from gradients with respect to the inputs themselves."""

    def products(inputs: Tensor) -> Iterator[Tensor]:
        leaf = inputs.clone().requires_grad_(True)
        outputs = _checked_outputs(network(leaf.clone()), inputs)
        yield _gradients(outputs, leaf, vectors(outputs.detach())).flatten(2)

    return products


def _products_behind(apart: Halves, lower: Tensor, vectors: Vectors) -> Products:
    """Products from the gradients ``A`` with respect to the first layer's outputs: ``A Rᵀ``, where ``Wᵀ = Q R``."""

    def products(inputs: Tensor) -> Iterator[Tensor]:
        leaf = apart.before(inputs).detach().requires_grad_(True)
        with apart.held(leaf.clone()) as found:
            outputs = _checked_outputs(found, inputs)
            rows = _gradients(outputs, leaf, vectors(outputs.detach()))
        yield _times_lower(rows, lower)

    return products


def _products_along(links: Chain, lower: Tensor, vectors: Vectors | None, otherwise: Products) -> Products:
    """The same, where ``A`` is a product of weights and slopes."""

    def products(inputs: Tensor) -> Iterator[Tensor]:
        slopes = links.slopes(inputs)
        if slopes is None:
            yield from otherwise(inputs)
            return
        if vectors is not None:
            yield _times_lower(slopes.rows(vectors(slopes.outputs)), lower)
            return
        at_once = max(1, _ROWS // slopes.outputs.shape[1]) if inputs.device.type == "cpu" else len(inputs)
        for start in range(0, len(inputs), at_once):
            yield _times_lower(slopes.part(slice(start, start + at_once)).rows(), lower)

    return products


def _times_lower(rows: Tensor, lower: Tensor) -> Tensor:
    """``rows @ lower`` without a quarter of the work: the upper right of a lower triangular matrix is 0."""
    flat, half = rows.flatten(0, 1), len(lower) // 2
    product = torch.empty_like(flat)
    torch.mm(flat, lower[:, :half], out=product[:, :half])
    torch.mm(flat[:, half:], lower[half:, half:], out=product[:, half:])
    return product.view_as(rows)


def _checked_outputs(outputs: Any, given: Tensor) -> Tensor:
    if not isinstance(outputs, Tensor) or outputs.dim() != 2 or len(outputs) != len(given):
        received = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"Expected argument `network` to map {list(given.shape)} to [{len(given)}, C], but got "
            f"{received}. Wrap it so that it returns one row of outputs for each input."
        )
    if not outputs.requires_grad:
        raise ValueError(
            "Expected argument `network` to be differentiable, but its outputs carry no graph. Remove what "
            "detaches them, or use noise_l2, which needs outputs only."
        )
    return outputs


def _gradients(outputs: Tensor, leaf: Tensor, vectors: Tensor) -> Tensor:
    """The gradients of ``v·f`` for each vector and each leaf, shape ``[P, B, ...]``; 0 where none depends on it.

    Inputs are independent, so that the gradient of a sum over the batch is the gradient for each input.
    """
    rows = [
        torch.autograd.grad(outputs, leaf, vector, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
        for vector in vectors
    ]
    return torch.stack(rows)


def _unit_vectors(outputs: Tensor) -> Tensor:
    """[C, B, C]: each output alone."""
    classes = outputs.shape[1]
    return torch.eye(classes, dtype=outputs.dtype, device=outputs.device)[:, None].expand(-1, len(outputs), -1)


def _gram(products: Tensor) -> Tensor:
    """[B, P, P], from [P, B, r]."""
    return torch.bmm(products.transpose(0, 1), products.permute(1, 2, 0))


def jacobian_norm_logits(gram: Tensor) -> Estimate:
    """The mean Frobenius norm of the Jacobian, ``E ‖∂f/∂x‖_F = E √tr(J Jᵀ)``, in outputs per unit of input.

    Args:
        gram: shape ``[n, C, C]``, from :func:`jacobian_gram`.

    Returns:
        The mean over inputs with its standard error; the norm of each input is exact up to rounding.

    Raises:
        ValueError: if ``gram`` has another shape.

    Example:
        >>> jacobian_norm_logits(torch.tensor([[[16.0, 0.0], [0.0, 9.0]]])).value
        5.0
    """
    return mean_over_inputs(_checked(gram).diagonal(dim1=1, dim2=2).sum(dim=1).sqrt())


def jacobian_norm_probabilities(gram: Tensor, probabilities: Tensor) -> Estimate:
    """The mean Frobenius norm of the Jacobian of the probabilities, ``E ‖∂softmax(f)/∂x‖_F``.

    With the softmax's own Jacobian ``S = diag(p) − p pᵀ`` it follows from the logits' Gram matrix ``K``:
    ``‖S J‖_F² = tr(S K S)``. This is the sensitivity of Novak et al. 2018 (test points, probabilities).

    Args:
        gram: shape ``[n, C, C]``, of the logits.
        probabilities: shape ``[n, C]``, the softmax of the logits.

    Returns:
        The mean over inputs with its standard error, in probability per unit of input.

    Raises:
        ValueError: if the shapes do not fit.

    References:
        R. Novak et al., Sensitivity and generalization in neural networks: an empirical study, ICLR 2018.

    Example:
        Both probabilities are 1/2, so S = [[1/4, −1/4], [−1/4, 1/4]], and K is the identity.

        >>> round(jacobian_norm_probabilities(torch.eye(2)[None], torch.tensor([[0.5, 0.5]])).value, 4)
        0.5
    """
    gram = _checked(gram)
    if probabilities.shape != gram.shape[:2]:
        expected = list(gram.shape[:2])
        raise ValueError(
            f"Expected argument `probabilities` to have shape {expected}, but got {list(probabilities.shape)}."
        )
    p = probabilities.to(gram.dtype)
    softmax = -p[:, :, None] * p[:, None, :]
    softmax.diagonal(dim1=1, dim2=2).zero_()
    # p − p² would cancel where one probability is near 1; the rows of S sum to 0.
    softmax.diagonal(dim1=1, dim2=2).copy_(-softmax.sum(dim=2))
    squared = (torch.bmm(softmax, gram) * softmax).sum(dim=(1, 2))
    return mean_over_inputs(squared.clamp_min(0).sqrt())


def _checked(gram: Tensor) -> Tensor:
    if gram.dim() != 3 or gram.shape[1] != gram.shape[2]:
        raise ValueError(f"Expected argument `gram` to have shape [n, C, C], but got {list(gram.shape)}.")
    return gram.double()
