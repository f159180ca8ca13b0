"""Lightning callbacks: measure and show a run."""

from simplicity_sweep.callbacks.carry_config import CONFIG_KEY, SIZES_KEY, CarryConfig
from simplicity_sweep.callbacks.carry_progress import CarryProgress
from simplicity_sweep.callbacks.measure import Measure
from simplicity_sweep.callbacks.progress import RunProgress
from simplicity_sweep.callbacks.stop_diverged import StopDiverged
from simplicity_sweep.callbacks.stop_pruned import StopPruned

__all__ = [
    "CONFIG_KEY",
    "SIZES_KEY",
    "CarryConfig",
    "CarryProgress",
    "Measure",
    "RunProgress",
    "StopDiverged",
    "StopPruned",
]
