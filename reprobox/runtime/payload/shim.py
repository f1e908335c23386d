"""PID 1 of a run: starts the program, waits for it, and writes down what the engine may lose.

    <python> -I -S shim.py <outdir> [<secrets>] -- argv...

Into <outdir> go `stdout` and `stderr` (the files are the program's own descriptors, so every byte
is there whatever happens to the engine; where there are secrets, pipes, and the values are masked
on the way), `met.json` (what this container is, before the start) and `exit.json` (how the program
ended). A number of seconds in `<outdir>/timeout` is how long the program may take: then it gets
TERM, and KILL after a grace; so the limit holds without a supervisor too. A pipe
`<outdir>/lifeline` is held open by a supervisor that the program must not outlive, such as a job of
a cluster: where no process holds it any more, the program is ended in the same way. Signals from
outside are passed on to the program, INT to its whole process group, as a terminal does. Where the
program was a launcher (`sh -c`) that ends at once, the processes that it leaves get TERM and the
rest of the grace. The program gets the working directory and the environment unchanged, and the
secrets as variables. Exits with the program's code, or 128 + its signal; 125 when the shim itself
fails.

Python 3.8 or newer, built-in modules only: an image may have no byte code for the library, and
compiling `json`, `re` and `enum` at each start costs more than everything that is done here.
"""
# ruff: noqa: SIM105 - contextlib is not a built-in module

import _thread
import errno
import os
import sys
import time

try:
    import _signal as signal  # the library's `signal` is this and an import of `enum`
except ImportError:
    import signal

# Isolated mode leaves the script's own directory out of the path, and nothing may be written beside
# it.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import _reprobox_met as inside  # noqa: E402
import _reprobox_outside as outside  # noqa: E402
import _reprobox_secrets as hidden  # noqa: E402

sys.path.pop(0)

FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
LEFTOVER_SECONDS = 2.0
"""Processes that a program left when it ended by itself get TERM, and KILL after this."""
GRACE = 10.0
"""Seconds that a program has after INT until TERM, and after TERM until KILL; on the host's side
executor/attach.py has the same.
"""
REPORT_SECONDS = 1.0
"""Of a grace that the engine gives, kept for the report."""
PULSE = 0.25
"""Seconds between two looks at the lifeline."""
ORPHAN_SECONDS = 5.0
"""From TERM to KILL where the supervisor is gone: what it was given may be another's by now."""
OPEN_FILES = 65536
"""Files that a program may have open."""
OWN_BYTES = 16 << 20
"""More than the shim holds."""
PROGRAM = 64
"""The process id that the program gets."""
NOT_EXECUTABLE, NOT_FOUND, BROKEN = 126, 127, 125


