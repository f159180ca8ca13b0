"""Lightning's logger."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from simplicity_sweep.logger import RunLogger
from simplicity_sweep.recording import recording
from simplicity_sweep.tracking import Run
from tests.stores import curve, stored


def test_curves_have_a_point_for_each_epoch_however_many_are_written_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[list[tuple[str, int]]] = []
    real = run.store.client.log_batch

    def counted(run_id: str, metrics: list[object] = (), **rest: object) -> None:  # type: ignore[assignment]
        writes.append([(metric.key, metric.step) for metric in metrics])  # type: ignore[attr-defined]
        real(run_id, metrics=metrics, **rest)

    monkeypatch.setattr(run.store.client, "log_batch", counted)
    logger = RunLogger(run)
    for epoch in (0, 1):  # as Lightning does it: validation first, `step` counting batches
        logger.log_metrics({"val/loss": 0.5, "epoch": epoch}, step=937)
        logger.log_metrics({"train/loss": 0.25, "epoch": epoch}, step=938)
    logger.finalize("success")
    run.end("FINISHED")
    assert writes == [[("val/loss", 0), ("train/loss", 0), ("val/loss", 1), ("train/loss", 1)]]
    assert curve(run, "val/loss") == [(0, 0.5), (1, 0.5)]


def test_what_comes_with_test_figures_is_final_and_stands_at_step_zero(run: Run) -> None:
    logger = RunLogger(run)
    logger.log_metrics({"val/loss": 1.0, "train/loss": 1.5, "epoch": 3}, step=9)
    logger.log_metrics({"test/accuracy": 0.5, "null/lz76_path/shuffled": 4.0, "train/flip_rate": 0.1, "epoch": 4}, 9)
    run.end("FINISHED")
    assert curve(run, "test/accuracy") == [(0, 0.5)]
    assert curve(run, "null/lz76_path/shuffled") == [(0, 4.0)]
    assert curve(run, "train/flip_rate") == [(0, 0.1)]
    assert curve(run, "val/loss") == [(3, 1.0)]
    assert curve(run, "train/loss") == [(3, 1.5)]


def test_without_an_epoch_the_step_given_counts(run: Run) -> None:
    logger = RunLogger(run)
    logger.log_metrics({"val/loss": 1.0}, step=7)
    logger.log_metrics({"val/other": 1.0})
    run.end("FINISHED")
    assert curve(run, "val/loss") == [(7, 1.0)]
    assert curve(run, "val/other") == [(0, 1.0)]


class Tiny(pl.LightningModule):
    """y = w·x from w = 0, trained on x = 1 towards 0: it stays 0, so every loss is known to be 0."""

    def __init__(self, stop: BaseException | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(self.layer.weight)
        self.stop = stop

    def _loss(self, name: str, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log(name, loss, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self._loss("train/loss", batch)

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        self._loss("val/loss", batch)
        if self.stop is not None and self.current_epoch == 1:
            raise self.stop

    def test_step(self, batch: list[torch.Tensor]) -> None:
        self._loss("test/loss", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def trainer(run: Run) -> Iterator[tuple[pl.Trainer, DataLoader[tuple[torch.Tensor, ...]]]]:
    handler = signal.getsignal(signal.SIGINT)  # after a Ctrl-C Lightning leaves it ignored
    options = {"enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
    yield (
        pl.Trainer(max_epochs=2, logger=RunLogger(run), accelerator="cpu", num_sanity_val_steps=0, **options),
        DataLoader(TensorDataset(torch.ones(4, 1)), batch_size=2),
    )
    signal.signal(signal.SIGINT, handler)


# Lightning advises more workers for loading data, and more batches for its logging interval.
@pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning")
class TestWithLightning:
    def test_curves_are_by_epoch_and_the_run_outlives_fit_and_test(self, run: Run, trainer) -> None:  # type: ignore[no-untyped-def]
        lightning, loader = trainer
        model = Tiny()
        lightning.fit(model, loader, loader)
        assert stored(run).info.status == "RUNNING"
        lightning.test(model, loader, verbose=False)
        assert stored(run).info.status == "RUNNING"
        run.end("FINISHED")
        assert curve(run, "train/loss") == curve(run, "val/loss") == [(0, 0.0), (1, 0.0)]
        assert curve(run, "test/loss") == [(0, 0.0)]
        assert set(stored(run).data.metrics) == {"train/loss", "val/loss", "test/loss"}
        assert stored(run).data.params == {}

    def test_ctrl_c_inside_fit_kills_the_run_and_keeps_the_epochs_before(self, run: Run, trainer) -> None:  # type: ignore[no-untyped-def]
        lightning, loader = trainer
        with pytest.raises(SystemExit), recording(run):
            lightning.fit(Tiny(KeyboardInterrupt()), loader, loader)
        assert stored(run).info.status == "KILLED"
        assert curve(run, "val/loss") == [(0, 0.0)]
        assert curve(run, "train/loss") == [(0, 0.0)]
