"""The random streams of a seed."""

from __future__ import annotations

import hashlib

from simplicity_sweep.seeds import stream_seed


def test_a_stream_is_pinned_to_the_hash_of_its_name():
    expected = int(hashlib.sha256(b"7/order").hexdigest()[:16], 16) // 2
    assert stream_seed(7, "order") == expected


def test_no_two_streams_of_many_seeds_coincide():
    streams = {stream_seed(seed, name) for seed in range(500) for name in ("weights", "order", "probes")}
    assert len(streams) == 1500


def test_a_stream_fits_a_torch_generator():
    assert all(0 <= stream_seed(seed, "weights") < 2**63 for seed in range(500))
