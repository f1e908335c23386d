"""Names that are searched for in what is handed on without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from attest_world import a_record

from reprobox.commands.shared import left_names
from reprobox.model.record import Record


def by_quark(**host: str) -> Record:
    made = a_record()
    source = replace(
        made.intent.source,
        author="Zeb van Quark <zeb.quark@lab.example>",
        remote="git@git.lab.example:quarks/strange.git",
    )
    base = replace(made.intent.lock.base, reference="registry.lab.example:5000/quarks/base:1")
    lock = replace(made.intent.lock, base=base)
    intent = replace(made.intent, source=source, lock=lock, host=host)
    return replace(made, intent=intent)


def test_what_would_say_who_or_where() -> None:
    found = left_names.of(by_quark(user="zq", name="node17"), Path("/home/zquark/strange"))
    assert {
        "Zeb van Quark",
        "Quark",
        "Zeb",
        "zeb.quark@lab.example",
        "zeb.quark",
        "lab.example",
        "zq",
        "node17",
        "git@git.lab.example:quarks/strange",
        "git.lab.example",
        "quarks",
        "registry.lab.example:5000",
        "/home/zquark/strange",
        "/home/zquark",
        "zquark",
    } <= set(found)
    assert found == sorted(found, key=lambda name: (-len(name), name))


@pytest.mark.parametrize(
    ("host", "remote", "base", "absent"),
    [
        ({"user": "root", "name": "localhost"}, None, "bookworm", {"root", "localhost"}),
        ({}, "https://github.com/quarks/strange", "debian:bookworm", {"github.com", "debian"}),
        ({}, "/srv/git/strange.git", "./image.tar", {"srv", "git", "."}),
    ],
)
def test_what_says_nothing_of_anybody_is_not_searched(
    host: dict[str, str], remote: str | None, base: str, absent: set[str]
) -> None:
    made = by_quark(**host)
    source = replace(made.intent.source, remote=remote)
    lock = replace(made.intent.lock, base=replace(made.intent.lock.base, reference=base))
    intent = replace(made.intent, source=source, lock=lock)
    assert absent.isdisjoint(left_names.of(replace(made, intent=intent), Path("/")))


def test_every_place_below_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "of-quark").mkdir()
    (tmp_path / "of-quark" / "log").write_bytes(b"nothing")
    (tmp_path / "a.txt").write_bytes(b"by QUARK, on zq")
    (tmp_path / "b.txt").write_bytes(b"bzq zqa ZQ")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/home/quark")
    found = [one.sentence for one in left_names.below(tmp_path, ["quark", "zq"])]
    assert found == [
        "a.txt still holds 'QUARK'",
        "a.txt still holds 'zq'",
        "link still holds 'quark'",
        "the path of-quark/log still holds 'quark'",
    ]
    assert list(left_names.below(tmp_path, [])) == []
