"""Outputs of runs: opened without following a link, checked, saved and never run."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness_runs import an_output
from web_world import HOSTILE, Served, World

from reprobox.errors import RunNotFound
from reprobox.kit import canon
from reprobox.web import outputs


def test_outputs_are_saved_and_never_run(world: World, site: Served) -> None:
    page, svg = b"<script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    run = world.run(
        files={"x.html": page, "y.svg": svg, f"d/{HOSTILE}": b"z", "fake.png": page + b"!"}
    )
    for data in (page, svg, b"z"):
        digest = canon.digest_bytes(data)[7:]
        status, headers, body = site.ask(f"/run/{run}/file/{digest}")
        assert (status, body) == (200, data)
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-disposition"].startswith("attachment; ")
        assert "\n" not in headers["content-disposition"]
    for data in (page + b"!", svg):
        assert site.ask(f"/run/{run}/image/{canon.digest_bytes(data)[7:]}")[0] == 400


def test_an_output_that_became_a_link_is_refused(
    world: World, site: Served, tmp_path: Path
) -> None:
    run = world.run(files={"model.bin": b"weights"})
    place = world.runs.path(run) / "outputs" / "model.bin"
    secret = tmp_path / "secret"
    secret.write_bytes(b"weights")
    place.unlink()
    place.symlink_to(secret)
    digest = canon.digest_bytes(b"weights")[7:]
    status, _, body = site.ask(f"/run/{run}/file/{digest}")
    assert (status, b"is not here" in body) == (500, True)
    place.unlink()
    place.write_bytes(b"changed")
    status, _, body = site.ask(f"/run/{run}/file/{digest}")
    assert (status, b"not what was recorded" in body) == (500, True)


def test_an_output_is_found_by_its_content(world: World) -> None:
    run = world.run(files={"a/model.bin": b"weights"})
    digest = canon.digest_bytes(b"weights")[7:]
    file = outputs.find(world.context, run, digest)
    assert file.path == "a/model.bin"
    with outputs.opened(world.context, run, file) as data:
        assert data.read() == b"weights"
    with pytest.raises(RunNotFound, match="no output with this content"):
        outputs.find(world.context, run, "0" * 64)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("d/a b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('x"\r\ny', "attachment; filename=\"x___y\"; filename*=UTF-8''x%22%0D%0Ay"),
        ("é", "attachment; filename=\"_\"; filename*=UTF-8''%C3%A9"),
    ],
)
def test_the_name_of_a_saved_file_cannot_add_a_header(path: str, shown: str) -> None:
    assert outputs.attachment(path) == shown


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg xmlns", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_their_bytes(head: bytes, kind: str | None) -> None:
    assert outputs.picture_type(head) == kind


def test_which_files_are_shown_as_pictures() -> None:
    assert outputs.may_be_picture(an_output("plots/A.PNG"))
    assert not outputs.may_be_picture(an_output("plots/a.svg"))
    assert not outputs.may_be_picture(an_output("plots.png", kind="dir"))
    large = an_output("a.png", bytes(outputs.PICTURE + 1))
    assert not outputs.may_be_picture(large)
