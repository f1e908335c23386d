"""Any other text: its lines. Nothing is left out."""

from __future__ import annotations

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Rows

MARK = b"\xef\xbb\xbf"


def decoded(file: File) -> tuple[str, str]:
    """The text and its encoding: UTF-8, or, where it is not, each byte as the sign that Latin-1
    gives it. A byte order mark stays in it.
    """
    data = bytes(file.data)
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "8 bits a sign"


def _read(file: File) -> Content:
    lines, encoding = decoded(file)
    if encoding != "utf-8":
        file.put("<encoding>", encoding)
    file.put_rows("line", Rows(lines.split("\n"), before=" ", after="", first=1))
    file.read_all()
    return file.content("text")


def _is_text(head: Head) -> bool:
    return b"\0" not in head.first


FORMAT = Format(name="text", files="other text, by line", claims=_is_text, read=_read)
