"""The shelf: one load per key, the least used goes first, threads wait, changed tensors are noticed."""

from __future__ import annotations

import threading

import pytest
import torch

from simplicity_sweep.data import DataError, Split
from simplicity_sweep.data.sharing import Parts, Shelf


def parts() -> Parts:
    split = Split(torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))
    return Parts(split, split, split, outputs=1)


def never() -> Parts:
    raise AssertionError("loaded again")


def test_what_is_held_is_not_loaded_again():
    shelf = Shelf(capacity=1)
    assert shelf.get("a", parts) is shelf.get("a", never)


def test_beyond_the_capacity_the_one_not_used_for_longest_goes():
    shelf = Shelf(capacity=2)
    first, second = shelf.get("a", parts), shelf.get("b", parts)
    assert shelf.get("a", never) is first  # so that "b" is now the one not used for longest
    shelf.get("c", parts)
    assert shelf.get("a", never) is first
    assert shelf.get("b", parts) is not second


def test_threads_that_come_at_once_share_one_load():
    shelf, begun, loads, got = Shelf(capacity=1), threading.Barrier(4), [], []

    def load() -> Parts:
        loads.append(threading.get_ident())
        return parts()

    def job() -> None:
        begun.wait(timeout=10)
        got.append(shelf.get("a", load))

    threads = [threading.Thread(target=job) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(loads) == 1
    assert len(got) == 4
    assert all(held is got[0] for held in got)


def test_loading_one_data_set_may_begin_with_loading_another():
    shelf = Shelf(capacity=2)
    inner = shelf.get("outer", lambda: shelf.get("inner", parts))
    assert shelf.get("inner", never) is inner


def test_a_load_that_fails_leaves_nothing_behind():
    shelf = Shelf(capacity=1)
    with pytest.raises(AssertionError, match="loaded again"):
        shelf.get("a", never)
    assert shelf.get("a", parts) is shelf.get("a", never)


def test_the_fingerprint_tells_tensors_their_shapes_and_parts_apart():
    split = Split(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 1]))
    same = Split(split.inputs.clone(), split.labels.clone())
    others = [
        Split(split.inputs + 1, split.labels),
        Split(split.inputs, split.labels.flip(0)),
        Split(split.inputs[:, :, None], split.labels),
    ]
    prints = [Parts(split, split, other, outputs=2).fingerprint for other in (split, same, *others)]
    prints.append(Parts(others[0], split, split, outputs=2).fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 5
    assert len(prints[0]) == 12


@pytest.mark.parametrize("change", [lambda inputs: inputs.add_(1), lambda inputs: inputs[:1].zero_()])
def test_tensors_changed_in_place_are_not_handed_on(change):
    shelf = Shelf(capacity=1)
    change(shelf.get("a", parts).test.inputs)
    with pytest.raises(DataError, match="changed in place"):
        shelf.get("a", parts)
