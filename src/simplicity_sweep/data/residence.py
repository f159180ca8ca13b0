"""Whether a data set's tensors lie whole on a device, or elsewhere, from where each batch is fetched."""

from __future__ import annotations

import logging
from typing import Literal

import torch

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.memory import free_bytes

Resident = bool | Literal["auto"]
"""True: whole on the device; False: fetched batch by batch; "auto": whole where there is room."""

_SHARE = 2  # half of what is free: networks, batches and measurements need some too
_LOG = logging.getLogger(__name__)


def check_resident(resident: object) -> None:
    """Return nothing where `resident` is one of `Resident`.

    Raises:
        DataError: it is not.
    """
    if not isinstance(resident, bool) and resident != "auto":
        raise DataError(f"Expected argument `resident` to be auto, true or false, but got {resident!r}.")


def lies_whole(called: str, nbytes: int, resident: Resident, device: torch.device) -> bool:
    """Whether so many bytes of inputs are kept whole on `device`; a line of the log says so, and why.

    Args:
        called: what the line calls the data.
        nbytes: of all inputs.
        resident: what was asked for; "auto" is whether they take half of what is free at the most.
        device: where they are used.
    """
    free = free_bytes(device)
    whole = nbytes <= free // _SHARE if resident == "auto" else resident
    if whole:
        how = f"lie whole in the memory of {device}"
    else:
        how = "are read batch by batch from files" if device.type == "cpu" else f"go to {device} batch by batch"
    if resident == "auto":
        why = f"{'at most' if whole else 'more than'} half of the {_size(free)} that are free"
    else:
        why = f"data.resident={str(resident).lower()}, and {_size(free)} are free"
    _LOG.info("%s: its inputs take %s, and %s: %s.", called, _size(nbytes), how, why)
    return whole


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e9:.3g} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.3g} MB"
