"""What the payload does inside real Python processes, started every way that programs start them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from torch_python import PAYLOAD, ROOT, WORKLOADS, Ran, emulator, torch_python, under

from reprobox.judge import unreached
from reprobox.kit import proc
from reprobox.model import observed
from reprobox.runtime import profiles

DRAW = "import random; print(random.random())"
SEED_7 = "0.32383276483316237"  # random.seed(7); random.random(), the same since Python 3.2


def plain(directory: Path, *argv: str | Path, **asked: object) -> Ran:
    """Under the tests' own interpreter, which starts faster than the one with torch."""
    return under(directory, *argv, python=Path(sys.executable), **asked)  # type: ignore[arg-type]


def script(directory: Path, text: str, name: str = "program.py") -> Path:
    path = directory / name
    path.write_text(dedent(text))
    return path


# ---- the ways in


@pytest.mark.parametrize("way", ["script", "-m", "-c", "stdin", "-P", "-s", "-X utf8"])
def test_every_way_of_starting_python_is_reached(tmp_path: Path, way: str) -> None:
    program = script(tmp_path, DRAW)
    argv: dict[str, list[str | Path]] = {
        "script": [program],
        "-m": ["-m", "program"],
        "-c": ["-c", DRAW],
        "stdin": ["-"],
        "-P": ["-P", program],
        "-s": ["-s", program],
        "-X utf8": ["-X", "utf8", program],
    }
    ran = plain(tmp_path, *argv[way], stdin=DRAW.encode() if way == "stdin" else None)
    assert (ran.code, ran.out.strip()) == (0, SEED_7), ran.err
    marker = ran.marker()
    assert (marker["profile"], marker["seed"], marker["applied"], marker["errors"]) == (
        "same-machine",
        7,
        ["random.seed"],
        [],
    )
    assert marker["argv"][1:] == [str(part) for part in argv[way]]


def test_observe_draws_as_without_us_and_leaves_a_marker(tmp_path: Path) -> None:
    first, second = (plain(tmp_path, "-c", DRAW, profile="observe") for _ in range(2))
    assert first.out != second.out
    assert (first.marker()["applied"], first.marker()["errors"]) == ([], [])


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_a_process_that_escapes_is_known_by_its_missing_marker(tmp_path: Path, flag: str) -> None:
    ran = plain(tmp_path, flag, "-c", DRAW)
    assert (ran.code, ran.markers) == (0, [])
    assert ran.out.strip() != SEED_7


def test_scripts_that_scripts_start_keep_the_seed(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        f"""
        import os, subprocess, sys
        subprocess.run([sys.executable, "-c", "{DRAW}"], check=True)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-c", "{DRAW}"])
        """,
    )
    ran = plain(tmp_path, program)
    assert ran.out.split() == [SEED_7, SEED_7]
    assert len(ran.markers) == 3  # exec keeps the process id: its marker gets a name of its own


