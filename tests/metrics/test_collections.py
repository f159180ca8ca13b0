"""Metrics beside one another in torchmetrics' collections, and without the rest of the house."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from torchmetrics import MetricCollection

from simplicity_sweep.metrics import JacobianNorm, LempelZivComplexity, Sensitivity
from tests.metrics.cases import CASES, N, assert_agrees


def test_in_a_collection_every_metric_keeps_its_own_value():
    collection = MetricCollection({name: case.metric() for name, case in CASES.items()})
    for start, stop in [(0, 20), (20, 21), (21, N)]:
        parts = [case.part(start, stop) for case in CASES.values()]
        collection.update(**{name: tensor for part in parts for name, tensor in part.items()})
    values = collection.compute()
    for name, case in CASES.items():
        assert float(values[name]) == pytest.approx(case.expected().value, rel=1e-12), name
        assert_agrees(collection[name], case.expected())


def test_metrics_of_different_things_share_no_state_in_a_collection_even_if_they_start_alike():
    # A dead network moves by 0 and flips nothing: the states of both are equal after the first batch.
    collection = MetricCollection({"moved": Sensitivity("noise_l2"), "flipped": Sensitivity("flip_rate")})
    still = torch.zeros(3, 2)
    collection.update(outputs=still, noisy=still)
    collection.update(outputs=torch.tensor([[1.0, 0.0]]), noisy=torch.tensor([[5.0, 3.0]]))
    assert {name: float(value) for name, value in collection.compute().items()} == {"moved": 5 / 4, "flipped": 0}


def test_the_norms_of_a_dead_network_share_no_state_in_a_collection():
    collection = MetricCollection({space: JacobianNorm(space) for space in ("logits", "probabilities")})
    even = torch.full((1, 2), 0.5)
    collection.update(gram=torch.zeros(1, 2, 2), probabilities=even)
    collection.update(gram=torch.eye(2)[None], probabilities=even)
    # tr(K) = 2, and tr(S K S) = 4 · (1/4)² with S = [[1/4, −1/4], [−1/4, 1/4]]; half of the inputs are dead.
    expected = {"logits": math.sqrt(2) / 2, "probabilities": 0.5 / 2}
    assert {name: float(value) for name, value in collection.compute().items()} == pytest.approx(expected, rel=1e-12)


def test_measures_of_the_same_labels_share_them_in_a_collection():
    collection = MetricCollection({name: LempelZivComplexity(name) for name in ("lz76", "lz78", "lz_dcl")})
    collection.update(torch.tensor([0, 0, 0, 1, 1, 0, 1, 0]))
    collection.update(torch.tensor([0, 1, 0, 0, 0, 1, 0, 1]))
    assert len(collection.compute_groups) == 1
    # The sequence of Lempel and Ziv 1976: 6 components; 7 phrases; log2(16) · (6 + 6) / 2 bits.
    assert {name: float(value) for name, value in collection.compute().items()} == {"lz76": 6, "lz78": 7, "lz_dcl": 24}


def test_the_metrics_need_no_other_part_of_the_house():
    script = (
        "import sys; from simplicity_sweep.metrics import LempelZivComplexity, Sensitivity; "
        "print({'hydra', 'omegaconf', 'mlflow', 'pytorch_lightning', 'sklearn'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"
