"""A real Slurm of the tests' own: munged, slurmctld and several slurmd on this host, without
systemd.

Debian's packages are unpacked into `.tools/slurm` by `scripts/setup --tests`; nothing is installed.
Everything runs as the caller, below one directory, on free loopback ports, and is ended by its
process id.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TOP = Path(__file__).parents[2]
ROOT = TOP / ".tools" / "slurm"
LIBRARIES = ROOT / "usr" / "lib" / "x86_64-linux-gnu"
CLIENTS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo")
DAEMONS = ("slurmctld", "slurmd", "slurmstepd")
"""They need these names: a daemon reads `Gres` only where its program is called slurmctld or slurmd
(run_in_daemon in Slurm's src/common/run_in_daemon.c), and Debian appends `-wlm`.
"""

CONFIG = """\
ClusterName=reprobox
SlurmctldHost=localhost
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=cred_expire=5,socket={top}/munge/socket
CryptoType=crypto/munge
PluginDir={plugins}
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool-%n
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd-%n.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdTimeout=5
SlurmctldTimeout=5
KillWait={kill_wait}
MinJobAge={min_job_age}
BatchStartTimeout=10
InactiveLimit=0
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MaxArraySize={max_array}
{preemption}
{gres}
{nodes}
PartitionName=work Nodes=ALL Default=YES MaxTime=60 State=UP OverSubscribe=NO {work}
"""
PREEMPTION = """\
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=cheap Nodes=ALL MaxTime=60 PriorityTier=1 PreemptMode=CANCEL GraceTime={grace}
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=9 PreemptMode=OFF"""
"""A job of `urgent` takes the place of one of `work`, which waits again, or of `cheap`, which is
ended (slurm.conf(5), "PreemptMode").
"""


class Cluster:
    """A cluster of some nodes; `env` is what its clients need."""

    def __init__(
        self,
        top: Path,
        *,
        nodes: int = 3,
        cpus: int = 4,
        max_array: int = 1001,
        kill_wait: int = 6,
        min_job_age: int = 300,
        gpus: int = 0,
        preemption: int | None = None,
    ) -> None:
        """Args: `gpus` of a node are fakes, each a link to a character device; `preemption` adds
        the partitions `cheap` and `urgent`: seconds that a job keeps its node then.
        """
        self.top = top
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = _free_ports(nodes + 1)
        for name in ("munge", "state", "bin", "sbin"):
            (top / name).mkdir(parents=True, mode=0o700)
        (top / "munge").chmod(0o711)
        lines = [
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs={cpus} RealMemory=4000 State=UNKNOWN"
            + (f" Gres=gpu:h100:{gpus}" if gpus else "")
            for name, port in zip(self.nodes, ports[1:], strict=True)
        ]
        (top / "slurm.conf").write_text(
            CONFIG.format(
                controller=ports[0],
                user=getpass.getuser(),
                top=top,
                plugins=LIBRARIES / "slurm-wlm",
                kill_wait=kill_wait,
                min_job_age=min_job_age,
                max_array=max_array,
                gres="GresTypes=gpu" if gpus else "",
                nodes="\n".join(lines),
                preemption="PreemptMode=OFF"
                if preemption is None
                else PREEMPTION.format(grace=preemption),
                work="" if preemption is None else f"PriorityTier=1 GraceTime={preemption}",
            )
        )
        self._fake_gpus(gpus)
        for client in CLIENTS:
            self._wrap(client)
        for name in DAEMONS:
            (top / "sbin" / name).symlink_to(ROOT / "usr" / "sbin" / f"{name}-wlm")

    def _fake_gpus(self, count: int) -> None:
        """What slurmd wants to see of a GPU is its device file (gres.conf(5), "File")."""
        for number in range(count):
            (self.top / f"gpu{number}").symlink_to("/dev/null")
        if count:
            files = f"{self.top}/gpu[0-{count - 1}]"
            (self.top / "gres.conf").write_text(f"Name=gpu Type=h100 File={files}\n")

    def _wrap(self, client: str) -> None:
        """A client that finds its libraries without a variable that jobs would inherit."""
        script = self.top / "bin" / client
        script.write_text(
            f"#!/bin/sh\nexport SLURM_CONF={self.top}/slurm.conf\n"
            f"exec /lib64/ld-linux-x86-64.so.2 --library-path "
            f'{LIBRARIES}/slurm-wlm:{LIBRARIES} {ROOT}/usr/bin/{client} "$@"\n'
        )
        script.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """Variables that make a program use this cluster."""
        return {
            "PATH": f"{self.top}/bin:{os.environ['PATH']}",
            "SLURM_CONF": str(self.top / "slurm.conf"),
        }

    def start(self) -> Cluster:
        """Starts everything, and waits until the nodes are idle. Without Slurm the tests that need
        it fail: a suite that skips them proves nothing.
        """
        assert ROOT.is_dir(), "these tests need Slurm: scripts/setup --tests"
        (self.top / "munge" / "key").write_bytes(os.urandom(128))
        (self.top / "munge" / "key").chmod(0o600)
        self._start(
            "munged",
            ROOT / "usr" / "sbin" / "munged",
            "--foreground",
            f"--key-file={self.top}/munge/key",
            f"--socket={self.top}/munge/socket",
            f"--pid-file={self.top}/munge/pid",
            f"--seed-file={self.top}/munge/seed",
            f"--log-file={self.top}/munge/log",
            "--num-threads=2",
            "--force",
        )
        until((self.top / "munge" / "socket").exists)
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        until(lambda: self.idle() >= len(self.nodes), 30)
        return self

    def start_controller(self) -> None:
        self._start("slurmctld", self.top / "sbin" / "slurmctld", "-D")

    def start_node(self, node: str) -> None:
        """Starts a node's slurmd."""
        stepd = str(self.top / "sbin" / "slurmstepd")
        self._start(node, self.top / "sbin" / "slurmd", "-D", "-N", node, "-d", stepd)

    def revive(self, node: str) -> None:
        """Starts the slurmd of a node that was set DOWN, which then takes jobs again. Where it
        registers before it is resumed, the controller may have resumed it by itself.
        """
        self.start_node(node)
        done = subprocess.run(
            [str(self.top / "bin" / "scontrol"), "update", f"NodeName={node}", "State=RESUME"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or "Invalid node state" in done.stderr, done.stderr

    def _start(self, name: str, program: Path, *words: str) -> None:
        libraries = f"{LIBRARIES}/slurm-wlm:{LIBRARIES}"
        with (self.top / f"{name}.out").open("ab") as out:
            self._processes[name] = subprocess.Popen(
                [str(program), *words],
                cwd=self.top,  # a step that crashes leaves its core there
                env={**os.environ, **self.env, "LD_LIBRARY_PATH": libraries},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self, name: str, *, with_jobs: bool = False) -> None:
        """SIGKILL for a daemon; with its steps and their processes, as if the node had died."""
        process = self._processes.pop(name)
        doomed = [process.pid, *(self.steps(name) if with_jobs else ())]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def steps(self, node: str) -> list[int]:
        """Processes of the jobs of a node: its slurmstepd and all below them."""
        own = [
            pid
            for pid, text in _environments()
            if f"SLURMD_NODENAME={node}\0" in text and f"{self.top}/slurm.conf\0" in text
        ]
        # First what would tell the controller how they ended.
        steps = {parent for pid in own if _name(parent := _parent(pid)).startswith("slurmstepd")}
        return [*steps, *own]

    def ask(self, *words: str) -> str:
        """What a client answers."""
        done = subprocess.run(
            [str(self.top / "bin" / words[0]), *words[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def idle(self) -> int:
        done = subprocess.run(
            [str(self.top / "bin" / "sinfo"), "-h", "-N", "-t", "idle", "-o", "%N"],
            capture_output=True,
            text=True,
            check=False,
        )
        return len(done.stdout.split())

    def stop(self) -> None:
        """Ends the jobs, then the daemons."""
        with contextlib.suppress(AssertionError, OSError, subprocess.TimeoutExpired):
            self.ask("scancel", "--user", getpass.getuser(), "--signal=KILL")
        for node in self.nodes:
            for pid in self.steps(node):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for name in reversed(list(self._processes)):
            process = self._processes.pop(name)
            process.kill()
            process.wait()


def _environments() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                text = (entry / "environ").read_text(errors="replace")
                yield int(entry.name), text + "\0"


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found.append(one.getsockname()[1])
        return found


def until(question: Callable[[], object], seconds: float = 30, every: float = 0.05) -> None:
    """Waits for a condition; fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(every)


def remove(cluster: Cluster) -> None:
    """Stops a cluster and removes its directory."""
    cluster.stop()
    shutil.rmtree(cluster.top, ignore_errors=True)
