"""Work in a thread while the program waits for something else."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator, Sequence


@contextlib.contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Does some work next to the block; both are done when the context ends. The block's own error
    goes before that of the work.
    """
    failure: list[BaseException] = []

    def do() -> None:
        try:
            work()
        except BaseException as error:  # raised again below, in the thread that waits
            failure.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failure:
        raise failure[0]


def ahead(work: Callable[[], object]) -> None:
    """Begins to ask what is remembered by where it is asked of, so that the answer is there when it
    is needed. A failure is left to whoever asks then.
    """

    def do() -> None:
        with contextlib.suppress(Exception):
            work()

    threading.Thread(target=do, daemon=True).start()


def importing(names: Sequence[str]) -> Callable[[], None]:
    """Imports modules that are needed afterwards. One that cannot be imported says so where it is
    needed.
    """

    def work() -> None:
        for name in tuple(names):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)

    return work
