"""Config file and overrides become a Spec, or one error with every fault."""

from __future__ import annotations

import datetime
import posixpath
from typing import Any

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from reprobox.config.load import load, recordable
from reprobox.config.template import template
from reprobox.errors import ConfigError
from reprobox.kit.units import bytes_of, moments_of, seconds_of
from reprobox.model import codec
from reprobox.model.spec import BaseIntent, InputIntent, OutputRule, Spec, Trail

BASE = b"""\
lr: 0.1
epochs: 3
model: {width: 64, layers: [1, 2, 3], deep: {x: 1}}
reprobox:
  command: [python, train.py, config.yaml]
"""
FULL = b"""\
lr: 1e-3
reprobox:
  command: python train.py --lr=${lr} 'two words' $${HOME}
  workdir: sub
  environment:
    base: {dockerfile: Dockerfile.gpu, context: docker}
    python: 3.10
    apt: [libgomp1, "git=1:2.39.5-0+deb12u2"]
    requirements: requirements.txt
    bytecode: true
    env: {NVIDIA_VISIBLE_DEVICES: all, LEVEL: 007}
  lock: ../locks/my.lock
  inputs: {data: ~/datasets/digits, /abs: /srv/x}
  outputs: {"events*": {compare: tensors, ulp: 2}, "*.log": ignore, m.json: {compare: content, rtol: 1e-6}}
  seed: 7
  profile: portable-avx2
  threads: 4
  trail: {every: 10, gradients: true, loss: true}
  gpus: 2
  cpus: 1.5
  memory: 4g
  shm_size: 512MiB
  pids: 100
  tmp_size: 1g
  timeout: 2h
  network: bridge
  env: {FOO: bar, ON: true}
  secrets: {HF_TOKEN: env:HF_TOKEN, key: file:~/.key}
  writable_root: true
  capabilities: [CAP_NET_RAW, sys_ptrace]
  name: my-run
  tags: [a, 1.10]
"""


def loaded(text: bytes = BASE, *overrides: str, path: str = "conf/config.yaml") -> Spec:
    return load(text, config_path=path, overrides=overrides)


def faults(text: bytes, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *overrides)
    return caught.value.why.splitlines()


def test_every_setting() -> None:
    spec = loaded(FULL)
    assert spec.command == ("python", "train.py", "--lr=0.001", "two words", "${HOME}")
    assert spec.workdir == "conf/sub"
    assert spec.lock_path == "locks/my.lock"
    assert spec.environment.base == BaseIntent(
        kind="dockerfile", reference="Dockerfile.gpu", context="docker"
    )
    assert spec.environment.python == "3.10"
    assert spec.environment.apt == ("libgomp1", "git=1:2.39.5-0+deb12u2")
    assert spec.environment.requirements == ("requirements.txt",)
    assert spec.environment.image_env == {"NVIDIA_VISIBLE_DEVICES": "all", "LEVEL": "007"}
    assert spec.inputs == (
        InputIntent(path="data", source="~/datasets/digits"),
        InputIntent(path="/abs", source="/srv/x"),
    )
    assert spec.outputs == (
        OutputRule(pattern="events*", compare="tensors", ulp=2),
        OutputRule(pattern="*.log", compare="ignore"),
        OutputRule(pattern="m.json", compare="content", rtol=1e-6),
    )
    assert (spec.seed, spec.profile, spec.threads, spec.gpus) == (7, "portable-avx2", 4, "2")
    assert (spec.trail, spec.trail_also) == (
        Trail(every=10, gradients=True, enabled=True),
        ("loss",),
    )
    assert (spec.resources.cpus, spec.resources.memory, spec.resources.timeout) == (
        1.5,
        "4g",
        7200.0,
    )
    assert spec.env == {"FOO": "bar", "ON": "true"}
    assert spec.secrets == {"HF_TOKEN": "env:HF_TOKEN", "key": "file:~/.key"}
    assert spec.capabilities == ("NET_RAW", "SYS_PTRACE")
    assert (spec.name, spec.tags) == ("my-run", ("a", "1.10"))
    assert codec.decode(Spec, codec.encode(spec), where="spec") == spec


def test_defaults() -> None:
    spec = loaded()
    assert spec.environment.base == BaseIntent(kind="debian", reference="bookworm")
    assert spec.lock_path == "conf/reprobox.lock"
    assert (spec.seed, spec.threads, spec.network, spec.profile, spec.workdir) == (
        0,
        1,
        "none",
        "same-machine",
        "conf",
    )
    assert spec.trail == Trail()
    assert loaded(path="config.yaml").lock_path == "reprobox.lock"


