"""Measure a network that exists already.

python -m simplicity_sweep.measure CHECKPOINT [overrides]
python -m simplicity_sweep.measure module:function data=mnist [overrides]
python -m simplicity_sweep.measure module:function --npz my_data.npz [overrides]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

_ABOUT = """\
Measure a network that exists already, as a run's network is measured after its training, and print the figures. The
network is evaluated in eval mode. What is undefined is NaN, and the reason stands below the table.
"""
_MORE = """\
subject:
  CHECKPOINT       of a run: its MLflow tags checkpoint.last and checkpoint.best say where they are. The network is
                   measured as its run was: on the same data set, with the same seed and measurements, where the
                   overrides say nothing else. No code is taken from the file, and what it names is called only where
                   it is torch's, ours, or of a package that you --trust. A network that answers with numbers or
                   sets of labels is measured in the task of its run, with that task's figures.
  module:function  is called without arguments and returns a torch.nn.Module that maps [B, d...] to logits
                   [B, classes]; a class or a module itself will do. A single logit z is measured as the two logits
                   0 and z. The module is looked for in the working folder first. Inputs come in the dtype of the
                   network's parameters.

overrides, as of train.py:
  data=digits|mnist|fashion_mnist|kmnist   measure=default|full|none   measure.probe.test.sigma=0.2
  measure.points=[train,midpoint,noise]    seed=1                      trainer=auto|cpu|gpu
  tracking.uri=sqlite:////path/mlflow.db   tracking.experiment=mine

an .npz file holds:
  inputs  floating-point numbers of shape [n, d...], n >= 2, scaled as the network takes them
  labels  if known: the class of each input, from 0, of shape [n]
  train_inputs and train_labels   for measure.points=[train]; measure=full measures there, too, unless told
                                  otherwise: measure.points=[midpoint,noise]

examples:
  python -m simplicity_sweep.measure outputs/2026-01-31/12-00-00-abcd/checkpoints/last.ckpt measure=full
  python -m simplicity_sweep.measure my_nets:trained_cnn --npz my_data.npz --json > figures.json
  python -m simplicity_sweep.measure my_nets:trained_cnn data=mnist measure.points=[train] --log

The exit status is 0 where the network was measured, 1 where it can't be, 2 for a command line that can't be read.
"""


def main(arguments: Sequence[str]) -> None:
    """Measures, prints, and records where that is asked for."""
    options = _parser().parse_intermixed_args(arguments)
    try:
        _run(options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)


def _run(options: argparse.Namespace) -> None:
    # Only now: torch and Lightning take seconds to import, and `--help` needs neither.
    from simplicity_sweep.measure.command import REFUSALS, measure

    try:
        # What the user's own code prints must not get into the JSON.
        with redirect_stdout(sys.stderr):
            measured = measure(options.subject, options.overrides, options.npz, trust=options.trust, log=options.log)
        measured.show(as_json=options.json)
        if options.log:
            print(measured.record(), file=sys.stderr)
    except REFUSALS as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m simplicity_sweep.measure",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subject", help="what to measure: CHECKPOINT or module:function")
    parser.add_argument("overrides", nargs="*", help="how: see below")
    parser.add_argument("--npz", type=Path, metavar="FILE", help="measure on the arrays in FILE: see below")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="let the configuration, a checkpoint's too, name code of this package; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else, to standard output")
    parser.add_argument("--log", action="store_true", help="record the figures as an MLflow run, too")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
