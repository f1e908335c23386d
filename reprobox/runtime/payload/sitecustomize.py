"""What reprobox does inside every Python process of a run; first on PYTHONPATH, standard library only, Python 3.8 or newer.

Nothing is imported early: a finder waits until the program itself imports random, numpy.random, torch, tensorflow or
multiprocessing.spawn, and acts when that module is ready. Every act and every fault goes into a marker of this process,
`$REPROBOX_OUT/markers/<pid>.json`, and a fault never reaches the program: a missing marker, or a marker with errors, is how
reprobox sees that the profile did not hold. Without REPROBOX_PROFILE this file does nothing but chain to the next sitecustomize.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PROFILE = os.environ.get("REPROBOX_PROFILE", "")
_OUT = os.environ.get("REPROBOX_OUT", "")
_PHRASE = "does not have a deterministic implementation"


class _State:
    """What this process is, and what was done to it."""

    def __init__(self):
        self.pid = os.getpid()
        self.file = ""
        self.seed = int(os.environ.get("REPROBOX_SEED", "0"))
        self.seeded = _PROFILE not in ("", "observe")
        self.role = ""
        self.drawn = 0
        self.marker = {
            "format": "reprobox.marker/1",
            "pid": self.pid,
            "ppid": os.getppid(),
            "argv": _command_line(),
            "executable": sys.executable,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "flags": {name: getattr(sys.flags, name) for name in ("isolated", "ignore_environment", "no_site", "optimize", "hash_randomization")},
            "profile": _PROFILE,
            "seed": self.seed,
            "applied": [],
            "errors": [],
            "torch": None,
            "refused": None,
        }

    def applied(self, what):
        if what not in self.marker["applied"]:
            self.marker["applied"].append(what)

    def fault(self, where, error):
        self.marker["errors"].append("%s: %s: %s" % (where, type(error).__name__, error))

    def write(self):
        """Writes the marker whole; a process id may come back in a long run, so another's marker is never replaced."""
        if not _OUT:
            return
        try:
            import json

            directory = os.path.join(_OUT, "markers")
            os.makedirs(directory, exist_ok=True)
            if not self.file:
                self.file = _unused(directory, str(self.pid))
            temp = self.file + ".new"
            with open(temp, "w") as file:
                file.write(json.dumps(self.marker))
            os.replace(temp, self.file)
        except OSError:
            # The directory may be gone or full; then the marker is missing, and that is what reprobox reports.
            self.file = ""


def _unused(directory, stem):
    for count in range(10000):
        path = os.path.join(directory, "%s%s.json" % (stem, "-%d" % count if count else ""))
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            continue
        return path
    raise OSError("no unused name")


def _command_line():
    # sys.argv is not final while site runs.
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [part.decode("utf-8", "backslashreplace") for part in file.read().split(b"\0")[:-1]]
    except OSError:
        return list(getattr(sys, "orig_argv", sys.argv if hasattr(sys, "argv") else []))


# ---- what is done when a module is ready


def _random(module):
    if _state.seeded:
        module.seed(_state.seed)
        _state.applied("random.seed")


def _numpy(module):
    # NumPy warns of the names in NPY_DISABLE_CPU_FEATURES that its version does not have; under -W error that would end the program.
    import warnings

    warnings.filterwarnings("ignore", message="(?s)During parsing environment variable: 'NPY_DISABLE_CPU_FEATURES'", category=ImportWarning)


def _numpy_random(module):
    if not _state.seeded:
        return
    module.seed(_state.seed % 2**32)
    _state.applied("numpy.random.seed")
    # A generator made without a seed takes its entropy here; it becomes a stream of the run's seed instead.
    bits = sys.modules.get("numpy.random.bit_generator")
    if bits is not None and hasattr(bits, "randbits"):
        bits.randbits = _bits
        _state.applied("numpy.random.default_rng")


