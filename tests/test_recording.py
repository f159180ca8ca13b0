"""How a run ends as its work ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from simplicity_sweep.recording import recording
from simplicity_sweep.tracking import Run
from tests.stores import curve, stored


def test_a_block_that_ends_well_finishes_its_run(run: Run) -> None:
    with recording(run) as given:
        given.hold_metrics({"val/loss": 0.5}, step=3)
    assert given is run
    assert stored(run).info.status == "FINISHED"
    assert stored(run).info.end_time is not None
    assert curve(run, "val/loss") == [(3, 0.5)]


def test_an_exception_fails_its_run_keeps_its_traceback_and_loses_no_metric(run: Run) -> None:
    with pytest.raises(ValueError, match="loss is"), recording(run):  # noqa: PT012
        run.hold_metrics({"val/loss": 0.5}, step=3)
        raise ValueError("loss is\nnan " + "x" * 300)
    kept = stored(run)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["failure"].startswith("ValueError: loss is nan xxx")
    assert len(kept.data.tags["failure"]) == 250
    text = Path(kept.info.artifact_uri.removeprefix("file://"), "traceback.txt").read_text()
    assert 'raise ValueError("loss is' in text
    assert curve(run, "val/loss") == [(3, 0.5)]


def ask_for_too_much() -> None:
    torch.empty(2**46)


def ask_a_gpu_for_too_much() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. " + "x" * 300)


@pytest.mark.parametrize("ask", [ask_for_too_much, ask_a_gpu_for_too_much])
def test_a_run_out_of_memory_fails_with_advice(run: Run, ask: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError), recording(run):
        ask()
    kept = stored(run)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["failure"].endswith("try a smaller data.batch_size, depth.width or hydra.launcher.max_group")
    assert len(kept.data.tags["failure"]) <= 250


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_being_stopped_kills_the_run(run: Run, stop: BaseException) -> None:
    with pytest.raises(type(stop)), recording(run):
        raise stop
    assert stored(run).info.status == "KILLED"


def test_a_run_whose_metrics_are_lost_has_not_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    with pytest.raises(OSError, match="disk full"), recording(run):
        run.hold_metrics({"val/loss": 0.5}, step=3)
    assert stored(run).info.status == "FAILED"


def test_a_store_that_fails_does_not_hide_what_went_wrong_before(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    with pytest.raises(ZeroDivisionError), recording(run):
        _ = 1 / 0
    assert "disk full" in caplog.text
    assert stored(run).info.status == "FAILED"
