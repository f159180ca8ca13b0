"""A job that sets something for its process leaves its neighbours alone."""

from __future__ import annotations

import contextlib
import gc
import io
import locale
import logging
import os
import random
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from simplicity_sweep.fused.ambient import process_ambients
from simplicity_sweep.fused.rendezvous import Meeting, meet

QUIET = logging.getLogger("tests.fused.quiet")


def umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def go_to_tokyo():
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def attribute(owner, name, value):
    """How an attribute is read, and set to `value`."""
    return lambda: getattr(owner, name), lambda: setattr(owner, name, value)


# What is set: how it is read, and how a job sets it to something unusual.
SETTINGS = {
    "matmul precision": (torch.get_float32_matmul_precision, lambda: torch.set_float32_matmul_precision("medium")),
    "fp32 precision": attribute(torch.backends, "fp32_precision", "ieee"),
    "matmul fp32": attribute(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
    "conv fp32": attribute(torch.backends.cudnn.conv, "fp32_precision", "ieee"),
    "allow tf32 in matmul": attribute(torch.backends.cuda.matmul, "allow_tf32", True),
    "allow tf32 in cudnn": attribute(torch.backends.cudnn, "allow_tf32", False),
    "reduced fp16": attribute(torch.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", False),
    "cudnn": attribute(torch.backends.cudnn, "enabled", False),
    "cudnn.benchmark": attribute(torch.backends.cudnn, "benchmark", True),
    "cudnn.deterministic": attribute(torch.backends.cudnn, "deterministic", True),
    "mkldnn": attribute(torch.backends.mkldnn, "enabled", False),
    "flash attention": (torch.backends.cuda.flash_sdp_enabled, lambda: torch.backends.cuda.enable_flash_sdp(False)),
    "deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        lambda: torch.use_deterministic_algorithms(True),
    ),
    "anomaly": (torch.is_anomaly_enabled, lambda: torch.autograd.set_detect_anomaly(True, check_nan=False)),
    "default dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "default device": (torch.get_default_device, lambda: torch.set_default_device("meta")),
    "grad mode": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "torch threads": (torch.get_num_threads, lambda: torch.set_num_threads(7)),
    "numpy errors": (np.geterr, lambda: np.seterr(all="raise")),
    "level of a logger": (QUIET.getEffectiveLevel, lambda: QUIET.setLevel(logging.CRITICAL)),
    "level of the root logger": (logging.root.getEffectiveLevel, lambda: logging.root.setLevel(logging.CRITICAL)),
    "handlers of a logger": (lambda: list(QUIET.handlers), lambda: QUIET.addHandler(logging.NullHandler())),
    "propagation of a logger": attribute(QUIET, "propagate", False),
    "logging": (lambda: QUIET.isEnabledFor(logging.ERROR), lambda: logging.disable(logging.CRITICAL)),
    "captured warnings": (lambda: warnings.showwarning, lambda: logging.captureWarnings(True)),
    "warnings filters": (lambda: list(warnings.filters), lambda: warnings.simplefilter("ignore")),
    "sys.path": (lambda: list(sys.path), lambda: sys.path.insert(0, "/nowhere")),
    "sys.argv": (lambda: list(sys.argv), lambda: sys.argv.append("--more")),
    "standard output": attribute(sys, "stdout", io.StringIO()),
    "excepthook": attribute(sys, "excepthook", print),
    "recursion limit": (sys.getrecursionlimit, lambda: sys.setrecursionlimit(4321)),
    "collection": (gc.isenabled, gc.disable),
    "umask": (umask, lambda: os.umask(0o077)),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda: locale.setlocale(locale.LC_ALL, "C")),
    "time zone": (lambda: time.tzname, go_to_tokyo),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_job_that_sets_something_keeps_it_and_leaves_its_neighbours(name):
    read, put = SETTINGS[name]

    def neighbour():
        values = [read()]
        for _ in range(2):
            meet(0, list)
            values.append(read())
        return values

    def setter():
        meet(0, list)
        put()
        values = [read()]
        meet(0, list)
        return [*values, read()]

    before = read()
    outcomes = Meeting({}, process_ambients()).run([neighbour, setter, neighbour])
    last = Meeting({}, process_ambients()).run([read])  # a job that starts when another has set it and ended
    assert read() == before
    assert outcomes[0] == outcomes[2] == [before] * 3
    assert last == [before]
    assert outcomes[1][0] == outcomes[1][1] != before


def test_a_neighbour_that_waits_within_its_own_filters_gets_them_back():
    def suppresses(action):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            meet(0, list)
            return warnings.filters[0][0]

    before = list(warnings.filters)
    outcomes = Meeting({}, process_ambients()).run([lambda a=a: suppresses(a) for a in ("ignore", "error", "always")])
    assert outcomes == ["ignore", "error", "always"]
    assert warnings.filters == before


def test_a_job_is_answered_with_the_precision_that_it_set():
    def desk(requests):
        return [(torch.get_float32_matmul_precision(), len(requests))] * len(requests)

    def job(precision):
        torch.set_float32_matmul_precision(precision)
        return meet(0, desk)

    outcomes = Meeting({}, process_ambients()).run([lambda p=p: job(p) for p in ("high", "highest", "high")])
    assert outcomes == [("high", 2), ("highest", 1), ("high", 2)]
    assert torch.get_float32_matmul_precision() == "highest"


def test_what_is_printed_within_a_redirection_stays_there():
    def prints(text):
        target = io.StringIO()
        with contextlib.redirect_stdout(target):
            print(text)
            meet(0, list)
            print(text)
        return target.getvalue()

    assert Meeting({}, process_ambients()).run([lambda t=t: prints(t) for t in "ab"]) == ["a\na\n", "b\nb\n"]


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_every_function_has_its_own_random_states():
    def seeded(k):
        random.seed(k)
        np.random.seed(k)
        torch.manual_seed(k)
        values = [draws()]
        meet(k, list)
        return [*values, draws()]

    together = Meeting({}, process_ambients()).run([lambda k=k: seeded(k) for k in range(3)])
    alone = [seeded(k) for k in range(3)]
    assert together == alone


def test_every_function_has_its_own_folder_environment_and_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("SHARED", "before")

    def lives(k):
        folder = tmp_path / str(k)
        folder.mkdir()
        os.chdir(folder)
        os.environ["SHARED"] = str(k)
        os.environ[f"OWN_{k}"] = "1"
        torch.set_default_dtype(torch.float64 if k % 2 else torch.float32)
        meet(k, list)
        others = [name for name in os.environ if name.startswith("OWN_") and name != f"OWN_{k}"]
        return Path.cwd() == folder, os.environ["SHARED"], others, torch.get_default_dtype()

    here = Path.cwd()
    outcomes = Meeting({}, process_ambients()).run([lambda k=k: lives(k) for k in range(3)])
    dtypes = [torch.float32, torch.float64, torch.float32]
    assert outcomes == [(True, str(k), [], dtypes[k]) for k in range(3)]
    assert (Path.cwd(), os.environ["SHARED"], torch.get_default_dtype()) == (here, "before", torch.float32)
