"""The image side against the machine's engine."""

from __future__ import annotations

import gc
import io
import json
import secrets
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from images_of_our_own import archive, chunks, tiny_layer

from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineError, ImageMissing
from reprobox.kit.canon import digest_bytes
from reprobox.model.outcome import Container
from reprobox.model.ports import Bar

pytestmark = pytest.mark.engine


@pytest.fixture
def tag(engine: DockerEngine) -> Iterator[str]:
    """A tag that is removed after the test."""
    name = f"reprobox-tests/made:{secrets.token_hex(4)}"
    yield name
    engine.remove_image(name)


def test_load_and_look(engine: DockerEngine, tag: str) -> None:
    layer = tiny_layer()
    engine.load(chunks(archive(layer, tag, {"Labels": {"reprobox-tests": tag}}), 4096))
    image = engine.inspect(tag)
    assert image is not None
    assert image.diff_ids == (digest_bytes(layer),)
    assert image.architecture == "amd64"
    assert image.config["Env"] == ["PATH=/usr/local/bin:/usr/bin:/bin"]
    assert engine.inspect(image.id) == image
    assert engine.chains(f"reprobox-tests={tag}") == [image.diff_ids]
    assert image.diff_ids in engine.chains()


def test_loading_does_not_spool(engine: DockerEngine, tag: str) -> None:
    """The engine is fed while the archive is being made; no chunk is asked for before it is needed."""
    data = archive(tiny_layer(), tag)
    alive = 0

    def one_at_a_time() -> Iterator[bytes]:
        nonlocal alive
        for chunk in chunks(data, 65536):
            alive += 1
            yield chunk
        yield b""

    engine.load(one_at_a_time())
    assert alive == -(-len(data) // 65536)
    assert engine.inspect(tag)


@pytest.mark.parametrize(
    "fault", [RuntimeError("ours"), FileNotFoundError("ours"), KeyboardInterrupt()]
)
def test_a_fault_of_the_maker_comes_out_as_it_is(
    engine: DockerEngine, tag: str, fault: BaseException
) -> None:
    data = archive(tiny_layer(), tag)

    def fails() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise fault

    with pytest.raises(type(fault)) as caught:
        engine.load(fails())
    assert caught.value is fault
    assert engine.inspect(tag) is None
    engine.load(chunks(data))
    assert engine.inspect(tag)


def test_rubbish_is_refused(engine: DockerEngine) -> None:
    with pytest.raises(EngineError, match="tar"):
        engine.load([b"rubbish" * 1000])


def test_a_layer_that_is_not_what_the_config_says_is_refused(
    engine: DockerEngine, tag: str
) -> None:
    data = archive(tiny_layer(), tag).replace(
        digest_bytes(tiny_layer()).encode(), b"sha256:" + b"0" * 64
    )
    with pytest.raises(EngineError):
        engine.load([data])
    assert engine.inspect(tag) is None


def test_save_gives_the_layers_back(engine: DockerEngine, tiny_image: str) -> None:
    saved = io.BytesIO(b"".join(engine.save(tiny_image)))
    with tarfile.open(fileobj=saved) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))
        layers = [digest_bytes(tar.extractfile(name).read()) for name in entry["Layers"]]
    assert layers == [digest_bytes(tiny_layer())]
    assert entry["RepoTags"] == [tiny_image]


def test_a_download_that_is_given_up_leaves_nothing_open(
    engine: DockerEngine, tiny_image: str
) -> None:
    saved = engine.save(tiny_image)
    assert len(next(saved)) > 0
    saved.close()
    gc.collect()


def test_names(engine: DockerEngine, tiny_image: str) -> None:
    other = f"127.0.0.1:5999/reprobox-tests/other-{secrets.token_hex(4)}"
    engine.tag(tiny_image, other)
    assert engine.inspect(other) == engine.inspect(tiny_image)
    engine.remove_image(other)
    engine.remove_image(other)
    assert engine.inspect(other) is None
    assert engine.inspect(tiny_image)


@pytest.mark.parametrize(
    "name",
    [
        "reprobox-tests/none:1",
        "sha256:" + "0" * 64,
        "UPPER/CASE:1",
        "a b",
        "",
        "-x",
        "../info",
        "ö",
        "x\n",
    ],
)
def test_what_is_not_there_is_none(engine: DockerEngine, name: str) -> None:
    assert engine.inspect(name) is None
    engine.remove_image(name)


def test_absent_images_are_named(engine: DockerEngine) -> None:
    with pytest.raises(ImageMissing, match="reprobox-tests/none:1"):
        list(engine.save("reprobox-tests/none:1"))
    with pytest.raises(ImageMissing, match="not the name"):
        list(engine.save("../x"))
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1"):
        engine.pull("127.0.0.1:1/none:1")


