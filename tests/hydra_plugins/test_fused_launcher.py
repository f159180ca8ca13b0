"""The fused launcher is a launcher like Hydra's own: Hydra's suites for launchers, inherited."""

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

from hydra_plugins.fused_launcher import FusedLauncher

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
    assert FusedLauncher.__name__ in [found.__name__ for found in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize("max_group", [0, -3])
def test_a_group_without_room_is_refused(max_group):
    with pytest.raises(ValueError, match=r"hydra\.launcher\.max_group = .*: should be 1 or more"):
        FusedLauncher(max_group)


@pytest.mark.parametrize(("launcher_name", "overrides"), [("fused", [])])
class TestFusedLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(("launcher_name", "overrides"), [("fused", ["hydra.sweeper.max_batch_size=2"])])
class TestFusedLauncherInBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=fused", "hydra.job.chdir=true"])]
)
class TestFusedLauncherIntegration(IntegrationTestSuite):
    pass
