"""Restarts of a real training under the payload, with planted faults that must be named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from torch_python import under

from reprobox.errors import NotComparable
from reprobox.judge import restart

TRAINING = """
import os, random, signal, sys, torch
from torch.utils.data import DataLoader, TensorDataset
fault = os.environ.get("FAULT", "")
torch.manual_seed(3)
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
data = TensorDataset(torch.arange(160.0).reshape(20, 8) / 100, torch.arange(20) % 2)
order = torch.Generator()
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
step, begin = 0, 0
if "--resume" in sys.argv and os.path.exists("last.pt"):
    kept = torch.load("last.pt")
    net.load_state_dict(kept["net"])
    optimizer.load_state_dict(kept["optimizer"])
    if fault != "scheduler":
        scheduler.load_state_dict(kept["scheduler"])
    if fault != "scaler":
        scaler.load_state_dict(kept["scaler"])
    if fault == "momentum":
        optimizer.state.clear()
    step, begin = kept["step"], kept["step"] % 5
for epoch in range(step // 5, 3):
    order.manual_seed(epoch)
    batches = iter(DataLoader(data, batch_size=4, shuffle=True, generator=order))
    if fault != "loader":
        for _ in range(begin):
            next(batches)
    if begin and fault != "generator":
        torch.set_rng_state(kept["torch"])
        random.setstate(kept["random"])
    begin = 0
    for inputs, target in batches:
        if step == 15:
            break
        optimizer.zero_grad()
        noise = random.random() / 100
        loss = torch.nn.functional.cross_entropy(net(inputs + noise), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        step += 1
        if stop:
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
                "scaler": scaler.state_dict(), "step": step, "torch": torch.get_rng_state(), "random": random.getstate()}, "last.pt")
            sys.exit(0)
torch.save(net.state_dict(), "final.pt")
"""
STEP = 7


def train(directory: Path, *words: str, **env: str) -> tuple[restart.Before, ...]:
    directory.mkdir(exist_ok=True)
    (directory / "train.py").write_text(TRAINING)
    ran = under(directory, "train.py", *words, REPROBOX_RESTART="1", **env)
    assert ran.code == 0, ran.err
    assert ran.marker()["errors"] == []
    return restart.read(directory / "out" / "restart.jsonl")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[restart.Before, ...]:
    return train(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stopped")
    assert len(train(place, REPROBOX_PREEMPT_AT=str(STEP))) == STEP
    return place / "last.pt"


def resumed(
    place: Path, whole: tuple[restart.Before, ...], checkpoint: Path, fault: str = ""
) -> restart.Comparison:
    shutil.copy(checkpoint, place)
    return restart.compare(whole, train(place, "--resume", FAULT=fault), stopped=STEP)


def test_a_right_restart_has_every_state_as_the_uninterrupted_run(
    tmp_path: Path, whole: tuple[restart.Before, ...], checkpoint: Path
) -> None:
    assert len(whole) == 15
    found = resumed(tmp_path, whole, checkpoint)
    assert found == restart.Comparison(after=STEP, compared=15 - STEP)


@pytest.mark.parametrize(
    ("fault", "kind", "name"),
    [
        ("generator", "generator", "random"),
        ("loader", "loader position", None),
        ("scheduler", "scheduler", "StepLR.last_epoch"),
        ("scaler", "scaler", "GradScaler.scale"),
        ("momentum", "optimizer state", "momentum_buffer"),
    ],
)
def test_the_state_that_was_not_restored_is_named_at_the_first_step(
    tmp_path: Path,
    whole: tuple[restart.Before, ...],
    checkpoint: Path,
    fault: str,
    kind: str,
    name: str | None,
) -> None:
    found = resumed(tmp_path, whole, checkpoint, fault)
    assert (found.after, found.compared) == (STEP, 0)
    kinds = [one.kind for one in found.unrestored if one.kind != "number of steps"]
    assert kinds == [kind], [one.sentence for one in found.unrestored]
    assert name is None or name in found.unrestored[0].names
    assert found.unrestored[0].sentence.startswith(f"step {STEP + 1}: {kind}")


def test_a_restart_without_a_checkpoint_began_again(
    tmp_path: Path, whole: tuple[restart.Before, ...]
) -> None:
    found = restart.compare(whole, train(tmp_path, "--resume"), stopped=STEP)
    assert (found.after, found.compared, found.unrestored) == (0, 15, ())


def test_the_loader_says_which_batch_it_gave(
    tmp_path: Path, whole: tuple[restart.Before, ...], checkpoint: Path
) -> None:
    found = resumed(tmp_path, whole, checkpoint, "loader")
    # Step 8 is the third of its epoch; a loader that begins anew gives the epoch's first batch.
    assert found.unrestored[0].note == "its batch is the one of step 6"


def test_a_run_that_continues_for_another_number_of_steps(
    whole: tuple[restart.Before, ...],
) -> None:
    found = restart.compare(whole, whole[9:-2], stopped=10)
    assert (found.after, found.compared) == (9, 4)
    [number] = found.unrestored
    assert (number.kind, number.uninterrupted, number.resumed) == ("number of steps", 6, 4)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]\n", '{"format": "reprobox.trail/1"}\n', "nothing\n"):
        (tmp_path / "restart.jsonl").write_text(text)
        with pytest.raises(NotComparable):
            restart.read(tmp_path / "restart.jsonl")
    (tmp_path / "restart.jsonl").write_text('{"format": "reprobox.restart/1"}\n{"o": "x"}\n')
    with pytest.raises(NotComparable):
        restart.read(tmp_path / "restart.jsonl")
