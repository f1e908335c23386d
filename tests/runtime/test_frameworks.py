"""JAX and TensorFlow under the payload: seeds, threads, and XLA's code for the CPU."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from torch_python import ROOT, TENSORFLOW, Ran, jax_python, under

from reprobox.judge import trail
from reprobox.kit import proc
from reprobox.model.spec import Trail

WORKLOADS = ROOT / "benchmarks" / "determinism_jax.py"


def in_jax(directory: Path, *argv: str | Path, **asked: object) -> Ran:
    ran = under(directory, *argv, python=jax_python(), **asked)  # type: ignore[arg-type]
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.parametrize("profile", ["same-machine", "portable-avx2"])
def test_a_training_in_jax_gives_the_same_bits_and_the_same_trail_twice(
    tmp_path: Path, profile: str
) -> None:
    first, second = (
        in_jax(
            tmp_path / name,
            WORKLOADS,
            "mlp",
            "3",
            profile=profile,
            trail=Trail(enabled=True, every=1),
        )
        for name in ("one", "two")
    )
    assert first.json() == second.json()
    compared = trail.compare_runs(tmp_path / "one" / "out", tmp_path / "two" / "out")
    assert (compared.state, compared.compared, compared.only_on_one_side) == ("equal", 3, ())
    applied = first.marker()["applied"]
    assert "jax" in applied
    assert ("XLA_FLAGS --xla_cpu_max_isa=AVX2" in applied) == (profile == "portable-avx2")
    assert first.marker()["errors"] == []


def test_the_number_of_xlas_threads_is_the_runs_and_not_the_hosts(tmp_path: Path) -> None:
    """XLA splits a sum by its threads, so these are in the bits; how many it has is asked of the
    process itself.
    """
    program = """
        import os, jax
        jax.numpy.ones(3).block_until_ready()
        names = [open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")]
        print(sum("XLAEigen" in name for name in names))
    """
    (tmp_path / "program.py").write_text(dedent(program))
    found = [int(in_jax(tmp_path, "program.py", threads=threads).out) for threads in (1, 3)]
    assert found == [1, 3]


def test_what_the_program_says_of_xla_stays_and_a_jaxlib_without_the_switch_is_told(
    tmp_path: Path,
) -> None:
    program = "import os, jax; print(os.environ['XLA_FLAGS'])"
    ran = in_jax(
        tmp_path, "-c", program, profile="portable-avx2", XLA_FLAGS="--xla_cpu_max_isa=AVX"
    )
    assert ran.out.split() == [
        "--xla_cpu_max_isa=AVX",
        "--xla_cpu_enable_platform_dependent_math=false",
    ]
    assert "XLA_FLAGS of the program: xla_cpu_max_isa" in ran.marker()["applied"]
    ran = in_jax(
        tmp_path / "old",
        "-c",
        program + "; jax.numpy.ones(3) + 1",
        profile="portable-avx2",
        REPROBOX_XLA_CPU="--xla_cpu_absent=1",
    )
    assert "absent" not in ran.out
    (fault,) = ran.marker()["errors"]
    assert "this jaxlib has no xla_cpu_absent" in fault


ROOTS = """
import jax
from jax import numpy as jnp
x = jnp.arange(1, 4097, dtype=jnp.float32)
for function in (jax.lax.rsqrt, jnp.reciprocal, lambda v: jnp.tanh(v) / jnp.sqrt(v), lambda v: v @ v):
    jax.jit(function)(x).block_until_ready()
"""
APPROXIMATE = re.compile(r"\bv?(?:rsqrt|rcp)(?:14|28)?[ps][sd]\b")


@pytest.mark.parametrize(
    ("profile", "clean"), [("portable-avx2", True), ("portable-any", True), ("same-machine", False)]
)
def test_xla_compiles_no_approximate_instruction_under_a_portable_profile(
    tmp_path: Path, profile: str, clean: bool
) -> None:
    """Read from the code that XLA made; without the profile there are such instructions, so the
    search finds them.
    """
    in_jax(tmp_path, "-c", ROOTS, profile=profile, XLA_FLAGS=f"--xla_dump_to={tmp_path}/code")
    made = sorted((tmp_path / "code").glob("*.o"))
    assert made
    code = "".join(proc.run(["objdump", "--disassemble", path]).out.decode() for path in made)
    assert "sqrt" in code
    assert bool(APPROXIMATE.search(code)) != clean
    assert not (clean and "zmm" in code)
    assert not (profile == "portable-any" and "ymm" in code)


KERAS = """
import hashlib, json
import numpy as np, tensorflow as tf
layers = tf.keras.layers
x, y = np.random.rand(256, 16, 16, 3).astype("f4"), np.arange(256) % 10
model = tf.keras.Sequential([tf.keras.Input((16, 16, 3)), layers.Conv2D(16, 3, activation="gelu"), layers.BatchNormalization(),
                             layers.Flatten(), layers.Dropout(0.2), layers.Dense(10)])
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, y, epochs=2, batch_size=64, verbose=0)
print(hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in model.get_weights())).hexdigest())
"""


@pytest.mark.skipif(
    TENSORFLOW is None,
    reason="opt-in: REPROBOX_TENSORFLOW_PYTHON names an interpreter with tensorflow",
)
def test_a_training_in_tensorflow_gives_the_same_bits_twice(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(KERAS)

    def trained(profile: str, threads: int = 1) -> Ran:
        ran = under(
            tmp_path,
            "train.py",
            python=Path(str(TENSORFLOW)),
            profile=profile,
            threads=threads,
            TF_CPP_MIN_LOG_LEVEL="2",
        )
        assert ran.code == 0, ran.err
        return ran

    for threads in (1, 2):
        first, second = (trained("same-machine", threads) for _ in range(2))
        assert first.out == second.out
        assert {"random.seed", "numpy.random.seed", "tensorflow.enable_op_determinism"} <= set(
            first.marker()["applied"]
        )
        assert first.marker()["errors"] == []
    assert trained("observe").out != first.out
