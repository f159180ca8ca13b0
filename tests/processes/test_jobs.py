"""What a job in a process of its own is given, and what comes back of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from hydra_plugins.processes_launcher import ProcessesLauncher
from simplicity_sweep.jobs import NotStarted
from simplicity_sweep.processes.ending import JobProcessError, read_ending

Launch = Callable[..., Sequence[JobReturn]]
NUMBERS = [["number=0"], ["number=1"], ["number=2"]]


@pytest.fixture
def launch(hydra_restore_singletons: None, tmp_path: Path) -> Iterator[Launch]:
    with initialize_config_dir(str(Path(__file__).with_name("conf")), version_base="1.3"):

        def launch(task: Callable[[DictConfig], object], asked: list[list[str]], **attributes: object):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("app", [f"hydra.sweep.dir={tmp_path}"], RunMode.MULTIRUN)
            HydraConfig.instance().set_config(config)
            launcher = ProcessesLauncher()
            for name, value in attributes.items():
                setattr(launcher, name, value)
            launcher.setup(hydra_context=HydraContext(loader, Callbacks()), task_function=task, config=config)
            return launcher.launch(asked, 0)

        yield launch


def test_each_job_has_a_process_of_its_own_and_its_return_comes_back_in_order(launch: Launch) -> None:
    def task(cfg: DictConfig) -> tuple[int, int]:
        time.sleep(0.5 if cfg.number == 0 else 0)
        return cfg.number, os.getpid()

    returns = launch(task, NUMBERS, jobs=2)
    numbers, pids = zip(*(done.return_value for done in returns), strict=True)
    assert numbers == (0, 1, 2)
    assert len({*pids, os.getpid()}) == 4
    assert [done.overrides for done in returns] == NUMBERS
    assert [done.cfg.number for done in returns] == [0, 1, 2]


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL (out of memory?)"), (signal.SIGSEGV, "SIGSEGV")]
)
def test_a_process_that_is_killed_costs_its_own_job_and_says_how(
    launch: Launch, tmp_path: Path, number: signal.Signals, name: str
) -> None:
    def task(cfg: DictConfig) -> int:
        print("last words", flush=True)
        if cfg.number == 1:
            os.kill(os.getpid(), number)
        return cfg.number

    first, dead, last = launch(task, NUMBERS, jobs=2)
    assert (first.return_value, last.return_value) == (0, 2)
    assert dead.status is JobStatus.FAILED
    output = tmp_path / "1" / "process.log"
    with pytest.raises(JobProcessError, match="its process was killed by SIG") as caught:
        _ = dead.return_value
    assert name in str(caught.value)
    assert str(caught.value).endswith(f"its output: {output}")
    assert output.read_text().startswith("last words")
    assert name in (read_ending(tmp_path / "1") or "")
    assert read_ending(tmp_path / "0") is None


def test_what_a_dead_process_had_started_ends_with_it(launch: Launch) -> None:
    def task(cfg: DictConfig) -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    [dead] = launch(task, [["number=0"]])
    pid = int(Path(str(dead._return_value).partition("its output: ")[2]).read_text())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or ") Z " in status.read_text():  # init may be slow to take a zombie away
            return
        time.sleep(0.05)
    pytest.fail("it still runs")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc, which is Linux's")
def test_a_waiting_process_that_dies_costs_no_job(launch: Launch) -> None:
    def task(cfg: DictConfig) -> int:
        waiting: list[int] = []
        while cfg.number == 0 and not waiting:
            time.sleep(0.05)
            stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
            groups = {int(stat[2]) for stat in stats if int(stat[1]) == os.getppid()}
            waiting = [group for group in groups if group not in (os.getpgrp(), os.getpgid(os.getppid()))]
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
        return cfg.number

    assert [done.return_value for done in launch(task, NUMBERS[:2], jobs=1)] == [0, 1]


def test_an_exception_comes_back_with_its_traceback(launch: Launch) -> None:
    def task(cfg: DictConfig) -> None:
        raise LookupError("no such thing")

    [failed] = launch(task, [["number=0"]])
    with pytest.raises(LookupError, match="no such thing") as caught:
        _ = failed.return_value
    assert "in task" in caught.value.__notes__[0]


def test_a_value_that_no_other_process_can_read_fails_its_job(launch: Launch) -> None:
    def task(cfg: DictConfig) -> object:
        return (number for number in [1])

    [failed] = launch(task, [["number=0"]])
    with pytest.raises(RuntimeError, match=r"generator.*can't be sent from process to process"):
        _ = failed.return_value


def test_a_job_that_leaves_its_process_has_no_result(launch: Launch) -> None:
    [failed] = launch(lambda cfg: sys.exit(3), [["number=0"]])
    with pytest.raises(JobProcessError, match="exited with status 3 before its job returned"):
        _ = failed.return_value


def test_a_module_that_cannot_be_imported_fails_the_jobs(launch: Launch) -> None:
    [failed] = launch(lambda cfg: 0, [["number=0"]], imports=("no_such_module",))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        _ = failed.return_value


def test_standard_input_is_empty(launch: Launch) -> None:
    [done] = launch(lambda cfg: sys.stdin.read(), [["number=0"]])
    assert done.return_value == ""


def test_no_job_is_started_after_a_failure_where_the_sweep_stops_on_errors(launch: Launch, tmp_path: Path) -> None:
    def task(cfg: DictConfig) -> None:
        raise LookupError("no such thing")

    returns = launch(task, NUMBERS, jobs=1, stop_on_error=True)
    assert [type(done._return_value) for done in returns] == [LookupError, NotStarted, NotStarted]
    assert {done.status for done in returns} == {JobStatus.FAILED}
    with pytest.raises(NotStarted, match=r"an earlier job failed \(on_error=stop\)"):
        _ = returns[2].return_value
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0"]


def seen(cfg: DictConfig) -> tuple[str | None, str | None]:
    time.sleep(1)  # long enough for the jobs of one moment to overlap
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("OMP_NUM_THREADS")


def test_each_job_is_told_its_gpu(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    returns = launch(seen, [["number=0"], ["number=1"]])
    assert sorted(done.return_value[0] for done in returns) == ["3", "5"]


def test_jobs_that_ask_for_the_cpu_are_not_divided_among_gpus(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    [done] = launch(seen, [["trainer.accelerator=cpu"]])
    assert done.return_value[0] == "3,5"


def test_threads_are_divided_and_a_users_own_number_is_not_exceeded(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simplicity_sweep.processes.shares.usable_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [done.return_value[1] for done in launch(seen, NUMBERS[:2])] == ["4", "4"]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [done.return_value[1] for done in launch(seen, NUMBERS[:2])] == ["3", "3"]
