"""The default sweeper: what it hands its launcher, and how it ends."""

from __future__ import annotations

import signal
import time

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode

from hydra_plugins.fused_launcher import FusedLauncher
from simplicity_sweep.composer import Composer
from simplicity_sweep.resolvers import register
from tests.commands import parent_and_children, running
from tests.conftest import PROJECT
from tests.test_cli import QUICK


def sweeper_with(launcher, folder, *overrides):
    """A sweeper of the project's configuration, set up as Hydra does."""
    loader = GlobalHydra.instance().config_loader()
    store = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    config = loader.load_configuration(
        "config", [*QUICK, store, f"hydra.sweep.dir={folder}", "report=false", *overrides], RunMode.MULTIRUN
    )
    HydraConfig.instance().set_config(config)
    [found] = [plugin for plugin in Plugins.instance().discover(Sweeper) if plugin.__name__ == "GridSweeper"]
    sweeper = found(max_batch_size=None)  # of the module as Hydra has loaded it, which it may do again
    sweeper.config, sweeper.launcher = config, launcher
    sweeper.hydra_context = HydraContext(config_loader=loader, callbacks=None)
    return sweeper


@pytest.fixture
def in_project(hydra_restore_singletons):
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        register()  # the fixture before this one takes away what Hydra's loading of the plugin has registered
        yield


class Interrupted(Launcher):
    def setup(self, **_):
        pass

    def launch(self, job_overrides, initial_job_idx):
        raise KeyboardInterrupt


class Composes(FusedLauncher):
    """Composes its jobs, and does nothing with them."""

    def launch(self, job_overrides, initial_job_idx):
        self.configs = [self.composer.compose(overrides) for overrides in job_overrides]
        returns = [JobReturn(overrides=list(overrides)) for overrides in job_overrides]
        for done in returns:
            done.status = JobStatus.COMPLETED
        return returns


def test_ctrl_c_ends_it_with_the_status_of_an_interruption_after_the_table(in_project, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        sweeper_with(Interrupted(), tmp_path).sweep(["seed=0,1"])
    assert ended.value.code == 130
    assert "2 missing" in capsys.readouterr().out


def test_jobs_are_composed_once(in_project, tmp_path, monkeypatch):
    composed = []
    plain = Composer._compose
    monkeypatch.setattr(Composer, "_compose", lambda self, job: composed.append(tuple(job)) or plain(self, job))
    launcher = Composes()
    sweeper_with(launcher, tmp_path).sweep(["seed=0,1,1", "optim.lr=0.1"])
    assert composed == [("seed=0", "optim.lr=0.1"), *[("seed=1", "optim.lr=0.1")] * 2]
    assert [config.seed for config in launcher.configs] == [0, 1, 1]
    assert launcher.configs[1] is not launcher.configs[2]


@pytest.mark.slow
def test_ctrl_c_ends_a_fused_sweep_in_lightnings_ordinary_loop(tmp_path):
    began = tmp_path / "multirun" / "0" / "mlflow_run_id"
    with running(
        tmp_path, began, "-m", "seed=0,1", "data=digits", "measure=none", "trainer=cpu", "trainer.max_epochs=100000",
        "+trainer.gradient_clip_val=1.0", "trainer.check_val_every_n_epoch=50000",
    ) as command:  # fmt: skip
        time.sleep(1)  # into the loop; the rule holds before it too
        command.send(signal.SIGINT)
        ended = command.ended(60)
    assert ended.returncode == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    parent, [child] = parent_and_children(tmp_path)
    assert (parent.info.status, child.info.status) == ("KILLED", "KILLED")
    assert "1 killed, 1 missing" in ended.stdout


@pytest.mark.parametrize(
    "subdir",
    ["../../x", "..", "/absolute/x", ".", "a/../../x", "${hydra.job.num}/../../x", "${hydra:job.override_dirname}/.."],
)
def test_a_jobs_folder_outside_its_sweeps_is_refused_before_anything_starts(in_project, tmp_path, subdir):
    sweeper = sweeper_with(Composes(), tmp_path / "sweep", f"hydra.sweep.subdir='{subdir}'")
    with pytest.raises(CompactHydraException, match=r"hydra\.sweep\.subdir = '.*' of job 0: is not in the sweep's"):
        sweeper.sweep(["seed=0,1"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("subdir", "folders"),
    [
        ("${hydra.job.num}-of-2", ["0-of-2", "1-of-2"]),
        ("a/job-${hydra:job.num}", ["a/job-0", "a/job-1"]),
        ("${hydra.job.override_dirname}", ["seed=0", "seed=1"]),
    ],
)
def test_a_jobs_folder_may_have_any_name_in_its_sweeps(in_project, tmp_path, subdir, folders):
    launcher = Composes()
    sweeper_with(launcher, tmp_path / "sweep", f"hydra.sweep.subdir='{subdir}'").sweep(["seed=0,1"])
    for config, folder in zip(launcher.configs, folders, strict=True):
        HydraConfig.instance().cfg = config
        assert config.hydra.sweep.subdir == folder


def test_an_interval_is_refused_with_the_sweeper_that_takes_it(in_project, tmp_path):
    sweeper = sweeper_with(Composes(), tmp_path / "sweep")
    with pytest.raises(CompactHydraException, match=r"optim\.lr=interval\(0\.1,0\.2\): .* hydra/sweeper=optuna"):
        sweeper.sweep(["optim.lr=interval(0.1,0.2)"])
