"""JPEG and WebP: pixels, and every piece that is not how pixels are coded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from file_contents import content_of, plain, rest
from PIL import Image

from reprobox.judge.leaves import Unreadable


def picture(kind: str, colour: int = 200, **said: Any) -> bytes:
    out = io.BytesIO()
    Image.new("L", (16, 8), colour).save(out, kind, **said)
    return out.getvalue()


def test_a_jpeg_is_its_pixels_however_they_are_coded(tmp_path: Path) -> None:
    one, other = (
        content_of(tmp_path, "a.jpg", picture("JPEG", progressive=way)) for way in (False, True)
    )
    assert plain(one) == plain(other)
    assert plain(one)["size"] == "16x8, L, 1 frames"
    assert rest(one) == []


def test_a_comment_of_a_jpeg_is_a_leaf(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "a.jpg", picture("JPEG", comment=b"run 7")))
    assert found["segment FE"] == b"run 7".hex()


def test_bytes_behind_the_end_of_a_jpeg_are_rest(tmp_path: Path) -> None:
    data = picture("JPEG")
    assert rest(content_of(tmp_path, "a.jpg", data + b"more")) == [(len(data), 4)]


def test_frames_of_a_webp_have_their_durations(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), colour) for colour in (0, 255)]
    out = io.BytesIO()
    frames[0].save(
        out, "WEBP", save_all=True, append_images=frames[1:], duration=[10, 30], lossless=True
    )
    found = plain(content_of(tmp_path, "a.webp", out.getvalue()))
    assert "2 frames" in found["size"]
    assert (found["frame 1 duration"], found["frame 2 duration"]) == (10, 30)
    assert found["frame 1"] != found["frame 2"]


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.webp", "WEBP")])
def test_a_picture_that_is_cut_off_is_not_read_in_part(
    tmp_path: Path, name: str, kind: str
) -> None:
    with pytest.raises(Unreadable, match="cut off"):
        content_of(tmp_path, name, picture(kind)[:-10])