@pytest.mark.parametrize(
    ("base", "kind", "reference"),
    [
        ("debian:trixie", "debian", "trixie"),
        ("docker.example/x:tag", "registry", "docker.example/x:tag"),
        ("debian:bookworm-slim", "registry", "debian:bookworm-slim"),
        ("{image: 'debian:bookworm'}", "registry", "debian:bookworm"),
        ("{archive: base.tar}", "archive", "base.tar"),
        ("{dockerfile: Dockerfile}", "dockerfile", "Dockerfile"),
    ],
)
def test_bases(base: str, kind: str, reference: str) -> None:
    spec = loaded(BASE + f"  environment: {{base: {base}}}\n".encode())
    assert (spec.environment.base.kind, spec.environment.base.reference) == (kind, reference)


@pytest.mark.parametrize(
    ("workdir", "back"), [(".", "../"), ("..", ""), ("sub", "../../"), ("../other/place", "../../")]
)
def test_paths_are_relative_to_the_config_and_an_input_in_a_list_is_at_the_same_place_in_the_run(
    workdir: str, back: str
) -> None:
    spec = loaded(
        BASE
        + f"  workdir: {workdir}\n  inputs: [data/x, ../shared/y, /srv/z]\n  lock: ../locks/a\n".encode()
    )
    assert posixpath.normpath(posixpath.join("conf", workdir)) == spec.workdir
    assert spec.lock_path == "locks/a"
    inner = {".": "data/x", "sub": "../data/x"}.get(workdir, f"{back}conf/data/x")
    assert [(item.path, item.source) for item in spec.inputs] == [
        (inner, "conf/data/x"),
        (f"{back}shared/y", "shared/y"),
        ("/srv/z", "/srv/z"),
    ]


def test_the_right_side_of_a_mapping_is_a_place_on_this_host_wherever_it_is() -> None:
    spec = loaded(
        BASE + b"  workdir: ..\n  inputs: {data: ../../far, conf/x: ./near, /abs: ~/home}\n"
    )
    assert [(item.path, item.source) for item in spec.inputs] == [
        ("data", "../far"),
        ("conf/x", "conf/near"),
        ("/abs", "~/home"),
    ]


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("lr=1e-3", "lr", 0.001),
        ("lr='1e-3'", "lr", "1e-3"),
        ('lr="5"', "lr", "5"),
        ("lr=yes", "lr", "yes"),
        ("lr=", "lr", ""),
        ("lr=null", "lr", None),
        ("lr=a=b: #c *d", "lr", "a=b: #c *d"),
        ("lr=[1, 'a', {b: 2}]", "lr", [1, "a", {"b": 2}]),
        ("+new.deep.key=true", "new", {"deep": {"key": True}}),
        ("++lr=2", "lr", 2),
        ("++other=2", "other", 2),
        ("model.layers.1=9", "model", {"width": 64, "layers": [1, 9, 3], "deep": {"x": 1}}),
        ("+model.layers.3=4", "model", {"width": 64, "layers": [1, 2, 3, 4], "deep": {"x": 1}}),
        ("~model.layers.0", "model", {"width": 64, "layers": [2, 3], "deep": {"x": 1}}),
        (
            "model={width: 8, deep: {x: 2}}",
            "model",
            {"width": 8, "layers": [1, 2, 3], "deep": {"x": 2}},
        ),
        ("~model.width=64", "model", {"layers": [1, 2, 3], "deep": {"x": 1}}),
        ("model=5", "model", 5),
        (r"+a\.b=1", "a.b", 1),
    ],
)
def test_overrides(override: str, key: str, value: Any) -> None:
    spec = loaded(BASE, override)
    assert spec.document[key] == value
    assert type(spec.document[key]) is type(value)
    assert spec.overrides == (override,)
    assert spec.text is not None
    assert yaml.safe_load(spec.text) == spec.document


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lrr=1", "there is no lrr (did you mean 'lr'?); write +lrr=... to add it"),
        ("model.widht=1", "did you mean 'width'?"),
        ("+lr=1", "is there already"),
        ("~nothing", "there is no nothing"),
        ("~lr=0.2", "not removed"),
        ("lr", "has no value"),
        ("=1", "must look like"),
        ("a..b=1", "empty part"),
        ("lr.x=1", "has no keys"),
        ("model.layers.x=1", "is a list"),
        ("model.layers.7=1", "has 3 items"),
        ("+model.layers.7=1", "the next one is"),
        ("lr=1,2", 'for value in 1 2; do reprobox run CONFIG lr="$value"; done'),
        ("+x=a b,c", "for value in 'a b' c; do reprobox run CONFIG +x=\"$value\"; done"),
        ("model.width=1, 2", 'for a list: "model.width=[1, 2]"; for text: "model.width=\'1, 2\'"'),
        ("lr=[1,", "not YAML"),
        ("lr={x:1}", "space is missing"),
        ("model={wide: 1}", "there is no model.wide"),
        ("lr=1e999", "larger than any float"),
        ("lr=\udcff", "not UTF-8"),
        ("lr=!!int 3", ""),
    ],
)
def test_overrides_that_make_no_sense(override: str, words: str) -> None:
    if not words:
        assert loaded(BASE, override).document["lr"] == "!!int 3"
        return
    (fault,) = faults(BASE, override)
    assert words in fault


