"""How a verdict may be written."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How a verdict is written; the last three are those of `views.ci.FORMATS`."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    GITHUB = "github"
