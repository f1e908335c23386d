"""What a verdict says and answers, by the real command line."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project

from reprobox.kit.units import counted

Change = Callable[[str, str], str]


def last(said: str) -> str:
    return said.splitlines()[-1]


def test_without_outputs_stdout_decides(project: Project, change: Change) -> None:
    change("train.py", "import time\nprint(time.time_ns())\n")
    project.run()
    said = project("replay")
    assert (said.code, last(said.out)) == (
        1,
        "different: no outputs, stdout differs, stderr identical",
    )
    assert "the forecast did not hold" in said.out
    checked = project("check")
    assert (checked.code, last(checked.out)) == (
        1,
        "preflight: the whole program differs in two containers",
    )
    assert "stdout differs" in checked.out.splitlines()

    change("train.py", "print(3)\n")
    project.run()
    said = project("replay")
    assert (said.code, last(said.out)) == (
        0,
        "identical: no outputs, stdout identical, stderr identical",
    )
    assert project("check").code == 0


def test_nothing_to_compare_is_no_success(project: Project, change: Change) -> None:
    change("train.py", "raise SystemExit(1)\n")
    project.run(code=1)
    said = project("replay")
    nothing = "nothing to compare: no output that counts, and nothing on stdout that counts"
    assert (said.code, last(said.out)) == (60, f"{nothing}; both failed with exit 1")
    assert project("diff", "latest~1", "latest").code == 60
    checked = project("check")
    assert (checked.code, last(checked.out).split(";")[0]) == (60, "preflight: not checked")


def test_stdout_counts_beside_outputs_where_a_rule_says_so(
    project: Project, change: Change
) -> None:
    change("train.py", "import time\nopen('o', 'w').write('1')\nprint(time.time_ns())\n")
    project.run()
    said = project("replay")
    assert (said.code, last(said.out)) == (
        0,
        "identical: 1 of 1 output is bit-identical, stdout differs, stderr identical",
    )
    assert "stdout differs and does not count" in said.out
    config = (project.top / "config.yaml").read_text()
    change("config.yaml", config + '  outputs: {"<stdout>": bytes}\n')
    project.run()
    said = project("replay")
    assert (said.code, last(said.out)) == (
        1,
        "different: 1 of 1 output is bit-identical, stdout differs, stderr identical",
    )


def test_the_ends_of_both_runs_are_compared(project: Project, change: Change) -> None:
    change(
        "train.py",
        "import sys\nopen('o', "
        "'w').write('1')\nsys.exit(int(open(sys.argv[1]).readline().split()[1]))\n",
    )
    project.run(code=3)
    said = project("replay")
    assert said.code == 0
    assert (
        last(said.out)
        == "identical: 1 of 1 output is bit-identical, stdout identical, stderr identical; both failed with exit 3"
    )
    project.run("scale=0")
    said = project("diff", "latest~2", "latest")
    assert said.code == 1
    assert last(said.out).endswith("; the first failed with exit 3, the second ended with exit 0")


def test_causes_are_told_only_where_something_differs(project: Project, change: Change) -> None:
    config = (project.top / "config.yaml").read_text()
    change("train.py", "import time\nopen('o.json', 'w').write('[%s]' % time.time())\n")
    change("config.yaml", config + "  outputs: {o.json: {compare: content, rtol: 1}}\n")
    project.run()
    said = project("replay")
    assert (said.code, last(said.out).split(":")[0]) == (0, "equal under a declared rule")
    assert "possible cause" not in said.out
    assert project("diff", "latest~1", "latest", "--json").json["causes"] == []
    change("train.py", "pass\n")
    project.run()
    assert "possible cause" not in project("replay").out
    said = project("explain", "latest", "latest~2")
    assert (said.code, "possible cause: commit" in said.out) == (1, True)


DATED = """\
import os, time
d = time.strftime("outputs/%Y-%m-%d/%H-%M-%S")
os.makedirs(d)
open(f"{d}/config.yaml", "w").write("lr: 0.1\\n")
os.symlink(d, "latest")
open("model.txt", "w").write("1")
"""


def test_the_same_bytes_under_another_name_are_a_class_of_their_own(
    project: Project, change: Change
) -> None:
    change("train.py", DATED)
    project.run()
    time.sleep(1.1)
    said = project("replay")
    assert said.code == 0, said.out
    assert last(said.out) == (
        "the same bytes under another name: 1 of 3 outputs are bit-identical, 2 the same bytes "
        "under another name, stdout identical, stderr identical"
    )
    assert "possible cause: a time in the name: outputs/" in said.out
    assert "hydra.run.dir=outputs" in said.out
    assert "deterministic" not in said.out
    pair = "latest~1", "latest"
    assert project("diff", *pair, "--strict").code == 1
    found = project("diff", *pair, "--json").json
    assert (found["result"], found["same"]) == ("same-bytes-renamed", True)


EVENTS = """\
import os, time
os.makedirs("runs/exp 1")
open(f"runs/exp 1/events.out.tfevents.{int(time.time())}.reprobox.{os.getpid()}.0", "wb").write(b"")
"""


def test_event_files_are_paired_though_their_names_hold_the_time(
    project: Project, change: Change
) -> None:
    config = (project.top / "config.yaml").read_text()
    change("train.py", EVENTS)
    change("config.yaml", config + '  outputs: {"events*": {compare: content}}\n')
    project.run()
    time.sleep(1.1)
    said = project("replay")
    assert said.code == 0, said.out
    first, second = sorted(
        file.name for file in (project.top / ".reprobox").glob("runs/*/outputs/runs/exp 1/*")
    )
    (row,) = [line for line in said.out.splitlines() if line.startswith("runs/exp 1/events")]
    assert row.startswith(f"runs/exp 1/{first} -> {second} ")
    assert row.endswith(" same-bytes-renamed")
    assert last(said.out).startswith("the same bytes under another name: 0 of 1 output")


def test_diff_names_the_keys_that_were_changed_and_not_what_follows_from_the_commit(
    project: Project, change: Change
) -> None:
    project.run()
    project.run("scale=5")
    said = project("diff", "latest~1", "latest")
    assert said.code == 1
    assert [line for line in said.out.splitlines() if line.startswith("possible cause")] == [
        "possible cause: config scale: 3 -> 5. the script reads another value"
    ]
    config = (project.top / "config.yaml").read_text()
    time.sleep(1.1)  # a commit's time is in whole seconds
    change("config.yaml", config.replace("scale: 3", "scale: 4"))
    project.run()
    causes = project("diff", "latest~2", "latest", "--json").json["causes"]
    assert [cause["what"] for cause in causes] == ["commit", "config scale"]


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("output",), "0 outputs"),
        (1, ("output",), "1 output"),
        (2, ("output",), "2 outputs"),
        (1234567, ("run",), "1,234,567 runs"),
        (1, ("process", "processes"), "1 process"),
        (0, ("process", "processes"), "0 processes"),
    ],
)
def test_a_number_is_said_with_its_noun(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said


def test_one_thing_is_said_as_one(project: Project, change: Change, tmp_path: Path) -> None:
    change("train.py", "open('o', 'w').write('1')\n")
    made = project("run", "config.yaml")
    assert " 1 output, 1 B " in made.err
    assert project("replay").out.endswith(
        "identical: 1 of 1 output is bit-identical, stdout identical, stderr identical\n"
    )
    assert ", 1 output " in project("verify", "latest").out
    written = project("export", "latest", "-o", str(tmp_path / "one.rbx"))
    assert re.search(r"\b1 run, \d+ blobs", written.err), written.err
    assert " 2 runs, " in project("fsck", "--project").err
    assert "This project has 2 runs." in project("show", "latest~9").err
    assert (
        "(1 item)" in project("gc", "--project").err
        or "(0 items)" in project("gc", "--project").err
    )


HUNGRY = """\
import subprocess, sys
open("o", "w").write("1")
subprocess.run([sys.executable, "-c", "x = bytearray(10**9)"], check=sys.argv[1] == "checked")
"""


@pytest.mark.parametrize("end", ["checked", "passed over", "itself"])
def test_a_run_that_lost_to_the_memory_limit_says_so_in_its_verdict(
    project: Project, change: Change, end: str
) -> None:
    change(
        "train.py",
        "open('o', 'w').write('1')\nx = bytearray(10**9)\n" if end == "itself" else HUNGRY,
    )
    code, how = {
        "checked": (
            1,
            "both failed with exit 1 after 1 process of it had been killed because memory ran out",
        ),
        "passed over": (
            0,
            "both ended with exit 0 after 1 process of it had been killed because memory ran out",
        ),
        "itself": (137, "each was killed because memory ran out (exit 137)"),
    }[end]
    project.run("reprobox.memory=100m", f"reprobox.command=[python3, train.py, {end}]", code=code)
    said = project("replay")
    assert (said.code, last(said.out)) == (
        0,
        f"identical: 1 of 1 output is bit-identical, stdout identical, stderr identical; {how}",
    )


def test_a_file_of_the_commit_that_only_one_run_deletes_is_a_difference(
    project: Project, change: Change
) -> None:
    project.write("data/more.txt", "4\n")
    project.write(
        "config.yaml",
        (project.top / "config.yaml").read_text() + "  secrets: {DELETES: env:DELETES}\n",
    )
    change(
        "train.py",
        "import os\nopen('model', 'w')\nif os.environ['DELETES'] == 'it does': "
        "os.remove('data/more.txt')\n",
    )
    first = project("run", "config.yaml", "--json", DELETES="it does").json
    assert first["record"]["met"]["deleted"] == ["data/more.txt"]
    again = project("replay", DELETES="it does")
    assert again.code == 0, again.err
    said = project("replay", first["record"]["intent"]["id"], DELETES="it does not")
    assert (said.code, last(said.out)) == (
        1,
        "different: 1 of 2 outputs are bit-identical, stdout identical, stderr identical",
    )
    assert "data/more.txt: a file of the commit that only the first deleted" in said.out


def test_an_empty_directory_is_no_result_beside_stdout(project: Project, change: Change) -> None:
    change("train.py", "import os, time\nos.mkdir('results')\nprint(time.time_ns())\n")
    project.run()
    said = project("replay")
    assert (said.code, last(said.out)) == (
        1,
        "different: 1 of 1 output is bit-identical, stdout differs, stderr identical",
    )
    checked = project("check")
    assert (checked.code, last(checked.out)) == (
        1,
        "preflight: the whole program differs in two containers",
    )
    assert "stdout differs" in checked.out.splitlines()


# The second of the two runs of a preflight has another directory for temporary files.
HANGS = """
import os, sys, time, reprobox_trail
reprobox_trail.log(1, {{"a": b"12345678"}})
open("model.bin", "w").write("x")
sys.stdout.flush()
if os.environ.get("TMPDIR", "/tmp") != "/tmp":
    time.sleep(60)
