"""Every task by the real command: trained as one, measured and reported, or refused before the first job."""

from __future__ import annotations

import math

import pytest

from simplicity_sweep.tasks import TASKS, task_of
from tests.commands import parent_and_children, runs, train

QUICK = ["trainer=cpu", "depth.sizes=[16]"]
QUADRANTS = [
    "task=multilabel",
    "data._target_=tests.tasks_data.Quadrants",
    "data.val_size=60",
    "trust=[tests]",
]


def test_a_regression_sweep_is_trained_as_one_and_reported(tmp_path):
    asked = ["task=regression", "data=diabetes", "trainer.max_epochs=30", "optim.lr=0.01", "report=true", *QUICK]
    done = train(tmp_path, "-m", *asked, "activation=relu,tanh", "seed=0,1")
    assert done.returncode == 0, done.stderr
    assert "r2: test/r2" in done.stdout
    _, children = parent_and_children(tmp_path)
    assert [child.data.tags["fused"] for child in children] == ["yes"] * 4
    for child in children:
        found = child.data.metrics
        assert found["test/r2"] > 0.2  # least squares has 0.3 to 0.5, depending on the division
        # R² = 1 − MSE / variance, with the loss in the training targets' units: both say the same sum of squares.
        assert 0 < found["test/bin_change_rate"] < found["null/bin_change_rate/shuffled"]
        assert found["null/lz76_path/initial"] < found["test/lz76_path"] < found["null/lz76_path/shuffled"]
        assert found["test/degenerate"] == 0
    page = (tmp_path / "multirun" / "report" / "report.html").read_text()
    assert "R² against complexity" in page
    assert "Not applicable: the study speaks of networks that classify, and this is task=regression" in page
    assert "drawn for classes only" in page
    assert "test R² as high as possible; bins changed by noise as low as possible" in page


def test_sets_of_labels_are_learned_and_the_objective_is_their_macro_f1(tmp_path):
    done = train(tmp_path, "-m", *QUADRANTS, *QUICK, "trainer.max_epochs=20", "optim.lr=0.01", "seed=0,1")
    assert done.returncode == 0, done.stderr
    _, children = parent_and_children(tmp_path)
    assert [child.data.tags["fused"] for child in children] == ["yes"] * 2
    for child in children:
        found = child.data.metrics
        assert found["test/macro_f1"] > 0.8
        assert found["test/subset_accuracy"] <= found["test/label_accuracy"]
        assert found["test/label_set_change_rate"] < found["null/label_set_change_rate/shuffled"]


def test_a_series_is_forecast(tmp_path):
    path = tmp_path / "wave.csv"
    lines = [f"{n},{math.sin(n / 5):.6f},{math.cos(n / 5):.6f}" for n in range(400)]
    path.write_text("n,sine,cosine\n" + "\n".join(lines) + "\n")
    asked = [f"data.path={path}", "data.time=n", "data.targets=[sine]", "data.window=8", "data.horizon=2"]
    sizes = ["data.val_size=40", "data.test_size=40", "trainer.max_epochs=20", "optim.lr=0.01"]
    done = train(tmp_path, "task=forecasting", "data=series", *asked, *sizes, *QUICK)
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.data.metrics["test/r2"] > 0.9
    assert run.data.params["task"] == "forecasting"
    # One scale for one column: the sine's, about √½.
    ratio = run.data.metrics["test/mae_in_units"] / run.data.metrics["test/mae"]
    assert ratio == pytest.approx(math.sqrt(0.5), rel=0.05)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["task=regression", "data=digits"], "task=regression needs numbers.*data=Digits holds classes"),
        (["task=classification", "data=diabetes"], "task=classification needs one class.*data=Diabetes holds numbers"),
        (["task=forecasting", "data=series", "data.path=nowhere.csv"], "nowhere.csv.*there is no such file"),
    ],
)
def test_a_task_that_does_not_fit_its_data_is_refused_before_the_first_job(composed, overrides, message, tmp_path):
    from simplicity_sweep.config import ConfigError
    from simplicity_sweep.preflight import preflight

    with pytest.raises(ConfigError, match=message):
        preflight([composed(*overrides, f"tracking.uri=sqlite:///{tmp_path}/mlflow.db")])


def test_tasks_are_not_mixed_in_a_sweep(composed):
    from simplicity_sweep.config import ConfigError
    from simplicity_sweep.preflight import preflight

    jobs = [composed(f"task={task}", "data=diabetes") for task in ("regression", "multilabel")]
    with pytest.raises(ConfigError, match=r"task = regression, multilabel in one sweep.*Make a sweep of each"):
        preflight(jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_requirement_about_another_tasks_figure_is_refused_before_training(composed, jobs):
    from simplicity_sweep.config import ConfigError
    from simplicity_sweep.preflight import preflight

    job = composed("data=digits", "report=false", 'decide.require=["r2 >= 0.5"]')
    with pytest.raises(ConfigError, match="`r2` is a figure of task=regression or forecasting, and this is task=class"):
        preflight([job] * jobs)


def test_a_headline_that_is_no_number_is_the_worst_objective():
    assert TASKS["regression"].objective({"val/r2": math.nan}) == -math.inf
    assert TASKS["regression"].objective({"val/r2": 0.5}) == 0.5


def test_a_run_that_names_no_task_classifies():
    assert task_of({}).headline == "accuracy"
