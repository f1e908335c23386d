"""The system calls of a run are those of a container with the engine's own profile, and fixed
addresses.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from images_of_our_own import PythonImage

from reprobox.engine import create_body, seccomp
from reprobox.engine.docker import DockerEngine
from reprobox.model.outcome import Container

pytestmark = pytest.mark.engine

ASKS = """
import ctypes, json, os, signal
libc = ctypes.CDLL(None, use_errno=True)
HARMFUL = {15, 34, 57, 58, 60, 61, 62, 101, 109, 112, 129, 200, 219, 231, 234, 247, 297, 424}
refused = []
for number in range(335):
    if number in HARMFUL:
        continue
    child = os.fork()
    if child == 0:
        signal.alarm(1)
        os.close(1)
        result = libc.syscall(number, -1, -1, -1, -1, -1, -1)
        os._exit(1 if result == -1 and ctypes.get_errno() == 1 else 0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1:
        refused.append(number)
libc.personality.argtypes = [ctypes.c_ulong]
print(json.dumps({"refused": refused, "fixed": libc.personality(0x40000),
                  "other": libc.personality(0x200000)}))
"""


def asked(engine: DockerEngine, image: PythonImage, *, fixed: bool) -> dict[str, Any]:
    name = f"reprobox-tests-{secrets.token_hex(4)}"
    container = Container(
        image=image.tag,
        argv=(image.python, "-c", ASKS),
        name=name,
        labels={"reprobox-tests": name},
        fixed_addresses=fixed,
    )
    made = engine.create(container)
    try:
        engine.start(made)
        assert engine.wait(made, 120).exit_code == 0, engine.logs(made)
        found: dict[str, Any] = json.loads(engine.logs(made))
    finally:
        engine.remove(made)
    return found


def test_only_the_one_value_is_added(engine: DockerEngine, python_image: PythonImage) -> None:
    before, after = (asked(engine, python_image, fixed=fixed) for fixed in (False, True))
    assert (before["fixed"], before["other"]) == (-1, -1)
    assert after["fixed"] >= 0
    assert after["other"] == -1
    assert set(before["refused"]) <= set(after["refused"])
    later = {303, 310, 311, 329, 330, 331}  # allowed by default since Docker 23
    assert set(after["refused"]) - set(before["refused"]) <= later
    assert len(before["refused"]) > 20


def test_a_container_that_does_not_ask_for_it_keeps_the_engines_profile() -> None:
    plain = Container(image="i", argv=("a",), name="n")
    fixed = Container(image="i", argv=("a",), name="n", fixed_addresses=True)
    options = [create_body.create_body(one)["HostConfig"]["SecurityOpt"] for one in (plain, fixed)]
    assert options == [["no-new-privileges"], ["no-new-privileges", seccomp.option()]]


def test_the_profile_refuses_what_it_does_not_name() -> None:
    profile = json.loads(seccomp.profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    free = {
        name
        for rule in profile["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and not {"includes", "excludes", "args"} & rule.keys()
        for name in rule["names"]
    }
    never = {"mount", "bpf", "keyctl", "add_key", "kexec_load", "init_module", "ptrace", "unshare"}
    assert not free & never
    assert len(free) > 300


def test_podman_takes_the_profile_from_a_file() -> None:
    container = Container(image="i", argv=("x",), name="n", fixed_addresses=True)
    host = create_body.create_body(container, profile_in_a_file=True)["HostConfig"]
    (path,) = (
        Path(one.removeprefix("seccomp="))
        for one in host["SecurityOpt"]
        if one.startswith("seccomp=")
    )
    assert path.read_text() == seccomp.profile()
