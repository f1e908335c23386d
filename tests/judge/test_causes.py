"""Planted causes: one thing differs, and the first cause must be it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from looking import look
from torch_python import under

from reprobox.judge import causes as causes_
from reprobox.judge.causes import Run, causes
from reprobox.model import observed
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Cause, FileVerdict, TrailComparison
from reprobox.runtime import profiles

SPEC: dict[str, Any] = {
    "argv": ["python", "train.py"],
    "commit": "c1",
    "image": "sha256:aa",
    "config_digest": "sha256:bb",
    "seed": 1,
    "threads": 1,
    "profile": "same-machine",
    "runtime": "sha256:cc",
    "env": {"OMP_NUM_THREADS": "1", "REPROBOX_SEED": "1", "PYTHONHASHSEED": "0"},
    "inputs": [{"path": "/work/data", "digest": "sha256:dd"}],
}
MET: dict[str, Any] = {
    "cpu": {"vendor": "GenuineIntel", "model_name": "A", "flags": ["avx2", "fma"], "allowed": 8},
    "kernel": {"release": "6.1", "machine": "x86_64"},
    "libc": "glibc 2.36",
    "gpus": [{"name": "H100", "driver_version": "580.1", "memory_total": "81559"}],
    "packages": {"python": {"numpy": "2.4.6"}, "debian": {}},
    "processes": [
        {
            "pid": 9,
            "ppid": 1,
            "errors": [],
            "entropy": [],
            "torch": {"version": "2.13.0", "cpu_capability": "AVX2", "threads_at_exit": 1},
        }
    ],
}


def changed(facts: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(facts))
    place = copy
    *parts, last = path.split("/")
    for part in parts:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = value
    return copy


def between(
    spec: dict[str, Any] | None = None, met: dict[str, Any] | None = None, **more: Any
) -> tuple[Cause, ...]:
    return causes(
        Run(runspec=SPEC, observed=observed.read(MET)),
        Run(runspec=spec or SPEC, observed=observed.read(met or MET)),
        dispatch=profiles.dispatch_class,
        **more,
    )


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("commit", "c2", "commit"),
        ("image", "sha256:ff", "image"),
        ("argv", ["python", "other.py"], "command"),
        ("config_digest", "sha256:ff", "config"),
        ("seed", 2, "seed"),
        ("threads", 2, "threads"),
        ("profile", "observe", "profile"),
        ("runtime", "sha256:ff", "injected runtime"),
        ("env/MKL_CBWR", "AVX2", "variable MKL_CBWR"),
        ("inputs/0/digest", "sha256:ee", "input /work/data"),
    ],
)
def test_what_was_asked(path: str, value: Any, what: str) -> None:
    found = between(spec=changed(SPEC, path, value))
    assert [cause.what for cause in found] == [what]
    assert found[0].advice


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("gpus/0/name", "H200", "GPU model"),
        ("gpus/0/driver_version", "590.2", "GPU driver"),
        ("cpu/flags", ["sse4_2"], "CPU dispatch class"),
        ("cpu/model_name", "B", "CPU model"),
        ("cpu/allowed", 4, "CPUs allowed"),
        ("kernel/release", "6.2", "kernel"),
        ("libc", "glibc 2.41", "C library"),
        ("processes/0/torch/cpu_capability", "AVX512", "torch CPU code"),
        ("processes/0/torch/threads_at_exit", 8, "threads of torch"),
        ("processes/0/torch/version", "2.12.0", "torch"),
        (
            "processes/0/errors",
            ["torch: OSError"],
            "a process outside the profile: : torch: OSError",
        ),
        (
            "processes/0/entropy",
            [{"what": "os.urandom", "place": "a.py:3"}],
            "draw without a seed: os.urandom at a.py:3",
        ),
        ("packages/python/numpy", "2.4.7", "package numpy"),
    ],
)
def test_what_was_met(path: str, value: Any, what: str) -> None:
    assert [cause.what for cause in between(met=changed(MET, path, value))] == [what]


def test_the_most_telling_comes_first() -> None:
    met = changed(
        changed(changed(MET, "kernel/release", "6.2"), "cpu/vendor", "AuthenticAMD"),
        "cpu/model_name",
        "B",
    )
    found = between(spec=changed(SPEC, "threads", 2), met=met)
    assert [cause.what for cause in found] == [
        "threads",
        "CPU dispatch class",
        "CPU vendor",
        "CPU model",
        "kernel",
    ]
    weights = [rule.weight for rule in causes_.RULES]
    assert weights == sorted(weights, reverse=True)


def test_under_a_portable_profile_the_cpu_is_suspected_last() -> None:
    spec = changed(SPEC, "profile", "portable-avx2")
    met = changed(changed(MET, "cpu/vendor", "AuthenticAMD"), "libc", "glibc 2.41")
    found = causes(
        Run(runspec=spec, observed=observed.read(MET)),
        Run(runspec=spec, observed=observed.read(met)),
        dispatch=profiles.dispatch_class,
    )
    assert [cause.what for cause in found] == ["C library", "CPU dispatch class", "CPU vendor"]


def test_what_is_unknown_on_one_side_is_no_cause() -> None:
    assert between(met={"libc": ""})[0].what.startswith(
        "a process outside the profile: python train.py"
    )
    assert (
        between(met={"processes": MET["processes"]})[0].what == "nothing that was recorded differs"
    )


def test_when_nothing_differs_that_is_said_with_what_to_try() -> None:
    (cause,) = between(
        trail=TrailComparison(state="different", window=(16, 17), tensors=("2.weight",))
    )
    assert (cause.what, cause.weight) == (
        "nothing that was recorded differs, and 2.weight diverges at step 17",
        0,
    )
    assert "replay twice" in cause.advice


# ---- planted in real runs: two runs of one program, and the report names what was planted


def run(directory: Path, program: str, name: str, **asked: Any) -> tuple[Run, Path]:
    place = directory / name
    place.mkdir()
    (place / "program.py").write_text(dedent(program))
    ran = under(place, "program.py", **asked)
    assert ran.code == 0, ran.err
    spec = {
        **SPEC,
        "profile": asked.get("profile", "same-machine"),
        "threads": asked.get("threads", 1),
    }
    markers = [
        {**marker, "ppid": 1} for marker in ran.markers
    ]  # as in a container, where the shim is process 1
    return Run(
        runspec=spec, observed=observed.read({**MET, "processes": markers})
    ), place / "out.json"


def verdict(left: Path, right: Path) -> FileVerdict:
    return look(left, right, OutputRule(pattern="*"), path="out.json")


PLANTED = {
    "unseeded generator": (
        "import json, random\njson.dump([random.SystemRandom().random()], open('out.json', 'w'))\n",
        "draw without a seed: os.urandom at",
    ),
    "no seed at all": (
        (
            "import json, numpy as np\njson.dump([np.random.default_rng().random()], open('out.json', "
            "'w'))\n"
        ),
        "draw without a seed: numpy.random generator at",
    ),
    "a time": (
        "import json, time\njson.dump({'loss': 1.5, 'when': time.time()}, open('out.json', 'w'))\n",
        "a time in out.json at $.when",
    ),
    "order of a set": (
        """
        import json, os
        names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
        start = int(os.environ["TURN"])  # stands for the order of a set of objects, which follows their addresses
        json.dump(names[start:] + names[:start], open("out.json", "w"))
        """,
        "the order of items in out.json",
    ),
    "order of keys": (
        """
        import json, os
        pairs = [("a", 1), ("b", 2), ("c", 3)]
        json.dump(dict(pairs[int(os.environ["TURN"]):] + pairs[:int(os.environ["TURN"])]), open("out.json", "w"))
        """,
        "the order of keys in out.json",
    ),
    "a temporary path": (
        "import json, tempfile\njson.dump({'cache': tempfile.mkdtemp()}, open('out.json', 'w'))\n",
        "a temporary path in out.json at $.cache",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_cause_is_named(tmp_path: Path, name: str) -> None:
    program, expected = PLANTED[name]
    profile = "observe" if name == "no seed at all" else "same-machine"
    sides = [run(tmp_path, program, str(turn), profile=profile, TURN=str(turn)) for turn in (0, 2)]
    found = causes(
        sides[0][0],
        sides[1][0],
        files=[verdict(sides[0][1], sides[1][1])],
        dispatch=profiles.dispatch_class,
    )
    assert found[0].what.startswith(expected), found


def test_another_number_of_threads_is_named_though_only_the_code_sets_it(tmp_path: Path) -> None:
    program = """
        import json, os, torch
        torch.set_num_threads(int(os.environ["COUNT"]))
        x = (torch.arange(1000003) % 1013).float() / 7
        json.dump([float(x.dot(x))], open("out.json", "w"))
    """
    (left, one), (right, two) = (
        run(tmp_path, program, count, threads=2, COUNT=count) for count in ("1", "2")
    )
    file = verdict(one, two)
    found = causes(left, right, files=[file], dispatch=profiles.dispatch_class)
    assert (file.state, file.detail.first.name) == ("different", "$[0]")
    assert [(cause.what, cause.ours, cause.theirs) for cause in found] == [
        ("threads of torch", "1", "2")
    ]


def test_a_flipped_byte_is_named(tmp_path: Path) -> None:
    data = bytes(range(256)) * 40
    (tmp_path / "l.bin").write_bytes(data)
    (tmp_path / "r.bin").write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    file = look(tmp_path / "l.bin", tmp_path / "r.bin", OutputRule(pattern="*"), path="model.bin")
    assert between(files=[file])[0].what == "one byte of model.bin at offset 5000"
    assert json.loads(json.dumps(asdict(file)))["detail"]["bytes_differ"] == 1


def test_a_seed_that_the_program_took_from_the_clock_is_named_with_both_values() -> None:
    def met(*values: str) -> dict[str, Any]:
        notes = [
            {"what": "torch.manual_seed", "place": "/work/train.py:4", "value": value}
            for value in values
        ]
        return changed(MET, "processes/0/seeds", notes)

    def said(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str, str]]:
        found = causes(
            Run(runspec=SPEC, observed=observed.read(one)),
            Run(runspec=SPEC, observed=observed.read(other)),
            dispatch=profiles.dispatch_class,
        )
        return [(cause.what, cause.ours, cause.theirs) for cause in found if cause.weight]

    assert said(met("17", "3"), met("3", "18")) == [
        ("seed of torch.manual_seed at /work/train.py:4", "17, 3", "18, 3")
    ]
    assert said(met("17"), met("17")) == []
    assert (
        said(met("17"), MET) == []
    )  # the other run ended earlier, or its runtime was an older one: nothing is known


# ---- what a person changed, by its name


def configured(
    left: dict[str, Any], right: dict[str, Any], *, spec: dict[str, Any] | None = None
) -> list[tuple[str, str, str]]:
    spec = spec or changed(SPEC, "config_digest", "sha256:ff")
    one, other = (
        Run(runspec=SPEC, observed=observed.read(MET), config=left),
        Run(runspec=spec, observed=observed.read(MET), config=right),
    )
    return [
        (cause.what, cause.ours, cause.theirs)
        for cause in causes(one, other, dispatch=profiles.dispatch_class)
    ]


def test_the_keys_of_the_config_that_differ_are_named_in_the_place_of_its_digest() -> None:
    section = {"seed": 1, "memory": "1g", "name": "a"}
    left = {"lr": 0.1, "model": {"layers": [64], "a.b": None}, "same": 1, "reprobox": section}
    right = {
        "lr": 0.01,
        "model": {"layers": [64, 64]},
        "same": 1,
        "more": "x",
        "reprobox": {**section, "memory": "2g", "name": "b"},
    }
    assert configured(left, right) == [
        ("config lr", "0.1", "0.01"),
        ("config model.layers", "[64]", "[64, 64]"),
        ("config model.a.b", "null", "absent"),
        ("config more", "absent", "'x'"),
        ("config reprobox.memory", "'1g'", "'2g'"),
    ]


def test_many_keys_are_counted_and_long_values_are_cut() -> None:
    found = configured(
        {str(place): 1 for place in range(9)}, {str(place): "v" * 200 for place in range(9)}
    )
    assert [what for what, _, _ in found] == [
        *(f"config {place}" for place in range(8)),
        "config: 1 other key",
    ]
    assert max(len(theirs) for _, _, theirs in found) < 100


def test_another_spelling_of_the_same_values_is_suspected_late() -> None:
    spec = changed(changed(SPEC, "config_digest", "sha256:ff"), "env/X", "1")
    assert [what for what, _, _ in configured({"lr": 1}, {"lr": 1}, spec=spec)] == [
        "variable X",
        "config",
    ]


@pytest.mark.parametrize(
    "config", [{"reprobox": 3}, {"reprobox": {"env": [1]}}, {"": {"": {}}}, {"lr": {"lr": []}}]
)
def test_a_config_from_elsewhere_may_have_any_shape(config: dict[str, Any]) -> None:
    assert configured({"lr": 1}, config, spec=changed(SPEC, "profile", "observe"))


def test_what_follows_from_another_difference_is_no_cause_of_its_own() -> None:
    later = changed(changed(SPEC, "commit", "c2"), "env/SOURCE_DATE_EPOCH", "17")
    assert [cause.what for cause in between(spec=later)] == ["commit"]
    assert [cause.what for cause in between(spec=changed(SPEC, "env/SOURCE_DATE_EPOCH", "17"))] == [
        "variable SOURCE_DATE_EPOCH"
    ]
    other = changed(
        changed(changed(SPEC, "profile", "portable-avx2"), "env/MKL_CBWR", "AVX2"), "env/MINE", "1"
    )
    config = {"reprobox": {"env": {"MINE": "1"}}}
    assert [what for what, _, _ in configured({"reprobox": {}}, config, spec=other)] == [
        "profile",
        "variable MINE",
    ]


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("a.txt", b"value 1\n", b"value 2\n"),
        ("a.json", b"[1, 2]", b"[1, 3]"),
        ("a.csv", b"a,b\n1,2\n", b"a,b\n1,3\n"),
    ],
)
def test_one_byte_of_a_text_or_a_value_is_nobodys_disk(
    tmp_path: Path, name: str, ours: bytes, theirs: bytes
) -> None:
    (tmp_path / "l").write_bytes(ours)
    (tmp_path / "r").write_bytes(theirs)
    file = look(tmp_path / "l", tmp_path / "r", OutputRule(pattern="*"), path=name)
    assert file.detail.bytes_differ == 1
    assert [cause.what for cause in between(files=[file])] == ["nothing that was recorded differs"]


def test_one_byte_is_nobodys_disk_where_the_runs_were_asked_for_differently(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"\xff\x00\x01")
    (tmp_path / "r").write_bytes(b"\xff\x00\x02")
    file = look(tmp_path / "l", tmp_path / "r", OutputRule(pattern="*"), path="a.bin")
    assert [cause.what for cause in between(files=[file])] == ["one byte of a.bin at offset 2"]
    assert [cause.what for cause in between(spec=changed(SPEC, "seed", 2), files=[file])] == [
        "seed"
    ]


def test_threads_that_ran_at_once_are_named_with_the_line_that_started_them() -> None:
    def at_once(*counts: int) -> dict[str, Any]:
        noted = [
            {"place": f"/work/train.py:{line}", "at_once": count}
            for line, count in enumerate(counts, 7)
        ]
        return changed(MET, "processes/0/threads", noted)

    def found(ours: dict[str, Any], theirs: dict[str, Any]) -> list[Cause]:
        made = causes(
            Run(runspec=SPEC, observed=observed.read(ours)),
            Run(runspec=SPEC, observed=observed.read(theirs)),
        )
        return [cause for cause in made if "threads that race" in cause.what]

    [cause] = found(at_once(1, 4), at_once(1, 3))
    assert cause.what == "threads that race: 4 at once, started at /work/train.py:8"
    assert (cause.ours, cause.theirs) == ("4", "3")
    assert found(at_once(1, 1), at_once(1)) == []
    workers = [{"pid": pid, "ppid": 9, "forked": True} for pid in (17, 18)]
    forked = changed(MET, "processes", [*MET["processes"], *workers])
    made = causes(
        Run(runspec=SPEC, observed=observed.read(forked)),
        Run(runspec=SPEC, observed=observed.read(forked)),
    )
    assert [cause.what for cause in made] == [
        "nothing that was recorded differs",
        "worker processes: 2",
    ]