def step(tiny_image: str, script: str) -> Container:
    labels = {"reprobox-tests": "step"}
    return Container(
        image=tiny_image,
        argv=("sh", "-c", script),
        name="step",
        read_only=False,
        capabilities=("all",),
        labels=labels,
    )


def test_a_step(engine: DockerEngine, tiny_image: str) -> None:
    with engine.step(
        step(
            tiny_image,
            "echo out; echo err >&2; echo new > /made; echo x >> /bin/busybox.txt; exit 3",
        )
    ) as done:
        assert done.code == 3
        assert sorted(done.log.split()) == [b"err", b"out"]
        assert (1, "/made") in done.changes()
        with tarfile.open(fileobj=io.BytesIO(b"".join(done.export()))) as tar:
            assert tar.extractfile("made").read() == b"new\n"
    assert engine.find({"reprobox-tests": "step"}) == []


def test_the_log_of_a_step_is_whole(engine: DockerEngine, tiny_image: str) -> None:
    with engine.step(
        step(
            tiny_image,
            "i=0; while [ $i -lt 30000 ]; do echo line $i of a log that is longer than one MiB; "
            "i=$((i+1)); done",
        )
    ) as done:
        lines = done.log.splitlines()
    assert (len(lines), lines[0][:8], lines[-1][:11]) == (30000, b"line 0 o", b"line 29999 ")


def test_a_step_whose_program_is_missing(engine: DockerEngine, tiny_image: str) -> None:
    with engine.step(
        Container(image=tiny_image, argv=("/none",), name="step", capabilities=("all",))
    ) as done:
        assert done.code == 127
        assert b"no such file" in done.log


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_a_step_is_removed_however_it_ends(
    engine: DockerEngine, tiny_image: str, fault: type[BaseException]
) -> None:
    with pytest.raises(fault), engine.step(step(tiny_image, "true")):
        raise fault
    assert engine.find({"reprobox-tests": "step"}) == []


def test_two_steps_of_one_name(engine: DockerEngine, tiny_image: str) -> None:
    with (
        engine.step(step(tiny_image, "exit 1")) as one,
        engine.step(step(tiny_image, "exit 2")) as two,
    ):
        assert (one.code, two.code) == (1, 2)


class Talk:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def task(self, what: str, total: int | None = None) -> AbstractContextManager[Bar]:
        self.tasks.append(what)
        return self._bar()

    @contextmanager
    def _bar(self) -> Iterator[Bar]:
        class Silent:
            def update(self, advance: int, note: str = "") -> None:
                assert advance > 0

        yield Silent()

    def note(self, text: str) -> None:
        self.tasks.append(text)


def test_pull_reports_progress() -> None:
    talk = Talk()
    with pytest.raises(EngineError):
        DockerEngine(progress=talk).pull("127.0.0.1:1/none:1")
    assert talk.tasks == ["pull 127.0.0.1:1/none:1"]


def test_build(engine: DockerEngine, tiny_image: str, tag: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.box").write_text(
        f"FROM {tiny_image}\nCOPY . /in\nRUN echo building && ls /in > /list\nENV A=b\n"
    )
    (tmp_path / "kept").write_text("x")
    (tmp_path / "secret").write_text("x")
    (tmp_path / ".dockerignore").write_text("secret\n")
    lines: list[str] = []
    image = engine.build(tmp_path, "Dockerfile.box", tag, lines.append)
    assert "A=b" in image.config["Env"]
    assert "building" in lines
    with engine.step(
        Container(image=tag, argv=("cat", "/list"), name="step", capabilities=("all",))
    ) as done:
        assert b"kept" in done.log
        assert b"secret" not in done.log


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM {}\nRUN exit 4\n", "returned a non-zero code: 4"),
        ("FRUM x\n", "unknown instruction"),
        ("FROM {}\nRUN --mount=type=cache,target=/x true\n", "buildx"),
    ],
)
def test_a_build_that_fails(
    engine: DockerEngine, tiny_image: str, tag: str, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "Dockerfile").write_text(text.format(tiny_image))
    told: Callable[[str], None] = lambda _line: None  # noqa: E731
    with pytest.raises(EngineError) as caught:
        engine.build(tmp_path, "Dockerfile", tag, told)
    assert words in str(caught.value)
    assert engine.inspect(tag) is None


def test_info(engine: DockerEngine) -> None:
    facts = engine.info()
    assert facts["version"]
    assert facts["id"]
    assert facts["runc"]
    assert facts["cgroup"]["version"] in ("1", "2")
    assert "runc" in facts["runtimes"]
    assert json.loads(json.dumps(facts)) == facts
    assert facts["containerd_store"] == engine.containerd_store()
