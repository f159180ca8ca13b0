"""Lempel–Ziv complexities: published and hand-made vectors, and the definition by brute force."""

from __future__ import annotations

import itertools
import math
import random
import zlib

import numpy as np
import pytest
import torch

from simplicity_sweep.functional import deflate, lempel_ziv, lz76, lz76_batch, lz78, lz_dcl
from simplicity_sweep.functional.lempel_ziv import lz76_rate, lz76_relative
from tests.functional.oracles import lz76_by_definition, lz78_by_definition, lz_dcl_by_definition


def fibonacci(n: int) -> str:
    before, word = "1", "0"
    while len(word) < n:
        before, word = word, word + before
    return word[:n]


SEVEN_BITS = list(itertools.product((0, 1), repeat=7))  # counted up, most significant bit first
PARITY = "".join(str(sum(bits) % 2) for bits in SEVEN_BITS)
MAJORITY = "".join(str(int(sum(bits) > 3)) for bits in SEVEN_BITS)
FIRST = "".join(str(bits[0]) for bits in SEVEN_BITS)

# string, lz76, lz78 with its tail, lz_dcl, zlib at level 9: from the literature (Kaspar and Schuster 1987) and by brute
# force.
VECTORS = [
    ("", 0, 0, 0, 8),
    ("0", 1, 1, 0, 9),
    ("00", 2, 2, 1, 10),
    ("01", 2, 2, 2, 10),
    ("0" * 16, 2, 6, 4, 11),
    ("0" * 128, 2, 16, 7, 12),
    ("0" * 15 + "1", 2, 6, 10, 11),
    ("01" * 8, 3, 7, 12, 12),
    ("001" * 10, 3, 11, 17.174, 13),
    ("0001101001000101", 6, 7, 24, 20),
    ("1001111011000010", 6, 8, 26, 19),
    ("1001111011000010000010", 7, 10, 31.216, 21),
    (fibonacci(128), 10, 29, 63, 26),
    (PARITY, 13, 32, 91, 32),
    (MAJORITY, 10, 33, 70, 31),
    (FIRST, 3, 22, 21, 14),
    ("0123456789" * 10, 11, 40, 73.082, 21),
    ("abracadabra", 6, 7, 20.757, 17),
    ("banana", 4, 5, 9.047, 12),
]


@pytest.fixture(params=["compiled", "portable"])
def path(request, monkeypatch) -> str:
    """Both ways of counting: with numba, and as where it is missing."""
    if request.param == "portable":
        monkeypatch.setattr(lempel_ziv, "_kernel", lambda name: None)
    else:
        pytest.importorskip("numba")
    return request.param


@pytest.mark.parametrize(("string", "c76", "c78", "dcl", "compressed"), VECTORS)
def test_the_reference_vectors(path, string, c76, c78, dcl, compressed):
    assert lz76(string) == c76
    assert lz78(string) == c78
    assert lz_dcl(string) == pytest.approx(dcl, abs=5e-4)


@pytest.mark.parametrize(("string", "compressed"), [(vector[0], vector[4]) for vector in VECTORS])
def test_deflate_is_the_length_of_the_zlib_stream_at_level_9(string, compressed):
    # The table's bytes are those of zlib 1.2 and 1.3; another build may pack a string a byte or two shorter or longer.
    assert deflate(string.encode()) == len(zlib.compress(string.encode(), 9))
    assert abs(deflate(string.encode()) - compressed) <= 2


def test_ten_thousand_zero_bytes_deflate_to_33():
    assert deflate(bytes(10_000)) == 33
    assert deflate(torch.zeros(10_000, dtype=torch.uint8)) == 33


def test_every_short_binary_string_is_as_defined(path):
    for n in range(11):
        for bits in itertools.product((0, 1), repeat=n):
            assert lz76(bits) == lz76_by_definition(bits), bits


def test_every_short_ternary_string_is_as_defined(path):
    rows = [np.array(list(itertools.product((0, 1, 2), repeat=n))) for n in range(1, 7)]
    for group in rows:
        assert lz76_batch(group).tolist() == [lz76_by_definition(row) for row in group.tolist()]


def test_every_short_binary_string_has_its_phrases_and_bits():
    for n in range(9):
        for bits in itertools.product((0, 1), repeat=n):
            assert lz78(bits) == lz78_by_definition(bits), bits
            assert lz_dcl(bits) == pytest.approx(lz_dcl_by_definition(bits)), bits


