"""Secrets of a run, inside the container. Part of the shim; built-in modules only, Python 3.8.

They lie as files in a directory that the engine has mounted from memory. A program finds them there
and in its environment, which the engine never sees. Where there are any, the program writes into
pipes, and this process passes its words on with every value replaced by `***`: nothing that is
stored or shown has ever held one, whoever supervises the run.
"""

import _thread
import os
import sys

MASK = b"***"
LINE = 8
"""Bytes from which a line of a value of several lines (a key) is masked on its own."""
CHUNK = 1 << 16
PATIENCE = 10.0
"""Seconds that the last words have, after all writers are gone."""


class Secrets:
    """The values by name; none where no directory was given."""

    def __init__(self, directory):
        self.values = {}
        for name in sorted(os.listdir(directory)) if directory else ():
            with open(os.path.join(directory, name), "rb") as file:
                self.values[name] = file.read()

    def environment(self):
        """Variables of the program: values whose name can be one, without the newline that files
        end with.
        """
        plain = {
            name: value.rstrip(b"\r\n")
            for name, value in self.values.items()
            if name.isascii() and name.isidentifier()
        }
        return {os.fsencode(name): value for name, value in plain.items() if b"\0" not in value}

    def veil(self, files):
        """What stands between the program and its two files."""
        return Veil(patterns(self.values.values()), files) if self.values else Open(files)


class Open:
    """No secrets: the files are the program's own descriptors."""

    def __init__(self, files):
        self.streams = files

    def begin(self):
        """Nothing to do."""

    def end(self):
        """Nothing to do."""


class Veil:
    """A pipe and a thread for each stream."""

    def __init__(self, masked, files):
        self.masked = masked
        self.pipes = [(*os.pipe(), file) for file in files]
        self.streams = [writing for _, writing, _ in self.pipes]
        self.open = []

    def begin(self):
        """After the program has its ends: passes on what comes. The threads inherit the blocked
        signals.
        """
        for reading, writing, file in self.pipes:
            os.close(writing)
            done = _thread.allocate_lock()
            done.acquire()
            self.open.append(done)
            _thread.start_new_thread(self.pump, (reading, file, done))

    def pump(self, reading, file, done):
        """Copies one stream until all writers are gone. When it cannot be written, the program is
        told as by a closed pipe.
        """
        held = b""
        try:
            while True:
                chunk = os.read(reading, CHUNK)
                clear, held = masked(held + chunk, self.masked, not chunk)
                write_all(file, clear)
                if not chunk:
                    break
        except OSError as error:
            sys.stderr.write(f"shim: the output cannot be written: {error}\n")
        finally:
            os.close(reading)
            done.release()

    def end(self):
        """Waits for the last words."""
        for done in self.open:
            done.acquire(True, PATIENCE)
        self.open = []


def patterns(values):
    """What is masked, longest first: each value, and each longer line of one that has several."""
    found = set()
    for value in values:
        whole = value.strip()
        found.add(whole)
        found.update(line.strip() for line in whole.splitlines() if len(line.strip()) >= LINE)
    return sorted((value for value in found if value), key=lambda value: (-len(value), value))


def masked(data, values, last):
    """Bytes that may go out, and those that wait because a value may begin in them; the same
    however the data is cut.
    """
    out = []
    while data:
        hits = [
            (place, -len(value)) for value in values for place in (data.find(value),) if place >= 0
        ]
        place, length = min(hits) if hits else (len(data), 0)
        waits = len(data) if last else beginning(data, values)
        if waits <= place:
            out.append(data[:waits])
            return b"".join(out), data[waits:]
        out.append(data[:place])
        if length:
            out.append(MASK)
        data = data[place - length :]
    return b"".join(out), b""


def beginning(data, values):
    """Where the first value may begin whose end has not come yet."""
    first = len(data)
    for value in values:
        place = data.find(value[:1], max(0, len(data) - len(value) + 1), first)
        while place >= 0 and not value.startswith(data[place:]):
            place = data.find(value[:1], place + 1, first)
        if place >= 0:
            first = place
    return first


def write_all(file, data):
    """As many writes as it takes."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(file, view) :]
