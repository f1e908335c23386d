"""The settings below `reprobox:`. To add one: a row here, and its field in `model/spec.py`.

The parser (`read`), the JSON Schema, the template of `reprobox init` and the list in docs/config.md
are made from these rows; `scripts/pages` writes the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from reprobox.config import grammar
from reprobox.config.fields import Section
from reprobox.config.kinds import Choice, Flag, Number, Path, Scope, Text, TextMap, Texts, Whole
from reprobox.config.place import Place
from reprobox.config.setting import Mapping, Setting, read_all
from reprobox.config.special_kinds import (
    COMPARE,
    DEFAULT_BASE,
    Base,
    Command,
    Duration,
    Inputs,
    Outputs,
    Presets,
    Requirements,
    TrailKind,
    lock_default,
    variable,
    workdir_default,
)
from reprobox.model import claims
from reprobox.model.spec import Environment, Profile, Resources, Resume

_SIZE = r"^[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]([iI]?[bB])?|[bB])?$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_PARTS = {"resources": Resources}
"""Parts of the Spec whose fields are settings of the top level."""

ENVIRONMENT = (
    Setting(
        key="base",
        kind=Base(),
        about="The image that everything is built on: `debian:SUITE` (composed from packages "
        "pinned by hash), an image by name, `{dockerfile: Dockerfile.gpu, context: .}`, or "
        "`{archive: base.tar}`.",
        absent="`debian:bookworm`",
        sample="base: debian:bookworm            # or an image by name, {dockerfile: FILE}, ...",
    ),
    Setting(
        key="python",
        kind=Text(grammar.python, r"^[23]\.[0-9]{1,2}$"),
        about="The interpreter, `X.Y`: the base's own (bookworm: 3.11, trixie: 3.13), else that of "
        "python-build-standalone, through uv.",
        sample='python: "3.11"',
    ),
    Setting(
        key="apt",
        kind=Texts(grammar.package),
        about="Debian packages: `name` or `name=version`.",
        absent="none",
        sample="# apt: [libgomp1]",
    ),
    Setting(
        key="requirements",
        kind=Requirements(grammar.plain),
        about="Python packages: a file (requirements.txt, pyproject.toml, uv.lock, poetry.lock, "
        "pdm.lock, Pipfile.lock, pylock.toml, a conda explicit list), `{file: NAME, extras: "
        "[...], groups: [...]}`, or `name==1.0` itself; several as a list.",
        absent="none",
        sample="requirements: requirements.txt   # or pyproject.toml, uv.lock, poetry.lock, "
        "pylock.toml",
    ),
    Setting(
        key="bytecode",
        kind=Flag(),
        about="Adds a layer of `.pyc` files, compiled by the image's own interpreter. Imports of "
        "large packages then take half the time. `reprobox init` writes `true`; configs without it "
        "keep the images that they have.",
        absent="no",
        sample="bytecode: true                   # imports of large packages take half the time",
    ),
    Setting(
        key="build",
        kind=Flag(words=True),
        about="Whether a package that comes as source only is built into a wheel: once, in a "
        "container without network. With `no` it is refused by name and version.",
        absent="yes",
        sample="# build: no                      # refuse packages that come as source only",
    ),
    Setting(
        key="env",
        kind=TextMap(variable, names=_VARIABLE),
        field="image_env",
        about="Variables of the image, such as `NVIDIA_DRIVER_CAPABILITIES`. A variable that "
        "every run sets itself is refused here.",
        absent="none",
        sample="# env: {NVIDIA_DRIVER_CAPABILITIES: all}",
    ),
)

OUTPUT = (
    Setting(
        key="compare",
        kind=Choice(COMPARE),
        about="`bytes`, `content` (the values that a file holds), `tensors`, `except-times` "
        "(content, without what a clock, a generator or the machine gave), or `ignore`.",
        absent="`bytes`",
        sample="compare: content",
    ),
    Setting(
        key="ulp",
        kind=Whole(0, 2**53),
        about="Tolerance in units of the last place.",
        sample="ulp: 2",
    ),
    Setting(key="atol", kind=Number(), about="Absolute tolerance.", sample="atol: 1e-8"),
    Setting(key="rtol", kind=Number(), about="Relative tolerance.", sample="rtol: 1e-6"),
)

TRAIL = (
    Setting(
        key="every",
        kind=Whole(0, 2**31),
        about="Record a step every so many optimizer steps; 0: chosen by measuring.",
        sample="every: 10",
    ),
    *(
        Setting(key=key, kind=Flag(), about=about, absent="no", sample=f"{key}: true")
        for key, about in (
            ("gradients", "The gradients too."),
            ("buffers", "The buffers of the modules too, such as running means."),
            ("loss", "The loss too."),
            ("generators", "The states of the random generators too."),
            ("collectives", "What the ranks of a distributed training exchange too."),
        )
    ),
)

RESUME = tuple(
    Setting(key=key, kind=Command(), about=about, absent=absent, sample=sample)
    for key, about, absent, sample in (
        (
            "command",
            "What continues from the checkpoint.",
            "the run's own command",
            "command: [python, train.py, --resume]",
        ),
        ("arguments", "Appended to the command.", "none", "arguments: [--resume]"),
    )
)

SETTINGS = (
    Setting(
        key="command",
        kind=Command(),
        required=True,
        about="What runs: a list, or text that is split as a shell would, but without a shell. "
        "`${lr}` stands for a value of the document.",
        sample="# What runs, in the config's directory. ${lr} would stand for the value above.\n"
        "command: [python, train.py, config.yaml]",
    ),
    Setting(
        key="workdir",
        kind=Path(Place.workdir),
        first=True,
        default=workdir_default,
        about="Where the command runs: a directory of the commit, or an input.",
        sample="# workdir: .\n",
    ),
    Setting(
        key="environment",
        kind=Mapping(ENVIRONMENT, lambda fields: Environment(**{"base": DEFAULT_BASE, **fields})),
        default=lambda _scope: Environment(base=DEFAULT_BASE),
        about="What `reprobox lock` pins; its keys are listed under "
        "[The environment](#the-environment).",
        absent="a bare Debian with Python",
        sample="# What `reprobox lock` pins.\nenvironment:",
    ),
    Setting(
        key="lock",
        kind=Path(Place.lock),
        field="lock_path",
        default=lock_default,
        absent="`reprobox.lock` next to the config",
        about="The lock file.",
        sample="# lock: reprobox.lock\n",
    ),
    Setting(
        key="inputs",
        kind=Inputs(),
        about="Files and directories that the run reads besides the commit. They are hashed before "
        "the start and mounted read-only. A list of paths, which the run sees at the same place; "
        "or `path in the run: path on the host`, the first relative to `workdir`, the second "
        "anywhere.",
        absent="none",
        sample="# What the run reads besides the commit, by content. A mapping says where:\n"
        "# {data: ~/datasets/digits}\ninputs: []\n",
    ),
    Setting(
        key="outputs",
        kind=Outputs(OUTPUT),
        about="How outputs are compared: `pattern: rule`. A rule is a word (`bytes`, `content`, "
        "`tensors`, `except-times`, `ignore`) or `{compare: content, ulp: n, atol: x, rtol: x}`. "
        "A pattern can name values of a file, as in `state.json#$.log[*].runtime: ignore`; see "
        "[below](#which-outputs-a-pattern-means).",
        absent="by bytes",
        sample="# How outputs are compared; without a rule, by their bytes. A name means files of\n"
        "# that name anywhere; with a slash, a path from the top of the repository.\n"
        '# outputs: {"events.out.tfevents*": {compare: content}, "results/*.log": ignore}\n',
    ),
    Setting(
        key="metrics",
        kind=TextMap(lambda name, text, scope: grammar.metric(text)),
        about="Metrics that `ls`, `show` and sweeps know by a name of your own: `accuracy: "
        '"results/metrics.json#$.test.accuracy"`, `loss: "events*#train/loss"`. What trackers '
        "leave is found without it.",
        absent="none",
        sample="# Names for values in the outputs, for `reprobox ls --columns accuracy`.\n"
        '# metrics: {accuracy: "results/metrics.json#$.test.accuracy"}\n',
    ),
    Setting(
        key="claims",
        kind=TextMap(lambda name, text, scope: claims.check(text)),
        about="What the results are to show, by name: `final accuracy: "
        '"results/metrics.json#$.accuracy >= 0.96"`. Checked at the end of a run, and by every '
        "verdict; see [determinism.md](determinism.md#claims).",
        absent="none",
        sample="# What the results are to show; checked after the run and by every verdict.\n"
        '# claims: {final accuracy: "results/metrics.json#$.accuracy >= 0.96"}\n',
    ),
    Setting(
        key="rules",
        kind=Presets(),
        about="Rules for what well-known tools leave, by name: `tensorboard`, `mlflow`, `wandb`, "
        "`sacred`, `lightning`, `hydra`, `transformers`, `metaflow`, `catboost`, `keras`, "
        "`stable-baselines3`, `orbax`. They leave aside times and drawn identifiers, and compare "
        "the rest. `outputs` goes before them.",
        absent="none",
        sample="# rules: [tensorboard, hydra]        # for what these tools leave\n",
    ),
    Setting(
        key="seed",
        kind=Whole(0, 2**32 - 1),
        about="For random, NumPy, torch and TensorFlow, without a change of the script. (JAX's "
        "keys are the script's own.)",
        sample="seed: 0",
    ),
    Setting(
        key="profile",
        kind=Choice(get_args(Profile)),
        about="How far results are to be the same: `observe`, `same-machine`, `portable-avx2` or "
        "`portable-any`; see [determinism.md](determinism.md).",
        sample="profile: same-machine              # observe, same-machine, portable-avx2, "
        "portable-any",
    ),
    Setting(
        key="threads",
        kind=Whole(1, 4096),
        first=True,
        about="Threads of OpenMP, MKL and OpenBLAS. They decide bits, so the number is never the "
        "host's core count.",
        sample="threads: 1                         # part of the numbers, so never the number of "
        "cores",
    ),
    Setting(
        key="trail",
        kind=TrailKind(TRAIL),
        field=("trail", "trail_also"),
        about="Fingerprints of the parameters while training, to name the first step that "
        "differs. `true`, or `{every: k, gradients: true, buffers: true, loss: true, generators: "
        "true, collectives: true}`.",
        absent="off",
        sample="# trail: {every: 10}               # fingerprints, to find the first step that "
        "differs\n",
    ),
    Setting(
        key="resume",
        kind=Mapping(RESUME, lambda fields: Resume(**fields)),
        about="How the program continues from its own checkpoint, which it finds in the work "
        "directory: `{command: [...]}`, or `{arguments: [...]}` that are appended to `command`. "
        "Only `reprobox check --resume K` uses it.",
        absent="the same command again",
        sample="# resume: {arguments: [--resume]}  # for `reprobox check --resume K`\n",
    ),
    Setting(
        key="gpus",
        kind=Text(grammar.plain, as_written=False),
        about='Docker\'s grammar: `all`, `2`, `"device=0,1"`.',
        absent="none",
        sample="# gpus: all                        # docker's own grammar",
    ),
    Setting(
        key="cpus",
        kind=Number(above_zero=True),
        field="resources.cpus",
        about="At most so many CPUs' time, such as 1.5.",
        absent="no limit",
        sample="# cpus: 2",
    ),
    Setting(
        key="memory",
        kind=Text(grammar.size, _SIZE, as_written=False),
        field="resources.memory",
        about="Limit of memory, and of memory with swap.",
        absent="no limit",
        sample="# memory: 4g",
    ),
    Setting(
        key="shm_size",
        kind=Text(grammar.size, _SIZE, as_written=False),
        field="resources.shm_size",
        about="Size of /dev/shm, which data loaders use.",
        sample="# shm_size: 1g",
    ),
    Setting(
        key="pids",
        kind=Whole(1, 2**22),
        field="resources.pids",
        about="Limit of processes and threads.",
        sample="# pids: 4096",
    ),
    Setting(
        key="tmp_size",
        kind=Text(grammar.size, _SIZE, as_written=False),
        field="resources.tmp_size",
        about="Size of /tmp.",
        sample="# tmp_size: 4g",
    ),
    Setting(
        key="timeout",
        kind=Duration(),
        field="resources.timeout",
        about="Time limit: seconds, or `30s`, `10m`, `2h`; for detached runs too. SIGTERM, and "
        "SIGKILL ten seconds later.",
        absent="none",
        sample="# timeout: 2h",
    ),
    Setting(
        key="network",
        kind=Text(grammar.plain),
        about="A docker network. Anything but `none` is part of the run's identity.",
        sample="# network: none",
    ),
    Setting(
        key="env",
        kind=TextMap(variable, names=_VARIABLE),
        about="Variables of the program, see [below](#the-programs-variables). The host's "
        "environment is never inherited.",
        absent="none",
        sample="# env: {FOO: bar}",
    ),
    Setting(
        key="secrets",
        kind=TextMap(
            lambda name, text, _scope: grammar.secret(name, text),
            names=_NAME,
            texts="^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        ),
        about="`NAME: env:VARIABLE` or `NAME: file:PATH`. Given to the program, never recorded, "
        "masked in what it prints.",
        absent="none",
        sample="# secrets: {HF_TOKEN: env:HF_TOKEN}",
    ),
    Setting(
        key="writable_root",
        kind=Flag(),
        about="The program may write outside its work tree. Recorded as not hermetic.",
        absent="no",
        sample="# writable_root: false",
    ),
    Setting(
        key="random_addresses",
        kind=Flag(),
        about="The kernel draws where things lie in memory, as it does outside of a run. Fixed "
        "places keep the order of sets of objects, and make attacks on the program easier; see "
        "[determinism.md](determinism.md#addresses).",
        absent="no",
        sample="# random_addresses: false",
    ),
    Setting(
        key="capabilities",
        kind=Texts(grammar.capability, "^(CAP_|cap_)?[A-Za-z_]+$"),
        about="Linux capabilities, such as `SYS_PTRACE`. Recorded as not hermetic.",
        absent="none",
        sample="# capabilities: [SYS_PTRACE]",
    ),
    Setting(
        key="name",
        kind=Text(grammar.run_name, _NAME),
        about="A name, to find the run again.",
        absent="none",
        sample="# name: first-try",
    ),
    Setting(
        key="tags",
        kind=Texts(grammar.name, _NAME),
        about="Tags, to find the run again.",
        absent="none",
        sample="# tags: [baseline]",
    ),
)


def read(
    section: Section,
    place: Place,
    document: dict[Any, Any],
    settings: Sequence[Setting] = SETTINGS,
) -> dict[str, Any]:
    """The fields of the Spec that come from the section; faults are noted there."""
    found = read_all(section, settings, Scope(place=place, document=document))
    made = {field: value for field, value in found.items() if "." not in field}
    for part, make in _PARTS.items():
        inner = {
            field.removeprefix(f"{part}."): value
            for field, value in found.items()
            if field.startswith(f"{part}.")
        }
        made[part] = make(**inner)
    return {"command": (), **made}
