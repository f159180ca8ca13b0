"""What a configuration from elsewhere can name: building blocks, and what the user trusts."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

from simplicity_sweep.build import build_model, build_plan
from simplicity_sweep.config import ConfigError, check
from simplicity_sweep.preflight import preflight, resolve
from simplicity_sweep.task import run
from simplicity_sweep.trust import refuse_untrusted
from tests.conftest import PROJECT

MINE = """
import pathlib
import torch
from torch import hub
from torch.nn import Identity

pathlib.Path("imported").touch()

class Mine(torch.nn.ReLU):
    pass
"""


@pytest.fixture
def judged(composed):
    """Whether a configuration with these overrides is let through: raises if not."""

    def judge(*overrides: str) -> None:
        config = resolve(composed(*overrides))
        check(config)
        refuse_untrusted([config])

    return judge


@pytest.fixture
def my_package(tmp_path, monkeypatch):
    """A package of the user's, in the working folder; it leaves a mark where it is imported."""
    (tmp_path / "my_package.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_package", None)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("data._target_=os.system", "data"),
        ("activation._target_=os.system", "activation"),
        ("optim._target_=os.system", "optim"),
        ("measure.measurements.flip_rate.function._target_=os.system", "measure.measurements.flip_rate.function"),
        ("+activation.alpha={_target_: os.system, command: id}", "activation.alpha"),
        ("+activation.a=[{b: {_target_: os.system}}]", "activation.a.0.b"),
        ("+activation._args_=[{_target_: os.system, _args_: [id]}]", "activation._args_.0"),
        ("+data.root2={_target_: os.system}", "data.root2"),
    ],
)
def test_code_is_refused_wherever_it_is_named(judged, override, key):
    with pytest.raises(ConfigError) as caught:
        judged(override)
    message = str(caught.value)
    assert f"{key}._target_ = 'os.system'" in message
    assert "torch.nn, torch.optim, simplicity_sweep.nn, simplicity_sweep.data or simplicity_sweep.functional" in message
    assert "trust=[os]" in message


@pytest.mark.parametrize(
    "target",
    [
        "hydra.utils.get_method",  # and the rest of what calls or finds by name
        "hydra.utils.get_object",
        "hydra.utils.call",
        "hydra.utils.instantiate",
        "builtins.eval",
        "functools.partial",
        "torch.load",
        "torch.hub.load",
        "torch.utils.cpp_extension.load_inline",
        "torch.jit.load",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "simplicity_sweep.ui.main",
        "simplicity_sweep.sweep.os.system",
        "torch.nn.functional.warnings.warn",
        "torch.nn.functional.importlib.import_module",
        "torch.optim.optimizer.functools.partial",
        "torch.nn.Module.load_state_dict",
        "torch.nn.Identity.forward.__globals__.get",
        "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.utils.parametrize.register_parametrization",
        "simplicity_sweep.functional.evaluation.torch.load",
        "simplicity_sweep.data.sources.subprocess.run",
        "simplicity_sweep.data.NpmPackage",
        "simplicity_sweep.data.TensorData.load_from_checkpoint",
        "simplicity_sweep.data.torch.load",
        "simplicity_sweep.nn.mlp.torch.hub.load",
    ],
)
def test_what_is_no_building_block_is_refused_however_it_is_reached(judged, target):
    with pytest.raises(ConfigError, match=re.escape(f"activation._target_ = '{target}'")):
        judged(f"activation._target_={target}")


def test_an_object_that_is_reached_through_a_package_is_known_by_where_it_is_written(judged):
    with pytest.raises(ConfigError, match=r"is a function of torch\.serialization.*trust=\[simplicity_sweep,torch\]"):
        judged("activation._target_=simplicity_sweep.functional.evaluation.torch.load")


@pytest.mark.parametrize("target", ["torch.nn.Mish", "torch.nn.modules.activation.ReLU", "simplicity_sweep.nn.Sine"])
def test_layers_need_no_trust(judged, target):
    judged(f"activation._target_={target}")


def test_layers_may_be_made_of_layers(judged):
    judged("activation._target_=torch.nn.Sequential", "+activation._args_=[{_target_: torch.nn.ReLU}]")


@pytest.mark.parametrize("target", ["7", "system", "'os.system()'", "'a b.c'"])
def test_a_target_that_is_no_dotted_name_is_refused_at_any_depth(judged, target):
    with pytest.raises(ConfigError, match=r"should be package\.name"):
        judged(f"+activation.alpha={{_target_: {target}}}")


def test_the_trainer_takes_no_targets(judged):
    for override in ("+trainer._target_=torch.nn.ReLU", "+trainer.callbacks=[{_target_: torch.nn.ReLU}]"):
        with pytest.raises(ConfigError, match="the trainer takes plain values"):
            judged(override)


