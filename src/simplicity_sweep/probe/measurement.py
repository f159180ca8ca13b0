"""A measurement: a pure function and what it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simplicity_sweep.functional import Estimate, undefined
from simplicity_sweep.probe.controls import Observed
from simplicity_sweep.probe.observation import Undefined


@dataclass(frozen=True)
class Measurement:
    """A pure function of what is observed.

    Attributes:
        function: returns an estimate, or a number, which is taken for exact.
        of: names of the observed tensors that it is given, in their order.
        controls: names of its null controls.
        pointwise: whether it is a mean over inputs that has a meaning at any points, true labels or not.
        reason_of: where it is given, a measurement that raises is undefined, and this says why; by default what is
            raised goes on to the caller.
    """

    function: Callable[..., Estimate | float]
    of: Sequence[str]
    controls: Sequence[str] = ()
    pointwise: bool = False
    reason_of: Callable[[Exception], str] | None = None

    def __call__(self, observe: Callable[[], Observed]) -> Estimate:
        """The measured value; undefined where what it needs does not exist."""
        try:
            observed = observe()
            measured = self.function(*(getattr(observed, name) for name in self.of))
        except Undefined as reason:
            return undefined(str(reason))
        except Exception as error:
            if self.reason_of is None:
                raise
            return undefined(self.reason_of(error))
        if isinstance(measured, Estimate):
            return measured
        return undefined("the function returned NaN") if math.isnan(measured) else Estimate(float(measured))
