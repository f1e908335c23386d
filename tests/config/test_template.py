"""The config that `reprobox init` writes."""

from __future__ import annotations

from reprobox.config.load import load
from reprobox.config.template import template


def test_the_template_is_a_config() -> None:
    spec = load(template().encode(), config_path="config.yaml", overrides=())
    assert spec.command == ("python", "train.py", "config.yaml")
    uncommented = (
        template()
        .replace("  # trail", "  trail")
        .replace("  # gpus", "  gpus")
        .replace("  # outputs", "  outputs")
    )
    assert load(uncommented.encode(), config_path="config.yaml", overrides=()).gpus == "all"
