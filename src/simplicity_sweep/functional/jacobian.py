"""The Jacobian of a network's outputs with respect to its inputs, through its small Gram matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs
from simplicity_sweep.functional.evaluation import evaluating
from simplicity_sweep.functional.first_layer import Halves, halves


def jacobian_gram(network: nn.Module, inputs: Tensor, batch: int = 1000) -> Tensor:
    """The exact Gram matrix ``J Jᵀ`` of each input's Jacobian ``J = ∂f/∂x``, shape ``[n, C, C]``.

    Holds everything about ``J`` that a norm in output space can ask for, in C·C numbers instead of C·d. Where
    all that the network does with its inputs is to flatten them into a linear layer ``W``, differentiation
    stops at that layer's output and ``J Jᵀ = A (W Wᵀ) Aᵀ``: then no gradient is as long as an input.

    Args:
        network: maps ``[B, d...]`` to ``[B, C]``, differentiable, and treats inputs independently in eval
            mode, in which it is evaluated; it is left as it was, ``.grad`` fields included.
        inputs: shape ``[n, d...]``, floating point.
        batch: how many inputs are differentiated at once, which bounds the memory to ``batch·C·d`` numbers.

    Raises:
        TypeError: if the inputs are not floating-point numbers.
        ValueError: if the network does not return one row of outputs for each input.

    Example:
        >>> network = nn.Linear(2, 2, bias=False)
        >>> network.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> jacobian_gram(network, torch.zeros(1, 2))
        tensor([[[25.,  4.],
                 [ 4.,  1.]]])
    """
    if not inputs.is_floating_point():
        raise TypeError(f"Expected argument `inputs` to be floating point, but got {inputs.dtype}.")
    with evaluating(network, inputs.device), torch.enable_grad():
        apart = halves(network, inputs)
        return torch.cat(
            [
                _gram_of_inputs(network, part) if apart is None else _gram_behind(apart, part)
                for part in torch.split(inputs.detach(), batch)
            ]
        )


def _gram_of_inputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """``J Jᵀ`` from gradients with respect to the inputs themselves: for any network."""
    leaf = inputs.clone().requires_grad_(True)
    rows = _gradients(_checked_outputs(network(leaf.clone()), inputs), leaf).flatten(2)
    return torch.bmm(rows, rows.transpose(1, 2))


def _gram_behind(apart: Halves, inputs: Tensor) -> Tensor:
    """``A (W Wᵀ) Aᵀ`` with the gradients ``A`` with respect to the first layer's outputs."""
    leaf = apart.before(inputs).detach().requires_grad_(True)
    rows = _gradients(_checked_outputs(apart.behind(leaf), inputs), leaf)
    weight = apart.first.weight.detach()
    return torch.bmm((rows.flatten(0, 1) @ (weight @ weight.t())).view_as(rows), rows.transpose(1, 2))


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


def _gradients(outputs: Tensor, leaf: Tensor) -> Tensor:
    """The gradients of all outputs for each leaf, shape ``[B, C, ...]``; 0 where none depends on it.

    Inputs are independent, so that the gradient of an output's sum over the batch is its gradient for each
    input.
    """
    columns = outputs.sum(dim=0).unbind()
    rows = [
        torch.autograd.grad(column, leaf, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
        for column in columns
    ]
    return torch.stack(rows, dim=1)


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
