"""A section of a config that is made of values, for tests of what reads it."""

from __future__ import annotations

from typing import Any

from reprobox.config.fields import Section
from reprobox.config.kinds import Scope
from reprobox.config.place import Place
from reprobox.config.problems import Problems
from reprobox.config.yaml_document import Document, Keys
from reprobox.errors import ConfigError


class Read:
    """`reprobox: value`, with the faults that its readers noted."""

    def __init__(self, value: Any, texts: dict[Keys, str] | None = None) -> None:
        self.problems = Problems(where="c.yaml")
        document = Document(value={"reprobox": value}, texts=texts or {})
        self.section = Section(document, ("reprobox",), self.problems, value)
        self.scope = Scope(place=Place(config_path="conf/c.yaml"), document={"lr": 0.1})

    def faults(self) -> list[str]:
        try:
            self.problems.throw()
        except ConfigError as fault:
            return fault.why.splitlines()
        return []

    def by(self, kind: Any, name: str = "x") -> Any:
        """What a kind makes of the value of a key."""
        return kind.read(self.section, name, self.scope)
