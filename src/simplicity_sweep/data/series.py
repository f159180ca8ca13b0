"""Windows of a time series, split in time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from simplicity_sweep.data.csv_file import CsvFormat
from simplicity_sweep.data.errors import DataError, check_whole_number
from simplicity_sweep.data.scaling import by_columns
from simplicity_sweep.data.series_file import read_columns
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.tensors import TensorData


class Series(TensorData):
    """What is next in a series, from what was: windows over the lines of a CSV file.

    A window starts every `stride` lines; its inputs are float32 `[window, columns]`, its targets float32
    `[horizon * targets]` in the file's own units, the first step's columns first. The last `test_size` windows are the
    test part; the `val_size` windows before are for validation, but for those that would reach into the test part; and
    what does not reach into these is for training. So no line is in two parts, and nothing is shuffled across them.

    Args:
        path: The CSV file; its first line names the columns.
        columns: Which the network sees; None: all but `time`.
        targets: Which it forecasts; None: those that it sees.
        time: Which says when; it must rise from line to line.
        window: How many lines are seen.
        horizon: How many lines are forecast.
        stride: Lines between the starts of two windows.
        separator: Between the fields of the file.
        decimal: In its numbers, a point or a comma.
        encoding: Of its characters.
        val_size: How many windows are held out for validation.
        test_size: How many are for the test.
        batch_size: Examples a training batch.
        order_seed: Decides the order of the training windows, epoch by epoch.

    Raises:
        DataError: an argument is out of range; later, the file can't be read, a cell is no number, the time does not
            rise, or the series is too short.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        val_size: int,
        test_size: int,
        columns: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        time: str | None = None,
        window: int = 24,
        horizon: int = 1,
        stride: int = 1,
        separator: str = ",",
        decimal: str = ".",
        encoding: str = "utf-8",
        batch_size: int = 64,
        order_seed: int = 0,
    ) -> None:
        counts = {"window": window, "horizon": horizon, "stride": stride, "val_size": val_size, "test_size": test_size}
        for name, value in counts.items():
            check_whole_number(name, value, least=1)
        self.path = Path(path).expanduser().absolute()
        super().__init__(
            root=self.path.parent, val_size=val_size, mean=0.0, std=1.0, batch_size=batch_size, order_seed=order_seed
        )
        self.columns = None if columns is None else list(columns)
        self.targets = None if targets is None else list(targets)
        self.time = time
        self.format = CsvFormat(separator, decimal, encoding)
        self.window = window
        self.horizon = horizon
        self.stride = stride
        self.test_size = test_size

    def files(self) -> Sequence[Path]:
        """The CSV file."""
        return [self.path] if self.path.is_file() else []

    def load(self) -> tuple[Split, Split]:
        """The windows before the test part, and those of it."""
        table = read_columns(self.path, self.format, self.columns, self.targets, self.time)
        count = max(0, (len(table.seen) - self._span) // self.stride + 1)
        first_test = count - self.test_size
        first_val = self._last_before(first_test) - int(self.val_size) + 1
        if self._last_before(first_val) < 0:
            raise DataError(self._too_short(len(table.seen)))
        windows = self._windows(table.seen, table.forecast, count)
        before = torch.arange(self._last_before(first_test) + 1)
        return windows.take(before), windows.take(torch.arange(first_test, count))

    def held_out(self, published: Split) -> tuple[Split, Split]:
        """The training windows, and the last `val_size` ones, which are for validation."""
        first_val = len(published) - int(self.val_size)
        train = torch.arange(self._last_before(first_val) + 1)
        return published.take(train), published.take(torch.arange(first_val, len(published)))

    def scaled(self, train: Split, val: Split, test: Split) -> tuple[Split, Split, Split]:
        """The parts, their inputs standardised column by column."""
        return by_columns(train, val, test, self._called)

    def target_scale(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each target, float32 `[horizon * targets]`: the same at every step."""
        steps = self.train.labels.double().view(len(self.train) * self.horizon, -1)
        mean, std = steps.mean(0).float(), steps.std(0, correction=0).float()
        return mean.repeat(self.horizon), std.repeat(self.horizon)

    def _called(self, place: int) -> str:
        """A column that is seen, for messages."""
        names = read_columns(self.path, self.format, self.columns, self.targets, self.time).names
        return f"{self.path}: column {names[place]!r}"

    @property
    def _span(self) -> int:
        """Lines that a window needs."""
        return self.window + self.horizon

    def _last_before(self, window: int) -> int:
        """The last window that shares no line with this one, and starts before; negative if there is none."""
        return (window * self.stride - self._span) // self.stride

    def _windows(self, seen: Tensor, forecast: Tensor, count: int) -> Split:
        """All windows, the first one first."""
        starts = torch.arange(count)[:, None] * self.stride
        inputs = seen[starts + torch.arange(self.window)]
        targets = forecast[starts + self.window + torch.arange(self.horizon)]
        return Split(inputs, targets.flatten(1))

    def _too_short(self, lines: int) -> str:
        apart = -(-self._span // self.stride)  # windows from one to the next that shares no line with it
        needed = (self.test_size - 1 + 2 * apart + int(self.val_size) - 1) * self.stride + self._span
        return (
            f"{self.path} has {lines} lines of data, but window={self.window}, horizon={self.horizon}, "
            f"stride={self.stride}, data.val_size={self.val_size} and data.test_size={self.test_size} need at least "
            f"{needed}. Take a longer series, shorter windows, or fewer of them for validation and test."
        )
