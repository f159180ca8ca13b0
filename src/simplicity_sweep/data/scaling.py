"""Parts of columns, standardised by what the training part alone has."""

from __future__ import annotations

from collections.abc import Callable

from simplicity_sweep.data.moments import Moments
from simplicity_sweep.data.split import Split


def by_columns(train: Split, val: Split, test: Split, call: Callable[[int], str]) -> tuple[Split, Split, Split]:
    """The three parts, each column of their inputs `[n, ..., columns]` standardised by the training part.

    Args:
        train: the training part.
        val: the validation part.
        test: the test part.
        call: what a message calls the column at a place.

    Raises:
        DataError: a column holds one value only in the training part.
    """
    inputs = [part.inputs.numpy() for part in (train, val, test)]
    moments = Moments.of(inputs[0], inputs[0].ndim - 1, (None, None), call)
    scaled = [moments.standardised(values) for values in inputs]
    return Split(scaled[0], train.labels), Split(scaled[1], val.labels), Split(scaled[2], test.labels)
