"""Where a run was started: the host and the container engine that alone may say what became of it.

An engine says of itself which ID it has, but two engines of one host were seen with the same one,
and a socket path names another engine on each host. So each engine carries a random mark of ours
(engine/mark.py), and the host is known by its boot, its machine ID and its name together: machines
that were cloned from one disk share the machine ID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class EngineHome:
    """What distinguishes one engine from another."""

    id: str = ""
    root: str = ""
    """Directory of its data, on its own host."""
    mark: str = ""
    """Random text of ours in the engine's own storage; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """A host and an engine, as an intent records them. Empty text: not known."""

    name: str = ""
    machine: str = ""
    boot: str = ""
    engine: EngineHome = EngineHome()

    @staticmethod
    def of(host: Mapping[str, Any], engine: Mapping[str, Any]) -> Home:
        """Reads an intent's `host` and `engine`."""
        return Home(
            name=_text(host, "name"),
            machine=_text(host, "machine"),
            boot=_text(host, "boot_id"),
            engine=EngineHome(
                id=_text(engine, "id"), root=_text(engine, "root"), mark=_text(engine, "mark")
            ),
        )

    def same_host(self, other: Home) -> bool:
        """Whether both are one machine, rebooted or not. What was never recorded decides
        nothing.
        """
        if self.boot and self.boot == other.boot:
            return True
        return _agree(self.machine, other.machine) and _agree(self.name, other.name)

    def same_engine(self, other: Home) -> bool:
        """Whether both are certainly one engine: the same mark at the same place. Without a mark on
        both sides (runs of earlier versions), ID and place decide.
        """
        ours, theirs = self.engine, other.engine
        if ours.mark and not _agree(ours.root, theirs.root):
            return False
        return ours.mark == theirs.mark if ours.mark else self.alike(other)

    def alike(self, other: Home) -> bool:
        """Whether only the mark distinguishes the engines; it is lost when unused volumes are
        removed (`docker system prune --volumes`).
        """
        ours, theirs = self.engine, other.engine
        return _agree(ours.id, theirs.id) and _agree(ours.root, theirs.root)


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""
