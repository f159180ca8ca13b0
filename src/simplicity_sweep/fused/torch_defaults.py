"""What torch keeps for the whole process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.backends import cuda, cudnn, mha, mkldnn, opt_einsum

from simplicity_sweep.fused.settings import Settings, attributes


class TorchDefaults(Settings):
    """What torch computes with by default: dtype, precision, determinism, kernels."""

    decides_answers = True

    def __init__(self) -> None:
        matmul: Any = cuda.matmul
        dnn: Any = cudnn
        mkl: Any = mkldnn
        precisions = (torch.backends, cudnn, matmul, dnn.conv, dnn.rnn, mkl.matmul, mkl.conv, mkl.rnn)
        super().__init__(
            [
                (torch.get_default_dtype, torch.set_default_dtype),
                (_deterministic, lambda state: torch.use_deterministic_algorithms(state[0], warn_only=state[1])),
                *attributes(torch.utils.deterministic, "fill_uninitialized_memory"),
                (_anomaly, lambda state: torch.autograd.set_detect_anomaly(*state)),
                # The older way to choose a precision also sets the newer way's values, which come after it; a general
                # one is what those after it follow that aren't set themselves.
                (_older(torch.get_float32_matmul_precision), _if_known(torch.set_float32_matmul_precision)),
                (_older(torch._C._get_cudnn_allow_tf32), _if_known(torch._C._set_cudnn_allow_tf32)),
                *(pair for part in precisions for pair in attributes(part, "fp32_precision")),
                *attributes(matmul, "allow_fp16_reduced_precision_reduction", "allow_fp16_accumulation"),
                *attributes(matmul, "allow_bf16_reduced_precision_reduction"),
                *attributes(cudnn, "enabled", "benchmark", "deterministic"),
                *attributes(mkldnn, "enabled", "deterministic"),
                *attributes(opt_einsum, "enabled", "strategy"),
                (mha.get_fastpath_enabled, mha.set_fastpath_enabled),
                (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
                (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
                (cuda.math_sdp_enabled, cuda.enable_math_sdp),
                (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
            ]
        )


def _older(get: Callable[[], Any]) -> Callable[[], Any]:
    """`get`, but None where it refuses to answer: the newer way was used, and that has a name for more."""

    def known() -> Any:
        try:
            return get()
        except RuntimeError:
            return None

    return known


def _if_known(put: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda value: None if value is None else put(value)


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


class TorchThreads:
    """How many threads torch's operations use: each thread of Python has a number of its own, but a new one starts with
    the number that was set last in any of them."""

    def capture(self) -> int:
        """The number of the calling thread."""
        return torch.get_num_threads()

    def restore(self, state: int) -> None:
        """Sets it, even where it seems to be so already."""
        torch.set_num_threads(state)
