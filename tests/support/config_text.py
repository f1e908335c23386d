"""A config for tests of its parts, and how tests read it."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.config.load import load
from reprobox.config.problems import Problems
from reprobox.config.written import plain
from reprobox.config.yaml12 import read
from reprobox.errors import ConfigError
from reprobox.model.spec import Spec

BASE = b"""\
lr: 0.1
epochs: 3
model: {width: 64, layers: [1, 2, 3], deep: {x: 1}}
reprobox:
  command: [python, train.py, config.yaml]
"""


def loaded(text: bytes = BASE, *overrides: str, path: str = "conf/config.yaml") -> Spec:
    return load(text, config_path=path, overrides=overrides)


def faults(text: bytes, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *overrides)
    return caught.value.why.splitlines()


def parsed(text: str | bytes) -> Any:
    problems = Problems(where="c.yaml")
    document = read(text.encode() if isinstance(text, str) else text, problems)
    problems.throw()
    return plain(document.value)


def rewritten(text: bytes, *overrides: str) -> str:
    spec = loaded(text, *overrides)
    assert spec.text is not None
    return spec.text
