"""Every option file works in a real run."""

from __future__ import annotations

import pytest

from tests.commands import parent_and_children, train

GROUPS = ["activation", "depth", "optim", "measure"]


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_every_option_of_a_group_trains(tmp_path, group):
    quick = ["data=digits", "trainer=debug", *([] if group == "measure" else ["measure=none"])]
    done = train(tmp_path, "-m", f"{group}=glob(*)", *quick)
    assert done.returncode == 0, done.stderr
    parent, children = parent_and_children(tmp_path)
    assert parent.info.status == "FINISHED"
    assert len(children) > 2
    assert all(child.data.metrics["test/accuracy"] > 0 for child in children)


@pytest.mark.slow
def test_the_smoke_experiment_succeeds(tmp_path):
    done = train(tmp_path, "experiment=smoke")
    assert done.returncode == 0, done.stderr
    assert [child.info.status for child in parent_and_children(tmp_path)[1]] == ["FINISHED", "FINISHED"]
