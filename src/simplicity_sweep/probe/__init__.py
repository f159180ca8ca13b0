"""What is measured of a network, at which points and against which null controls: one network at a time, any module."""

from simplicity_sweep.probe.answers import Answer, Bins
from simplicity_sweep.probe.measurement import Measurement
from simplicity_sweep.probe.observation import Observation, Undefined
from simplicity_sweep.probe.plan import Figures, Parts, Plan
from simplicity_sweep.probe.points import ELSEWHERE, Points, Probe
from simplicity_sweep.probe.shown_paths import ShownPath
from simplicity_sweep.probe.together import Together, structure_of

__all__ = [
    "ELSEWHERE",
    "Answer",
    "Bins",
    "Figures",
    "Measurement",
    "Observation",
    "Parts",
    "Plan",
    "Points",
    "Probe",
    "ShownPath",
    "Together",
    "Undefined",
    "structure_of",
]
