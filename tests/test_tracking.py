"""Runs: what they are given, held and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simplicity_sweep import tracking
from simplicity_sweep.tracking import Run, Store
from tests.stores import curve, stored


def test_a_run_keeps_what_it_is_given(store: Store, tmp_path: Path) -> None:
    parent = Run.start(store, name="parent", params={}, tags={})
    run = Run.start(store, name="child", params={"seed": 0, "a": None}, tags={"job": "0"}, parent=parent.id)
    run.log_texts({"config.yaml": "seed: 0\n"})
    (tmp_path / "plot.svg").write_text("<svg/>")
    run.log_file(tmp_path / "plot.svg", "figures")
    kept = stored(run)
    assert kept.info.run_name == "child"
    assert kept.info.status == "RUNNING"
    assert kept.data.params == {"seed": "0", "a": "None"}
    assert kept.data.tags["job"] == "0"
    assert [child.info.run_id for child in store.children(parent.id)] == [run.id]
    folder = Path(kept.info.artifact_uri.removeprefix("file://"))
    assert (folder / "config.yaml").read_text() == "seed: 0\n"
    assert (folder / "figures" / "plot.svg").read_text() == "<svg/>"


def test_nan_is_a_value_and_infinity_the_largest_float(run: Run) -> None:
    run.log_metrics({"val/nan": float("nan"), "val/inf": float("inf"), "val/one": 1.0}, step=2)
    kept = stored(run).data.metrics
    assert np.isnan(kept["val/nan"])
    assert kept["val/inf"] == np.finfo(np.float64).max
    assert curve(run, "val/one") == [(2, 1.0)]


def test_batches_beyond_mlflows_limits_are_split(store: Store) -> None:
    run = Run.start(
        store,
        name="large",
        params={f"p{number}": "x" for number in range(101)} | {"long": "x" * 6001},
        tags={f"t{number}": "x" for number in range(101)} | {"long": "x" * 8001},
    )
    run.log_metrics({f"m{number}": 0.0 for number in range(1001)}, step=0)
    kept = stored(run).data
    assert len(kept.params) == 102
    assert len(kept.metrics) == 1001
    assert {f"t{number}" for number in range(101)} <= set(kept.tags)
    assert (len(kept.params["long"]), kept.params["long"][-1]) == (6000, "…")
    assert (len(kept.tags["long"]), kept.tags["long"][-1]) == (8000, "…")


def test_a_failed_write_ends_a_long_run_at_its_next_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    run.hold_metrics({"val/loss": 0.5}, step=3)
    run.flush()
    wait_for_writes = tracking._writer().submit(int)
    wait_for_writes.result()
    run.hold_metrics({"val/loss": 0.4}, step=4)
    with pytest.raises(OSError, match="disk full"):
        run.flush()


def test_what_is_held_is_written_in_time_and_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_HELD_SECONDS", 0.0)
    for step in range(3):
        run.hold_metrics({"val/loss": float(step)}, step)
    run.set_tags({"fused": "yes"})
    assert curve(run, "val/loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert stored(run).data.tags["fused"] == "yes"
