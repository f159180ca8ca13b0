"""Calls a module's own `training_step` and catches what it logs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor, nn

from simplicity_sweep.fused.member import NotFusable

# The order of the first parameters of `LightningModule.log` after the name and the value, and of `log_dict`.
_POSITIONAL = ("prog_bar", "logger", "on_step", "on_epoch", "reduce_fx")


@dataclass
class Logged:
    """What `self.log` and `self.log_dict` were given during a step, in the order of the calls."""

    values: dict[str, Tensor | float] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)

    def log(self, name: str, value: Tensor | float, *more: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log`."""
        if not isinstance(value, Tensor | int | float):
            raise NotFusable(
                f"training_step logs `{name}` as a {type(value).__name__}; only tensors and numbers can be stacked"
            )
        if isinstance(value, Tensor) and value.numel() != 1:
            raise NotFusable(f"training_step logs `{name}`, which is no single number")
        if name in self.values:
            raise NotFusable(f"training_step logs `{name}` twice")
        self.values[name] = value.detach() if isinstance(value, Tensor) else float(value)
        self.options[name] = dict(zip(_POSITIONAL, more, strict=False)) | options

    def log_dict(self, dictionary: Mapping[str, Tensor | float], *more: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log_dict`."""
        for name, value in dictionary.items():
            self.log(name, value, *more, **options)


@contextmanager
def captured_logs(module: nn.Module) -> Iterator[Logged]:
    """Yields what `module` logs inside the block, in place of whatever its `log` would do with it."""
    logged, attributes = Logged(), vars(module)
    replaced: dict[str, Callable[..., None]] = {"log": logged.log, "log_dict": logged.log_dict}
    before = {name: attributes[name] for name in replaced if name in attributes}
    attributes.update(replaced)
    try:
        yield logged
    finally:
        for name in replaced:
            del attributes[name]
        attributes.update(before)


def training_loss(module: nn.Module, batch: tuple[Tensor, Tensor], batch_idx: object) -> Tensor:
    """The loss, a scalar, that `module.training_step` returns for `batch`, alone or under the key `loss`.

    Like Lightning, it leaves `batch_idx` out where the step doesn't take it.

    Raises:
        NotFusable: if it returns anything else, None included.
    """
    step = cast(Any, module).training_step
    arguments = (batch, batch_idx) if len(inspect.signature(step).parameters) > 1 else (batch,)
    result = step(*arguments)
    loss = result.get("loss") if isinstance(result, Mapping) else result
    if not isinstance(loss, Tensor):
        raise NotFusable(f"training_step returns a {type(loss).__name__}, not a loss")
    return loss