def _bits(count):
    import hashlib

    _state.drawn += 1
    text = "%d/%s/%d" % (_state.seed, _state.role, _state.drawn)
    return int.from_bytes(hashlib.shake_256(text.encode()).digest((count + 7) // 8), "little") % 2**count


def _interpose(module):
    # The finder must be quick and torch is about to be loaded: its symbols are looked up here first.
    names = os.environ.get("REPROBOX_INTERPOSE", "")
    if not names:
        return
    import ctypes

    for name in names.split(","):
        ctypes.CDLL(os.path.join(_HERE, "portable_%s.so" % name), mode=ctypes.RTLD_GLOBAL)
        _state.applied("interposed portable_%s.so" % name)


def _torch(module):
    _state.marker["torch"] = _torch_facts(module)
    if _state.seeded:
        module.manual_seed(_state.seed)
        # The public function imports the compiler, which takes a second; the switch itself is this one.
        module._C._set_deterministic_algorithms(True, warn_only=False)
        module.backends.cudnn.benchmark = False
        module.backends.cudnn.deterministic = True
        for what in ("torch.manual_seed", "torch.deterministic_algorithms", "torch.backends.cudnn"):
            _state.applied(what)
        _hint_on_refusal()
    if os.environ.get("REPROBOX_TRAIL") is not None:
        import reprobox_trail

        reprobox_trail.install(module, _state)
        _state.applied("trail")
    if os.environ.get("REPROBOX_OPTRACE"):
        import reprobox_optrace

        reprobox_optrace.install(module, _state)
        _state.applied("optrace")


def _torch_facts(module):
    return {
        "version": str(module.__version__),
        "threads": module.get_num_threads(),
        "cpu_capability": module.backends.cpu.get_cpu_capability(),
        "cuda": module.version.cuda,
        "mkl": bool(module.backends.mkl.is_available()),
        "mkldnn": bool(module.backends.mkldnn.is_available()),
        "cudnn": module.backends.cudnn.version() if module.version.cuda else None,
    }


def _tensorflow(module):
    if _state.seeded:
        module.random.set_seed(_state.seed)
        module.config.experimental.enable_op_determinism()
        _state.applied("tensorflow.enable_op_determinism")


def _jax(module):
    # Keys are explicit in JAX and its switches are environment variables, so there is only something to note.
    _state.marker["jax"] = str(getattr(module, "__version__", ""))
    _state.applied("jax")


def _spawn(module):
    """Wraps `prepare`, which tells a fresh interpreter of multiprocessing (or loky) its name, such as SpawnPoolWorker-2."""
    prepare = module.prepare

    def prepared(data, *args, **kwargs):
        try:
            _be_child(str(data.get("name", "")))
        except Exception as error:
            _state.fault("child", error)
        return prepare(data, *args, **kwargs)

    module.prepare = prepared


def _be_child(name):
    """Gives a worker draws of its own: with the parent's seed all workers would draw the same numbers."""
    digits = "".join(char if char.isdigit() else " " for char in name).split()
    ordinal = 0
    for part in digits:
        ordinal = ordinal * 65537 + int(part)
    _state.role = name
    _state.seed = (int(os.environ.get("REPROBOX_SEED", "0")) + ordinal) % 2**63
    _state.marker.update(role=name, seed=_state.seed)
    for module, act in (("random", _random), ("numpy.random", _numpy_random)):
        if module in sys.modules:
            act(sys.modules[module])
    if "torch" in sys.modules and _state.seeded:
        sys.modules["torch"].manual_seed(_state.seed)
    _state.write()


_BEFORE = {"numpy": _numpy, "torch": _interpose}
_AFTER = {
    "random": _random,
    "numpy.random": _numpy_random,
    "torch": _torch,
    "tensorflow": _tensorflow,
    "jax": _jax,
    "multiprocessing.spawn": _spawn,
    "joblib.externals.loky.backend.spawn": _spawn,
    "loky.backend.spawn": _spawn,
}


# ---- how it comes to be done


def _act(table, name, module):
    if name not in table:
        return
    try:
        table[name](module)
    except Exception as error:
        _state.fault(name, error)
    _state.write()


class _Loader:
    """Stands before a module's own loader for one execution, and then is gone from the module again."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        name = module.__spec__.name
        module.__spec__.loader = module.__loader__ = self._loader
        _act(_BEFORE, name, module)
        self._loader.exec_module(module)
        _act(_AFTER, name, module)


class _Finder:
    """First on sys.meta_path: asks the others for the few modules that matter, and no one for the rest."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _AFTER and name not in _BEFORE:
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


def _hint_on_refusal():
    """After the traceback of an operation without a deterministic form: which, where, and the ways out."""
    before = sys.excepthook

    def hook(kind, error, trace):
        before(kind, error, trace)
        if _PHRASE in str(error):
            _tell_refusal(str(error), trace)

    sys.excepthook = hook


def _tell_refusal(text, trace):
    operation = text.partition(_PHRASE)[0].strip().strip("'`").split()[-1]
    place = "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((os.path.dirname(os.__file__), sys.prefix + os.sep + "lib")) and "dist-packages" not in name:
            place = "%s:%d" % (name, trace.tb_lineno)
        trace = trace.tb_next
    _state.marker["refused"] = {"operation": operation, "place": place}
    _state.write()
    sys.stderr.write(
        "reprobox: %s at %s has no deterministic form, and profile %s refuses it.\n"
        "  Ways out: compute it with other operations; run that part on the CPU if it is refused only on the GPU;\n"
        "  or set `profile: observe`, which promises no equal bits.\n" % (operation, place, _PROFILE)
    )


def _forked():
    """A forked child is a process of its own with its parent's history."""
    _state.pid = os.getpid()
    _state.file = ""
    _state.marker.update(pid=_state.pid, ppid=os.getppid(), forked=True)
    _state.write()


def _start():
    for name in list(_AFTER):
        if name in sys.modules:
            _act(_AFTER, name, sys.modules[name])
    sys.meta_path.insert(0, _Finder)
    os.register_at_fork(after_in_child=_forked)
    _state.write()


def _chain():
    """Runs the sitecustomize that this one hides: the image's own, or Debian's."""
    for entry in sys.path:
        if os.path.abspath(entry or ".") == _HERE:
            continue
        path = os.path.join(entry or ".", "sitecustomize.py")
        if not os.path.isfile(path):
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
globals().update({name: value for name, value in _chain().items() if not name.startswith("__") and name not in globals()})
