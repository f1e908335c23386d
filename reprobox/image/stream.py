"""Turns "write to a sink" into "iterate over chunks", which is what an engine's load wants: one
thread, a short queue, no file.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

from reprobox.image.layer import Sink

_CHUNK = 1 << 20
_DEPTH = 8


class _StoppedError(Exception):
    """The reader went away; unwinds the writer."""


class _Pipe:
    """The sink of the writing thread: joins small writes into chunks."""

    def __init__(self) -> None:
        self.queue: queue.Queue[bytes | None] = queue.Queue(_DEPTH)
        self.stopped = threading.Event()
        self.fault: BaseException | None = None
        self._buffer = bytearray()

    def write(self, data: bytes, /) -> int:
        self._buffer += data
        if len(self._buffer) >= _CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._buffer:
            self._put(bytes(self._buffer))
            self._buffer.clear()

    def _put(self, item: bytes | None) -> None:
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return
        raise _StoppedError

    def run(self, write: Callable[[Sink], None]) -> None:
        """The thread's whole life; a fault is kept for the reader."""
        try:
            try:
                write(self)
                self.flush()
            except _StoppedError:
                return
            except BaseException as fault:  # handed to the reading thread, which raises it
                self.fault = fault
            self._put(None)
        except _StoppedError:
            return

    def read(self) -> Iterator[bytes]:
        """The chunks; raises what the writer raised."""
        while (item := self.queue.get()) is not None:
            yield item
        if self.fault is not None:
            raise self.fault


@contextlib.contextmanager
def chunks(write: Callable[[Sink], None]) -> Iterator[Iterator[bytes]]:
    """Runs a writer in a thread while its bytes are iterated; leaving the context early ends the
    thread.

    An exception of the writer comes out of the context, also where the reader turned it into one of
    its own.
    """
    pipe = _Pipe()
    thread = threading.Thread(target=pipe.run, args=(write,), name="reprobox-archive", daemon=True)
    thread.start()
    try:
        yield pipe.read()
    except Exception:
        pipe.stopped.set()
        thread.join()
        if pipe.fault is not None:
            raise pipe.fault from None
        raise
    finally:
        pipe.stopped.set()
        thread.join()
