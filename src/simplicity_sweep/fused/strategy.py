"""How Lightning's Trainer hands its optimiser steps to the engine."""

from __future__ import annotations

import logging
from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies import SingleDeviceStrategy

from simplicity_sweep.checkpoints import WholeCheckpoints
from simplicity_sweep.data import Batches
from simplicity_sweep.fused.chunks import Chunk, Chunks, advance_global_generator
from simplicity_sweep.fused.engine import Engine, Steps
from simplicity_sweep.fused.every_step import why_every_step
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.rendezvous import in_meeting, meet
from simplicity_sweep.fused.replay import fast_forward, log_steps

log = logging.getLogger(__name__)

CHUNK = 128
"""Optimiser steps between two returns to Lightning: few enough that a progress bar moves and Ctrl-C is heard, so many
that what Lightning costs (1.6 ms) is lost among them."""


class FusedStrategy(SingleDeviceStrategy):
    """A single device whose training steps are done by the engine, many at a time.

    The module stays an ordinary LightningModule; callbacks, loggers, checkpoints, `global_step` and validation are
    Lightning's own. Whatever asks to see every single step (a hook of a callback or of the module, gradient clipping,
    accumulation, another precision …), and whatever no stacked program can hold, gets Lightning's ordinary loop
    instead, and `reason` says why. That is decided anew whenever steps are to be made, mostly once an epoch: a module
    may change while it is trained.

    Attributes:
        reason: why some of this fit's steps were not part of a stacked program; None if all were, or before a fit.
    """

    strategy_name = "fused"

    def __init__(self, device: torch.device) -> None:
        super().__init__(device=device, checkpoint_io=WholeCheckpoints())
        self.cluster_environment = LightningEnvironment()  # one process, in a Slurm job too: Lightning need not ask
        self.reason: str | None = None
        self._engine = Engine()
        self._handed_out = False

    def process_dataloader(self, dataloader: object) -> object:
        """The training batches in chunks; any other loader as it is."""
        if not isinstance(dataloader, Batches):
            return dataloader
        size = len(dataloader) if in_meeting() else CHUNK
        return Chunks(dataloader, size, self._take, self._report, self.root_device)

    def on_train_start(self) -> None:
        """A new fit; its loader is known."""
        assert self.lightning_module is not None
        self.reason = None
        if not isinstance(self.lightning_module.trainer.train_dataloader, Chunks):
            self._report("the training loader is not one of Batches")

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Logs what a chunk's steps logged; an ordinary batch goes Lightning's ordinary way."""
        if not isinstance(args[0], Chunk):
            return super().training_step(*args, **kwargs)
        module = self.lightning_module
        assert module is not None
        module.automatic_optimization, self._handed_out = True, False
        log_steps(module, args[0].log)
        return None

    def teardown(self) -> None:
        """Lets go of the stacks, and of a module whose chunk was never come for."""
        if self._handed_out and self.lightning_module is not None:
            self.lightning_module.automatic_optimization = True
        self._engine = Engine()
        super().teardown()

    def _take(self, work: Work) -> StepLog | None:
        """Does the steps of the next chunk, or says why not and leaves them to Lightning."""
        module = self.lightning_module
        assert module is not None
        reason = why_every_step(module.trainer, module)
        if reason is None:
            request = Steps(Member(module, self.optimizers[0]), work)
            reason = request.verdict.reason
        if reason is None:
            steps = meet(request, self._engine)
            reason = steps.alone
        if reason is not None:
            self._report(reason)
            return None
        assert work.rng is not None
        advance_global_generator(work.rng)
        fast_forward(module.trainer, len(steps.sizes))
        # Lightning's loop would make a step with what it is handed now; given back when it hands that to us.
        module.automatic_optimization, self._handed_out = False, True
        return steps

    def _report(self, reason: str) -> None:
        if reason != self.reason:
            log.info("Lightning's ordinary training loop is used: %s.", reason)
        self.reason = reason
