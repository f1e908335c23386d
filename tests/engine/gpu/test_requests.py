"""docker's --gpus grammar."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprobox.engine.gpu import requests
from reprobox.engine.gpu.requests import GpuRequest
from reprobox.errors import ConfigError, GpuUnavailable

GPU = ("gpu",)


def nvidia(**changes: Any) -> tuple[dict[str, Any], ...]:
    return (
        {
            "Driver": "",
            "Count": 0,
            "DeviceIDs": [],
            "Capabilities": [["gpu"]],
            "Options": {},
            **changes,
        },
    )


def cdi(*names: str) -> tuple[dict[str, Any], ...]:
    return (
        {"Driver": "cdi", "Count": 0, "DeviceIDs": list(names), "Capabilities": [], "Options": {}},
    )


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("all", nvidia(Count=-1)),
        ("-1", nvidia(Count=-1)),
        ("2", nvidia(Count=2)),
        ("count=all", nvidia(Count=-1)),
        ("count=3,driver=nvidia", nvidia(Count=3, Driver="nvidia")),
        ("driver=nvidia", nvidia(Count=1, Driver="nvidia")),
        ("device=0", nvidia(DeviceIDs=["0"])),
        ("device=0,1", nvidia(DeviceIDs=["0", "1"])),
        ('"device=0,1"', nvidia(DeviceIDs=["0", "1"])),
        (
            '"device=0,1",capabilities=utility',
            nvidia(DeviceIDs=["0", "1"], Capabilities=[["utility", "gpu"]]),
        ),
        (
            "device=0,1,capabilities=utility",
            nvidia(DeviceIDs=["0", "1"], Capabilities=[["utility", "gpu"]]),
        ),
        (
            'all,"capabilities=compute,utility"',
            nvidia(Count=-1, Capabilities=[["compute", "utility", "gpu"]]),
        ),
        ("device=GPU-1a2b3c4d-0000", nvidia(DeviceIDs=["GPU-1a2b3c4d-0000"])),
        ("device=MIG-GPU-1a2b/7/0", nvidia(DeviceIDs=["MIG-GPU-1a2b/7/0"])),
        ("device=0:1", nvidia(DeviceIDs=["0:1"])),
        ('all,"options=a=1,b=2"', nvidia(Count=-1, Options={"a": "1", "b": "2"})),
        ("nvidia.com/gpu=all", cdi("nvidia.com/gpu=all")),
        ("nvidia.com/gpu=0,nvidia.com/gpu=1:0", cdi("nvidia.com/gpu=0", "nvidia.com/gpu=1:0")),
    ],
)
def test_requests(text: str, request_: tuple[dict[str, Any], ...]) -> None:
    assert requests.device_requests(requests.parse(text), "nvidia") == request_


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("all", ["nvidia.com/gpu=all"]),
        ("2", ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
        ("device=3,GPU-12", ["nvidia.com/gpu=3", "nvidia.com/gpu=GPU-12"]),
    ],
)
def test_an_engine_with_cdi_only(text: str, names: list[str]) -> None:
    assert requests.device_requests(requests.parse(text), "cdi") == cdi(*names)


def test_an_engine_with_nothing() -> None:
    with pytest.raises(GpuUnavailable, match="next: install"):
        requests.device_requests(requests.parse("all"), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty field"),
        (",", "empty field"),
        ("al", "not a number"),
        ("0", "leaving `gpus` out"),
        ("-2", "not a number"),
        ("1.5", "not a number"),
        ("²", "not a number"),
        ("all,2", "given twice"),
        ("all,device=0", "exclude each other"),
        ("device=", "not a device"),
        ("device=0,0", "named twice"),
        ("device=0;1", "not a device"),
        ("devices=0", "not one of"),
        ("count=x", "not a number"),
        ('"device=0', "makes no sense"),
        ("driver=a,driver=b", "given twice"),
        ('all,"options=a=1,a=2"', "given twice"),
    ],
)
def test_nonsense_is_refused_with_what_is_right(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        requests.parse(text)
    assert "`device=0,1`" in caught.value.next_step


@given(st.text(alphabet='al0129,="device-GPU:/ capitonruv.\n', max_size=40) | st.text(max_size=20))
def test_any_text_is_a_request_or_one_clear_error(text: str) -> None:
    try:
        request = requests.parse(text)
    except ConfigError:
        return
    assert isinstance(request, GpuRequest)
    assert sum((request.count != 0, bool(request.devices), bool(request.cdi))) == 1