def test_settings_of_reprobox_need_no_plus_and_leave_the_script_its_file() -> None:
    spec = loaded(BASE, "reprobox.seed=3", "reprobox.environment.python=3.10", "reprobox.env.FOO=1")
    assert (spec.seed, spec.environment.python, spec.env) == (3, "3.10", {"FOO": "1"})
    assert spec.text is None
    assert spec.document["reprobox"]["environment"]["python"] == "3.10"
    spec = loaded(
        BASE, "reprobox.seed=3", "reprobox.environment.python=3.10", "reprobox.env.FOO=1", "lr=2"
    )
    again = load((spec.text or "").encode(), config_path="conf/config.yaml", overrides=())
    assert again.environment == spec.environment
    assert again.env == spec.env


def test_origins() -> None:
    spec = loaded(BASE, "lr=1", "reprobox.seed=3", "~epochs", "+model.new={a: 1}")
    assert spec.origins["lr"] == "command line"
    assert spec.origins["model.width"] == "file"
    assert spec.origins["model.new.a"] == "command line"
    assert spec.origins["reprobox.command"] == "file"
    assert spec.origins["reprobox.seed"] == "command line"
    assert spec.origins["epochs"] == "command line"


def test_all_faults_at_once_with_their_lines() -> None:
    text = (
        b"a: 1\na: 2\nreprobox:\n  comand: x\n  seed: abc\n  memory: 4q\n  env:\n    BAD-NAME: 1\n"
    )
    text += b"  inputs: [../../x, ~/y]\n  trail: 3\n"
    found = faults(text, "b=3", "reprobox.threads=two")
    expected = [
        "line 2: the key 'a' is here a second time",
        "override 'b=3': there is no b",
        "line 4: reprobox.comand: is not a setting of reprobox (did you mean 'command'?)",
        (
            "line 3: reprobox.command: expected a list or text, such as [python, train.py], found "
            "nothing"
        ),
        "line 5: reprobox.seed: expected a whole number, found the text 'abc'",
        "line 6: reprobox.memory: expected text; not a size: '4q'",
        "line 8: reprobox.env.BAD-NAME:",
        (
            "line 9: reprobox.inputs.0: '../../x', seen from conf/, leaves the repository; say where "
            "the run sees it, too"
        ),
        "line 9: reprobox.inputs.1: '~/y' is a place on this host",
        "line 10: reprobox.trail: expected true or false, found the number 3",
        "command line: reprobox.threads: expected a whole number, found the text 'two'",
    ]
    for start in expected:
        assert any(fault.startswith(start) for fault in found), start
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seed: true", "found true"),
        ("seed: -1", "within 0"),
        ("seed: 4294967296", "within 0"),
        ("seed: 1.5", "expected a whole number"),
        ("threads: 0", "within 1"),
        ("profile: same", "same-machine"),
        ("cpus: 0", "above 0"),
        ("cpus: .nan", "finite"),
        ("timeout: soon", "not a duration"),
        ("timeout: 0", "no time"),
        (
            "workdir: ../..",
            "'../..', seen from conf/, leaves the repository; only what is in the commit can run",
        ),
        ("workdir: /x", "is not a relative path; only what is in the commit can run"),
        ("inputs: {../../x: y}", "leaves the repository; a run sees its inputs inside"),
        ("lock: ../../x", "leaves the repository; the lock is committed"),
        ("name: latest", "already means"),
        ("name: a/b", "not a name"),
        ("tags: [[1]]", "found a list"),
        ("writable_root: yes", "expected true or false"),
        ("capabilities: [';']", "NET_RAW"),
        ("environment: {python: 3}", "not like 3.11"),
        ("environment: {python: [3.11]}", "found a list"),
        ("environment: {apt: ['-o x']}", "libgomp1"),
        ("environment: {base: {image: a, archive: b}}", "expected one of"),
        ("environment: {base: {context: a}}", "expected one of"),
        ("environment: [a]", "expected a mapping"),
        ("environment: {bse: a}", "did you mean 'base'"),
        ("outputs: {a: {compare: bytes, rtol: 1}}", "tolerance needs"),
        ("outputs: {a: {compare: tensor}}", "did you mean 'tensors'"),
        ("outputs: {<stdout>: tensors}", "there is no 'tensors'"),
        ("outputs: [a]", "expected a mapping"),
        ("secrets: {a: hunter2}", "env:NAME or file:PATH"),
        ("env: {A: [1]}", "expected text"),
        ("env: {A: }", "expected text"),
        ("env: {OMP_NUM_THREADS: 4}", "env.OMP_NUM_THREADS: it is '4', and reprobox.threads is 1"),
        ("env: {REPROBOX_SEED: 4}", "reprobox's own"),
        ("environment: {env: {MKL_NUM_THREADS: 2}}", "environment.env.MKL_NUM_THREADS: it is '2'"),
        ("gpus: ''", "empty"),
        ("command: []", "expected a list or text"),
    ],
)
def test_wrong_settings(line: str, words: str) -> None:
    text = (
        BASE + f"  {line}\n".encode()
        if not line.startswith("command")
        else b"reprobox:\n  " + line.encode()
    )
    assert any(words in fault for fault in faults(text)), faults(text)


