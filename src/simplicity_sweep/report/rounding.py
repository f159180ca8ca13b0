"""Means with their intervals, rounded for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SIGNIFICANT = 4  # digits of a mean without an interval
_MOST_DECIMALS = 6
_SMALL, _LARGE = 1e-3, 1e7  # beyond which a power of ten is split off

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Rounded:
    """A mean and half the width of its interval, with as many digits as the interval supports.

    Attributes:
        mean: without the power of ten.
        half: likewise; empty where there is no interval.
        exponent: of the power of ten that both are multiplied by.
    """

    mean: str
    half: str
    exponent: int

    @property
    def plain(self) -> str:
        """As text: `0.970 ± 0.003`."""
        both = f"{self.mean} ± {self.half}" if self.half else self.mean
        if not self.exponent:
            return both
        power = f"·10{str(self.exponent).translate(_RAISED)}"
        return f"({both}){power}" if self.half else f"{both}{power}"

    @property
    def latex(self) -> str:
        """As LaTeX: `$0.970 \\pm 0.003$`."""
        both = f"{self.mean} \\pm {self.half}" if self.half else self.mean
        if self.exponent and self.half:
            both = f"({both})"
        power = f" \\times 10^{{{self.exponent}}}" if self.exponent else ""
        return f"${both}{power}$"


def rounded(mean: float, low: float | None = None, high: float | None = None) -> Rounded:
    """The interval's half width with two significant digits and the mean with the same last place.

    Args:
        mean: not NaN.
        low: lower end of a symmetrical interval; None where there is none.
        high: its upper end.

    Example:
        >>> rounded(3.37912, 3.34, 3.4182).plain
        '3.379 ± 0.039'
        >>> rounded(369_912.4, 369_680.2, 370_144.6).plain, rounded(1.04e-5, 0.94e-5, 1.14e-5).plain
        ('369912 ± 232', '(1.04 ± 0.10)·10⁻⁵')
        >>> rounded(0.098).plain, rounded(2.0, 2.0, 2.0).plain
        ('0.09800', '2.000 ± 0')
    """
    half = None if low is None or high is None else (high - low) / 2
    largest = max(abs(mean), half or 0)
    exponent = _power(largest) if largest and not _SMALL <= largest < _LARGE else 0
    scale = 10.0**-exponent
    decimals = _decimals(half * scale, 2) if half else _decimals(mean * scale, _SIGNIFICANT) if mean else 0
    shown = f"{half * scale:.{decimals}f}" if half else "" if half is None else "0"
    return Rounded(f"{mean * scale:.{decimals}f}", shown, exponent)


def _decimals(value: float, significant: int) -> int:
    return min(max(significant - 1 - _power(value), 0), _MOST_DECIMALS)


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value)))
