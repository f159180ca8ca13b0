"""Permutations that depend on nothing but the numbers they are asked with."""

import numpy as np
import torch
from torch import Tensor


def permutation(n: int, seed: int, stream: tuple[int, ...]) -> Tensor:
    """The permutation of 0 … n - 1 of one seed and stream: int64 `[n]` on the CPU.

    The seed and the stream go through NumPy's `SeedSequence`, which mixes them so that neighbouring seeds
    give unrelated permutations; the stream is its spawn key, so that no seed of one stream meets a seed of
    another. The global random generators are neither read nor moved. Reproducible for one NumPy version;
    NumPy may change how it shuffles in a later one (its NEP 19), though it rarely does.

    Example:
        >>> sorted(permutation(4, seed=0, stream=(1,)).tolist())
        [0, 1, 2, 3]
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream)))
    return torch.from_numpy(generator.permutation(n))
