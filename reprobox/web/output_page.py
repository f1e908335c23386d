"""One output: a picture, a table, tensors with their histograms, or its values."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from reprobox.judge.reader import Limits, Reader
from reprobox.web import charts, outputs
from reprobox.web.asked import Asked, Page

_LIMITS = Limits(memory=1 << 30, cpu=20, wall=30, unpacked=2 << 30)
"""What the reader of a preview may take: a user is waiting."""
_LARGEST = 512 << 20
_CHUNK = 1 << 20


def page(asked: Asked) -> Page:
    """The page of one output."""
    run_id = asked.path["run"]
    file = outputs.find(asked.context, run_id, asked.path["digest"])
    picture = asked.links.image(run_id, file) if outputs.may_be_picture(file) else ""
    found = {} if picture else _preview(asked, run_id)
    facts = {
        "run": run_id,
        "file": file,
        "picture": picture,
        "found": found,
        "tensors": [(one, _chart(one)) for one in found.get("tensors", ())],
    }
    return Page(title=file.path, template="output.html", facts=facts, tab="runs")


def _preview(asked: Asked, run_id: str) -> Mapping[str, Any]:
    """What the reader's process says of a copy that no program can change meanwhile."""
    file = outputs.find(asked.context, run_id, asked.path["digest"])
    if file.size > _LARGEST:
        return {"why": "the file is too large to be shown"}
    with tempfile.TemporaryDirectory(prefix="reprobox-page-") as folder, Reader(_LIMITS) as reader:
        copy = Path(folder) / "file"
        with outputs.opened(asked.context, run_id, file) as data, copy.open("wb") as target:
            while chunk := data.read(_CHUNK):
                target.write(chunk)
        return reader.preview(copy, name=file.path.rpartition("/")[2])


def _chart(tensor: Mapping[str, Any]) -> Markup | None:
    counts, edges = tensor.get("counts"), tensor.get("edges")
    return charts.bars(str(tensor["name"]), edges, counts) if counts and edges else None
