"""Permutations: each number once, unrelated for neighbouring seeds, apart from global random state."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from simplicity_sweep.data.permutation import permutation


def test_every_number_comes_once():
    assert sorted(permutation(100, seed=5, stream=(0, 3)).tolist()) == list(range(100))


def test_the_same_numbers_give_the_same_permutation():
    assert torch.equal(permutation(100, 5, (0, 3)), permutation(100, 5, (0, 3)))


def test_neighbouring_seeds_and_epochs_agree_in_about_one_place():
    # Two random permutations agree in 1 place on average, whatever their length, with variance 1: in 99 ± 10
    # places over all of these pairs. The permutations are fixed, and so is the outcome.
    orders = [permutation(1000, seed, (0, epoch)) for seed in range(10) for epoch in range(10)]
    agreeing = sum(int((first == second).sum()) for first, second in pairwise(orders))
    assert 60 < agreeing < 140


def test_a_large_seed_is_not_taken_for_a_small_seed_with_another_stream():
    # SeedSequence splits numbers into words of 32 bits: [2**32, 0] and [0, 1] would else begin alike.
    assert not torch.equal(permutation(50, 2**32, (0,)), permutation(50, 0, (1,)))
    assert not torch.equal(permutation(50, 7, ()), permutation(50, 7, (0,)))
    assert sorted(permutation(50, 2**63 - 1, (0,)).tolist()) == list(range(50))


def test_global_random_state_is_neither_read_nor_moved():
    first = permutation(50, 1, (0,))
    torch.manual_seed(123)
    np.random.seed(123)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert torch.equal(permutation(50, 1, (0,)), first)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_nothing_and_one_can_be_permuted():
    assert permutation(0, 0, ()).tolist() == []
    assert permutation(1, 0, ()).tolist() == [0]
