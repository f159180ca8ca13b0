"""A checkpoint of ours is measured as its run was, where the command line says nothing else."""

from __future__ import annotations

import json

import pytest
import torch

from simplicity_sweep.callbacks import CONFIG_KEY
from simplicity_sweep.data import TensorData
from tests.measure.conftest import QUICK


@pytest.fixture
def changed(trained, tmp_path):
    """The run's checkpoint with something else in it."""

    def write(change):
        checkpoint = torch.load(trained.checkpoint, weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    return write


def figures(done) -> dict[str, float]:
    assert done.status == 0, done.err
    return json.loads(done.out)["figures"]


def test_the_figures_are_those_of_the_run(trained, command):
    found = figures(command(trained.checkpoint, "--json"))
    own = {name: value for name, value in trained.figures.items() if name.startswith(("test/", "null/"))}
    assert own.keys() == found.keys() - {"test/accuracy/standard_error", "test/loss/standard_error"}
    for name in ("test/loss", "test/accuracy"):  # which the run takes in float32
        assert found.pop(name) == pytest.approx(own.pop(name), rel=1e-6)
    assert own == {name: found[name] for name in own}


def test_another_seed_moves_the_probes_and_not_the_network_before_training(trained, command):
    own, other = (figures(command(trained.checkpoint, "--json", f"seed={seed}")) for seed in (3, 4))
    assert own["test/noise_l2_logits"] != other["test/noise_l2_logits"]
    assert own["null/deflate_logits/initial"] == other["null/deflate_logits/initial"]


def test_what_is_chosen_comes_before_what_the_run_chose(trained, command):
    keys = ["measure.probe.test.sigma=0.1", "~measure.measurements.flip_rate", "measure.points=[midpoint]"]
    found = figures(command(trained.checkpoint, "--json", *keys))
    assert found["test/noise_l2_logits"] < trained.figures["test/noise_l2_logits"] / 2
    assert "test/flip_rate" not in found
    assert "midpoint/noise_l2_logits" in found


def test_a_key_of_the_data_set_changes_the_runs_own_data_set(trained, command):
    done = command(trained.checkpoint, "--json", "measure=none", "data.mean=0.5")
    assert json.loads(done.out)["data"] == "Digits"
    assert figures(done)["test/loss"] != pytest.approx(trained.figures["test/loss"], rel=1e-3)


def test_a_run_that_measured_nothing_is_measured_by_default(changed, command):
    quiet = changed(lambda checkpoint: checkpoint[CONFIG_KEY]["measure"].update(measurements={}))
    assert "test/lz76_path" in figures(command(quiet, "--json", *QUICK))


def test_a_run_of_an_earlier_version_lacks_what_there_was_not(changed, command):
    def without_attacks(checkpoint):
        for probe in checkpoint[CONFIG_KEY]["measure"]["probe"].values():
            del probe["epsilon"]
        del checkpoint[CONFIG_KEY]["measure"]["points"]

    done = command(changed(without_attacks), "--json")
    assert figures(done)["test/lz76_path"]


def test_on_a_users_arrays_the_runs_data_set_is_not_needed(trained, command, npz, monkeypatch):
    def gone(self):
        raise AssertionError("nobody asked for this data set")

    monkeypatch.setattr(TensorData, "prepare_data", gone)
    monkeypatch.setattr(TensorData, "setup", gone)
    done = command(trained.checkpoint, "--npz", npz(), "--json", "measure=none")
    assert 0 <= figures(done)["test/accuracy"] <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop(CONFIG_KEY), "not a checkpoint of a run of this project"),
        (lambda c: c[CONFIG_KEY].pop("depth"), "not a checkpoint of a run of this project"),
        (lambda c: c.pop("state_dict"), "not a checkpoint of a run of this project"),
        (lambda c: c["state_dict"].pop("network.1.bias"), "network.1.bias"),
        (lambda c: c["state_dict"].clear(), "can't be had"),
        (lambda c: c[CONFIG_KEY]["activation"].update(_target_="no.such.Activation"), "no.such.Activation"),
        (lambda c: c[CONFIG_KEY]["optim"].update(lr=-1), "optim.lr = -1"),
        (lambda c: c[CONFIG_KEY]["measure"].update(old=1), "measure.old"),
        (lambda c: c[CONFIG_KEY]["depth"].update(sizes=torch.zeros(2)), "holds a configuration that can't be read"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_says_what_is_wrong(changed, command, change, said):
    done = command(changed(change), "data=digits")
    assert (done.status, done.out) == (1, "")
    assert said in done.err


CODE = {"_target_": "os.mkdir", "_args_": ["it_ran"]}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["activation"].update(_target_="os.mkdir", _args_=["it_ran"]),
        lambda c: c["activation"].update(inplace=CODE),
        lambda c: c["optim"].update(betas2=[CODE]),
        lambda c: c["data"].update(_target_="os.mkdir", path="it_ran"),
        lambda c: c["data"].update(transform={"deep": [CODE]}),
        lambda c: c["measure"]["measurements"]["flip_rate"]["function"].update(CODE),
        lambda c: c["activation"].update(_target_="simplicity_sweep.functional.evaluation.torch.load"),
    ],
)
@pytest.mark.parametrize("granted", [[], ["os", "torch", "simplicity_sweep"]])
def test_a_strangers_checkpoint_runs_no_code_whatever_it_trusts_itself(
    changed, command, monkeypatch, tmp_path, change, granted
):
    monkeypatch.chdir(tmp_path)

    def hostile(checkpoint):
        change(checkpoint[CONFIG_KEY])
        checkpoint[CONFIG_KEY]["trust"] = granted

    done = command(changed(hostile))
    assert (done.status, done.out) == (1, "")
    assert "_target_ = " in done.err
    assert "--trust " in done.err
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.parametrize("value", ["${oc.env:HOME}", "${oc.create:{_target_: os.getcwd}}"])
def test_a_strangers_checkpoint_reads_nothing_of_this_machine(changed, command, value):
    done = command(changed(lambda checkpoint: checkpoint[CONFIG_KEY]["data"].update(root=value)))
    assert done.status == 1
    assert "interpolation" in done.err


