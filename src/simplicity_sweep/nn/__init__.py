"""Networks built from activation and depth factories."""

from simplicity_sweep.nn.mlp import MLP, hidden_sizes
from simplicity_sweep.nn.sine import Sine

__all__ = ["MLP", "Sine", "hidden_sizes"]
