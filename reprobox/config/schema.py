"""The JSON Schema of a config, for editors: completion, and errors while typing.

Draft 7, which is what yaml-language-server reads in full. The parser is the judge: what it takes,
the schema takes; the schema cannot see everything that the parser refuses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from reprobox.config.kinds import Json
from reprobox.config.setting import Setting, object_schema
from reprobox.config.settings import SETTINGS

FILE = "config.schema.json"


def schema(settings: Sequence[Setting] = SETTINGS) -> Json:
    section = object_schema(settings)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An experiment's config, with the settings of reprobox",
        "type": "object",
        "properties": {
            "reprobox": {"description": "How the experiment is run.", **section},
        },
        "required": ["reprobox"],
    }


def text(settings: Sequence[Setting] = SETTINGS) -> str:
    return json.dumps(schema(settings), indent=1, ensure_ascii=False) + "\n"