def test_a_thread_count_that_says_what_threads_says_is_no_contradiction() -> None:
    assert loaded(BASE + b"  threads: 4\n  env: {OMP_NUM_THREADS: 4}\n").env == {
        "OMP_NUM_THREADS": "4"
    }


def test_a_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(BASE + b"  secrets: {token: hunter2}\n")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("${lrr}", "did you mean 'lr'?"),
        ("${model}", "a mapping"),
        ("${model.layers}", "a list"),
        ("${model.layers.9}", "there is no"),
    ],
)
def test_interpolation_that_fails(part: str, words: str) -> None:
    text = BASE.replace(b"config.yaml]", f'"{part}"]'.encode())
    (fault,) = faults(text)
    assert words in fault


def test_interpolation_uses_the_overridden_value_and_never_splits() -> None:
    text = BASE.replace(b"[python, train.py, config.yaml]", b"python ${model.layers.0} ${lr}")
    assert loaded(text, "lr='a b; rm -rf $x ${epochs}'").command == (
        "python",
        "1",
        "a b; rm -rf $x ${epochs}",
    )


def test_no_section_and_an_empty_one() -> None:
    assert "no `reprobox:` section" in faults(b"lr: 1\n")[0]
    assert "reprobox.command" in faults(b"reprobox:\n")[0]
    assert "expected a mapping" in faults(b"reprobox: 5\n")[0]


def rewritten(text: bytes, *overrides: str) -> str:
    spec = loaded(text, *overrides)
    assert spec.text is not None
    return spec.text


def test_values_on_which_readers_disagree_are_written_again_as_the_file_has_them() -> None:
    text = (
        BASE + b"debug: no\nwhen: 2026-01-01\nrate: 1e-3\nmode: 0o17\nat: 12:30:45\nnone: ~\nten: "
        b"'1e1'\nyes: 1\n"
    )
    assert loaded(text).document["debug"] == "no"
    assert loaded(text, "reprobox.seed=1").text is None
    before, after = yaml.safe_load(text), yaml.safe_load(rewritten(text, "lr=1e-4"))
    assert (before.pop("lr"), after.pop("lr")) == (0.1, 0.0001)
    assert repr(after) == repr(before)
    assert (after["debug"], after["rate"], after[True]) == (False, "1e-3", 1)


def test_what_an_override_gives_is_one_value_to_both_versions() -> None:
    found = yaml.safe_load(
        rewritten(BASE, "lr=1e-3", "epochs=yes", "model.layers=[1e-3, 017, 2026-01-01, '5']")
    )
    assert (found["lr"], found["epochs"]) == (0.001, "yes")
    assert found["model"]["layers"] == [0.001, 17, "2026-01-01", "5"]


