"""Best of six: runs with their metrics and config values, in one command, from a cold start."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness_runs import NOW, a_record, an_intent, an_output

from reprobox.cli import command_line
from reprobox.cli.messages import Talk
from reprobox.commands import ls, name, note, show, tag
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit import proc
from reprobox.store.output_manifest import outputs_manifest
from reprobox.views import run_list

LR = (0.1, 0.2, 0.3, 0.01, 0.02, 0.03)
ACCURACY = (0.5, 0.9, 0.6, 0.95, 0.91, 0.7)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        assert proc.run(["git", "-C", tmp_path, *words]).ok
    monkeypatch.chdir(tmp_path)
    return Context(start=tmp_path, progress=Talk(quiet=True))


def recorded(context: Context, number: int, metrics: str, **config: Any) -> str:
    data = metrics.encode()
    outputs = (an_output("results/metrics.json", data),)
    intent = an_intent(
        context.runs.new_id(), config={"train": config, "reprobox": {"seed": 0}}, now=NOW + number
    )
    with context.runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        (run.outputs / "results").mkdir(parents=True)
        (run.outputs / "results/metrics.json").write_bytes(data)
        run.finish(a_record(intent, outputs), outputs_manifest(outputs))
    return intent.id


@pytest.fixture
def six(context: Context) -> list[str]:
    return [
        recorded(context, number, f'{{"accuracy": {accuracy}}}', lr=lr, seed=number // 3)
        for number, (lr, accuracy) in enumerate(zip(LR, ACCURACY, strict=True))
    ]


Command = Callable[..., str]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process; what it wrote to stdout."""

    def run(*words: str) -> str:
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            command_line.app(args=[*words], standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_best_of_six_is_one_command(six: list[str], command: Command) -> None:
    found = json.loads(command("ls", "--columns", "lr,accuracy", "--sort", "-accuracy", "--json"))
    assert [row["values"]["accuracy"] for row in found] == sorted(ACCURACY, reverse=True)
    assert found[0]["id"] == six[3]
    assert found[0]["values"] == {"lr": 0.01, "accuracy": 0.95}


def test_conditions_on_metrics_and_config(context: Context, six: list[str]) -> None:
    def ids(*where: str, **more: Any) -> list[str]:
        rows = ls.list_runs(context, ls.Wanted(where=where, **more), limit=None)
        return [item.row.id for item in rows]

    assert ids("accuracy>0.9 and lr<1e-1", sort="accuracy") == [six[4], six[3]]
    assert ids("accuracy > 0.9", "lr < 0.1", sort="accuracy") == [six[4], six[3]]
    assert set(ids("not (accuracy >= 0.6) or train.lr == 0.03")) == {six[0], six[5]}
    assert ids("lr!=0.1 and state==finished", sort="lr")[0] == six[3]
    assert ids("train.lr=0.1") == [six[0]]  # as before: exactly this value in the config
    assert ids("accuracy<0.1") == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("accurcy>1", "no run has a value called 'accurcy'"),
        ("accuracy>", "expected a value"),
    ],
)
def test_a_condition_that_cannot_be_met(
    context: Context, six: list[str], where: str, expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ls.list_runs(context, ls.Wanted(where=[where]), limit=None)
    assert expected in caught.value.what


def test_a_name_of_several_values_is_refused_with_their_names(context: Context) -> None:
    recorded(context, 0, '{"a": {"loss": 1}, "b": {"loss": 2}}')
    with pytest.raises(UsageError) as caught:
        ls.list_runs(context, ls.Wanted(columns=["loss"]), limit=None)
    assert caught.value.why == "a.loss, b.loss"


def test_columns_are_remembered_and_forgotten(six: list[str], command: Command) -> None:
    command("ls", "--columns", "lr")
    assert json.loads(command("ls", "--json"))[0]["values"] == {"lr": 0.03}
    command("ls", "--columns", "")
    assert "values" not in json.loads(command("ls", "--json"))[0]


def test_groups_have_mean_and_spread(context: Context, six: list[str], command: Command) -> None:
    found = json.loads(
        command("ls", "--columns", "accuracy", "--group", "train.seed", "--json", "--sort", "lr")
    )
    by_seed = {one["group"]: one["values"]["accuracy"] for one in found}
    assert by_seed[0]["count"] == 3
    assert by_seed[0]["mean"] == pytest.approx(2 / 3)
    assert by_seed[1]["sd"] == pytest.approx(0.1343, abs=1e-4)
    assert "±" in command("ls", "--columns", "accuracy", "--group", "train.seed")
    text = command("ls", "--columns", "accuracy", "--group", "train.seed", "--sort", "lr", "--csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["train.seed", "runs", "accuracy mean", "accuracy sd"]
    assert rows[1][:2] == ["1.0", "3"]
    assert ls.list_groups(context, ls.Wanted(columns=["lr"], state="failed"), 0) == []


def test_csv_and_names(six: list[str], command: Command) -> None:
    said = command("ls", "--columns", "lr,accuracy", "--csv")
    assert "\r" not in said  # for `cut` and `sort` next to it
    rows = list(csv.reader(io.StringIO(said)))
    assert rows[0][-2:] == ["lr", "accuracy"]
    assert {(float(row[-2]), float(row[-1])) for row in rows[1:]} == set(
        zip(LR, ACCURACY, strict=True)
    )
    names = {
        (one["kind"], one["name"]): one["runs"]
        for one in json.loads(command("ls", "--names", "--json"))
    }
    assert names["metric", "accuracy"] == 6
    assert names["config", "train.lr"] == 6


@pytest.mark.parametrize("width", [60, 80, 120])
def test_ids_are_never_broken(context: Context, six: list[str], width: int) -> None:
    rows = ls.list_runs(context, ls.Wanted(columns=["lr", "accuracy"]), limit=None)
    table = run_list.fitted(run_list.columns(rows, ["lr", "accuracy"], NOW + 60), width)
    assert table[0].title == "run"
    assert table[0].cells == tuple(reversed(six))
    assert sum(column.width + 2 for column in table) - 2 <= width
    assert {"lr", "accuracy"} <= {column.title for column in table}


def test_long_names_and_texts_are_cut_and_numbers_are_not() -> None:
    ids = ("20261120-153012-brave-otter-3f9c", "20261120-153012-calm-otter-3f9d")
    table = [
        run_list.Column(title="run", cells=ids),
        run_list.Column(title="state", cells=("finished", "failed"), rank=1),
        run_list.Column(
            title="validation/accuracy_top_5_of_all_classes",
            cells=("0.123457", "12345678901234"),
            right=True,
            wanted=True,
        ),
        run_list.Column(title="data.path", cells=("/a/very/" + "long/" * 20, "x"), wanted=True),
    ]
    found = run_list.fitted(table, 80)
    assert sum(column.width + 2 for column in found) - 2 <= 80
    run, value, text = found
    assert run.cells == ids
    assert value.cells == ("0.123457", "12345678901234")
    assert value.title.startswith("validation/ac")
    assert text.cells == ("/a/very/long/lo…", "x")
    assert run_list.fitted(table, None) == table


def test_values_come_again_when_the_index_is_deleted(
    context: Context, six: list[str], command: Command
) -> None:
    before = command("ls", "--columns", "accuracy", "--json")
    (context.runs.root / "index.sqlite").unlink()
    assert command("ls", "--json") == before


def test_outputs_that_arrive_later_are_read_then(context: Context, six: list[str]) -> None:
    outputs = context.runs.path(six[0]) / "outputs"
    shutil.move(outputs, outputs.with_name("away"))
    wanted = ls.Wanted(columns=["accuracy"], where=["lr==0.1"])
    assert [item.values for item in ls.list_runs(context, wanted, limit=None)] == [(None,)]
    shutil.move(outputs.with_name("away"), outputs)
    assert [item.values for item in ls.list_runs(context, wanted, limit=None)] == [(0.5,)]


def test_several_runs_next_to_each_other(six: list[str], command: Command) -> None:
    found = json.loads(command("diff", six[0], six[1], six[0], "--json"))
    rows = {(row["section"], row["name"]): row["values"] for row in found["rows"]}
    assert rows["metric", "accuracy"] == [0.5, 0.9, 0.5]
    assert rows["config", "train.lr"] == ["0.1", "0.2", "0.1"]
    assert ("config", "train.seed") not in rows
    assert ("output", "results/metrics.json") in rows
    assert [verdict["result"] for verdict in found["verdicts"]] == ["different", "identical"]
    text = command("diff", six[0], six[1], "--table")
    assert "A and B: different" in text


def test_tags_names_and_notes_afterwards(context: Context, six: list[str]) -> None:
    record = (context.runs.path(six[3]) / "record.json").read_bytes()
    tag.tag(context, [six[3], six[4]], ["good", "baseline"])
    tag.tag(context, [six[4]], ["baseline"], remove=True)
    name.name(context, six[3], "best")
    note.note(context, "best", "the smallest rate\nwins")
    rows = ls.list_runs(context, ls.Wanted(tag="baseline"), limit=None)
    assert [(item.row.id, item.row.name, item.row.tags) for item in rows] == [
        (six[3], "best", ("good", "baseline"))
    ]
    shown = show.show(context, "best")
    assert (shown.name, shown.tags) == ("best", ("good", "baseline"))
    assert [one.text for one in shown.said.notes] == ["the smallest rate\nwins"]
    assert shown.as_json()["metrics"] == {"accuracy": 0.95}
    assert (context.runs.path(six[3]) / "record.json").read_bytes() == record
    (context.runs.root / "index.sqlite").unlink()
    assert context.runs.find("best") == six[3]
    name.name(context, "best", "")
    assert show.show(context, six[3]).name is None


def test_show_has_metrics_and_what_was_said_afterwards(context: Context, command: Command) -> None:
    run = recorded(context, 0, '{"accuracy": 0.91, "loss": NaN}', lr=0.1)
    before = command("show", run)
    assert "metric" in before
    rows = {line.split()[0]: line.split()[1:] for line in before.splitlines() if line.strip()}
    assert rows["accuracy"] == ["0.91", "results/metrics.json"]
    assert rows["loss"] == ["nan", "results/metrics.json"]
    assert "note" not in rows
    tag.tag(context, [run], ["paper"])
    name.name(context, run, "best")
    note.note(context, run, "the smallest rate\nwins")
    said = command("show", "best").splitlines()
    assert said[0] == f"run         {run}  best  [paper]"
    (at,) = [number for number, line in enumerate(said) if line.startswith("note ")]
    assert said[at].startswith("note        the smallest rate  (")
    assert said[at + 1].strip() == "wins"
    without = recorded(context, 1, '{"text": "no number"}')
    assert "metric  " not in command("show", without)


def test_an_annotation_cut_off_by_a_crash_costs_only_itself(
    context: Context, six: list[str]
) -> None:
    tag.tag(context, [six[0]], ["kept"])
    with (context.runs.root / "annotations.log").open("ab") as log:
        log.write(b'{"run": "' + six[1].encode() + b'", "tag": "lo')
    tag.tag(context, [six[2]], ["after"])
    rows = {item.row.id: item.row.tags for item in ls.list_runs(context, ls.Wanted(), limit=None)}
    assert (rows[six[0]], rows[six[1]], rows[six[2]]) == (("kept",), (), ("after",))


@pytest.fixture(autouse=True)
def _nothing_remembered(context: Context) -> Iterator[None]:
    yield
    (context.runs.root / "columns.json").unlink(missing_ok=True)


def test_a_page_is_cut_in_the_index_and_knows_the_whole(context: Context, six: list[str]) -> None:
    best = ls.Wanted(columns=("accuracy",), sort="-accuracy", where=("accuracy>0.55",))
    found = [ls.page(context, best, limit=2, offset=at) for at in (0, 2, 4)]
    values = [[item.values[0] for item in one.rows] for one in found]
    assert values == [[0.95, 0.91], [0.9, 0.7], [0.6]]
    assert {one.total for one in found} == {5}
    newest = ls.page(context, ls.Wanted(), limit=4, offset=4)
    assert ([item.row.id for item in newest.rows], newest.total) == (six[1::-1], 6)


def test_a_page_by_state_counts_runs_that_are_open(context: Context, six: list[str]) -> None:
    intent = an_intent(context.runs.new_id(), now=NOW + 100)
    with context.runs.begin(intent, {"config.yaml": b""}):
        finished = ls.Wanted(state="finished")
        rows = [
            item.row.id
            for at in (0, 4)
            for item in ls.page(context, finished, limit=4, offset=at).rows
        ]
        assert rows == six[::-1]
        assert ls.page(context, finished, limit=4, offset=0).total == 6
        assert ls.page(context, ls.Wanted(), limit=1, offset=0).total == 7
