"""The Lempel–Ziv complexity of the predicted labels."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from simplicity_sweep.functional import (
    Estimate,
    by_true_class,
    labels,
    lz76,
    lz76_rate,
    lz78,
    lz_dcl,
    undefined,
)
from simplicity_sweep.functional.encoding import NOT_FINITE
from simplicity_sweep.metrics.arguments import choice, matrix
from simplicity_sweep.metrics.estimate_metric import EstimateMetric

Measure = Literal["lz76", "lz78", "lz_dcl", "lz76_rate"]
Order = Literal["given", "true_class"]

_MEASURES = {"lz76": lz76, "lz78": lz78, "lz_dcl": lz_dcl}


class LempelZivComplexity(EstimateMetric):
    """The Lempel–Ziv complexity of the sequence of all predicted labels, in one order.

    The order decides what the number means. ``"given"`` is that of the batches, so mostly the data set's own: do
    not shuffle. ``"true_class"`` sorts by true label, where ties keep the given order, and measures the structure of
    the errors. Several processes' labels are put one rank after the other: the value is that of one process only if
    each had a contiguous share of the data (a sampler that deals the inputs out in turn changes the order, and repeats
    inputs to make the shares equal).

    Keeps the labels: 8 bytes for each input, 16 with the true ones.

    Args:
        measure: ``"lz76"`` components of the exhaustive history; ``"lz78"`` phrases of the incremental parse;
            ``"lz_dcl"`` in bits, symmetric under reversal; ``"lz76_rate"`` in units of a long random sequence's.
        order: ``"given"`` or ``"true_class"``.
        alphabet: the number of labels that can occur, for ``"lz76_rate"`` and for it only.
        kwargs: those of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if an argument is none of these, or a rate has no alphabet or another measure has one.

    References:
        A. Lempel, J. Ziv 1976; J. Ziv, A. Lempel 1978; K. Dingle, C. Q. Camargo, A. A. Louis 2018: see
        :mod:`simplicity_sweep.functional`.

    Example:
        The parse of 0 1 1 0 1 0 is 0 · 1 · 10 · 10, that of 0 0 0 1 1 1, sorted, 0 · 001 · 11.

        >>> import torch
        >>> from simplicity_sweep.metrics import LempelZivComplexity
        >>> target = preds = torch.tensor([0, 1, 1, 0, 1, 0])
        >>> metric = LempelZivComplexity()
        >>> metric.update(preds[:2])
        >>> metric.update(preds[2:])
        >>> metric.compute()
        tensor(4., dtype=torch.float64)
        >>> errors = LempelZivComplexity(order="true_class")
        >>> errors(preds, target)
        tensor(3., dtype=torch.float64)
    """

    def __init__(
        self, measure: Measure = "lz76", order: Order = "given", alphabet: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.measure = choice("measure", measure, Measure)
        self.order = choice("order", order, Order)
        if (measure == "lz76_rate") != (alphabet is not None):
            raise ValueError(
                "Expected argument `alphabet` to be the number of labels that can occur where `measure` is "
                f"'lz76_rate', and None elsewhere, but got {alphabet!r} with {measure!r}."
            )
        if alphabet is not None:
            lz76_rate("", alphabet)  # refuses less than two labels now, not when the value is computed
        self.alphabet = alphabet
        self._add_kept("predicted_labels", torch.int64)
        if order == "true_class":
            self._add_kept("true_labels", torch.int64)

    def update(self, preds: Tensor, target: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            preds: predicted labels, shape ``[n]``, any integer or Boolean dtype (−1 stands for an output that is
                not finite), or logits or probabilities, shape ``[n, C]``.
            target: true labels, shape ``[n]``; needed for the order ``"true_class"``, else not looked at.

        Raises:
            TypeError: if ``target`` holds no whole numbers.
            ValueError: if the shapes do not fit, or ``target`` is missing.
        """
        if preds.is_complex() or preds.dim() != (2 if preds.is_floating_point() else 1):
            raise ValueError(
                "Expected argument `preds` to be labels, whole numbers of shape [n], or floating-point outputs of "
                f"shape [n, C], but got {preds.dtype} of shape {list(preds.shape)}."
            )
        predicted = labels(matrix("preds", preds)) if preds.is_floating_point() else preds
        if self.order == "true_class":
            self._keep("true_labels", self._fitting(target, len(predicted)))
        self._keep("predicted_labels", predicted)

    def _fitting(self, target: Tensor | None, n: int) -> Tensor:
        if target is None:
            raise ValueError(
                "Expected argument `target` to be the true labels where `order` is 'true_class', but got None. Pass "
                "them to `update`, or use order='given'."
            )
        if target.is_floating_point() or target.is_complex():
            raise TypeError(f"Expected argument `target` to hold whole numbers, but got {target.dtype}.")
        if list(target.shape) != [n]:
            raise ValueError(f"Expected argument `target` to have shape [{n}], but got {list(target.shape)}.")
        return target

    def _measured(self) -> Estimate:
        sequence = self._kept("predicted_labels")
        n = len(sequence)
        if n == 0 or bool((sequence == NOT_FINITE).any()):
            return undefined("non-finite outputs" if n else "no inputs", n)
        if self.order == "true_class":
            sequence = by_true_class(sequence, self._kept("true_labels"))
        if self.alphabet is None:
            return Estimate(float(_MEASURES[self.measure](sequence)), n=n)
        rate = lz76_rate(sequence, self.alphabet)
        return undefined("one input has no rate: it takes two", n) if math.isnan(rate) else Estimate(rate, n=n)
