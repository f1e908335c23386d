"""What a program leaves outside of its work tree: collected where asked for, else named."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprobox.executor import outside as host
from reprobox.judge.output_files import matches
from reprobox.model import observed
from reprobox.model.spec import OutputRule

PAYLOAD = Path(__file__).parents[3] / "reprobox/runtime/payload"


@pytest.fixture(scope="module")
def outside() -> ModuleType:
    """The payload's module, which is never imported by reprobox itself."""
    spec = importlib.util.spec_from_file_location("_outside", PAYLOAD / "_reprobox_outside.py")
    assert spec is not None
    assert spec.loader is not None
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@given(
    path=st.text("ab/", max_size=9),
    pattern=st.text("ab/*?", max_size=7).filter(lambda text: not text.endswith("/")),
)
def test_patterns_mean_what_fnmatch_means(outside: ModuleType, path: str, pattern: str) -> None:
    assert outside.matches(path, pattern) == fnmatch.fnmatchcase(path, pattern)


@pytest.fixture
def left(outside: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system in memory with some files."""
    top = tmp_path / "tmp"
    (top / "results" / "deep").mkdir(parents=True)
    (top / "results" / "model.pt").write_bytes(b"x" * 10)
    (top / "results" / "deep" / "log").write_text("log")
    (top / "results" / "latest").symlink_to("model.pt")
    (top / ".cache").write_bytes(b"x" * 100)
    (top / "old").write_text("there before")
    monkeypatch.setattr(outside, "places", lambda: [str(top)])
    return top


def test_it_is_named_with_its_size_the_largest_first_and_caches_last(
    outside: ModuleType, left: Path, tmp_path: Path
) -> None:
    found = outside.look(str(tmp_path), {str(left / "old")})
    assert found["named"] == [
        [f"{left}/results/model.pt", 10],
        [f"{left}/results/latest", len("model.pt")],
        [f"{left}/results/deep/log", 3],
        [f"{left}/.cache", 100],
    ]
    assert (found["files"], found["size"], found["collected"]) == (4, 121, 0)
    seen = observed.outside({"outside": found})
    assert seen is not None
    assert seen.sentence.startswith("4 files left outside of the work tree and not kept: ")


def test_what_the_config_asks_for_is_collected_and_what_it_ignores_is_not_named(
    outside: ModuleType, left: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    host.ask(
        out,
        [
            OutputRule(pattern="model.pt", compare="ignore"),
            OutputRule(pattern=f"{left}/results/deep/", compare="ignore"),
            OutputRule(pattern=f"{left}/results/", compare="content"),
            OutputRule(pattern=f"{left}/.*", compare="ignore"),
        ],
    )
    found = outside.look(str(out), set())
    assert [path for path, _ in found["named"]] == [f"{left}/old"]
    assert found["collected"] == 2
    work = tmp_path / "work"
    work.mkdir()
    host.bring(out, work)
    inside = work / "@" / str(left).lstrip("/") / "results"
    assert sorted(os.listdir(inside)) == ["latest", "model.pt"]
    assert (inside / "latest").readlink() == Path("model.pt")
    path = os.fspath((inside / "model.pt").relative_to(work))
    assert matches(path, f"{left}/results/")
    assert matches(path, "*.pt")
    assert not matches(path, "/results/")


def test_a_link_in_the_place_of_what_was_collected_is_left_alone(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    work.mkdir()
    (out / "outside").symlink_to("/etc")
    host.bring(out, work)
    assert os.listdir(work) == []
    (out / "outside").unlink()
    (out / "outside").mkdir()
    (work / "@").write_text("a file of the commit")
    host.bring(out, work)
    assert (work / "@").is_file()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"files": -1}', '{"files": "1"}', '{"named": [["x"]]}', "[" * 100_000],
)
def test_what_is_no_report_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / "outside.json").write_text(text)
    assert host.left(tmp_path) is None


def test_a_report_behind_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text('{"files": 1}')
    (tmp_path / "outside.json").symlink_to("real")
    assert host.left(tmp_path) is None
    (tmp_path / "outside.json").unlink()
    (tmp_path / "real").rename(tmp_path / "outside.json")
    assert host.left(tmp_path) == {"files": 1}
