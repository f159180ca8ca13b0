"""The launcher of processes is a launcher like Hydra's own: Hydra's suites for launchers, inherited."""

from __future__ import annotations

import pytest
from hydra import version
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from hydra.test_utils.test_utils import chdir_hydra_root

from hydra_plugins.processes_launcher import ProcessesLauncher

__all__ = ["chdir_hydra_root"]

# The suites' own configurations leave the defaults of Hydra 1.1 in place, of which Hydra warns.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:\s*Future Hydra versions will no longer change:UserWarning"),
    pytest.mark.filterwarnings("ignore::hydra.errors.Hydra14MigrationWarning"),
]


@pytest.fixture(autouse=True)
def hydras_first_defaults(hydra_restore_singletons):
    """The suites are written for the defaults of Hydra 1.1; other tests of this session ask for those of 1.3."""
    version.setbase("1.1")


def test_hydra_finds_it():
    assert ProcessesLauncher.__name__ in [found.__name__ for found in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"jobs": 0}, r"hydra\.launcher\.jobs = 0: should be 1 or more, or null"),
        ({"jobs": -3}, r"hydra\.launcher\.jobs = -3: should be 1 or more, or null"),
        ({"jobs_per_gpu": 0}, r"hydra\.launcher\.jobs_per_gpu = 0: should be 1 or more"),
    ],
)
def test_a_number_out_of_range_is_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        ProcessesLauncher(**keys)


NOTHING_AHEAD = "hydra.launcher.imports=[]"  # the suites' jobs need none of ours


@pytest.mark.parametrize(("launcher_name", "overrides"), [("processes", [NOTHING_AHEAD])])
class TestProcessesLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("processes", [NOTHING_AHEAD, "hydra.sweeper.max_batch_size=2"])]
)
class TestProcessesLauncherInBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=processes", NOTHING_AHEAD, "hydra.job.chdir=true"])],
)
class TestProcessesLauncherIntegration(IntegrationTestSuite):
    pass
