"""The measurements as torchmetrics' metrics, for anybody's loop: each holds state around a function of `functional`.

They need torch and torchmetrics only.
"""

from simplicity_sweep.metrics.deflate_size import DeflateSize
from simplicity_sweep.metrics.degenerate import Degenerate
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.jacobian_norm import JacobianNorm
from simplicity_sweep.metrics.lempel_ziv_complexity import LempelZivComplexity
from simplicity_sweep.metrics.path_complexity import PathComplexity
from simplicity_sweep.metrics.sensitivity import Sensitivity

__all__ = [
    "DeflateSize",
    "Degenerate",
    "EstimateMetric",
    "JacobianNorm",
    "LempelZivComplexity",
    "PathComplexity",
    "Sensitivity",
]
