"""What a config says reaches the program as it says it, or is refused with a word on what to write
instead.
"""

from __future__ import annotations

import json

import pytest
import yaml
from flow_project import Project

pytestmark = pytest.mark.engine

TELL = "import json, os, sys; print(json.dumps([dict(os.environ), sys.path]))"


def variables(project: Project, command: str = TELL, *, run: str = "{}", image: str = "{}") -> None:
    """Commits a config whose program tells its environment."""
    text = json.dumps(["python3", "-c", command])
    project.write(
        "config.yaml",
        f"reprobox:\n  command: {text}\n  env: {run}\n"
        f'  environment:\n    base: debian:bookworm\n    python: "3.11"\n    env: {image}\n',
    )
    project.commit("variables")


def locked(project: Project) -> None:
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("locked")


def test_an_override_leaves_the_rest_of_the_file_to_the_script_as_it_was(project: Project) -> None:
    text = (project.top / "config.yaml").read_text()
    text = text.replace(
        "name: plain\n",
        "name: plain\nlr: 1e-3\ndebug: no\nat: 12:30:45\nday: 2026-01-01\nmode: 0o17\nold: 017\n",
    )
    project.write(
        "config.yaml", text.replace("[python3, train.py, config.yaml]", "[cat, config.yaml]")
    )
    project.commit()
    said = project("run", "config.yaml", "scale=5")
    assert said.code == 0, said.err
    before, after = (
        yaml.safe_load((project.top / "config.yaml").read_text()),
        yaml.safe_load(said.out),
    )
    assert (before.pop("scale"), after.pop("scale")) == (3, 5)
    assert repr(after) == repr(before)


def test_a_python_path_comes_after_what_is_injected(project: Project) -> None:
    variables(project, image="{PYTHONPATH: /image}")
    locked(project)
    for words, expected in (
        ((), "/.reprobox:/image"),
        (("reprobox.env.PYTHONPATH=/own",), "/.reprobox:/own"),
    ):
        said = project("run", "config.yaml", *words)
        assert said.code == 0, said.err
        assert said.json[0]["PYTHONPATH"] == expected
        assert said.json[1][1:3] == expected.split(":")
    said = project("run", "config.yaml", "reprobox.env.PYTHONPATH=")
    assert said.json[0]["PYTHONPATH"] == "/.reprobox"
    assert "outside profile" not in said.err


def test_a_switch_of_the_profile_that_the_config_sets_otherwise_is_told(project: Project) -> None:
    project.write(
        "config.yaml",
        (project.top / "config.yaml").read_text()
        + "  env: {PYTHONHASHSEED: random, TZ: Europe/Berlin}\n",
    )
    project.commit()
    said = project("run", "config.yaml")
    assert said.code == 0, said.err
    assert (
        "outside profile same-machine: the config sets PYTHONHASHSEED=random, and the profile "
        "PYTHONHASHSEED=0" in said.err
    )
    assert "TZ" not in said.err
    assert "PYTHONHASHSEED=random" in project("replay").err


def test_what_an_image_says_and_no_run_would_see_is_refused(project: Project) -> None:
    variables(project, image="{TZ: Europe/Berlin, LANG: C.UTF-8, FOO: bar}")
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 12
        assert "reprobox.environment.env.TZ: every run gets its own TZ" in said.err
        assert "LANG" not in said.err
    variables(project, image="{TZ: Europe/Berlin}", run="{TZ: Europe/Paris}")
    locked(project)
    assert project("run").json[0]["TZ"] == "Europe/Paris"


def test_a_record_never_says_one_thread_where_the_config_set_four(project: Project) -> None:
    variables(project, run="{OMP_NUM_THREADS: 4}")
    said = project("run")
    assert said.code == 125
    assert "reprobox.env.OMP_NUM_THREADS: it is '4', and reprobox.threads is 1" in said.err


def test_a_config_in_a_directory_of_its_own_reaches_the_rest_of_the_repository(
    project: Project,
) -> None:
    text = (
        (project.top / "config.yaml")
        .read_text()
        .replace("config.yaml]", "conf/config.yaml]")
        .replace("data/", "../data/")
    )
    project.write("conf/config.yaml", text + "  workdir: ..\n  lock: ../reprobox.lock\n")
    project.commit()
    for words in (("run", "conf/config.yaml"), ("-C", "conf", "run", "config.yaml", "scale=4")):
        said = project(*words)
        assert said.code == 0, said.err
    assert said.out.strip() == "sum 24"
    assert [
        pin["path"]
        for pin in project("show", "--json").json["record"]["intent"]["runspec"]["inputs"]
    ] == ["/work/data/numbers.txt"]
    assert project("replay").code == 0
    said = project("run", "conf/config.yaml", "reprobox.inputs=[../../elsewhere]")
    assert "'../../elsewhere', seen from conf/, leaves the repository" in said.err
    assert "inputs: {elsewhere: ../../elsewhere}" in said.err
    (project.top.parent / "elsewhere").write_text("far")
    said = project(
        "run",
        "conf/config.yaml",
        "reprobox.command=[cat, elsewhere]",
        "reprobox.inputs={elsewhere: ../../elsewhere}",
    )
    assert (said.code, said.out) == (0, "far"), said.err


def test_a_workdir_that_the_commit_does_not_have_is_refused_and_the_nearest_is_named(
    project: Project,
) -> None:
    project.write("source/deep/a.py", "")
    (project.top / "link").symlink_to("source")
    project.commit()
    where = "reprobox.command=[pwd]"
    near = {
        "sorce": "did you mean source?",
        "train.py": "",
        "link": "",
        "link/deep": "source/deep",
        "source/deep/a.py/x": "source/deep",
    }
    for wrong, told in near.items():
        said = project(
            "run", "config.yaml", f"reprobox.workdir={wrong}", where, "reprobox.inputs=[]"
        )
        assert said.code == 125
        assert f"the workdir {wrong} is not a directory of the commit" in said.err
        assert told in said.err
    assert project.runs() == []
    for right in ("source/deep", "data"):
        said = project("run", "config.yaml", f"reprobox.workdir={right}", where)
        assert (said.code, said.out) == (0, f"/work/{right}\n"), said.err
    for given, inputs in (
        ("given", "{/work/given: data}"),
        ("given/deep", "{/work/given/deep/x: data}"),
    ):
        said = project(
            "run", "config.yaml", f"reprobox.workdir={given}", where, f"reprobox.inputs={inputs}"
        )
        assert (said.code, said.out) == (0, f"/work/{given}\n"), said.err
