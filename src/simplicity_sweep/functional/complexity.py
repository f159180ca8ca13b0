"""The complexities of a trained network: each one function of its outputs, returning an estimate."""

from __future__ import annotations

from torch import Tensor

from simplicity_sweep.functional.deflate import GUAN_LEVEL, guan_bytes
from simplicity_sweep.functional.deflate import deflate as deflated
from simplicity_sweep.functional.encoding import NOT_FINITE, by_true_class, labels
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.lempel_ziv import lz76, lz76_batch


def lz76_path(path_labels: Tensor) -> Estimate:
    """The mean :func:`lz76` of the predicted labels along straight paths between inputs.

    The only one of these sequences whose order is intrinsic: it measures the function between the data.

    Args:
        path_labels: shape ``[P, points]``, from :func:`labels_along_paths`.

    Returns:
        The mean over paths with its standard error, ``per_input`` the complexity of each path; NaN where an
        output on a path is not finite.

    Raises:
        ValueError: if there are not two axes.

    Example:
        Parses 0 · 00…, and 0 · 01 · 1…

        >>> import torch
        >>> lz76_path(torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])).value
        2.5
    """
    if path_labels.numel() and bool((path_labels == NOT_FINITE).any()):
        return undefined("non-finite outputs on the paths", len(path_labels))
    return mean_over_inputs(lz76_batch(path_labels))


def lz76_labels(logits: Tensor) -> Estimate:
    """The :func:`lz76` of the predicted labels in the order given: mostly the order of the data set.

    Args:
        logits: shape ``[n, C]``.

    Returns:
        An exact count, so without a standard error; NaN where an output is not finite.

    Example:
        >>> import torch
        >>> lz76_labels(torch.eye(3)).value
        3.0
    """
    return _of_labels(labels(logits))


def lz76_errors(logits: Tensor, targets: Tensor) -> Estimate:
    """The :func:`lz76` of the predicted labels sorted by true class: the structure of the errors.

    Without an error it is the number of classes and one more (two for one class with two inputs or more).

    Args:
        logits: shape ``[n, C]``.
        targets: true labels, shape ``[n]``.

    Returns:
        An exact count, so without a standard error; NaN where an output is not finite.

    Example:
        Sorted by true class the predictions are 0 0 1 1, without an error: 0 · 01 · 1.

        >>> import torch
        >>> lz76_errors(torch.eye(2)[[0, 1, 0, 1]], torch.tensor([0, 1, 0, 1])).value
        3.0
    """
    return _of_labels(by_true_class(labels(logits), targets))


def deflate_logits(logits: Tensor) -> Estimate:
    """The bytes of the zlib stream, level 6, of the raw little-endian float32 logits, row-major.

    The source paper's measure, kept as `guan` for comparison: it measures byte entropy, not the function, and
    tells only a dead network from others.

    Args:
        logits: shape ``[n, C]``.

    Returns:
        An exact count, so without a standard error; NaN where an output is not finite.

    Example:
        >>> import torch
        >>> deflate_logits(torch.zeros(250, 10)).value
        33.0
    """
    if len(logits) == 0 or not bool(logits.isfinite().all()):
        return undefined("non-finite outputs" if len(logits) else "no inputs", len(logits))
    return Estimate(float(deflated(guan_bytes(logits), level=GUAN_LEVEL)), n=len(logits))


def _of_labels(predicted: Tensor) -> Estimate:
    if len(predicted) == 0 or bool((predicted == NOT_FINITE).any()):
        return undefined("non-finite outputs" if len(predicted) else "no inputs", len(predicted))
    return Estimate(float(lz76(predicted)), n=len(predicted))
