"""`.zenodo.json`: what Zenodo takes as the metadata of an upload
(developers.zenodo.org, deposit metadata).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from reprobox.attest.review.facts import Facts


def metadata(
    runs: Sequence[Facts],
    *,
    title: str,
    authors: Sequence[str],
    repository: str,
    license_: str,
    version: str,
) -> str:
    """The document.

    Args:
        license_: an SPDX id; empty where none was given, and then Zenodo asks for it.
        version: of reprobox.
    """
    found: dict[str, Any] = {
        "title": title,
        "upload_type": "software",
        "description": _description(runs),
        "creators": [{"name": name} for name in authors],
        "access_right": "open",
        "keywords": ["reproducibility", "machine learning", "reprobox"],
        "notes": f"Packed by reprobox {version}.",
    }
    if license_:
        found["license"] = license_.lower()
    if repository.startswith(("http://", "https://")):
        found["related_identifiers"] = [
            {"identifier": repository, "relation": "isDerivedFrom", "scheme": "url"}
        ]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _description(runs: Sequence[Facts]) -> str:
    """Zenodo shows it as HTML."""
    items = "".join(
        f"<li>{_text(run.title)}: <code>{_text(run.command)}</code></li>" for run in runs
    )
    return f"<p>Recorded runs that can be made again, with all they need:</p><ul>{items}</ul>"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
