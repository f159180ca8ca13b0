"""What a Slurm job asks of the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_FROM_ONE = ("cpus_per_task", "timeout_min", "array_parallelism", "signal_delay_s")
_FROM_ZERO = ("gpus_per_node", "max_num_timeout")
# Slurm binds a step to its cores only where it is told to, and since 22.05 a step doesn't ask for those of its job.
_OWN_CORES = """\
export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$SLURM_CPUS_PER_TASK}"
export NUMBA_NUM_THREADS="$SLURM_CPUS_PER_TASK"
"""
_NO_GPU = "export CUDA_VISIBLE_DEVICES="  # where Slurm hides none, a job would take another one's


@dataclass
class Resources:
    """What each Slurm job is given; names and meanings are those of submitit and its Hydra plugin.

    Attributes:
        partition: where it runs; None leaves it to Slurm, as do the other names.
        account: who pays.
        qos: the quality of service.
        constraint: features that a node must have.
        timeout_min: how long it may run, in minutes, until it is requeued and goes on.
        cpus_per_task: how many cores.
        gpus_per_node: how many GPUs.
        mem_gb: how much memory, in GB; None leaves it to Slurm.
        array_parallelism: how many of a sweep's Slurm jobs run at once.
        signal_delay_s: how long before its time is up it is told to end, in seconds.
        max_num_timeout: how often it may be requeued because its time was up.
        setup: lines of shell to run before, e.g. `module load cuda`.
        additional_parameters: other options of sbatch, without the two dashes.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: int = 60
    cpus_per_task: int = 1
    gpus_per_node: int = 0
    mem_gb: float | None = None
    array_parallelism: int = 256
    signal_delay_s: int = 120
    max_num_timeout: int = 10
    setup: list[str] = field(default_factory=list)
    additional_parameters: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuses numbers that can't be meant.

        Raises:
            ValueError: names the key and what is allowed.
        """
        for least, names in ((1, _FROM_ONE), (0, _FROM_ZERO)):
            for name in names:
                if getattr(self, name) < least:
                    raise ValueError(f"hydra.launcher.{name} = {getattr(self, name)}: should be {least} or more.")
        if self.mem_gb is not None and self.mem_gb <= 0:
            raise ValueError(
                f"hydra.launcher.mem_gb = {self.mem_gb}: should be more than 0, or null for Slurm's default."
            )

    def submitted(self, name: str) -> dict[str, Any]:
        """The parameters of submitit's executor for Slurm.

        Args:
            name: of the Slurm job.

        Example:
            >>> asked = Resources(partition="gpu", gpus_per_node=1).submitted("train")
            >>> asked["partition"], asked["gpus_per_node"], asked["time"], "account" in asked
            ('gpu', 1, 60, False)
        """
        own = {"partition": self.partition, "account": self.account, "qos": self.qos, "constraint": self.constraint}
        return {
            **{key: value for key, value in own.items() if value is not None},
            **({"gpus_per_node": self.gpus_per_node} if self.gpus_per_node else {}),
            **({} if self.mem_gb is None else {"mem": f"{round(self.mem_gb * 1024)}MB"}),
            "job_name": name,
            "time": self.timeout_min,
            "cpus_per_task": self.cpus_per_task,
            "array_parallelism": self.array_parallelism,
            "signal_delay_s": self.signal_delay_s,
            "stderr_to_stdout": True,
            "setup": [*_OWN_CORES.splitlines(), *([] if self.gpus_per_node else [_NO_GPU]), *self.setup],
            "additional_parameters": {"requeue": True, **self.additional_parameters},
        }
