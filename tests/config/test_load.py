"""Config file and overrides become a Spec, or one error with every fault."""

from __future__ import annotations

import posixpath

import pytest
from config_text import BASE, faults, loaded

from reprobox.config.load import recordable
from reprobox.errors import ConfigError
from reprobox.model import codec
from reprobox.model.spec import BaseIntent, InputIntent, OutputRule, Spec, Trail

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
        ("timeout: 0", "not more than 0 seconds"),
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


def test_no_section_and_an_empty_one() -> None:
    assert "no `reprobox:` section" in faults(b"lr: 1\n")[0]
    assert "reprobox.command" in faults(b"reprobox:\n")[0]
    assert "expected a mapping" in faults(b"reprobox: 5\n")[0]


def test_a_document_that_json_cannot_hold_is_made_recordable() -> None:
    spec = loaded(BASE + b"limit: .inf\n3: [.nan]\n")
    assert recordable(spec.document)["limit"] == ".inf"
    assert recordable(spec.document)["3"] == [".nan"]
