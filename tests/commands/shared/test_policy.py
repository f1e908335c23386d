"""Somebody else's run gets no more here than the default allows, whatever its record asks for,
unless it is trusted.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_project import Project

from reprobox.cli.messages import Talk
from reprobox.commands.shared import policy
from reprobox.context import Context
from reprobox.errors import BundleRefused, NotTrusted, SourceError
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.record import Record
from reprobox.model.runspec import InputPin
from reprobox.model.spec import Resources
from reprobox.runtime import runtime_pack
from reprobox.store import run_documents
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine


def forged(project: Project, tmp_path: Path, **asked: Any) -> Project:
    """Another repository that has imported a run of the project whose record was written anew to
    ask for something else.
    """
    run = project.top / ".reprobox/runs" / project.run("--name", "theirs")["id"]
    record = codec.decode(Record, run_documents.read(run, "record.json"), where="record")
    runspec = replace(record.intent.runspec, **asked)
    record = replace(
        record, intent=replace(record.intent, runspec=runspec, identity=codec.digest(runspec))
    )
    for name, data in (
        ("record.json", codec.encode(record)),
        ("intent.json", codec.encode(record.intent)),
    ):
        (run / name).chmod(0o600)
        (run / name).write_bytes(data)
    (run / "record.sha256").write_text(
        canon.digest_bytes((run / "record.json").read_bytes()) + "\n"
    )
    said = project("export", run.name, "-o", str(tmp_path / "b"), "--with", "code,outputs")
    assert said.code == 0, said.err
    there = Project(tmp_path / "there", project.env)
    there.top.mkdir()
    said = there("import", str(tmp_path / "b"))
    assert said.code == 0, said.err
    return there


def test_a_run_that_loosens_the_default_is_named_and_needs_trust(
    project: Project, tmp_path: Path
) -> None:
    there = forged(
        project,
        tmp_path,
        network="host",
        writable_root=True,
        capabilities=("SYS_ADMIN", "SYS_PTRACE"),
    )
    said = there("replay", "theirs")
    assert said.code == NotTrusted.code, said.err
    for line in (
        "network: host",
        "writable_root: true",
        "capabilities: SYS_ADMIN, SYS_PTRACE",
        "--trust",
    ):
        assert line in said.err
    assert len(there.runs()) == 1


def test_a_runtime_of_no_release_needs_a_consent_of_its_own_and_confirms_nothing(
    project: Project, tmp_path: Path
) -> None:
    files = runtime_pack.payload()
    files["sitecustomize.py"] += b"# others could write anything here\n"
    runtime = runtime_pack.put(files, ObjectStore(project.top / ".reprobox"))
    there = forged(project, tmp_path, runtime=runtime)
    assert f"{runtime}  of no release of reprobox" in there("show", "theirs").out
    for words in (("replay", "theirs"), ("replay", "theirs", "--trust")):
        said = there(*words)
        assert said.code == NotTrusted.code, said.err
        assert "--trust-runtime" in said.err
    assert len(there.runs()) == 1
    said = there("replay", "theirs", "--trust-runtime", "--json")
    assert said.code == 0, said.err
    context = Context(start=there.top, progress=Talk(quiet=True, color=False, debug=False))
    replay, original = (context.runs.record(run)[0] for run in there.runs())
    assert replay.intent.replay_of == original.id
    assert policy.has_foreign_runtime(context, original)
    assert policy.has_foreign_runtime(context, replay)
    ours = replace(original.intent.runspec, runtime=runtime_pack.digest(runtime_pack.payload()))
    assert not policy.has_foreign_runtime(
        context, replace(original, intent=replace(original.intent, runspec=ours))
    )


def test_a_trusted_run_is_replayed_as_it_was_asked_for(project: Project, tmp_path: Path) -> None:
    there = forged(project, tmp_path, writable_root=True, capabilities=("CHOWN",))
    assert there("replay", "theirs").code == NotTrusted.code
    said = there("replay", "theirs", "--trust", "--json")
    assert said.code == 0, said.err
    assert said.json["result"] == "identical"
    # The replay was made here, by somebody who said that it may.
    assert there("replay", "latest").code == 0


def test_ones_own_run_needs_no_trust(project: Project) -> None:
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", f"{text}  writable_root: true\n")
    project.commit("writable")
    project.run()
    said = project("replay", "latest")
    assert said.code == 0, said.err


def test_an_input_that_claims_to_be_of_the_commit_mounts_nothing_of_the_host(
    project: Project, tmp_path: Path
) -> None:
    (project.top / "leads-out").symlink_to("/etc")
    project.commit("a link")
    record = project.run()["record"]
    (pin,) = record["intent"]["runspec"]["inputs"]
    wanted = replace(
        codec.from_json(InputPin, pin, where="pin"), path="/work/leads-out", tracked=True
    )
    there = forged(project, tmp_path, inputs=(wanted,))
    said = there("replay", "theirs", "--trust")
    assert said.code == SourceError.code, said.err
    assert "leads out" in said.err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inputs", "/work/../../../../../../../../etc"),
        ("inputs", "/usr/../.reprobox/sitecustomize.py"),
        ("resources", Resources(tmp_size="900g,suid,dev")),
        ("resources", Resources(pids=-1)),
    ],
)
def test_fields_that_no_run_has_are_refused_where_the_run_comes_in(
    field: str, value: Any, project: Project, tmp_path: Path
) -> None:
    if field == "inputs":
        (pin,) = project.run()["record"]["intent"]["runspec"]["inputs"]
        value = (replace(codec.from_json(InputPin, pin, where="pin"), path=value, tracked=True),)
    with pytest.raises(AssertionError, match=rf"fields that no run of reprobox has[\s\S]*{field}"):
        forged(project, tmp_path, **{field: value})
    there = Project(tmp_path / "there", project.env)
    assert there("import", str(tmp_path / "b")).code == BundleRefused.code
    assert list((there.top / ".reprobox" / "runs").iterdir()) == []
