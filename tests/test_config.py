"""The configuration: every choice is valid, and what is wrong is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import open_dict

from simplicity_sweep.config import ConfigError, check
from simplicity_sweep.preflight import preflight, resolve
from tests.conftest import PROJECT

CHOICES = [
    f"{folder.name}={option.stem}"
    for folder in sorted((PROJECT / "conf").iterdir())
    if folder.is_dir() and folder.name not in ("measurement", "experiment")
    for option in sorted(folder.glob("*.yaml"))
]
OWN_DATA = ["data=series", "data=table", "data=npz", "data=image_folder"]  # which say nothing of where the data are
EXPERIMENTS = [option.stem for option in sorted((PROJECT / "conf" / "experiment").glob("*.yaml"))]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_option_file_is_valid(composed, choice):
    own = ["data.path=x"] if choice in OWN_DATA else []
    own += ["data._target_=simplicity_sweep.data.Digits"] * (choice == "data=module")
    check(resolve(composed(choice, *own, *["data.target=y"] * (choice == "data=table"))))


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel", "forecasting"])
@pytest.mark.parametrize("measure", ["none", "default", "full"])
def test_every_task_has_measurements_of_its_own(composed, task, measure):
    check(resolve(composed(f"task={task}", f"measure={measure}")))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["task=regression", "+measurement@measure.measurements=flip_rate"],
            "measure.measurements.flip_rate has no meaning in task=regression: it needs logits",
        ),
        (
            ["task=multilabel", "+measurement/outputs@measure.measurements=bin_change_rate"],
            "measure.measurements.bin_change_rate has no meaning in task=multilabel: it needs bins",
        ),
        (
            ["+measurement/outputs@measure.measurements=bin_change_rate"],
            "measure.measurements.bin_change_rate has no meaning in task=classification",
        ),
        (
            ["task=regression", "measure.paths_between=[[0,1]]"],
            r"measure.paths_between = \[\[0, 1\]\]: pairs of classes",
        ),
        (["task=regression", "task.bins=null"], "task.bins is null"),
        (["task=regression", "task.bins=1"], "task.bins = 1: should be greater than or equal to 2"),
    ],
)
def test_what_a_task_does_not_have_is_refused(composed, overrides, message):
    with pytest.raises(ConfigError, match=message):
        check(resolve(composed(*overrides)))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_is_valid(composed, experiment):
    check(resolve(composed(f"experiment={experiment}")))


def test_every_measurement_can_be_added_by_its_file(composed):
    for option in (PROJECT / "conf" / "measurement").glob("*.yaml"):
        cfg = composed("measure=none", f"+measurement@measure.measurements={option.stem}")
        assert list(check(resolve(cfg)).measure.measurements) == [option.stem]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lr=-1", "optim.lr = -1: should be greater than 0"),
        ("optim.lr=0", "optim.lr = 0: should be greater than 0"),
        ("optim.lr=inf", "optim.lr = inf: should be less than inf"),
        ("optim.lr=fast", "optim.lr = 'fast': should be a valid number"),
        ("depth.hidden_layers=-2", "depth.hidden_layers = -2: should be greater than or equal to 0"),
        ("depth.sizes=[128,0]", "depth.sizes.1 = 0: should be greater than or equal to 1"),
        ("optim.betas=[0.9,1.0]", "optim.betas.1 = 1.0: should be less than 1"),
        ("seed=-1", "seed = -1: should be greater than or equal to 0"),
        ("seed=0.5", "seed = 0.5: should be a valid integer"),
        ("data.batch_size=0", "data.batch_size = 0: should be greater than or equal to 1"),
        (
            "data.val_size=0",
            "data.val_size = 0: should be a whole number of at least 1, or a share above 0 and below 1",
        ),
        ("data.val_size=1.5", "data.val_size = 1.5: should be a whole number of at least 1, or a share"),
        ("data.class_weights=even", "data.class_weights = 'even': should be null, balanced, or a list"),
        ("data.class_weights=[1,0]", "data.class_weights = [1, 0]: should be null, balanced, or a list"),
        ("trainer.max_epochs=0", "trainer.max_epochs = 0: should be greater than or equal to 1"),
        ("trainer.accelerator=tpu", "trainer.accelerator = 'tpu': should be 'auto', 'cpu', 'gpu' or 'cuda'"),
        ("measure.probe.val.sigma=0", "measure.probe.val.sigma = 0: should be greater than 0"),
        ("+depth.heads=3", "depth.heads is not a key of this configuration"),
        ("+colour=red", "colour is not a key of this configuration"),
    ],
)
def test_a_wrong_value_is_refused_by_key_value_and_range(composed, override, message):
    with pytest.raises(ConfigError) as caught:
        check(resolve(composed(override)))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "../../a", "<script>", "=1+1", "a b", "", "1", "a" * 101])
def test_a_measurement_is_named_by_one_word(composed, name):
    config = resolve(composed())
    config["measure"]["measurements"][name] = config["measure"]["measurements"]["flip_rate"]
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert f"measure.measurements.{name}" in str(caught.value)


def test_every_wrong_value_is_named_at_once(composed):
    with pytest.raises(ConfigError) as caught:
        check(resolve(composed("optim.lr=-1", "seed=-1")))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("override", ["activation=reluu", "optim.lrr=1", "experiment=nothing"])
def test_hydra_refuses_what_does_not_exist(composed, override):
    with pytest.raises(ConfigCompositionException):
        composed(override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+optim.nesterovv=true"], "optim.nesterovv = True: torch.optim.Adam takes no such argument"),
        (["+trainer.max_epoch=3"], "trainer.max_epoch = 3: pytorch_lightning.Trainer takes no such argument"),
        (["activation._target_=torch.nn.Relu"], "activation._target_ = 'torch.nn.Relu': can't be imported"),
    ],
)
def test_an_argument_that_its_target_does_not_take_is_refused(composed, tmp_path: Path, overrides, message):
    store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(ConfigError) as caught:
        preflight([composed("data=digits", store, *overrides)])
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_is_refused_where_there_is_none(composed, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator = 'gpu': no GPU"):
        preflight([composed("data=digits", "trainer=gpu", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db")])


def test_a_path_between_classes_that_the_data_has_not_is_refused(composed, tmp_path: Path):
    store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(ConfigError, match=r"paths_between: \[3, 10\] names a class that the test part has not; .*8, 9"):
        preflight([composed("data=digits", store, "measure.paths_between=[[3,10]]")])


def test_as_many_class_weights_as_classes_are_needed_before_the_first_job(composed):
    with pytest.raises(ConfigError, match=r"class_weights = \[1, 2\]: 2 numbers for 10 classes"):
        preflight([composed("data=digits", "data.class_weights=[1,2]")])


def test_a_relative_path_is_refused_where_every_job_starts_in_a_folder_of_its_own(composed):
    config = composed("data=npz", "data.path=mine.npz")
    with open_dict(config):
        config.hydra = {"job": {"chdir": True}}
    with pytest.raises(ConfigError, match=r"data.path = 'mine.npz' is relative.*Give it whole: data.path=/.*mine.npz"):
        preflight([config])


def test_a_key_that_needs_a_value_says_so(composed):
    with pytest.raises(ConfigError, match=r"data\.target has no value and needs one: say data.target=…"):
        preflight([composed("data=table", "data.path=x.csv")])


def test_what_a_data_module_says_of_its_arguments_is_said_alone(composed):
    with pytest.raises(ConfigError) as caught:
        preflight([composed("data=table", "data.path=x.csv", "data.target=y", "data.encoding=ansi-7")])
    assert str(caught.value).startswith("data.encoding = 'ansi-7': Python knows no such encoding.")