def test_an_interpolation_that_hydra_would_read_a_second_time_is_refused(judged):
    # Resolved once it is this text; Hydra would resolve it again, into a node with a target, and call that.
    hidden = r"+activation.alpha='\${oc.create:{_target_: os.getcwd}}'"
    with pytest.raises(ConfigError, match=r"activation\.alpha = .*oc\.create.*interpolation"):
        judged(hidden)


# What the user trusts


def test_nothing_is_imported_before_it_is_allowed(my_package, composed):
    with pytest.raises(ConfigError, match=r"trust=\[my_package\]"):
        preflight([composed("activation._target_=my_package.Mine")])
    assert not (my_package / "imported").exists()


def test_one_bad_job_keeps_what_the_others_trust_from_being_imported(my_package, composed):
    good = composed("trust=[my_package]", "activation._target_=my_package.Mine")
    with pytest.raises(ConfigError, match=r"activation\._target_ = 'os\.system'"):
        preflight([good, composed("activation._target_=os.system")])
    assert not (my_package / "imported").exists()


def test_a_trusted_package_is_built_from(my_package, composed):
    config = resolve(composed("data=digits", "trust=[my_package]", "activation._target_=my_package.Mine"))
    check(config)
    refuse_untrusted([config])

    class Data:
        shape, outputs, loss_weights = (64,), 10, None

    assert "Mine()" in str(build_model(config, Data()))
    assert (my_package / "imported").exists()


def test_a_trusted_package_may_hand_on_building_blocks_but_nothing_else(my_package, judged):
    judged("trust=[my_package]", "activation._target_=my_package.Identity")
    with pytest.raises(ConfigError, match=r"is a function of torch\.hub.*trust=\[my_package,torch\]"):
        judged("trust=[my_package]", "activation._target_=my_package.hub.load")


def test_the_remedy_that_is_named_works(judged):
    with pytest.raises(ConfigError, match=r"trust=\[os\]"):
        judged("activation._target_=os.getcwd")
    with pytest.raises(ConfigError, match=rf"trust=\[os,{os.getcwd.__module__}\]"):
        judged("trust=[os]", "activation._target_=os.getcwd")
    judged(f"trust=[os,{os.getcwd.__module__}]", "activation._target_=os.getcwd")


@pytest.mark.parametrize("name", ["my.package", "my-package", "''"])
def test_a_trusted_package_is_named_by_one_word(judged, name):
    with pytest.raises(ConfigError, match=r"trust\.0"):
        judged(f"trust=[{name}]")


def test_a_job_checks_by_itself_whatever_started_it(composed):
    with pytest.raises(ConfigError, match=r"activation\._target_ = 'os\.system'"):
        run(composed("activation._target_=os.system"))


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
def test_the_command_runs_no_code_of_a_configuration_from_elsewhere(tmp_path, mode):
    conf = tmp_path / "conf" / "activation"
    conf.mkdir(parents=True)
    (conf / "theirs.yaml").write_text("_target_: os.mkdir\n_partial_: true\npath: it_ran\n")
    command = [sys.executable, str(PROJECT / "train.py"), *mode, "--config-dir", str(conf.parent)]
    command += ["activation=theirs", "data=digits", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "activation._target_ = 'os.mkdir'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


# The project itself


NEEDED = {
    "data=table": ["data.path=x", "data.target=y"],
    **{f"data={own}": ["data.path=x"] for own in ("npz", "image_folder", "series")},
    "data=module": ["data._target_=simplicity_sweep.data.Digits"],
}
"""What an option does not say: where a user's own data are."""


def test_every_option_of_the_project_needs_no_trust(composed):
    for choices in (["measure=full"], *([f"{group.parent.name}={group.stem}"] for group in options())):
        config = resolve(composed(*choices, *NEEDED.get(choices[0], [])))
        refuse_untrusted([config])
        build_plan(config)


def options():
    return [
        path for group in ("activation", "optim", "data") for path in sorted((PROJECT / "conf" / group).glob("*.yaml"))
    ]


def test_files_of_tensors_and_arrays_are_read_without_running_code_in_them():
    loads = []
    for path in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            if called in ("torch.load", "np.load"):
                loads.append(called)
                safe = {"torch.load": ("weights_only", "True"), "np.load": ("allow_pickle", "False")}[called]
                assert safe in options.items(), f"{path}:{node.lineno}"
            assert not called.endswith(("load_from_checkpoint", "torch.hub.load", "torch.jit.load", "joblib.load"))
            if "ckpt_path" in options:
                assert options["weights_only"] == "True", f"{path}:{node.lineno}"
    assert sorted(set(loads)) == ["np.load", "torch.load"]
