"""pylock.toml (PEP 751), taken as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_files import NATIVE, pylock, pylock_wheel
from lock_world import Index, Locker

from reprobox.errors import HashMismatch, LockInvalid, NewerFormat, ReproboxError, ResolveError


def test_pylock_chooses_by_marker_and_tag(lock: Locker, root: Path, index: Index) -> None:
    native, pure, other = (
        index.add("alpha", "1.0", tag=NATIVE),
        index.add("alpha", "1.0"),
        index.add("beta", "1.0"),
    )
    wheels = ", ".join(
        [
            pylock_wheel(pure, "alpha-1.0-py3-none-any.whl"),
            pylock_wheel(native, f"alpha-1.0-{NATIVE}.whl"),
        ]
    )
    text = f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheels}]\n[[packages]]\nname = "beta"\nversion = "1.0"\n'
    text += f"marker = \"sys_platform == 'win32'\"\nwheels = [{pylock_wheel(other, 'beta-1.0-py3-none-any.whl')}]\n"
    (root / "pylock.toml").write_text(pylock(index, text))
    made = lock("pylock.toml")
    assert [(wheel.filename, wheel.sha256) for wheel in made.wheels] == [
        (f"alpha-1.0-{NATIVE}.whl", native)
    ]


def test_pylock_with_paths_and_groups(lock: Locker, root: Path, index: Index) -> None:
    digest = index.add("alpha", "1.0")
    (root / "vendored").mkdir()
    (root / "vendored" / "alpha-1.0-py3-none-any.whl").write_bytes(
        index.files.pop("alpha-1.0-py3-none-any.whl")
    )
    body = '[[packages]]\nname = "alpha"\nversion = "1.0"\nmarker = "\'main\' in dependency_groups"\nwheels = ['
    head = 'lock-version = "1.0"\ncreated-by = "test"\ndefault-groups = ["main"]\n'
    (root / "pylock.exp.toml").write_text(
        pylock(
            index, f"{body}{pylock_wheel(digest, 'alpha-1.0-py3-none-any.whl', 'path')}]\n", head
        )
    )
    assert lock("pylock.exp.toml").wheels[0].sha256 == digest


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('lock-version = "2.0"\n', NewerFormat, "lock-version 2.0"),
        ('created-by = "x"\n', LockInvalid, "not a pylock file"),
        ("[[", LockInvalid, "not a pylock file"),
        (
            'lock-version = "1.0"\nrequires-python = ">=3.12"\n',
            ResolveError,
            "is for Python >=3.12",
        ),
        (
            'lock-version = "1.0"\nenvironments = ["sys_platform == \'win32\'"]\n',
            ResolveError,
            "not for this platform",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "alpha"\nversion = "1"\nsdist = {}\n',
            ResolveError,
            "no wheel for 1",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "alpha"\ndirectory = {}\n',
            ResolveError,
            "no wheel for 1",
        ),
    ],
)
def test_pylock_that_cannot_be_taken(
    lock: Locker, root: Path, text: str, error: type[ReproboxError], said: str
) -> None:
    (root / "pylock.toml").write_text(text)
    with pytest.raises(error, match=said) as caught:
        lock("pylock.toml")
    assert caught.value.next_step


def test_a_lock_and_requirements_must_agree(lock: Locker, root: Path, index: Index) -> None:
    alpha = index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    index.add("beta", "1.0", requires=("alpha",))
    wheel = pylock_wheel(alpha, "alpha-1.0-py3-none-any.whl")
    (root / "pylock.toml").write_text(
        pylock(index, f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheel}]\n')
    )
    made = lock("pylock.toml", "beta")
    assert [(wheel.name, wheel.version) for wheel in made.wheels] == [
        ("alpha", "1.0"),
        ("beta", "1.0"),
    ]
    with pytest.raises(ResolveError):
        lock("pylock.toml", "alpha==2.0")


def test_a_flipped_byte_in_a_vendored_wheel(lock: Locker, root: Path, index: Index) -> None:
    digest = index.add("alpha", "1.0")
    (root / "vendored").mkdir()
    (root / "vendored" / "alpha-1.0-py3-none-any.whl").write_bytes(
        index.files["alpha-1.0-py3-none-any.whl"][:-1] + b"\x01"
    )
    wheel = pylock_wheel(digest, "alpha-1.0-py3-none-any.whl", "path")
    (root / "pylock.toml").write_text(
        pylock(index, f'[[packages]]\nname = "alpha"\nversion = "1.0"\nwheels = [{wheel}]\n')
    )
    with pytest.raises(HashMismatch):
        lock("pylock.toml")
