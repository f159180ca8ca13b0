"""What is raised when data cannot be had, and the checks of arguments that raise it."""

import math
from numbers import Integral


class DataError(Exception):
    """Data that cannot be had, or that is not what it should be; the message ends with what to do."""


def check_whole_number(name: str, value: object, least: int) -> None:
    """Return nothing where `value` is a whole number of at least `least`.

    Raises:
        DataError: it is not; the message names the argument and the value.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise DataError(f"Expected argument `{name}` to be a whole number of at least {least}, but got {value!r}.")


def check_number(name: str, value: object, above: float = -math.inf) -> None:
    """Return nothing where `value` is a finite number above `above`.

    Raises:
        DataError: it is not; the message names the argument and the value.
    """
    if not isinstance(value, int | float) or not above < value < math.inf:
        lower = "" if above == -math.inf else f" above {above:g}"
        raise DataError(f"Expected argument `{name}` to be a finite number{lower}, but got {value!r}.")
