"""Imports point one way: the rooms of the house and what each may use."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PACKAGE = PROJECT / "src" / "simplicity_sweep"
OWN = "simplicity_sweep"

# What a room may import of ours, and of the heavy libraries. Rooms that are not named are checked to be none.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "functional": (set(), {"torch", "numba"}),
    "metrics": ({"functional"}, {"torch", "torchmetrics"}),
    "nn": (set(), {"torch", "torchvision"}),
    "seeds": (set(), set()),
    "identity": (set(), set()),
    "termination": (set(), set()),
    "resolvers": (set(), set()),
    "tasks": (set(), set()),
    "config": ({"tasks"}, set()),
    "credentials": (set(), set()),
    "trust": ({"config", "data", "functional"}, {"torch"}),
    "composer": (set(), set()),
    "jobs": (set(), set()),
    "launcher": ({"composer"}, set()),
    "sweeper": (
        {"artifacts", "composer", "launcher", "portrait", "preflight", "report", "sweep", "termination"},
        set(),
    ),
    "memory": (set(), {"torch"}),
    "data": ({"memory", "resolvers", "tasks"}, {"torch", "pytorch_lightning", "sklearn", "torchvision", "pandas"}),
    "module": ({"nn"}, {"torch", "pytorch_lightning", "torchmetrics"}),
    "regressor": ({"module"}, {"torch", "pytorch_lightning", "torchmetrics"}),
    "multilabel": ({"module"}, {"torch", "pytorch_lightning", "torchmetrics"}),
    "checkpoints": (set(), {"torch", "pytorch_lightning"}),
    "fused": ({"checkpoints", "data", "memory"}, {"torch", "pytorch_lightning"}),
    "probe": ({"functional", "memory"}, {"torch"}),
    "callbacks": ({"fused", "logger", "probe", "tasks"}, {"torch", "pytorch_lightning"}),
    "architecture": ({"config", "nn", "trust"}, {"torch"}),
    "build": (
        {"architecture", "data", "functional", "module", "multilabel", "probe", "regressor", "seeds"},
        {"torch", "pytorch_lightning"},
    ),
    "chosen": ({"architecture", "config", "resolvers"}, set()),
    "store": ({"credentials"}, {"mlflow"}),
    "writes": ({"store"}, {"mlflow"}),
    "outbox": ({"store", "writes"}, set()),
    "outage": ({"outbox", "store"}, {"mlflow"}),
    "tracking": ({"outage", "outbox", "status", "store", "writes"}, {"mlflow"}),
    "environment": ({"resolvers"}, {"torch"}),
    "logger": ({"tracking"}, {"pytorch_lightning", "mlflow"}),
    "mlflow_page": ({"store", "tasks"}, {"mlflow"}),
    "processes": ({"jobs", "termination"}, set()),
    "slurm": (
        {"config", "credentials", "jobs", "launcher", "preflight", "processes", "resolvers", "termination"},
        set(),
    ),
    "status": (set(), {"mlflow"}),
    "rows": ({"processes", "status", "tasks", "tracking", "store"}, {"mlflow"}),
    "heartbeat": ({"environment", "tracking"}, set()),
    "recording": ({"artifacts", "memory", "tracking"}, set()),
    "sweep": (
        {
            *("artifacts", "config", "credentials", "environment", "heartbeat", "identity", "jobs", "launcher"),
            *("mlflow_page", "outage", "outbox", "preflight", "processes", "recorded", "resolvers", "rows"),
            *("status", "tasks", "termination", "tracking", "store", "writes"),
        },
        {"mlflow"},
    ),
    "search": (
        {
            *("artifacts", "composer", "config", "identity", "launcher", "outage", "outbox", "preflight", "recorded"),
            *("report", "status", "store", "sweep", "tasks"),
        },
        {"mlflow"},
    ),
    "ui": ({"mlflow_page", "recorded", "store"}, {"mlflow"}),
    "preflight": (
        {
            *(
                "architecture",
                "chosen",
                "config",
                "credentials",
                "data",
                "jobs",
                "report",
                "store",
                "tasks",
                "tracking",
            ),
            "trust",
        },
        {"torch"},
    ),
    "artifacts": (set(), set()),
    "portrait": ({"artifacts", "build", "data", "tracking"}, {"torch"}),
    "recorded": ({"credentials", "resolvers", "store"}, {"mlflow"}),
    "report": (
        {"artifacts", "outage", "recorded", "resolvers", "status", "store", "tasks", "tracking"},
        {"mlflow", "sklearn"},
    ),
    "record": (
        {
            *("artifacts", "checkpoints", "config", "credentials", "environment", "heartbeat", "identity"),
            *("architecture", "nn", "outage", "outbox", "processes", "status", "sweep", "tasks", "tracking"),
        },
        {"mlflow"},
    ),
}
HEAVY = {"torch", "torchvision", "numba", "pytorch_lightning", "torchmetrics", "mlflow", "sklearn", "pandas"}
# `task` puts everything together, and so does the command `measure`.
ANYTHING = {"task", "measure", "__init__"}


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    return found


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_room_has_its_rule():
    assert set(rooms()) - ANYTHING <= set(ALLOWED)


@pytest.mark.parametrize("room", sorted(set(rooms()) & set(ALLOWED)))
def test_a_room_imports_only_what_it_may(room):
    ours, heavy = ALLOWED[room]
    for path in rooms()[room]:
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == OWN and len(parts) > 1:
                assert parts[1] in ours | {room}, f"{path.name} imports {name}"
            if parts[0] in HEAVY:
                assert parts[0] in heavy, f"{path.name} imports {name}"


def test_only_the_entry_and_a_launcher_import_the_task():
    importers = {
        path.relative_to(PROJECT).as_posix()
        for path in [PROJECT / "train.py", *(PROJECT / "src").rglob("*.py")]
        if any(f"{name}.".startswith(f"{OWN}.task.") for name in imported(path))
    }
    assert importers == {"train.py", "src/hydra_plugins/fused_launcher.py"}


def test_plugins_import_nothing_heavy_at_the_top():
    for path in (PROJECT / "src" / "hydra_plugins").glob("*.py"):
        top = ast.parse(path.read_text())
        names = {
            alias.name.split(".")[0] for node in top.body if isinstance(node, ast.Import) for alias in node.names
        } | {node.module.split(".")[0] for node in top.body if isinstance(node, ast.ImportFrom) and node.module}
        assert not names & HEAVY, path.name