def test_a_word_over_a_word_of_the_same_type_is_what_an_editor_would_have_made_of_it() -> None:
    text = BASE + b"debug: yes\nwhen: 2026-01-01\nquoted: 'yes'\nmore: {deep: on}\n"
    found = yaml.safe_load(
        rewritten(text, "debug=no", "when=2027-02-03", "quoted=no", "more={deep: off}")
    )
    assert found["debug"] is False
    assert found["when"] == datetime.date(2027, 2, 3)
    assert found["quoted"] == "no"
    assert found["more"] == {"deep": False}
    assert yaml.safe_load(rewritten(text, "debug='no'"))["debug"] == "no"


def test_what_is_written_travels_through_aliases_merges_and_lists_whose_items_move() -> None:
    text = BASE + b"base: &b {a: 1e-3, l: [1, yes, 017]}\nother: {<<: *b, c: 1}\nagain: *b\n"
    before, after = yaml.safe_load(text), yaml.safe_load(rewritten(text, "~again.l.0", "base.a=2"))
    assert after["other"] == before["other"]
    assert after["again"] == {"a": "1e-3", "l": [True, 15]}
    assert after["base"] == {"a": 2, "l": [1, True, 15]}


_WORDS = (
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "true",
    "~",
    "null",
    "",
    "1e-3",
    "-.5",
    "5.",
    "017",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "12:30:45",
)
_MORE = (
    "1:30.5",
    "2026-01-01",
    "2026-01-01 10:00:00",
    "+5",
    "00",
    "1.50",
    ".inf",
    ".NaN",
    "9" * 40,
    "1e400x",
    "word",
    "a b",
    "é",
    "<",
    "-",
)
_ATOMS = st.sampled_from((*_WORDS, *_MORE[:-1])) | st.from_regex(
    r"[-+]?[0-9._:eExob]{1,9}", fullmatch=True
)
_QUOTED = (
    _ATOMS.map("'{}'".format)
    | _ATOMS.map('"{}"'.format)
    | st.sampled_from(('"a\\nb"', '"\\u2028"', "'# x'", "': '"))
)
_VALUES = st.recursive(
    _ATOMS | _QUOTED,
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_VALUES, min_size=1, max_size=5), _ATOMS, _ATOMS)
def test_no_reader_sees_a_change_where_nothing_was_overridden(
    values: list[str], key: str, new: str
) -> None:
    lines = [f"k{number}: {value}" for number, value in enumerate(values)]
    text = "\n".join([*lines, f"{key or 'x'}: 1", "changed: 1", ""]).encode() + BASE
    try:
        before = yaml.safe_load(text)
        again = rewritten(text, f"changed={new}")
    except (ConfigError, yaml.YAMLError, ValueError):
        event("refused")
        return
    for reader in (
        yaml.safe_load,
        lambda data: load(data, config_path="c.yaml", overrides=()).document,
    ):
        before, after = reader(text), reader(again.encode())
        assert before.pop("changed") == 1
        after.pop("changed")
        assert repr(after) == repr(before)
    assert repr(yaml.safe_load(again)["changed"]) == repr(
        loaded(text, f"changed={new}").document["changed"]
    )


def test_a_document_that_json_cannot_hold_is_made_recordable() -> None:
    spec = loaded(BASE + b"limit: .inf\n3: [.nan]\n")
    assert recordable(spec.document)["limit"] == ".inf"
    assert recordable(spec.document)["3"] == [".nan"]


def test_the_template_is_a_config() -> None:
    spec = load(template().encode(), config_path="config.yaml", overrides=())
    assert spec.command == ("python", "train.py", "config.yaml")
    uncommented = (
        template()
        .replace("  # trail", "  trail")
        .replace("  # gpus", "  gpus")
        .replace("  # outputs", "  outputs")
    )
    assert load(uncommented.encode(), config_path="config.yaml", overrides=()).gpus == "all"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("abr=+~.[]{}'\"\\:,0 1e-\n", max_size=20) | st.text(max_size=10), max_size=3)
)
def test_any_overrides_are_applied_or_refused(overrides: list[str]) -> None:
    try:
        spec = loaded(BASE, *overrides)
    except ConfigError:
        return
    assert spec.text is None or yaml.safe_load(spec.text) == spec.document


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64k", 65536),
        ("1.5g", 3 << 29),
        ("2GiB", 2 << 30),
        ("10 MB", 10 << 20),
        ("1t", 1 << 40),
        ("7b", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "g", "4q", "-1", "1e3", "4 g b", "1ib", "0x10"])
