"""Secrets of a run, inside the container. Part of the shim; built-in modules only, Python 3.8.

They lie as files in a directory that the engine has mounted from memory. A program finds them there
and in its environment, which the engine never sees. Where there are any, the program writes into
pipes, and this process passes its words on with every value replaced by `***`: nothing that is
stored or shown has ever held one, whoever supervises the run.
"""

import _thread
import binascii
import os
import sys

MASK = b"***"
PLACE = "REPROBOX_SECRETS"
"""The variable that names the directory to the processes of the program."""
SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
JSON = ((True, True), (False, True), (True, False))
PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~"
"""What is not percent-encoded (RFC 3986, 2.3)."""
LINE = 8
"""Bytes from which a line of a value of several lines (a key) is masked on its own."""
CHUNK = 1 << 16
PATIENCE = 10.0
"""Seconds that the last words have, after all writers are gone."""


class Secrets:
    """The values by name; none where no directory was given."""

    def __init__(self, directory):
        self.directory = directory
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
        found = {os.fsencode(name): value for name, value in plain.items() if b"\0" not in value}
        if self.values:
            found[PLACE.encode()] = os.fsencode(self.directory)
        return found

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
        mask = Mask(self.masked)
        try:
            while True:
                chunk = os.read(reading, CHUNK)
                write_all(file, mask.feed(chunk, not chunk))
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
    """What is masked, longest first: each value and each longer line of one that has several, as
    they are and as programs write them: escaped (JSON, repr), percent-encoded, hexadecimal, base64.
    """
    found = set()
    for value in values:
        whole = value.strip()
        lines = [line.strip() for line in whole.splitlines()]
        for part in [whole] + [line for line in lines if len(line) >= LINE]:
            found.add(part)
            found.update(form for form in encoded(part) if len(form) >= LINE)
    return sorted((value for value in found if value), key=lambda value: (-len(value), value))


def encoded(value):
    """How programs write a value: escaped as JSON and as a literal of Python, percent-encoded,
    hexadecimal, and base64, also inside of something longer (`user:password`).
    """
    yield repr(value)[2:-1].encode()
    text = value.decode("utf-8", "backslashreplace")
    for form in (text, repr(text)[1:-1], *(json_text(text, *how) for how in JSON)):
        yield form.encode("utf-8", "backslashreplace")
    for safe in (b"", b"/"):
        yield b"".join(
            bytes((byte,)) if byte in PLAIN + safe else b"%%%02X" % byte for byte in value
        )
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for shift in range(3):
        # The digits that depend on nothing but the value, wherever it begins in three bytes.
        digits = binascii.b2a_base64(b"\0" * shift + value, newline=False).rstrip(b"=")
        inner = digits[(shift * 8 + 5) // 6 : (shift + len(value)) * 8 // 6]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def json_text(text, ascii_only, short):
    """Text inside of a JSON string: in ASCII or not, controls by their letter or their number."""
    return "".join(json_letter(letter, ascii_only, short) for letter in text)


def json_letter(letter, ascii_only, short):
    """A letter of a JSON string (RFC 8259, 7); the shim's own writer escapes more than it must."""
    code = ord(letter)
    if short and letter in SHORT:
        return "\\" + SHORT[letter]
    if short and letter in '"\\':
        return "\\" + letter
    must = code < 32 or letter in '"\\'
    if not must and not (ascii_only and code > 126):
        return letter
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


class Mask:
    """Replaces values in a stream, one after the other, so that each byte is looked at once for
    each value; the same however the data is cut.
    """

    def __init__(self, values):
        self.values = values
        self.held = [b""] * len(values)

    def feed(self, data, last):
        """Bytes that may go out; those wait in which a value may begin."""
        for stage, value in enumerate(self.values):
            before, rest = replaced(self.held[stage] + data, value)
            waits = len(rest) if last else beginning(rest, value)
            self.held[stage] = rest[waits:]
            data = before + rest[:waits]
        return data


def replaced(data, value):
    """The bytes up to the end of the last value, with each one replaced, and the rest."""
    place = data.rfind(value)
    if place < 0:
        return b"", data
    if beginning(value[1:], value) == len(value) - 1:  # two of them cannot overlap
        return data[:place].replace(value, MASK) + MASK, data[place + len(value) :]
    *before, rest = data.split(value)
    return MASK.join((*before, b"")), rest


def masked(data, values):
    """Bytes with every value replaced."""
    return Mask(values).feed(data, True)


def beginning(data, value):
    """Where a value may begin whose end has not come yet."""
    place = data.find(value[:1], max(0, len(data) - len(value) + 1))
    while place >= 0 and not value.startswith(data[place:]):
        place = data.find(value[:1], place + 1)
    return len(data) if place < 0 else place


def known():
    """Masks text that leaves this process; a function, which does nothing where the run has no
    secrets.
    """
    directory = os.environ.get(PLACE, "")
    try:
        values = patterns(Secrets(directory).values.values()) if directory else []
    except OSError:
        values = []

    def mask(text):
        data = text.encode("utf-8", "surrogatepass")
        clean = masked(data, values)
        return text if clean == data else clean.decode("utf-8", "surrogatepass")

    return mask if values else lambda text: text


def write_all(file, data):
    """As many writes as it takes."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(file, view) :]