def test_the_images_own_sitecustomize_runs_too(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    script(
        image, "import builtins; builtins.image_was_here = __file__; there = 5", "sitecustomize.py"
    )
    program = (
        "import sitecustomize; print(image_was_here, sitecustomize.there, sitecustomize._PROFILE)"
    )
    ran = plain(tmp_path, "-c", program, python_path=str(image))
    assert ran.out.split() == [str(image / "sitecustomize.py"), "5", "same-machine"]


def test_without_a_profile_the_payload_only_chains(tmp_path: Path) -> None:
    script(tmp_path, "print('image')", "sitecustomize.py")
    done = proc.run(
        [sys.executable, "-c", "import os; print(os.urandom.__name__)"],
        env={"PYTHONPATH": f"{PAYLOAD}:{tmp_path}"},
    )
    assert done.out.split() == [b"image", b"urandom"]
    assert (
        b"built-in"
        in proc.run(
            [sys.executable, "-c", "import os; print(os.urandom)"], env={"PYTHONPATH": str(PAYLOAD)}
        ).out
    )


def test_nothing_of_the_hook_stays_on_the_modules(tmp_path: Path) -> None:
    program = """
        import importlib.resources, importlib.util, random, numpy.random
        for module in (random, numpy, numpy.random):
            found = importlib.util.find_spec(module.__name__)
            print(type(module.__spec__.loader).__name__, type(module.__loader__).__name__, bool(found))
    """
    ran = plain(tmp_path, script(tmp_path, program))
    assert set(ran.out.splitlines()) == {"SourceFileLoader SourceFileLoader True"}, ran.err


# ---- children


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_draw_numbers_of_their_own_and_the_same_again(tmp_path: Path, method: str) -> None:
    program = script(
        tmp_path,
        f"""
        import multiprocessing, random
        import numpy as np

        def work(queue, number):
            queue.put((number, random.random(), float(np.random.rand()), float(np.random.default_rng().random())))

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            queue = context.Queue()
            workers = [context.Process(target=work, args=(queue, number)) for number in range(3)]
            for worker in workers:
                worker.start()
            print(sorted(queue.get() for _ in workers))
            for worker in workers:
                worker.join()
        """,
    )
    first, second = plain(tmp_path, program), plain(tmp_path, program)
    assert first.code == 0, first.err
    assert first.out == second.out
    rows = eval(first.out)
    assert all(len({row[column] for row in rows}) == 3 for column in (1, 2, 3))
    roles = {marker["role"] for marker in first.markers}
    assert (
        len([role for role in roles if role.startswith(("SpawnProcess", "ForkServerProcess"))]) == 3
    )


def test_a_forked_child_has_a_marker_of_its_own(tmp_path: Path) -> None:
    program = "import os, sys; pid = os.fork(); os._exit(0) if pid == 0 else os.waitpid(pid, 0)"
    ran = plain(tmp_path, "-c", program)
    assert sorted(marker["forked"] for marker in ran.markers) == [False, True]
    assert len({marker["pid"] for marker in ran.markers}) == 2


def test_data_loader_workers_by_fork_and_by_spawn(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import random, sys, numpy as np, torch

        class Noise(torch.utils.data.Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, place):
                return torch.tensor([random.random(), np.random.rand(), float(torch.rand(1))], dtype=torch.float64)

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                how = {"batch_size": 2, "num_workers": 2, "multiprocessing_context": method, "shuffle": True}
                print(torch.cat(list(torch.utils.data.DataLoader(Noise(), **how))).tolist())
        """,
    )
    first, second = under(tmp_path, program), under(tmp_path, program)
    assert first.code == 0, first.err
    assert first.out == second.out
    for line in first.out.splitlines():
        rows = json.loads(line)
        assert all(len({row[column] for row in rows}) == 8 for column in range(3))


# ---- what is applied, and what is noted


def test_numpy_is_seeded_its_unseeded_generators_too(tmp_path: Path) -> None:
    program = "import numpy as np; print(np.random.rand(), np.random.default_rng().random(), np.random.default_rng().random())"
    first, second = (
        plain(tmp_path, "-W", "error", "-c", program, profile="portable-any") for _ in range(2)
    )
    assert (first.code, first.out) == (0, second.out), first.err
    assert len(set(first.out.split())) == 3
    assert plain(tmp_path, "-c", program, seed=8).out != first.out


def test_draws_that_no_seed_fixes_are_noted_with_their_line(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import multiprocessing, os, random, secrets, tempfile, uuid
        import numpy as np
        tempfile.mkdtemp()
        os.urandom(4)
        uuid.uuid4()
        secrets.token_hex(3)
        random.SystemRandom().random()
        random.seed()
        np.random.default_rng().random()
        """,
    )
    found = plain(tmp_path, program, profile="observe").marker()["entropy"]
    seen = [(note["what"], int(note["place"].rpartition(":")[2])) for note in found]
    whats = ["os.urandom"] * 4 + ["random.seed()", "numpy.random generator"]
    assert seen == list(zip(whats, (5, 6, 7, 8, 9, 10), strict=True))
    assert all(note["place"].startswith(str(program)) for note in found)


def test_a_statically_linked_child_is_noted_with_the_line_that_started_it(tmp_path: Path) -> None:
    source = tmp_path / "lists.c"
    source.write_text("int main(void) { return 0; }\n")
    for name, options in (("static", ["-static"]), ("dynamic", [])):
        done = proc.run(["gcc", *options, "-o", tmp_path / name, source])
        assert done.ok, done.error_text
    program = script(
        tmp_path,
        """
        import os, subprocess, sys
        top = os.path.dirname(os.path.abspath(sys.argv[0]))
        subprocess.run([top + "/static", "x"], check=True)
        subprocess.run([top + "/dynamic"], check=True)
        os.environ["PATH"] = top + ":" + os.environ["PATH"]
        subprocess.run(["static"], check=True)
        subprocess.run("static && true", shell=True, check=True)
        """,
    )
    ran = plain(tmp_path, program)
    assert ran.code == 0, ran.err
    children = ran.marker()["children"]
    lines = [child.get("static", "").rpartition(":")[2] for child in children]
    assert lines == ["4", "", "7", ""]
    assert unreached.static(observed.read({"processes": ran.markers})) == (
        f"{tmp_path}/static x, started at {program}:4",
        f"static, started at {program}:7",
    )


def test_the_count_of_cpus_is_the_setting_threads(tmp_path: Path) -> None:
    program = script(
        tmp_path, "import multiprocessing, os; print(os.cpu_count(), multiprocessing.cpu_count())"
    )
    assert plain(tmp_path, program, threads=3).out.split() == ["3", "3"]
    assert plain(tmp_path, program, profile="observe").out.split() == [str(os.cpu_count())] * 2


def test_seeds_that_the_program_gives_are_noted_with_their_line(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
        import pickle, random
        import numpy as np
        random.seed(5)
        random.seed("word")
        np.random.seed(np.int64(6))
        draw = np.random.default_rng(seed=[7, 8]).random()
        assert pickle.loads(pickle.dumps(np.random.default_rng)) is np.random.default_rng
        np.random.default_rng()
        for _ in range(2):
            random.seed(5)
        """,
    )
    found = [
        (note["what"], int(note["place"].rpartition(":")[2]), note["value"])
        for note in plain(tmp_path, program).marker()["seeds"]
    ]
    assert found == [
        ("random.seed", 4, "5"),
        ("random.seed", 5, "'word'"),
        ("numpy.random.seed", 6, "6"),
        ("numpy.random.default_rng", 7, "[7, 8]"),
        ("random.seed", 11, "5"),
    ]


def test_an_operation_without_a_deterministic_form_fails_with_name_line_and_way_out(
    tmp_path: Path,
) -> None:
    program = script(
        tmp_path,
        """
        import torch
        x = torch.rand(1, 1, 2, 2)
        torch.nn.functional.max_unpool2d(x, torch.zeros(1, 1, 2, 2).long(), 2)
        """,
    )
    ran = under(tmp_path, program)
    assert ran.code == 1
    assert (
        f"reprobox: max_unpooling2d_forward_out at {program}:4 has no deterministic form" in ran.err
    )
    assert "profile: observe" in ran.err
    assert ran.marker()["refused"] == {
        "operation": "max_unpooling2d_forward_out",
        "place": f"{program}:4",
    }
    assert under(tmp_path, program, profile="observe").code == 0


def test_what_torch_got_is_in_the_marker(tmp_path: Path) -> None:
    program = """
        import torch
        print(torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic)
        print(torch.get_num_threads(), float(torch.rand(1)))
        torch.set_num_threads(2)
    """
    ran = under(tmp_path, script(tmp_path, program), profile="portable-avx2")
    assert ran.out.splitlines()[0] == "True False True"
    assert ran.out.splitlines()[1].startswith("1 ")
    marker = ran.marker()
    assert marker["applied"][:2] == ["interposed portable_vml.so", "interposed portable_intel.so"]
    assert {"torch.manual_seed", "torch.deterministic_algorithms", "torch.backends.cudnn"} <= set(
        marker["applied"]
    )
    assert (
        marker["torch"]["cpu_capability"],
        marker["torch"]["threads"],
        marker["torch"]["threads_at_exit"],
    ) == ("AVX2", 1, 2)
    assert marker["errors"] == []


# ---- faults


def test_a_fault_in_the_hook_is_in_the_marker_and_not_in_the_program(tmp_path: Path) -> None:
    ran = under(
        tmp_path, "-c", "import torch; print(torch.ones(1).item())", REPROBOX_INTERPOSE="absent"
    )
    assert (ran.code, ran.out.strip(), ran.err) == (0, "1.0", "")
    assert ran.marker()["errors"][0].startswith("torch: OSError:")


def test_a_place_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = plain(tmp_path, "-c", DRAW, REPROBOX_OUT=str(tmp_path / "file"))
    assert (ran.code, ran.out.strip(), ran.err) == (0, SEED_7, "")


def test_odd_arguments_make_a_valid_marker(tmp_path: Path) -> None:
    ran = plain(
        tmp_path,
        "-c",
        "0",
        'quote" back\\slash\n\t',
        "é 😀",
        b"\xff".decode("utf-8", "surrogateescape"),
    )
    assert ran.marker()["argv"][3:] == ['quote" back\\slash\n\t', "é 😀", "\\xff"]


def test_starting_costs_milliseconds(tmp_path: Path) -> None:
    """Medians over interleaved starts; the bound is wide, because the machine is shared (measured:
    4 to 5 ms, see docs).
    """

    def seconds(env: dict[str, str]) -> float:
        began = time.perf_counter()
        proc.run([sys.executable, "-c", "pass"], env=env)
        return time.perf_counter() - began

    asked = {
        "PYTHONPATH": str(PAYLOAD),
        "REPROBOX_PROFILE": "same-machine",
        "REPROBOX_OUT": str(tmp_path),
    }
    bare = {"PYTHONDONTWRITEBYTECODE": "1"}
    pairs = [(seconds(bare | asked), seconds(bare)) for _ in range(15)]
    cost = statistics.median(one for one, _ in pairs) - statistics.median(
        other for _, other in pairs
    )
    assert cost < 0.030


def test_the_payload_is_plain_python_3_8() -> None:
    sources = sorted(PAYLOAD.glob("*.py"))
    ours = [
        path
        for path in sources
        if path.name
        in ("sitecustomize.py", "_reprobox_hooks.py", "reprobox_trail.py", "reprobox_optrace.py")
    ]
    assert len(ours) == 4
    code = "import ast, sys; [ast.parse(open(p).read(), p, feature_version=(3, 8)) for p in sys.argv[1:]]"
    done = proc.run([sys.executable, "-c", code, *ours])
    assert done.ok, done.error_text


# ---- the same bits on other CPUs


def found(
    profile: str,
    workload: str,
    directory: Path,
    cpu: str | None = None,
    steps: int = 2,
    **asked: object,
) -> dict[str, str]:
    """Digests of a workload's results."""
    ran = under(directory, WORKLOADS, workload, str(steps), profile=profile, cpu=cpu, **asked)  # type: ignore[arg-type]
    result: dict[str, str] = ran.json()["found"]
    return result


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """The results on this CPU, once a profile."""
    return cache(lambda profile: found(profile, "all", tmp_path_factory.mktemp("here")))


def test_numpy_differs_between_cpus_without_a_portable_profile(tmp_path: Path) -> None:
    assert found("same-machine", "numpy", tmp_path) != found(
        "same-machine", "numpy", tmp_path, "Nehalem"
    )


@pytest.mark.parametrize(
    ("profile", "cpu"),
    [("portable-avx2", "Haswell"), ("portable-avx2", "EPYC-Rome"), ("portable-any", "Nehalem")],
)
def test_operations_and_a_training_have_the_same_bits_on_another_cpu(
    tmp_path: Path, here: Callable[[str], dict[str, str]], profile: str, cpu: str
) -> None:
    assert found(profile, "all", tmp_path, cpu) == here(profile)


# What an AMD Zen 5 and an Intel Xeon with AMX gave alike (docs/determinism.md): whatever CPU runs
# this has to agree with both.
GOLDEN = {
    "portable-avx2": {"mlp": "9744e1", "cnn": "d0e9fc", "transformer": "db4c32"},
    "portable-any": {"mlp": "78e30d", "cnn": "035242", "transformer": "af66cb"},
}


@pytest.mark.parametrize("profile", GOLDEN)
def test_three_trainings_have_the_bits_that_another_vendors_cpu_gave(
    tmp_path: Path, profile: str
) -> None:
    digests = found(profile, "nets", tmp_path, steps=5, seed=0)
    assert {net: digests[f"{net}.weights"][:6] for net in GOLDEN[profile]} == GOLDEN[profile]


@pytest.mark.parametrize("profile", ["portable-avx2", "portable-any"])
def test_products_of_8_bit_integers_are_exact_under_a_portable_profile(
    tmp_path: Path, profile: str
) -> None:
    program = script(
        tmp_path,
        "import torch; a = (torch.arange(64 * 96) % 255 - 127).to(torch.int8).reshape(64, 96); b "
        "= a.T.flip(1).contiguous()\n"
        "out = torch.empty(64, 64, dtype=torch.int32); torch._int_mm(a, b, out=out)\n"
        "print((torch._int_mm(a, b).long() != a.long() @ b.long()).sum().item(), (out.long() != "
        "a.long() @ b.long()).sum().item())",
    )
    assert under(tmp_path, program, profile=profile).out.split() == ["0", "0"]


def test_an_unpinned_record_of_another_cpu_is_replayed_as_recorded(tmp_path: Path) -> None:
    recorded = found("same-machine", "mlp", tmp_path, "Haswell")
    assert (
        found("same-machine", "mlp", tmp_path, as_recorded=profiles.as_recorded("intel-avx2"))
        == recorded
    )
    assert found("same-machine", "mlp", tmp_path) != recorded


@pytest.mark.slow
def test_no_approximate_instruction_is_executed(tmp_path: Path) -> None:
    """The certificate does not depend on how the emulator computes them: it lists what was
    translated.
    """
    program = ROOT / "benchmarks" / "determinism_certificate.py"
    ask = [
        sys.executable,
        program,
        "--python",
        torch_python(),
        "--emulator",
        emulator(),
        "--profile",
        "portable-avx2",
    ]
    done = proc.run([*ask, "--workload", "mlp", "--steps", "1"], cwd=tmp_path)
    said = json.loads(done.out)
    assert (done.code, said["approximate"]) == (0, {}), done.error_text
    assert said["translated"] > 100_000
    assert said["ieee_roots"] > 0


THREADS = """
import threading, concurrent.futures
def wait(gate):
    gate.wait()
gate = threading.Event()
workers = [threading.Thread(target=wait, args=(gate,)) for _ in range(3)]
for worker in workers:
    worker.start()
gate.set()
for worker in workers:
    worker.join()
for _ in range(4):
    alone = threading.Thread(target=int)
    alone.start()
    alone.join()
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    gate = threading.Event()
    done = [pool.submit(wait, gate) for _ in range(2)]
    gate.set()
"""


def test_threads_that_run_at_once_are_noted_with_the_line_that_started_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "many.py").write_text(THREADS)
    ran = under(tmp_path, "many.py", python=Path(sys.executable))
    assert ran.code == 0, ran.err
    noted = {one["place"].rpartition(":")[2]: one["at_once"] for one in ran.marker()["threads"]}
    lines = THREADS.splitlines()
    started = {
        str(number): line.strip() for number, line in enumerate(lines, 1) if str(number) in noted
    }
    assert {started[number]: count for number, count in noted.items()} == {
        "worker.start()": 3,
        "alone.start()": 1,
        "done = [pool.submit(wait, gate) for _ in range(2)]": 2,
    }
    assert ran.marker()["errors"] == []
