"""A Docker Engine of the tests' own, to be killed, restarted and lied to. The machine's engine is
never touched.

It gets a network name space of its own: with `--bridge none` a daemon deletes the bridge of any
    other daemon that it can see.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineUnavailable


@dataclass
class SecondEngine:
    """A dockerd with its own data, sockets and network."""

    live_restore: bool = False
    first_on_path: Path | None = None
    remapped: bool = False
    """Whether user IDs are remapped (`userns-remap`), by files of its own in /etc."""
    group: str = ""
    """Control group below which its containers are, such as /tests."""
    # Short, because the paths of its sockets may have 107 bytes only.
    top: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="rbx-", dir="/tmp")))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What DOCKER_HOST would say."""
        return f"unix://{self.top}/docker.sock"

    @property
    def engine(self) -> DockerEngine:
        """A fresh client."""
        return DockerEngine(self.url)

    def start(self) -> SecondEngine:
        """Starts the daemon and returns when it answers."""
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        with (self.top / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._alone(), "dockerd", *self._flags()],
                env={
                    "PATH": f"{self.first_on_path}:{path}" if self.first_on_path else path,
                    "HOME": str(self.top),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._answers()
        return self

    def _alone(self) -> list[str]:
        """Network, and where users are remapped also mounts, of its own."""
        if not self.remapped:
            return ["unshare", "--net"]
        self.top.chmod(0o711)  # the remapped root passes through
        binds = []
        for name in ("subuid", "subgid"):
            (self.top / name).write_text("nobody:100000:65536\nnogroup:100000:65536\n")
            binds.append(f"touch /etc/{name} && mount --bind {self.top}/{name} /etc/{name}")
        script = f'{" && ".join(binds)} && exec "$@"'
        return ["unshare", "--net", "--mount", "sh", "-c", script, "sh"]

    def _flags(self) -> list[str]:
        flags = [
            f"--data-root={self.top}/data",
            f"--exec-root={self.top}/x",
            f"--pidfile={self.top}/pid",
            f"--host={self.url}",
        ]
        return [
            *flags,
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            *(["--live-restore"] if self.live_restore else []),
            *([f"--cgroup-parent={self.group}"] if self.group else []),
            *(["--userns-remap=nobody:nogroup"] if self.remapped else []),
        ]

    def _answers(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                self.engine.info()
            except EngineUnavailable:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(
            f"the second engine does not start:\n{(self.top / 'log').read_text()[-3000:]}"
        )

    def die(self, number: int = signal.SIGKILL) -> None:
        """Sends the daemon a signal (and only it), and returns when it is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None
        (self.top / "pid").unlink(missing_ok=True)
        self._forget_containerd()

    def close(self) -> None:
        """Removes its containers, the daemon, its containerd, its mounts and its files."""
        if self.process is None:
            self.start()
        # Not by self.engine: it may have given up while the daemon was dead.
        engine = DockerEngine(self.url)
        for entry in engine._link.quick().containers(all=True):
            engine.remove(entry["Id"])
        self.die(signal.SIGTERM)
        for mount in _mounts_below(self.top):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.top)

    def _forget_containerd(self) -> None:
        """Waits until the daemon's containerd has died with it.

        A dead one that nobody has reaped yet counts as running for the next daemon, which would
        then wait for it in vain.
        """
        pidfile = self.top / "x" / "containerd" / "containerd.pid"
        if not pidfile.exists():
            return
        status = Path(f"/proc/{pidfile.read_text()}/status")
        deadline = time.monotonic() + 30
        while status.exists() and "State:\tZ" not in status.read_text():
            if time.monotonic() > deadline:
                raise RuntimeError("the second engine's containerd has outlived it")
            time.sleep(0.02)
        pidfile.unlink()


def _mounts_below(top: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return sorted(
        (line.split()[1] for line in lines if line.split()[1].startswith(f"{top}/")), reverse=True
    )
