"""Text by its lines: every byte counts, also where it is not UTF-8."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_contents import content_of, plain, rest


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\nb", {"line 1": "a", "line 2": "b"}),
        (b"a\r\nb\n", {"line 1": "a\r", "line 2": "b", "line 3": ""}),
        (b"\xef\xbb\xbfa", {"line 1": "\ufeffa"}),
        ("a\u2028b\x85c".encode(), {"line 1": "a\u2028b\x85c"}),
        (b"caf\xe9", {"<encoding>": "8 bits a sign", "line 1": "café"}),
    ],
)
def test_lines(tmp_path: Path, data: bytes, lines: dict[str, str]) -> None:
    content = content_of(tmp_path, "notes", data)
    assert (content.format, plain(content)) == ("text", lines)
    assert rest(content) == []


def test_the_same_sign_in_another_encoding_is_another_text(tmp_path: Path) -> None:
    one, other = (
        plain(content_of(tmp_path, "n", "é".encode(kind))) for kind in ("utf-8", "latin-1")
    )
    assert one != other
