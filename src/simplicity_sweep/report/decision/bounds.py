"""Numbers for bounds: short enough to type, exact enough to mean what is said."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal

_SIGNIFICANT = 4
_MOST_SIGNIFICANT = 17  # tell any two floats apart


def roundest(one: float, other: float) -> float:
    """The number with the fewest decimals between two others, both included; of several the lowest.

    Example:
        >>> roundest(0.97134, 0.9758), roundest(-0.0263, -0.0214), roundest(0.2, 40)
        (0.972, -0.026, 10.0)
    """
    low, high = sorted((Decimal(repr(float(one))), Decimal(repr(float(other)))))
    for decimals in range(-max(abs(low), abs(high)).adjusted(), _MOST_SIGNIFICANT - low.adjusted()):
        step = Decimal(1).scaleb(-decimals)
        number = (low / step).to_integral_value(ROUND_CEILING) * step
        if number <= high:
            return float(number)
    return float(high)


def written(number: float) -> str:
    """A number in full, as one would type it.

    Example:
        >>> written(2.0), written(0.004)
        ('2', '0.004')
    """
    return repr(float(number)).removesuffix(".0")


def told(value: float, against: float = math.nan) -> str:
    """A value with four significant digits, or as many as tell it from the number that it is held against.

    Example:
        >>> told(0.97231), told(0.0033), told(0.9699996, against=0.97), told(120.0)
        ('0.9723', '0.0033', '0.9699996', '120')
    """
    for digits in range(_SIGNIFICANT, _MOST_SIGNIFICANT + 1):
        text = f"{value:.{digits}g}"
        if value == against or float(text) != float(f"{against:.{digits}g}"):
            return text
    return repr(value)
