"""Every metric with data, and what the pure functions make of all of the data at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from simplicity_sweep.functional import (
    Estimate,
    deflate_logits,
    degenerate,
    flip_rate,
    jacobian_norm_logits,
    jacobian_norm_probabilities,
    labels,
    lz76_errors,
    lz76_labels,
    lz76_path,
    lz76_rate,
    lz78,
    lz_dcl,
    noise_l2,
    noise_relative,
)
from simplicity_sweep.metrics import (
    DeflateSize,
    Degenerate,
    EstimateMetric,
    JacobianNorm,
    LempelZivComplexity,
    PathComplexity,
    Sensitivity,
)

N, CLASSES, DRAWS = 53, 4, 3


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LOGITS = drawn(N, CLASSES, seed=0)
NOISY = LOGITS + 0.3 * drawn(DRAWS, N, CLASSES, seed=1)
TARGETS = labels(LOGITS + drawn(N, CLASSES, seed=2))
PATHS = labels(drawn(N, 16, CLASSES, seed=3))
JACOBIANS = drawn(N, CLASSES, 7, seed=4)
GRAM = JACOBIANS @ JACOBIANS.transpose(1, 2)
PROBABILITIES = LOGITS.softmax(-1)

OUTPUTS = {"preds": LOGITS, "target": TARGETS}
DISTURBED = {"outputs": LOGITS, "noisy": NOISY}
DERIVATIVES = {"gram": GRAM, "probabilities": PROBABILITIES}


@dataclass(frozen=True)
class Case:
    """A metric, the arguments that hold all of its data, and their value by a pure function."""

    metric: Callable[..., EstimateMetric]
    whole: dict[str, Tensor]
    expected: Callable[[], Estimate]

    def part(self, start: int, stop: int) -> dict[str, Tensor]:
        """The arguments for some of the inputs; draws come before inputs."""
        return {
            name: tensor[:, start:stop] if name == "noisy" else tensor[start:stop]
            for name, tensor in self.whole.items()
        }

    def batches(self, *sizes: int) -> list[dict[str, Tensor]]:
        """Parts of these sizes, and the rest."""
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + size)
        edges.append(N)
        return [self.part(start, stop) for start, stop in pairwise(edges)]


def sensitivity(kind: str, space: str, function: Callable[[Tensor, Tensor], Estimate]) -> Case:
    def expected() -> Estimate:
        if space == "logits":
            return function(LOGITS, NOISY)
        return function(LOGITS.softmax(-1), NOISY.softmax(-1))

    return Case(lambda **kwargs: Sensitivity(kind, space, **kwargs), DISTURBED, expected)


def lempel_ziv(function: Callable[[Tensor], float], **arguments) -> Case:
    def metric(**kwargs) -> EstimateMetric:
        return LempelZivComplexity(**arguments, **kwargs)

    return Case(metric, OUTPUTS, lambda: Estimate(float(function(labels(LOGITS)))))


CASES = {
    "lz76": Case(LempelZivComplexity, OUTPUTS, lambda: lz76_labels(LOGITS)),
    "lz78": lempel_ziv(lz78, measure="lz78"),
    "lz_dcl": lempel_ziv(lz_dcl, measure="lz_dcl"),
    "lz76_rate": lempel_ziv(lambda s: lz76_rate(s, CLASSES), measure="lz76_rate", alphabet=CLASSES),
    "lz76_errors": Case(
        lambda **kwargs: LempelZivComplexity(order="true_class", **kwargs),
        OUTPUTS,
        lambda: lz76_errors(LOGITS, TARGETS),
    ),
    "lz76_path": Case(PathComplexity, {"path_labels": PATHS}, lambda: lz76_path(PATHS)),
    "noise_l2_logits": sensitivity("noise_l2", "logits", noise_l2),
    "noise_l2_probabilities": sensitivity("noise_l2", "probabilities", noise_l2),
    "noise_relative_logits": sensitivity("noise_relative", "logits", noise_relative),
    "noise_relative_probabilities": sensitivity("noise_relative", "probabilities", noise_relative),
    "flip_rate_logits": sensitivity("flip_rate", "logits", flip_rate),
    "flip_rate_probabilities": sensitivity("flip_rate", "probabilities", flip_rate),
    "jacobian_norm_logits": Case(JacobianNorm, DERIVATIVES, lambda: jacobian_norm_logits(GRAM)),
    "jacobian_norm_probabilities": Case(
        lambda **kwargs: JacobianNorm("probabilities", **kwargs),
        DERIVATIVES,
        lambda: jacobian_norm_probabilities(GRAM, PROBABILITIES),
    ),
    "deflate_logits": Case(DeflateSize, OUTPUTS, lambda: deflate_logits(LOGITS)),
    "degenerate": Case(Degenerate, OUTPUTS, lambda: degenerate(LOGITS)),
}


def assert_agrees(metric: EstimateMetric, expected: Estimate) -> None:
    """The metric's value, standard error and reason are those of an estimate."""
    assert float(metric.compute()) == pytest.approx(expected.value, rel=1e-12, nan_ok=True)
    assert metric.standard_error == (
        None if expected.standard_error is None else pytest.approx(expected.standard_error, rel=1e-12)
    )
    assert metric.reason == expected.reason
