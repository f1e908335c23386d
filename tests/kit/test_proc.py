"""The door to other programs: exact arguments, exact environment, and no program left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reprobox.kit import proc


def test_what_a_program_said_and_how_it_ended(tmp_path: Path) -> None:
    done = proc.run(
        ["sh", "-c", 'pwd; cat; echo "$A" >&2; exit 3', "$(not a shell)"],
        cwd=tmp_path,
        env={"A": "one two", "PATH": os.environ["PATH"]},
        stdin=b"in\n",
    )
    assert (done.code, done.ok) == (3, False)
    assert done.out == os.fsencode(tmp_path) + b"\nin\n"
    assert (done.err, done.error_text) == (b"one two\n", "one two")
    assert done.argv[-1] == "$(not a shell)"


def test_bytes_that_are_no_text_pass_in_and_out() -> None:
    done = proc.run([b"printf", b"%s", b"\xff"])
    assert (done.out, done.argv[2]) == (b"\xff", "\udcff")


def test_a_program_that_does_not_exist_or_takes_too_long() -> None:
    with pytest.raises(FileNotFoundError):
        proc.run(["no-such-program-of-reprobox"])
    with pytest.raises(proc.TooLong):
        proc.run(["sleep", "60"], timeout=0.01)


def test_a_dialogue_answers_one_question_after_the_other() -> None:
    talk = proc.Dialogue(["cat"])
    for line in (b"one\n", b"two\n"):
        talk.questions.write(line)
        talk.questions.flush()
        assert talk.answers.readline() == line
    assert talk.room >= 4096
    assert talk.finish().ok
    with pytest.raises(FileNotFoundError):
        proc.Dialogue(["no-such-program-of-reprobox"])


def test_a_dialogue_s_errors_are_kept() -> None:
    talk = proc.Dialogue(["sh", "-c", "echo no >&2; read line; exit 4"])
    done = talk.finish()
    assert (done.code, done.error_text) == (4, "no")


def test_a_program_is_read_piece_by_piece_and_killed_when_it_is_left() -> None:
    with proc.piped(["printf", "abc"], direction="read") as reading:
        assert reading.pipe.read(2) == b"ab"
        assert reading.pipe.read() == b"c"
        assert reading.finish().ok
    with proc.piped(["sleep", "60"], direction="read") as left:
        number = left._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_program_is_written_to_and_may_end_before_it_read_all() -> None:
    with proc.piped(["sh", "-c", "cat >&2; exit 5"], direction="write") as writing:
        writing.pipe.write(b"words")
        done = writing.finish()
    assert (done.code, done.err) == (5, b"words")


def test_a_detached_program_is_waited_for_until_it_hands_over() -> None:
    assert proc.detached([sys.executable, "-c", "print('handed over')"]) == "handed over\n"
