"""The engine on other shapes: depths 1 to 8, batch 256, a small CNN; 16 runs at once against a bare loop.

python bench/shapes.py [rounds]
"""

from __future__ import annotations

import sys
from functools import partial

import torch
from ways import Way, bare, convolutional, engine, interleaved, machine, perceptron, show

MANY = 16


def main(rounds: int) -> None:
    threads = torch.get_num_threads()
    shapes = {
        **{f"{depth} × 128, batch 64": (partial(perceptron, *[128] * depth), 64, 100) for depth in (1, 2, 4, 8)},
        **{f"{depth} × 128, batch 256": (partial(perceptron, *[128] * depth), 256, 50) for depth in (2, 6)},
        "CNN 8-16, batch 64": (convolutional, 64, 8),
    }
    for shape, (network, batch, steps) in shapes.items():
        together = f"this project, {MANY} runs"
        ways: dict[str, Way] = {
            f"bare torch loop, {threads} threads": bare(network, batch, threads, steps),
            "this project, 1 run": engine(network, batch, 1, steps),
            together: engine(network, batch, MANY, steps),
        }
        show(shape, interleaved(ways, rounds), together)
    print(f"{machine()}, n = {rounds}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