def main(argv):
    """Runs the program to its end; gives the exit code for the engine."""
    out, end = argv[1], argv.index("--")
    program, secrets = argv[end + 1 :], hidden.Secrets(argv[2] if end > 2 else None)
    watched = set(FORWARDED) | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    if os.getpid() != 1:
        sys.stderr.write(
            "shim: not PID 1; processes that the program leaves behind outside its group are not "
            "ended\n"
        )
    files = [
        os.open(os.path.join(out, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for name in ("stdout", "stderr")
    ]
    veil = secrets.veil(files)
    report = Report(os.path.join(out, "exit.json"))
    if os.environb.get(b"REPROBOX_PROFILE", b"observe") != b"observe":
        fix_open_files()
    met = inside.gather()
    write_whole(os.path.join(out, "met.json"), encode(met))
    kills = inside.oom_kills() or 0
    there = {path for path, _ in outside.walk(outside.places())}
    limit = Limit(
        inside.text_of(os.path.join(out, "timeout")), Lifeline(os.path.join(out, "lifeline"))
    )

    started, clock = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    environment = {**own_environment(), **secrets.environment()}
    child, fault = start(
        program, veil.streams, environment, before, badness(met["cgroup"]["memory"])
    )
    veil.begin()
    forwarded = set()
    limit.begin()
    status, peak_rss = (None, 0) if fault else wait_for(child, watched, forwarded, limit)
    facts = {
        "format": "reprobox.exit/1",
        "started": started,
        "finished": time.time(),
        "duration": time.clock_gettime(time.CLOCK_BOOTTIME) - clock,
        "peak_rss": peak_rss,
        "forwarded": sorted(forwarded),
    }

    def ending():
        killed = inside.oom_kills()
        facts["oom_kills"] = None if killed is None else killed - kills
        facts["peak_memory"] = inside.peak_memory()
        facts.update(
            could_not_start(program, fault) if fault else how_it_ended(status, facts["oom_kills"])
        )
        if limit.orphaned:
            facts.update(
                reason="interrupted", message="The process that supervised it ended before it did."
            )
        elif limit.over:
            facts.update(reason="timeout", message="It took longer than its time limit.")

    ending()
    gpus = met["gpus"]
    if left_behind() or gpus:
        # What follows takes time, and an engine that stops us after its grace must still find how
        # the program ended.
        keep(report, facts)
        facts["leftovers"] = end_leftovers(child, limit.phases())
        veil.end()
        ending()
        facts["lost_gpus"] = inside.lost(gpus)
        if facts["lost_gpus"]:
            facts["message"] = (
                facts["message"] + " GPU lost during the run: " + ", ".join(facts["lost_gpus"])
            ).strip()
    veil.end()
    keep(report, facts)
    keep_outside(out, there, secrets)
    return facts["code"]


def keep_outside(out, there, secrets):
    """Collects what was asked for outside of the work tree, and names what is left there."""
    try:
        text = encode(outside.look(out, there))
        values = hidden.patterns(secrets.values.values())
        write_whole(os.path.join(out, "outside.json"), hidden.masked(text, values))
    except OSError as error:
        sys.stderr.write(f"shim: files outside of the work tree were not looked at: {error}\n")


def keep(report, facts):
    """Writes the report; when that fails, the engine's log says so, and the program's own code is
    still passed on.
    """
    try:
        report.write(encode(facts))
    except OSError as error:
        sys.stderr.write(f"shim: exit.json cannot be written: {error}\n")


# --- the program


def start(program, streams, environment, mask, worse):
    """Forks and executes; the process, and (errno, text) when it could not be executed."""
    reading, writing = os.pipe()
    use_up_ids()
    child = os.fork()
    if child == 0:
        try:
            become(program, streams, environment, mask, worse)
        except OSError as error:
            os.write(writing, f"{error.errno or 0} {error.strerror}".encode())
        except ValueError as error:
            os.write(writing, f"{errno.EINVAL} {error}".encode())
        os._exit(BROKEN)
    os.close(writing)
    text = inside.read_all(reading).decode()
    if not text:
        return child, None
    os.waitpid(child, 0)
    number, _, words = text.partition(" ")
    return child, (int(number), words)


def use_up_ids():
    """Makes the next process number PROGRAM. The engine's own threads took ids here before us, now
    five, now seven of them, and programs write their id into names of files and into seeds. Threads
    take ids too, and are sooner made than processes.
    """
    if os.getpid() != 1:
        return
    taken, ended = [1], _thread.allocate_lock()

    def take():
        taken.append(_thread.get_native_id())
        ended.release()

    ended.acquire()
    try:
        while taken[-1] < PROGRAM - 1:
            _thread.start_new_thread(take, ())
            ended.acquire()
            alone()
    except (RuntimeError, OSError):
        pass  # as many as the limits let us


def alone():
    """Waits until a thread that has done its work is gone: it counts for the limit of processes,
    and none should see a fork.
    """
    for _ in range(1000):
        if len(os.listdir("/proc/self/task")) == 1:
            return
        time.sleep(0.0001)


def badness(limit):
    """What makes any process of the program worse than the shim when memory runs out, and little
    more: a thousandth of the limit counts as much of the whole machine's memory when that runs out
    (proc(5), oom_score_adj).
    """
    return min(1000, 1 + 1000 * OWN_BYTES // limit) if limit else 0


def fix_open_files():
    """Gives the program the same limit of open files under every engine, where that one's is not
    lower: engines have 1024, 1048576 or none.
    """
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    except (ImportError, OSError, ValueError):
        pass  # what the limit is stands in met.json


def become(program, streams, environment, mask, worse):
    """In the child: the program's descriptors, signals, badness and process group, then the
    program.
    """
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (streams[0], 1), (streams[1], 2)):
        os.dup2(descriptor, target)
    try:
        with open("/proc/self/oom_score_adj") as file:
            own = int(file.read())
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(min(1000, own + worse)))
    except OSError:
        pass  # /proc may be masked; then the kernel chooses by size alone
    for number in IGNORED_BY_PYTHON + FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    execute(program, environment)


def execute(program, environment):
    """As execvpe does, on the bytes of the environment and without the imports that it costs."""
    name = os.fsencode(program[0])
    places = (
        [b""]
        if b"/" in name
        else environment.get(b"PATH", b"/usr/local/bin:/usr/bin:/bin").split(b":")
    )
    refused = FileNotFoundError(errno.ENOENT, "no such program")
    for place in places:
        try:
            os.execve(os.path.join(place, name), program, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            # Another directory may have one that can be executed; when none has, this is what the
            # user wants to hear.
            refused = error
    raise refused


def own_environment():
    """The environment as the engine gave it: Python adds LC_CTYPE to its own copy when the locale
    is C (PEP 538).
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0") if b"=" in entry]
    except OSError:
        return os.environb
    return {name: value for name, _, value in pairs}


class Lifeline:
    """A pipe that the supervisor holds open; without the file, the program may outlive it."""

    def __init__(self, path):
        try:
            self.file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.file = None

    def cut(self):
        """Whether no process holds the other end."""
        if self.file is None:
            return False
        try:
            return os.read(self.file, 1) == b""
        except OSError:
            return False  # EAGAIN: it is held


class Limit:
    """How long the program may take, in seconds (what is no positive number is no limit), and
    whether it may go on without its supervisor.
    """

    def __init__(self, text, lifeline):
        self.lifeline = lifeline
        self.orphaned = False
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        self.seconds = seconds if 0 < seconds < 1e9 else None
        self.until = None
        self.over = False
        self.ending = None  # the last signal that asks the program to end, and when it was sent

    def begin(self):
        """The program has begun."""
        if self.seconds is not None:
            self.until = time.monotonic() + self.seconds

    def wait(self, watched):
        """The next signal; None when the time is over. An hour at most, since the kernel's clocks
        may be set under a long wait.
        """
        if self.until is None and self.lifeline.file is None:
            return signal.sigwaitinfo(watched)
        longest = 3600.0 if self.lifeline.file is None or self.orphaned else PULSE
        left = longest if self.until is None else max(self.until - time.monotonic(), 0.0)
        return signal.sigtimedwait(watched, min(left, longest))

    def passed(self, child):
        """Ends the program where its time is over, or its supervisor is: TERM first, KILL after the
        grace.
        """
        if not self.over and self.lifeline.cut():
            self.orphaned = self.over = True
            send(child, signal.SIGTERM)
            self.asked(signal.SIGTERM)
            self.until = time.monotonic() + ORPHAN_SECONDS
            return
        if self.until is None or time.monotonic() < self.until:
            return
        send(child, signal.SIGKILL if self.over else signal.SIGTERM)
        if not self.over:
            self.asked(signal.SIGTERM)
        self.until = None if self.over else time.monotonic() + GRACE
        self.over = True

    def asked(self, number):
        """The program was asked to end."""
        self.ending = (number, time.monotonic())

    def phases(self):
        """How the processes that the program left are ended: (signal or None, seconds).

        After INT they have the program's own time to end by themselves, since INT reached them too;
        TERM did not.
        """
        if self.ending is None:
            return [(signal.SIGTERM, LEFTOVER_SECONDS), (signal.SIGKILL, 5.0)]
        number, when = self.ending
        left = max(when + GRACE - time.monotonic(), 0.0)
        if number == signal.SIGINT:
            own, rest = [(None, left)], GRACE - REPORT_SECONDS
        else:
            own, rest = [], max(left - (0.0 if self.over else REPORT_SECONDS), LEFTOVER_SECONDS)
        return [*own, (signal.SIGTERM, rest), (signal.SIGKILL, 5.0)]


def wait_for(child, watched, forwarded, limit):
    """Reaps everything, forwards and notes signals, until the program itself has ended; its status
    and peak resident bytes.
    """
    while True:
        seen = limit.wait(watched)
        number = signal.SIGCHLD if seen is None else seen.si_signo
        if number != signal.SIGCHLD:
            # The program leads its own process group (`become`).
            send(-child if number == signal.SIGINT else child, number)
            forwarded.add(int(number))
            if number in ENDING:
                limit.asked(number)
            continue
        for pid, status, usage in reaped():
            if pid == child:
                return status, usage.ru_maxrss * 1024
        limit.passed(child)


def reaped():
    """All children that have ended by now; lazily, so that the caller may stop at the one it waits
    for.
    """
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status, usage


def send(pid, number):
    """Sends a signal; a process that has ended meanwhile is fine."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def left_behind():
    """Whether any child is left; orphans are handed to PID 1, so no child means no process."""
    for _ in reaped():
        pass
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_leftovers(child, phases):
    """Ends everything that is left, a signal and its seconds after the other; how many there were.

    TERM from outside ends a phase in which no signal was sent.
    """
    everything = (
        -1 if os.getpid() == 1 else -child
    )  # outside a container -1 would be every process of the user
    count = (
        len([name for name in os.listdir("/proc") if name.isdigit()]) - 1 if everything == -1 else 0
    )
    for number, seconds in phases:
        deadline = time.monotonic() + seconds
        if number is not None and left_behind():
            send(everything, number)
        while left_behind():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            seen = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM}, left)
            if number is None and seen is not None and seen.si_signo == signal.SIGTERM:
                break
    return max(count, 0)


