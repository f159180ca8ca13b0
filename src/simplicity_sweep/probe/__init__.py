"""What is measured of a network, at which points and against which null controls: one network at a time, any module."""

from simplicity_sweep.probe.measurement import Measurement
from simplicity_sweep.probe.observation import Observation, Undefined
from simplicity_sweep.probe.plan import Figures, Parts, Plan
from simplicity_sweep.probe.points import ELSEWHERE, Points, Probe

__all__ = ["ELSEWHERE", "Figures", "Measurement", "Observation", "Parts", "Plan", "Points", "Probe", "Undefined"]
