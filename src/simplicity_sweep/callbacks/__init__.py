"""Lightning callbacks: measure and show a run."""

from simplicity_sweep.callbacks.carry_config import CONFIG_KEY, CarryConfig
from simplicity_sweep.callbacks.measure import Measure
from simplicity_sweep.callbacks.progress import RunProgress

__all__ = ["CONFIG_KEY", "CarryConfig", "Measure", "RunProgress"]