def how_it_ended(status, kills):
    """exit.json's code, signal, reason and message, from the program's wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        oom = number == signal.SIGKILL and kills
        text = "The kernel killed it: out of memory." if oom else ""
        return {
            "code": 128 + number,
            "signal": number,
            "reason": "oom" if oom else "signal",
            "message": text,
        }
    code = os.WEXITSTATUS(status)
    if code == 128 + signal.SIGKILL and kills:
        return {
            "code": code,
            "signal": None,
            "reason": "oom",
            "message": "The kernel killed its child: out of memory.",
        }
    return {"code": code, "signal": None, "reason": "exited", "message": ""}


def could_not_start(program, fault):
    """exit.json's code, signal, reason and message, for a program that could not be executed."""
    number, words = fault
    name = program[0]
    if number in (errno.ENOENT, errno.ENOTDIR):
        why = (
            "it is there, but the interpreter that its first line names is not"
            if "/" in name and os.path.exists(name)
            else "no such program"
        )
        return {
            "code": NOT_FOUND,
            "signal": None,
            "reason": "not-found",
            "message": f"{name}: {why}",
        }
    if number == errno.ENOEXEC:
        words = "it is neither a program for this machine nor a script that begins with #!"
    return {
        "code": NOT_EXECUTABLE,
        "signal": None,
        "reason": "not-executable",
        "message": f"{name}: {words}",
    }


