"""Sizes of parts: whole numbers of examples, or shares of them."""

from numbers import Integral

from simplicity_sweep.data.errors import DataError

Size = int | float
"""A whole number of examples from 1, or a share of all of them above 0 and below 1."""


def check_size(name: str, size: object) -> None:
    """Return nothing where `size` is a whole number of at least 1, or a share above 0 and below 1.

    Raises:
        DataError: it is neither; the message names the argument and the value.
    """
    whole = isinstance(size, Integral) and not isinstance(size, bool) and int(size) >= 1
    share = isinstance(size, float) and 0 < size < 1
    if not whole and not share:
        raise DataError(
            f"Expected argument `{name}` to be a whole number of at least 1, or a share above 0 and below 1, "
            f"but got {size!r}."
        )


def count_of(size: Size, n: int) -> int:
    """How many of n examples a size is: a share is rounded to the nearest whole number, halves to the even one.

    Example:
        >>> count_of(0.25, 10), count_of(0.1, 150), count_of(5, 10)
        (2, 15, 5)
    """
    return size if isinstance(size, int) else round(size * n)
