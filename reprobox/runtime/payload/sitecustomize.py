"""What reprobox does inside every Python process of a run; first on PYTHONPATH, standard library
only, Python 3.8 or newer.

Nothing is imported early, because every process of the run pays for it: a finder waits until the
program itself imports one of a few modules, and `_reprobox_hooks` then acts on it. Every act and
every fault goes into a marker of this process, `$REPROBOX_OUT/markers/<pid>.json`, and a fault
never reaches the program: a missing marker, or one with errors, is how reprobox sees that the
profile did not hold. Without REPROBOX_PROFILE this file does nothing but chain to the sitecustomize
that it hides.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PROFILE = os.environ.get("REPROBOX_PROFILE", "")
_WATCHED = {
    "random",
    "numpy",
    "numpy.random",
    "torch",
    "tensorflow",
    "jax",
    "subprocess",
    "threading",
    "multiprocessing.spawn",
    "joblib.externals.loky.backend.spawn",
    "loky.backend.spawn",
    "IPython.core.interactiveshell",
}


class _State:
    """What this process is, and what was done to it."""

    def __init__(self):
        self.file = ""
        self.seed = int(os.environ.get("REPROBOX_SEED", "0"))
        self.profile = _PROFILE
        self.seeded = _PROFILE != "observe"
        self.role = ""
        self.kept = []
        self.mask = None
        flags = ("isolated", "ignore_environment", "no_site", "optimize", "hash_randomization")
        self.marker = {
            "format": "reprobox.marker/1",
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "forked": False,
            "role": "",
            "argv": _command_line(),
            "executable": sys.executable,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "flags": {name: int(getattr(sys.flags, name)) for name in flags},
            "profile": _PROFILE,
            "seed": self.seed,
            "applied": [],
            "errors": [],
            "torch": None,
            "refused": None,
            "entropy": [],
            "seeds": [],
            "children": [],
        }

    def applied(self, what):
        """Notes what was done."""
        if what not in self.marker["applied"]:
            self.marker["applied"].append(what)

    def fault(self, where, error):
        """Notes what could not be done."""
        self.marker["errors"].append(f"{where}: {type(error).__name__}: {error}")

    def text(self, value):
        """A text without the values of secrets; what is to be cut short passes here first."""
        mask = _mask()
        return mask(value) if mask else value

    def write(self):
        """Writes the marker whole; a process id may come back in a long run, so another's marker is
        never replaced.
        """
        out = os.environ.get("REPROBOX_OUT", "")
        if not out:
            return
        try:
            if not self.file:
                self.file = _unused(os.path.join(out, "markers"), str(os.getpid()))
            with open(self.file + ".new", "w", encoding="ascii") as file:
                file.write(_json(_masked(self.marker)))
            os.replace(self.file + ".new", self.file)
        except OSError:
            # The directory may be gone or full; then the marker is missing, and that is what
            # reprobox reports.
            self.file = ""


def _masked(value):
    """The marker without the values of secrets: an argument, a seed or the text of an error may
    hold one.
    """
    mask = _mask()
    if mask is None:
        return value
    if isinstance(value, dict):
        return {key: _masked(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(child) for child in value]
    return mask(value) if isinstance(value, str) else value


def _mask():
    """What masks text; None where the run has no secrets, which nothing is imported for."""
    if not os.environ.get("REPROBOX_SECRETS"):
        return None
    if _state.mask is None:
        import _reprobox_secrets

        _state.mask = _reprobox_secrets.known()
    return _state.mask


def _unused(directory, stem):
    os.makedirs(directory, exist_ok=True)
    for count in range(10000):
        path = os.path.join(directory, stem + (f"-{count}" if count else "") + ".json")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            continue
        return path
    raise OSError("no unused name")


def _json(value):
    """JSON of plain values; the json module costs more than all else here."""
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{_json(str(key))}:{_json(child)}" for key, child in value.items())
            + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_json(child) for child in value) + "]"
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    units = str(value).encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2)]
    return (
        '"'
        + "".join(
            chr(code) if 32 <= code < 127 and code not in (34, 92) else f"\\u{code:04x}"
            for code in codes
        )
        + '"'
    )


def _command_line():
    # sys.argv is not final while site runs.
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [
                part.decode("utf-8", "backslashreplace") for part in file.read().split(b"\0")[:-1]
            ]
    except OSError:
        return list(getattr(sys, "argv", []))


def _act(when, name, module):
    """Hands a module to the hooks; their faults are noted and go no further."""
    try:
        import _reprobox_hooks

        done = _reprobox_hooks.act(_state, when, name, module)
    except Exception as error:
        _state.fault(name, error)
        done = True
    if done:
        _state.write()


class _Loader:
    """Stands before a module's own loader for one execution, and then is gone from the module
    again.
    """

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        """As the own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """Executes the module between the two acts."""
        name = module.__spec__.name
        module.__spec__.loader = module.__loader__ = self._loader
        _act("before", name, module)
        self._loader.exec_module(module)
        _act("after", name, module)


class _Finder:
    """First on sys.meta_path: asks the others for the few modules that are watched, and nobody for
    the rest.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The spec as another finder gives it, with our loader before its own."""
        if name not in _WATCHED:
            return None
        for finder in sys.meta_path:
            if finder is _Finder or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


def _forked():
    """A forked child is a process of its own with its parent's history."""
    _state.file = ""
    _state.marker.update(pid=os.getpid(), ppid=os.getppid(), forked=True, children=[])
    _state.write()


def _fix_cpu_count():
    """The count of CPUs is the setting `threads`, not the machine's; Python does it itself from
    3.13 on.
    """
    count = os.environ.get("PYTHON_CPU_COUNT", "")
    if count.isdigit() and sys.version_info < (3, 13):
        number = int(count)

        def cpu_count():
            return number

        os.cpu_count = cpu_count


def _watch_entropy():
    """The system's entropy is what no seed fixes: who asks for it is noted."""
    system = os.urandom

    def urandom(size, /):
        try:
            import _reprobox_hooks

            _reprobox_hooks.note_entropy(_state, "os.urandom", sys._getframe(1))
        except Exception as error:
            _state.fault("os.urandom", error)
        return system(size)

    os.urandom = urandom


def _start():
    for name in _WATCHED & set(sys.modules):
        _act("after", name, sys.modules[name])
    sys.meta_path.insert(0, _Finder)
    os.register_at_fork(after_in_child=_forked)
    _watch_entropy()
    _fix_cpu_count()
    _state.write()


def _chain():
    """Runs the sitecustomize that this one hides, the image's own or Debian's; gives what it
    defined.
    """
    for entry in sys.path:
        path = os.path.join(os.path.abspath(entry or "."), "sitecustomize.py")
        if os.path.dirname(path) == _HERE or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        space = {"__name__": "sitecustomize", "__file__": path, "__builtins__": __builtins__}
        exec(code, space)
        return space
    return {}


if _PROFILE:
    _state = _State()
    _start()
globals().update(
    {
        name: value
        for name, value in _chain().items()
        if not name.startswith("__") and name not in globals()
    }
)