# --- files


class Report:
    """exit.json, with its place on the disk taken before the program can fill it."""

    def __init__(self, path):
        self.path, self.temp = path, path + ".new"
        self.file = os.open(self.temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(self.file, 0, 4096)
        except OSError:
            pass  # not every file system can; then a full disk costs the report

    def write(self, data):
        """Writes it whole and durably; again, when it is there already."""
        if self.file is None:
            write_whole(self.path, data, durable=True)
            return
        os.pwrite(self.file, data, 0)
        os.ftruncate(self.file, len(data))
        os.fsync(self.file)
        os.close(self.file)
        self.file = None
        try:
            os.rename(self.temp, self.path)
        except FileNotFoundError:  # the program has removed it
            write_whole(self.path, data, durable=True)


def write_whole(path, data, durable=False):
    """A reader sees the whole file or none."""
    temp = path + ".new"
    file = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.write(file, data)
    if durable:
        os.fsync(file)
    os.close(file)
    os.rename(temp, path)


def encode(value):
    """JSON, ASCII only, keys in order."""
    return json(value).encode("ascii")


def json(value):
    """The text of a JSON value; the library's module costs 9 ms at each start."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return (
            '"' + "".join(escaped(letter) for letter in value) + '"'
            if not plain(value)
            else '"' + value + '"'
        )
    if isinstance(value, dict):
        return (
            "{" + ",".join(json(str(key)) + ":" + json(value[key]) for key in sorted(value)) + "}"
        )
    return "[" + ",".join(json(item) for item in value) + "]"


def plain(text):
    """Whether text needs no escape, which nearly none does."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def escaped(letter):
    """A letter as JSON writes it; lone surrogates stand for bytes that are not UTF-8 and stay what
    they are.
    """
    point = ord(letter)
    if 32 <= point < 127 and letter not in '"\\':
        return letter
    if point > 0xFFFF:
        point -= 0x10000
        return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"
    return f"\\u{point:04x}"


if __name__ == "__main__":
    if len(sys.argv) < 4 or "--" not in sys.argv[2:4] or sys.argv[-1] == "--":
        sys.stderr.write("usage: shim.py <outdir> [<secrets>] -- program [argument ...]\n")
        os._exit(BROKEN)
    try:
        CODE = main(sys.argv)
    except OSError as error:
        sys.stderr.write(f"shim: {error}\n")
        CODE = BROKEN
    sys.stderr.flush()
    os._exit(CODE)
