"""The section that `init` adds to a config which the user's script already has."""

from __future__ import annotations

import pytest
import yaml

from reprobox.config.extend import extended
from reprobox.errors import ConfigError, UsageError

GIVEN: dict[str, str | None] = {"command": "[python, train.py]"}


def made(text: bytes, **said: str) -> bytes:
    return extended(text, where="conf/c.yaml", given=GIVEN, **said)


@pytest.mark.parametrize(
    "text", [b"", b"lr: 0.1\n", b"lr: 0.1", b"# only a comment\n", b"lr: 1e-3 # kept\r\nb: yes\r\n"]
)
def test_what_was_there_stays_byte_for_byte(text: bytes) -> None:
    found = made(text)
    assert found.startswith(text)
    assert (b"\r\n" in found) == (b"\r\n" in text)
    assert yaml.safe_load(found)["reprobox"]["command"] == ["python", "train.py"]


def test_editors_find_the_schema_once() -> None:
    schema = "https://example.invalid/s.json"
    assert made(b"a: 1\n", schema=schema).count(b"yaml-language-server") == 1
    own = b"# yaml-language-server: $schema=own.json\na: 1\n"
    assert made(own, schema=schema).count(b"yaml-language-server") == 1


@pytest.mark.parametrize("text", [b"reprobox: {}\n", b"a: 1\nreprobox:\n"])
def test_a_section_that_is_there_is_not_written_again(text: bytes) -> None:
    with pytest.raises(UsageError, match="already") as caught:
        made(text)
    assert caught.value.next_step == "reprobox lock conf/c.yaml"


@pytest.mark.parametrize("text", [b"{a: 1}\n", b"a: 1\n...\n", b"a: |\n  text\n\n  more\n..."])
def test_a_file_without_a_place_at_its_end_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="no place") as caught:
        made(text)
    assert caught.value.next_step == "reprobox init conf/c.reprobox.yaml"


def test_a_file_that_cannot_be_read_is_an_error_with_its_name() -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        made(b"a: [\n")