def test_not_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("30s", 30),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d", 86400),
        ("250ms", 0.25),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "h", "1x", "-5", "1h 30m", "5m!"])
def test_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds_of(text)


NOW = 1_795_300_000.0
"""2026-11-21 22:26:40 UTC"""


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-21", NOW - 80800, NOW + 5600),
        ("20261121", NOW - 80800, NOW + 5600),
        ("2026-11-21 22:26:40", NOW, NOW),
        ("2026-11-21T22:26:40Z", NOW, NOW),
        ("2026-11-22T00:26:40+02:00", NOW, NOW),
        ("2d", NOW - 172800, NOW - 172800),
        ("1h30m", NOW - 5400, NOW - 5400),
    ],
)
def test_moments(text: str, begin: float, end: float) -> None:
    assert moments_of(text, NOW) == (begin, end)


@pytest.mark.parametrize("text", ["", "soon", "2026", "2026-13-01", "yesterday", "-2d"])
def test_not_moments(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        moments_of(text, NOW)


def test_sizes_and_durations_beyond_any_machine() -> None:
    for text in ("9" * 400, "9000000t"):
        with pytest.raises(ValueError, match="more than any machine has"):
            bytes_of(text)
    for text in ("9" * 400, "20000d"):
        with pytest.raises(ValueError, match="longer than 30 years"):
            seconds_of(text)


TYPED = ["67217e15", "1e999", "0042", "1e5", "1_000", "0o17", "0x1F", "yes", "null", "~", "true"]
TYPED += [".nan", "-.inf", "2026-01-01", "12:30:45", "3", "1.50", "9" * 1001, "abc", "é"]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("old", ["abc", "'0042'", '"1e5"', "a b"])
def test_a_key_that_holds_text_keeps_the_text_that_was_typed(old: str, typed: str) -> None:
    text = BASE + f"rev: {old}\nlist: [x]\nmore: {{rev: {old}}}\n".encode()
    overrides = [f"rev={typed}", f"list.0={typed}", f"more.rev={typed}"]
    spec = loaded(text, *overrides)
    again = yaml.safe_load(spec.text or "")
    for document in (spec.document, again):
        assert [document["rev"], document["list"][0], document["more"]["rev"]] == [typed] * 3
    if typed not in ("1e999", "9" * 1001):
        assert loaded(text, f"more={{rev: {typed}}}").document["more"]["rev"] == typed


def test_a_type_is_changed_by_two_plus_signs_or_a_list() -> None:
    text = BASE + b"rev: abc\n"
    assert loaded(text, "++rev=3").document["rev"] == 3
    assert loaded(text, "++rev=null").document["rev"] is None
    assert loaded(text, "rev=[1]").document["rev"] == [1]
    (fault,) = faults(text, "++rev=1e999")
    assert "is larger than any float" in fault
    assert fault.endswith("for text: \"++rev='1e999'\"")
    assert loaded(text, "++rev='1e999'").document["rev"] == "1e999"


def test_words_on_which_the_versions_disagree_keep_their_types() -> None:
    text = BASE + b"debug: no\nn: 1_000\n"
    found = yaml.safe_load(rewritten(text, "debug=false", "n=2000"))
    assert (found["debug"], found["n"]) == (False, 2000)


def test_a_hash_that_only_yaml_1_2_takes_for_a_number_stays_text_to_pyyaml() -> None:
    text = BASE + b"rev: 67217e15\n"
    assert yaml.safe_load(text)["rev"] == "67217e15"
    assert yaml.safe_load(rewritten(text, "rev=123e4"))["rev"] == "123e4"
    assert loaded(text, "rev=123e4").document["rev"] == 1230000.0


def test_a_setting_that_is_text_in_the_file_can_be_made_absent() -> None:
    text = BASE + b"  gpus: all\n  timeout: 2h\n  name: x\n"
    spec = loaded(text, "reprobox.gpus=null", "reprobox.timeout=90", "reprobox.name=0042")
    assert (spec.gpus, spec.resources.timeout, spec.name) == (None, 90, "0042")


def test_text_is_removed_by_the_text_that_was_typed() -> None:
    text = BASE + b"rev: '0042'\n"
    assert "rev" not in loaded(text, "~rev=0042").document
    assert "is not removed" in faults(text, "~rev=42")[0]


def test_a_filter_takes_text_that_is_no_number() -> None:
    from reprobox.config.overrides import pair

    assert pair("rev=1e999") == (("rev",), "1e999", "1e999")