def test_a_package_that_the_user_trusts_is_taken_from_a_checkpoint(changed, command):
    mine = changed(lambda checkpoint: checkpoint[CONFIG_KEY]["activation"].update(_target_="tests.failing.InMeasuring"))
    refused = command(mine, "measure=none")
    assert "activation._target_ = 'tests.failing.InMeasuring'" in refused.err
    assert "--trust tests" in refused.err
    assert figures(command(mine, "measure=none", "--json", "--trust", "my_package", "--trust", "tests"))


def test_an_override_does_not_trust_a_checkpoint(trained, command):
    done = command(trained.checkpoint, "trust=[os]")
    assert done.status == 1
    assert "nobody reads trust here" in done.err


@pytest.mark.parametrize("content", [b"", b"words", None])
def test_a_file_that_is_no_checkpoint_is_refused_without_advice_to_run_its_code(trained, tmp_path, command, content):
    path = tmp_path / "broken.ckpt"
    path.write_bytes(trained.checkpoint.read_bytes()[:5000] if content is None else content)
    done = command(path)
    assert (done.status, done.out) == (1, "")
    assert f"{path} can't be read as a checkpoint" in done.err
    assert "weights_only" not in done.err


def test_a_checkpoint_that_holds_no_dict_is_refused(tmp_path, command):
    torch.save([1], tmp_path / "list.ckpt")
    assert "holds list" in command(tmp_path / "list.ckpt").err


def test_a_file_or_folder_in_the_wrong_place_says_what_is_expected(tmp_path, command):
    for path in (tmp_path, tmp_path / "none.ckpt"):
        done = command(path)
        assert done.status == 1
        assert str(path) in done.err
        assert "module:function" in done.err
