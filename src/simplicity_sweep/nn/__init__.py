"""Networks built from activation and depth factories. `nn.resnet` needs torchvision and is imported where used."""

from simplicity_sweep.nn.cnn import CNN
from simplicity_sweep.nn.mlp import MLP, hidden_sizes
from simplicity_sweep.nn.sine import Sine
from simplicity_sweep.nn.transformer import Transformer

__all__ = ["CNN", "MLP", "Sine", "Transformer", "hidden_sizes"]