def drawn(seed: int) -> list[int]:
    """A string of one of four kinds: random, biased, periodic, periodic with three errors."""
    draw = random.Random(seed)
    n, alphabet = draw.randint(1, 260), draw.choice((2, 2, 3, 10, 40))
    if seed % 4 < 2:
        weights = [1.0] * alphabet if seed % 4 == 0 else [draw.random() ** 4 + 1e-9 for _ in range(alphabet)]
        return draw.choices(range(alphabet), weights, k=n)
    word = [draw.randrange(alphabet) for _ in range(draw.randint(1, 40))]
    string = list(itertools.islice(itertools.cycle(word), n))
    for _ in range(3 * (seed % 4 == 3)):
        string[draw.randrange(n)] = draw.randrange(alphabet)
    return string


@pytest.mark.parametrize("seed", range(60))
def test_long_strings_of_every_kind_are_as_defined(path, seed):
    string = drawn(seed)
    assert lz76(string) == lz76_by_definition(string)


@pytest.mark.parametrize("n", [1, 2, 31, 63, 64, 65, 127, 128, 129, 200])
@pytest.mark.parametrize("alphabet", [2, 3, 10, 300])
def test_a_batch_counts_what_single_strings_count(path, n, alphabet):
    generator = np.random.default_rng(n)
    rows = generator.integers(0, alphabet, (40, n))
    rows[::4] = rows[::4, :1]  # constant
    rows[1::4] = rows[1::4, np.arange(n) % min(n, 3)]  # periodic
    assert lz76_batch(rows).tolist() == [lz76(row) for row in rows]


@pytest.mark.parametrize("kind", ["random", "sparse", "periodic", "constant"])
def test_both_paths_agree_on_very_long_strings(monkeypatch, kind):
    pytest.importorskip("numba")
    n, generator = 30_000, np.random.default_rng(5)
    string = {
        "random": generator.integers(0, 2, n),
        "sparse": (generator.random(n) < 0.01).astype(np.int64),
        "periodic": np.tile([0, 0, 1, 0, 1, 1, 1], n // 7 + 1)[:n],
        "constant": np.zeros(n, np.int64),
    }[kind]
    compiled = lz76(string)
    monkeypatch.setattr(lempel_ziv, "_kernel", lambda name: None)
    assert lz76(string) == compiled
    assert {"periodic": compiled <= 12, "constant": compiled == 2}.get(kind, compiled > 100)


SYMBOLS = [3, 200, 3, 7, 200, 200, 0, 7, 3, 3]


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        bytes,
        lambda s: "".join(chr(65 + x) for x in s),
        lambda s: [str(x) for x in s],
        lambda s: np.array(s, np.uint8),
        lambda s: np.array(s, np.uint64),
        lambda s: np.array(s, np.int16) - 100,
        lambda s: torch.tensor(s, dtype=torch.uint8),
        lambda s: torch.tensor(s, dtype=torch.int32),
    ],
)
def test_the_form_of_the_symbols_does_not_matter(path, form):
    assert lz76(form(SYMBOLS)) == lz76_by_definition(SYMBOLS)


def test_truth_values_are_symbols(path):
    assert lz76([True, False, True, True]) == lz76("1011")
    assert lz76_batch(torch.tensor([[True, False, True, True]])).tolist() == [lz76("1011")]


@pytest.mark.parametrize("seed", range(20))
def test_renaming_the_symbols_changes_nothing(seed):
    string = drawn(seed)
    names = list(range(1000, 1000 + len(set(string))))
    random.Random(seed).shuffle(names)
    renamed = [dict(zip(sorted(set(string)), names, strict=True))[symbol] for symbol in string]
    assert lz76(renamed) == lz76(string)


@pytest.mark.parametrize("seed", range(20))
def test_a_longer_string_is_never_simpler(seed):
    string = drawn(seed)
    counts = [lz76(string[:n]) for n in range(len(string) + 1)]
    assert counts == sorted(counts)


def test_the_rate_of_random_strings_is_biased_upwards_as_known():
    generator = np.random.default_rng(0)
    for n, expected in ((128, 1.16), (1000, 1.06), (10_000, 1.03)):
        rates = [lz76_rate(generator.integers(0, 2, n), 2) for _ in range(40)]
        assert np.mean(rates) == pytest.approx(expected, abs=0.02)


def test_the_rate_of_a_single_symbol_is_undefined():
    assert math.isnan(lz76_rate("0", 2))


def test_relative_to_its_shuffles_a_constant_has_one_and_a_period_less():
    generator = torch.Generator().manual_seed(0)
    assert lz76_relative("0" * 50, 5, generator).value == 1
    assert lz76_relative("01" * 50, 20, generator).value < 0.3


@pytest.mark.parametrize("wrong", [[0.5, 1.0], np.zeros(3), torch.zeros(3)])
def test_numbers_that_are_no_symbols_are_refused(wrong):
    with pytest.raises(TypeError):
        lz76(wrong)


def test_a_sequence_has_one_axis_and_a_batch_two():
    with pytest.raises(ValueError, match="Expected"):
        lz76(np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="Expected"):
        lz76_batch(torch.zeros(3, dtype=torch.int64))
