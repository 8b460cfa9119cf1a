"""Slurm: a cluster of one machine for a test, from Debian's packages."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fake.waiting import wait_until

_PROGRAMS = ("sbatch", "scontrol", "sinfo", "slurmctld", "slurmd")
_READY_S = 30.0
_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=sched_interval=1
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""


def missing_slurm() -> str | None:
    """Return the reason why Slurm cannot run here, or None."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    missing = [name for name in _PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        return f"Slurm is not installed (slurm-wlm): no {', '.join(missing)}"
    return None if os.geteuid() == 0 else "only root can start Slurm's daemons here"


class Slurm:
    """The daemons slurmctld and slurmd. `restarts` are the restarts of the tasks of an array."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.restarts: list[int] = []
        self._hurried: set[str] = set()
        # The path of a socket in this folder may have at most 108 characters.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        config = folder / "slurm.conf"
        config.write_text(
            _CONFIG.format(
                host=socket.gethostname().partition(".")[0],
                folder=folder,
                ports=_free_ports(),
            )
        )
        path = f"{env['PATH']}{os.pathsep}/usr/sbin"
        self._env = {**env, "PATH": path, "SLURM_CONF": str(config)}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D", "-N", "one")
        wait_until(lambda: "idle" in self._ask("sinfo", "--noheader", "-o", "%T"), _READY_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def submit(self, script: Path, *options: str) -> str:
        """Submit a script as an array, and return its id."""
        argv = ["sbatch", "--parsable", *options, str(script)]
        done = subprocess.run(argv, env=self._env, cwd=script.parent, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def wait(self, array: str) -> None:
        """Return when all tasks of an array have ended with exit code 0."""
        end = time.monotonic() + 120
        while not self._is_done(array):
            assert time.monotonic() < end, self._ask("scontrol", "show", "job", array)
            time.sleep(0.1)

    def _is_done(self, array: str) -> bool:
        tasks = self._ask("scontrol", "--oneliner", "show", "job", array).splitlines()
        fields = [dict(word.split("=", 1) for word in one.split() if "=" in word) for one in tasks]
        for task in fields:
            if (task["JobState"], task["Reason"]) == ("PENDING", "BeginTime"):
                self._hurry(task["JobId"])
        self.restarts = [int(task["Restarts"]) for task in fields]
        assert not any(task["JobState"] == "FAILED" for task in fields), tasks
        return all(task["JobState"] == "COMPLETED" for task in fields)

    def _hurry(self, job: str) -> None:
        """Let a requeued task start in two seconds in place of two minutes.

        Slurm refuses to start it in the second in which its first run ended.
        """
        if job not in self._hurried:
            self._hurried.add(job)
            self._ask("scontrol", "update", f"jobid={job}", "StartTime=now+2")

    def _start(self, *argv: str) -> None:
        with (self._folder / f"{argv[0]}.out").open("wb") as out:
            self._daemons.append(subprocess.Popen(argv, env=self._env, stdout=out, stderr=out))

    def _ask(self, *argv: str) -> str:
        return subprocess.run(argv, env=self._env, capture_output=True, text=True).stdout


def _free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return [one.getsockname()[1], other.getsockname()[1]]