sys.exit({code})
"""


def test_of_two_runs_one_failed_and_the_other_was_stopped_at_the_limit(
    project: Project, change: Change
) -> None:
    change("train.py", HANGS.format(code=1))
    checked = project("check", "--limit", "5")
    assert checked.code == 60, checked.out
    assert (
        last(checked.out) == "preflight: not checked; give it more time (--limit), or fewer steps"
    )
    change("train.py", HANGS.format(code=0))
    checked = project("check", "--limit", "5")
    assert (checked.code, last(checked.out)) == (
        0,
        "preflight: the first step is the same in two containers",
    )


def test_a_config_that_is_not_the_recorded_one_any_more_is_not_replayed(project: Project) -> None:
    digest = project.run("scale=4")["record"]["intent"]["runspec"]["config_digest"].removeprefix(
        "sha256:"
    )
    stored = project.top / ".reprobox/objects/sha256" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes().replace(b"scale: 4", b"scale: 5"))
    said = project("replay")
    assert said.code == 53, said.out
    assert "is not what was recorded, so the replay was not started" in said.err


CLOCKED = """\
import json, time
state = {"loss": [0.5, 0.25], "train_runtime": time.perf_counter(), "when": time.time()}
json.dump(state, open("state.json", "w"))
stamp = time.strftime("D:%Y%m%d%H%M%SZ").encode()
open("plot.pdf", "wb").write(b"%PDF-1.4\\n\\x80\\x00<</CreationDate (" + stamp + b")>>\\x00")
"""


def test_a_clock_is_named_beside_others_and_rules_can_be_given_afterwards(
    project: Project, change: Change
) -> None:
    change("train.py", CLOCKED)
    project.run()
    digest = project("show", "latest", "--json").json["digest"]
    time.sleep(1.1)
    said = project("replay")
    assert (said.code, last(said.out).split(":")[0]) == (1, "different")
    for cause in (
        "a duration in state.json at $.train_runtime",
        "a time in state.json at $.when",
        "a time in plot.pdf at offset",
        '`outputs: {"state.json": except-times}`',
    ):
        assert cause in said.out, said.out
    assert "deterministic" not in said.out
    assert "equal in it: $.loss (2)" in said.out

    pair = "latest~1", "latest"
    rules = ("--rule", "plot.pdf: ignore", "--rule", "state.json: except-times")
    assert project("diff", *pair, *rules).code == 0
    exact = ("state.json#$.when: ignore", "state.json#$.train_runtime: ignore", "*.pdf: ignore")
    said = project("judge", *pair, *(word for rule in exact for word in ("--rule", rule)))
    assert (said.code, last(said.out).split(":")[0]) == (0, "equal under a declared rule")
    assert "2 values left aside by a rule" in said.out
    kept = sorted((project.top / ".reprobox/runs").glob("*/verdicts/*.json"))
    assert [json.loads(path.read_text())["result"] for path in kept] == [
        "different",
        "equal-under-rule",
    ]
    assert len(json.loads(kept[-1].read_text())["rules"]) == 3
    assert project("show", "latest~1", "--json").json["digest"] == digest
    assert project("diff", *pair).code == 1  # the recorded rules did not change
    assert project("diff", *pair, "--rule", "state.json#$.loss: ignore").code == 1


CLAIMING = """\
import json, time
json.dump({"accuracy": 0.97, "spread": time.time() % 1, "n": 3}, open("metrics.json", "w"))
"""


def test_claims_are_checked_after_a_run_and_by_every_verdict(
    project: Project, change: Change
) -> None:
    config = (project.top / "config.yaml").read_text()
    change("train.py", CLAIMING)
    claims = '{good: "metrics.json#$.accuracy >= 0.96", near: "metrics.json#$.n within 1%"}'
    change("config.yaml", f"{config}  claims: {claims}\n")
    made = project("run", "config.yaml")
    assert (made.code, "claim holds: good: metrics.json#$.accuracy >= 0.96 (0.97)" in made.err) == (
        0,
        True,
    )
    said = project("replay")
    assert (said.code, last(said.out).split(":")[0]) == (0, "claims hold")
    assert "claim holds: near" in said.out
    assert "metrics.json" in said.out.split("claim holds")[0]
    assert project("diff", "latest~1", "latest", "--strict").code == 1
    found = project("diff", "latest~1", "latest", "--json").json
    assert (found["result"], found["same"]) == ("claims-hold", False)
    assert [claim["outcome"] for claim in found["claims"]] == ["holds", "holds"]

    change("config.yaml", f'{config}  claims: {{better: "metrics.json#$.accuracy >= 0.98"}}\n')
    project.run()
    said = project("replay")
    assert (said.code, last(said.out).split(":")[0]) == (65, "claims fail")
    change("config.yaml", f'{config}  claims: {{gone: "metrics.json#$.f1 >= 0.98"}}\n')
    project.run()
    said = project("replay", "--rule", "metrics.json: ignore")
    assert "claim inconclusive: gone" in said.out
    said = project("run", "config.yaml", "reprobox.claims.gone=metrics.json is good")
    assert "is not a claim; write it as" in said.err
