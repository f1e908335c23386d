"""NCCL's settings, checked before a run."""

from __future__ import annotations

import pytest

from reprobox.model.spec import Trail
from reprobox.runtime import nccl, profiles


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("NCCL_ALGO", "Ring", ""),
        ("NCCL_ALGO", "^tree,CollnetDirect", ""),
        ("NCCL_ALGO", "ring,collnetdirect;allreduce:tree,ring;broadcast:ring", ""),
        ("NCCL_ALGO", "Rings", "'rings'"),
        ("NCCL_ALGO", "", "''"),
        ("NCCL_ALGO", "gather:ring", "'gather:ring'"),
        ("NCCL_PROTO", "LL128,Simple", ""),
        ("NCCL_PROTO", "LL64", "'ll64'"),
        ("NCCL_NTHREADS", "256", ""),
        ("NCCL_NTHREADS", "100", "128"),
        ("NCCL_MAX_NCHANNELS", "8", ""),
        ("NCCL_MAX_NCHANNELS", "many", "not a number"),
        ("NCCL_DEBUG", "INFO", ""),
        ("NCCL_SOCKET_IFNAME", "anything", ""),
        ("ALGO", "Rings", ""),
    ],
)
def test_values(name: str, value: str, wrong: str) -> None:
    found = list(nccl.faults({name: value}))
    assert bool(found) == bool(wrong), found
    assert all(wrong in line and line.startswith(f"{name}={value}:") for line in found)


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_what_the_profiles_set_is_known(profile: profiles.Profile) -> None:
    env = profiles.env(
        profile, seed=1, threads=1, commit_time=0, trail=Trail(), also=(), python_path=""
    )
    assert list(nccl.faults(env)) == []
