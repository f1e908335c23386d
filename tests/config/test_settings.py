"""One table gives the parser, the JSON Schema, the template and the list in docs/config.md."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reprobox.config.fields import Section
from reprobox.config.kinds import Choice, Flag, Text, TextMap, Texts, Whole
from reprobox.config.load import load
from reprobox.config.place import Place
from reprobox.config.problems import Problems
from reprobox.config.schema import schema, text
from reprobox.config.setting import Mapping, Setting
from reprobox.config.settings import ENVIRONMENT, OUTPUT, SETTINGS, TRAIL, read
from reprobox.config.settings_list import listed
from reprobox.config.template import template
from reprobox.config.yaml_document import Document
from reprobox.errors import ConfigError
from reprobox.model.spec import Spec

TOP = Path(__file__).parents[2]
CHECKER = jsonschema.Draft7Validator(schema())
NEW = Setting(
    key="colour",
    kind=Choice(("red", "green")),
    about="Which colour.",
    absent="none",
    sample="# colour: red",
)


def parsed(section: dict[str, Any], *more: Setting) -> tuple[dict[str, Any], Problems]:
    document = {"reprobox": section}
    problems = Problems(where="c.yaml")
    inside = Section(Document(value=dict(document)), ("reprobox",), problems, section)
    return read(inside, Place(config_path="c.yaml"), dict(document), (*SETTINGS, *more)), problems


def test_a_key_that_is_added_in_one_place_is_known_everywhere() -> None:
    table = (*SETTINGS, NEW)
    found, problems = parsed({"command": "x", "colour": "green"}, NEW)
    problems.throw()
    assert found["colour"] == "green"
    _, problems = parsed({"command": "x", "colour": "blue"}, NEW)
    with pytest.raises(ConfigError, match=r"reprobox\.colour: expected one of red, green"):
        problems.throw()
    assert schema(table)["properties"]["reprobox"]["properties"]["colour"]["enum"][0] == "red"
    assert template("", table).endswith("  # colour: red\n")
    assert listed(table).endswith("- **`colour`** (default: none): Which colour.\n")
    with pytest.raises(ConfigError, match="colour"):
        load(b"reprobox: {command: x, colour: red}\n", config_path="c.yaml", overrides=())


@pytest.mark.parametrize(
    "kind", [Text(str), Flag(), Whole(0, 9), Texts(str), TextMap(lambda _n, t, _s: t)]
)
def test_every_kind_takes_the_value_that_its_schema_takes(kind: Any) -> None:
    row = Setting(key="thing", kind=kind, about="A.", absent="none", sample="# thing: 1")
    checker = jsonschema.Draft7Validator(schema((*SETTINGS, row)))
    for value in ("a", 3, True, ["b", 1], {"k": "v"}, [["x"]], {"k": ["x"]}):
        _, problems = parsed({"command": "x", "thing": value}, row)
        valid = checker.is_valid({"reprobox": {"command": "x", "thing": value}})
        refused = False
        try:
            problems.throw()
        except ConfigError:
            refused = True
        assert valid is not refused, value


def test_generated_files_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/pages", "--check"], cwd=TOP, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert (TOP / "reprobox/config/config.schema.json").read_text() == text()


def uncommented() -> str:
    """The template with every example active."""
    keys = "|".join(row.key for row in (*SETTINGS, *ENVIRONMENT))
    return re.sub(rf"^( +)# ({keys}):", r"\1\2:", template(), flags=re.MULTILINE)


def test_the_template_has_every_setting_and_each_example_is_valid() -> None:
    document = yaml.safe_load(uncommented())
    assert set(document["reprobox"]) == {row.key for row in SETTINGS}
    assert set(document["reprobox"]["environment"]) == {row.key for row in ENVIRONMENT}
    spec = load(uncommented().encode(), config_path="config.yaml", overrides=())
    assert (spec.gpus, spec.resources.timeout, spec.trail.every) == ("all", 7200, 10)
    CHECKER.validate(spec.document)
    CHECKER.validate(load(template().encode(), config_path="c.yaml", overrides=()).document)
    assert max(map(len, template("x" * 40).splitlines())) <= 100


def test_the_examples_of_rules_and_of_the_trail_are_valid() -> None:
    for outer, rows in (("outputs: {x: %s}", OUTPUT), ("trail: %s", TRAIL)):
        inner = "{" + ", ".join(row.sample for row in rows) + "}"
        config = f"reprobox:\n  command: x\n  {outer % inner}\n"
        spec = load(config.encode(), config_path="c.yaml", overrides=())
        CHECKER.validate(spec.document)


def test_every_field_of_the_spec_that_a_config_can_set_is_set_by_one_row() -> None:
    own = {"config_path", "document", "text", "overrides", "origins"}
    set_by_rows = {field.partition(".")[0] for row in SETTINGS for field in row.fields}
    assert set_by_rows == {one.name for one in fields(Spec)} - own
    for row in SETTINGS:
        for field in row.fields:
            known = {one.name: one for one in fields(Spec)}[field.partition(".")[0]]
            has_default = known.default is not MISSING or known.default_factory is not MISSING
            assert has_default or row.required or row.default


VALID = [
    "command: [python, 1, true]",
    "command: x\n  base: 1",
    "command: x\n  environment:",
    "command: x\n  environment: {base: {image: a}}",
    "command: x\n  environment: {base: {dockerfile: a, context: b}, python: 3.10, apt: git}",
    "command: x\n  environment: {base: {image: a, archive: b}}",
    "command: x\n  environment: {base: {context: b}}",
    "command: x\n  environment: {bse: a}",
    "command: x\n  inputs: data",
    "command: x\n  inputs: {a: 1, b: c}",
    "command: x\n  inputs: [[a]]",
    "command: x\n  outputs: {a: , b: ignore, c: {compare: content, rtol: 1}, <stdout>: ignore}",
    "command: x\n  outputs: {<stdout>: tensors}",
    "command: x\n  outputs: {a: tensor}",
    "command: x\n  outputs: {a: {ulp: -1, compare: tensors}}",
    "command: x\n  seed: 4294967296",
    "command: x\n  seed: 1.5",
    "command: x\n  trail: true",
    "command: x\n  trail: 3",
    "command: x\n  trail: {every: 3, los: true}",
    "command: x\n  timeout: 90",
    "command: x\n  timeout: 1h30m",
    "command: x\n  timeout: soon",
    "command: x\n  timeout: 0",
    "command: x\n  memory: 4q",
    "command: x\n  memory: 1.5 GiB",
    "command: x\n  cpus: 0",
    "command: x\n  secrets: {a: hunter2}",
    "command: x\n  secrets: {a: file:~/x}",
    "command: x\n  env: {A: 1, B: true}",
    "command: x\n  env: {A-B: 1}",
    "command: x\n  writable_root: yes",
    "command: x\n  capabilities: [net_raw, CAP_SYS_PTRACE]",
    "command: x\n  capabilities: [';']",
    "command: x\n  name: a/b",
    "command: x\n  tags: [a, 1.10]",
    "command: x\n  profile: same",
    "command: []",
    "workdir: .",
]


@pytest.mark.parametrize("config", VALID)
def test_the_schema_takes_what_the_parser_takes(config: str) -> None:
    whole = f"reprobox:\n  {config}\n".encode()
    try:
        spec = load(whole, config_path="c.yaml", overrides=())
    except ConfigError:
        spec = None
    # The document as YAML 1.2 reads it, which is how an editor reads it; the parser's own reading.
    document = spec.document if spec else _core(whole)
    assert CHECKER.is_valid(document) is (spec is not None)


def _core(whole: bytes) -> Any:
    from reprobox.config.written import plain
    from reprobox.config.yaml12 import read as read_yaml

    return plain(read_yaml(whole, Problems(where="c.yaml")).value)


def test_every_mapping_of_the_table_refuses_unknown_keys() -> None:
    for row in SETTINGS:
        if isinstance(row.kind, Mapping):
            assert (
                schema()["properties"]["reprobox"]["properties"][row.key]["additionalProperties"]
                is False
            )
