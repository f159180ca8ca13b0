"""The fault bench, in short: `make faults` injects two hundred faults of eleven kinds."""

from __future__ import annotations

from bench.faults import run
from bench.tally import Tally

ANY = ("kill", "terminate", "interrupt", "torn store", "lost files")


def test_a_sweep_loses_nothing_and_tells_nothing_wrong_whatever_ends_it(tmp_path):
    tally = Tally()
    run(3, 0, tmp_path, tally, cases={("fused", False): ANY}, sweeps_at_once=2)
    assert tally.injected.total() == 3
    assert tally.at_once == 2
    assert dict(tally.wrong) == {}
