"""The real command with `hydra/sweeper=optuna`."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from simplicity_sweep import artifacts
from tests.commands import parent_and_children, points, running, runs, train

SEARCH = [
    "-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "data=digits", "trainer=cpu",
    "optim.lr=tag(log, interval(1e-4, 1e-1))", "activation=relu,tanh",
]  # fmt: skip
ACCURACY = ["measure=none", "hydra.sweeper.direction=maximize"]


def rates(folder: Path) -> list[str]:
    return [child.data.params["optim.lr"] for child in parent_and_children(folder)[1]]


def trials(folder: Path) -> list[dict[str, object]]:
    parent, _ = parent_and_children(folder)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return json.loads(Path(client.download_artifacts(parent.info.run_id, artifacts.TRIALS)).read_text())


def test_a_search_that_was_killed_ends_as_one_left_alone(tmp_path):
    alone, cut = tmp_path / "alone", tmp_path / "cut"
    alone.mkdir()
    cut.mkdir()
    long = [*SEARCH, *ACCURACY, "trainer.max_epochs=40"]
    whole = train(alone, *long)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.count("Launching 2 jobs, fused") == 2
    assert "arn" not in whole.stderr, whole.stderr
    with running(cut, cut / "multirun" / "2" / "checkpoints" / "last.ckpt", *long) as command:
        command.send(signal.SIGKILL)
        command.ended(60)
    assert {run.info.status for run in runs(cut)} == {"FINISHED", "RUNNING"}
    again = train(cut, *long, "resume=true")
    assert again.returncode == 0, again.stderr
    assert "2 of 4 trials are finished" in again.stdout
    parent, children = parent_and_children(cut)
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 5
    assert [child.data.tags["job"] for child in children] == ["0", "1", "2", "3"]
    assert rates(cut) == rates(alone)
    assert points(cut) == points(alone)
    best = [yaml.safe_load((folder / "multirun" / "optimization_results.yaml").read_text()) for folder in (alone, cut)]
    assert best[0] == best[1]
    assert best[0]["best_value"] == max(child.data.metrics["val/accuracy"] for child in children)


def test_pruned_runs_leave_the_others_and_stay_pruned_when_a_killed_search_goes_on(tmp_path):
    """The first batch has no rivals; of the others some learn too slowly. Nothing is stopped before the fifth epoch, so
    that the kill comes in time."""
    alone, cut = tmp_path / "alone", tmp_path / "cut"
    alone.mkdir()
    cut.mkdir()
    wide = ["hydra/sweeper/sampler=random", "optim.lr=tag(log, interval(1e-6, 1e-1))", "activation=relu,tanh"]
    median = [
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=2",
        "hydra.sweeper.pruner.n_warmup_steps=5",
    ]
    long = [*SEARCH, *ACCURACY, *wide, *median, "hydra.sweeper.n_trials=6", "trainer.max_epochs=20"]
    whole = train(alone, *long)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.count("Launching 2 jobs, fused") == 3
    parent, children = parent_and_children(alone)
    assert parent.info.status == "FINISHED"
    pruned = {child.data.tags["job"]: child.data.tags["pruned"] for child in children if "pruned" in child.data.tags}
    assert pruned.keys() <= {"2", "3", "4", "5"}
    assert all(int(reason.split()[1]) >= 5 for reason in pruned.values())
    assert "after 5 epochs of 20, by MedianPruner" in pruned.values()
    assert f"6 jobs: {6 - len(pruned)} finished, {len(pruned)} pruned" in whole.stdout
    assert [child.info.status for child in children] == ["FINISHED"] * 6
    tested = {child.data.tags["job"] for child in children if "test/accuracy" in child.data.metrics}
    assert tested == {child.data.tags["job"] for child in children} - pruned.keys()
    states = {trial["number"]: trial["state"] for trial in trials(alone)}
    assert states == {job: "PRUNED" if str(job) in pruned else "COMPLETE" for job in range(6)}
    with running(cut, cut / "multirun" / "4" / "checkpoints" / "last.ckpt", *long) as command:
        command.send(signal.SIGKILL)
        command.ended(60)
    before = [run.info.run_id for run in runs(cut) if "pruned" in run.data.tags]
    again = train(cut, *long, "resume=true")
    assert again.returncode == 0, again.stderr
    assert "4 of 6 trials are finished" in again.stdout
    assert set(before) <= {run.info.run_id for run in runs(cut) if "pruned" in run.data.tags}
    assert rates(cut) == rates(alone)
    assert points(cut) == points(alone)
    assert trials(cut) == trials(alone)


def test_wishes_are_sought_under_hard_limits_and_a_failed_job_is_a_failed_trial(tmp_path):
    targets = "activation._target_=torch.nn.ReLU,tests.failing.InMeasuring"
    search = [*SEARCH[:-1], targets, "trust=[tests]", "trainer.max_epochs=1", "hydra.sweeper.n_trials=6"]
    ended = train(tmp_path, *search, "hydra/sweeper/sampler=random", "report=true")
    assert ended.returncode == 0, ended.stderr
    _, children = parent_and_children(tmp_path)
    assert {child.info.status for child in children} == {"FINISHED", "FAILED"}
    assert "of this batch failed" in ended.stdout
    assert "Report: " in ended.stdout
    found = yaml.safe_load((tmp_path / "multirun" / "optimization_results.yaml").read_text())
    finished = {
        (child.data.metrics["val/accuracy"], child.data.metrics["val/flip_rate"])
        for child in children
        if child.info.status == "FINISHED"
    }
    assert {tuple(one["values"]) for one in found["solutions"]} <= finished


def test_what_an_earlier_sweep_knows_is_not_run_again(tmp_path):
    quick = ["data=digits", "trainer=cpu", "trainer.max_epochs=1", "measure=none"]
    first = train(tmp_path, "-m", *quick, "optim.lr=0.001,0.01", f"hydra.sweep.dir={tmp_path}/first")
    assert first.returncode == 0, first.stderr
    search = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_jobs=2"]
    choice = ["optim.lr=0.001,0.01,0.1", "search.warm_start=first"]
    same = train(tmp_path, *search, *quick, *choice, "hydra.sweeper.n_trials=3")
    assert same.returncode == 0, same.stderr
    assert "2 settings count as trials, 0 are tried first" in same.stdout
    other = [*quick, "data.batch_size=32"]
    guessed = train(
        tmp_path, *search, *other, *choice, "hydra.sweeper.n_trials=1", f"hydra.sweep.dir={tmp_path}/guessed"
    )
    assert guessed.returncode == 0, guessed.stderr
    assert "0 settings count as trials, 2 are tried first" in guessed.stdout
    jobs = [run for run in runs(tmp_path) if run.data.tags["role"] == "job"]
    by_sweep = {
        sweep: [run.data.params["optim.lr"] for run in jobs if run.data.tags["sweep"] == sweep]
        for sweep in ("first", "multirun", "guessed")
    }
    assert set(by_sweep["multirun"]) <= {"0.1"}
    best = max(
        (run for run in jobs if run.data.tags["sweep"] == "first"), key=lambda run: run.data.metrics["val/accuracy"]
    )
    assert by_sweep["guessed"] == [best.data.params["optim.lr"]]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["optim.lr=interval(0.0,1.0)"], "optim.lr = 0.0"),
        (
            ["optim.lr=0.1,0.2", "search.warm_start=unheard", "hydra.sweeper.direction=maximize"],
            "search.warm_start = 'unheard'",
        ),
        (["optim.lr=0.1,0.2", "hydra.sweeper.objectives={val/lz76_path: maximize}"], "`lz76_path` is not measured"),
    ],
)
def test_what_a_search_cant_do_is_refused_before_anything_starts(tmp_path, arguments, why):
    refused = train(tmp_path, "-m", "hydra/sweeper=optuna", "data=digits", "measure=none", *arguments)
    assert refused.returncode == 1
    assert why in refused.stderr
    assert not (tmp_path / "multirun").exists()
