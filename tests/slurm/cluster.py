"""A real Slurm on one machine, in a folder of its own and without systemd.

Its partition `debug` is this machine, with two pretended GPUs; `pair` are two nodes of other names, as Slurm sees them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch")
_SYSTEM = ("/usr/sbin", "/usr/local/sbin")  # where Debian keeps daemons; not on every user's PATH
_START_SECONDS = 60.0

_SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
KillWait=10
GresTypes=gpu
{nodes}
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=pair Nodes={pair} MaxTime=INFINITE State=UP
"""
_NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} RealMemory=1000 State=UNKNOWN"
PAIR = ("east", "west")
"""The nodes of the partition `pair`, of one core each."""


def missing() -> list[str]:
    """Which of Slurm's programs are not installed."""
    return [program for program in PROGRAMS if _program(program) is None]


class Cluster:
    """Slurm's daemons, and its commands as seen by them.

    Args:
        folder: for their files; short, since a socket's path may have a hundred characters.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        self._daemons: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells Slurm's commands, and what they start, of this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Returns once the node takes jobs.

        Raises:
            TimeoutError: it doesn't; the message is the daemons' logs.
        """
        self._configure()
        munge = [
            *("--foreground", f"--socket={self.folder}/munge.socket", f"--key-file={self.folder}/munge.key"),
            *(f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log"),
            *(f"--seed-file={self.folder}/munge.seed", "--num-threads=2"),
        ]
        self._start("munged", *munge)
        self._wait((self.folder / "munge.socket").exists)
        self._start("slurmctld", "-D")
        for node in (self.host, *PAIR):
            self._start("slurmd", "-D", "-N", node)
        self._wait(lambda: set(self.ask("sinfo", "-h", "-o", "%T").splitlines()) == {"idle"})

    def stop(self) -> None:
        """Ends every job and every daemon."""
        self.clear()
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def clear(self) -> None:
        """Ends every job."""
        if self.active():
            self.ask("scancel", "--me")
            self._wait(lambda: not self.active())

    def ask(self, command: str, *arguments: str) -> str:
        """What one of Slurm's commands prints; nothing where it fails."""
        program = _program(command)
        assert program is not None
        done = subprocess.run(
            [program, *arguments],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **self.environment},
        )  # fmt: skip
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        """The state of every job that Slurm still knows, by its name for users, e.g. `12_0`."""
        return dict(line.split() for line in self.ask("squeue", "-h", "-r", "-t", "all", "-o", "%i %T").splitlines())

    def active(self) -> list[str]:
        """The jobs that wait or run."""
        return sorted(self.ask("squeue", "-h", "-r", "-o", "%i").split())

    def requeue(self, job: str) -> None:
        """What an administrator does who needs the node: ends the job, to start it again."""
        self.ask("scontrol", "requeue", job)

    def hurry(self) -> None:
        """Lets jobs that were requeued start now; Slurm waits two minutes."""
        for job, state in self.states().items():
            if state == "PENDING":
                self.ask("scontrol", "update", f"JobId={job}", "StartTime=now")

    def _configure(self) -> None:
        (self.folder / "state").mkdir()
        controller, *daemons = _free_ports(2 + len(PAIR))
        cores = (os.cpu_count() or 1, *(1 for _ in PAIR))
        nodes = [
            _NODE.format(name=name, host=self.host, port=port, cores=number)
            for name, port, number in zip((self.host, *PAIR), daemons, cores, strict=True)
        ]
        text = _SLURM_CONF.format(
            host=self.host,
            folder=self.folder,
            user=os.environ.get("USER") or "root",
            controller=controller,
            nodes="\n".join([f"{nodes[0]} Gres=gpu:2", *nodes[1:]]),
            pair=",".join(PAIR),
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text(f"NodeName={self.host} Name=gpu File=/dev/tty[0-1]\n")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.folder.chmod(0o755)

    def _start(self, program: str, *arguments: str) -> None:
        path = _program(program)
        assert path is not None
        environment = {**os.environ, **self.environment}
        with (self.folder / f"{program}.out").open("wb") as output:
            daemon = subprocess.Popen(
                [path, *arguments],
                cwd=self.folder, stdout=output, stderr=output, env=environment, start_new_session=True,
            )  # fmt: skip
        self._daemons.append(daemon)

    def _wait(self, done: Callable[[], object]) -> None:
        until = time.monotonic() + _START_SECONDS
        while not done():
            if time.monotonic() > until:
                logs = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
                raise TimeoutError("\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in logs))
            time.sleep(0.1)


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_SYSTEM))


def _free_ports(how_many: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(how_many)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
