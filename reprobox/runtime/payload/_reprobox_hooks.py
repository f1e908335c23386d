"""What is done when a watched module is imported: seeds, switches, interposed libraries, trail. See
sitecustomize.py.
"""

import os
import sys

import _reprobox_seeds

_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.__file__)
_PHRASE = "does not have a deterministic implementation"
_MOST = 20
_quiet = False
_drawn = 0
_system_bits = None


def act(state, when, name, module):
    """Acts on a module that is about to be executed or is ready; whether that was anything."""
    action = (_BEFORE if when == "before" else _AFTER).get(name)
    if action is None:
        return False
    action(state, module)
    return True


# ---- random, NumPy


def _random(state, module):
    if state.seeded:
        module.seed(state.seed)
        state.applied("random.seed")
    if getattr(module.seed, "_reprobox", False):
        return
    module._urandom = os.urandom  # bound by name when random was imported before us
    before = module.seed

    def seed(a=None, version=2):
        if a is None:
            note_entropy(state, "random.seed()", sys._getframe(1))
        else:
            _reprobox_seeds.note(state, "random.seed", a, sys._getframe(1))
        return before(a, version)

    seed._reprobox = True
    module.seed = seed


def _numpy(state, module):
    # NumPy warns of names in NPY_DISABLE_CPU_FEATURES that its version does not have; with -W error
    # that would end the program.
    import warnings

    text = "(?s)During parsing environment variable: 'NPY_DISABLE_CPU_FEATURES'"
    warnings.filterwarnings("ignore", message=text, category=ImportWarning)


def _numpy_random(state, module):
    global _system_bits
    # A generator made without a seed takes its entropy here; it becomes a stream of the run's seed,
    # or is noted.
    bits = sys.modules.get("numpy.random.bit_generator")
    if bits is not None and hasattr(bits, "randbits"):
        _system_bits = _system_bits or bits.randbits
        bits.randbits = lambda count: _bits(state, count)
    if state.seeded:
        module.seed(state.seed % 2**32)
        state.applied("numpy.random.seed")
        state.applied("numpy.random.default_rng")
    if not hasattr(module.default_rng, "__wrapped__"):
        _reprobox_seeds.watch(state, module, "seed", "numpy.random.seed")
        _reprobox_seeds.watch(state, module, "default_rng", "numpy.random.default_rng")


def _bits(state, count):
    global _drawn, _quiet
    if not state.seeded:
        note_entropy(state, "numpy.random generator", sys._getframe(2))
        _quiet = True
        try:
            return _system_bits(count)
        finally:
            _quiet = False
    import hashlib

    _drawn += 1
    text = f"{state.seed}/{state.role}/{_drawn}"
    return (
        int.from_bytes(hashlib.shake_256(text.encode()).digest((count + 7) // 8), "little")
        % 2**count
    )


def note_entropy(state, what, frame):
    """Notes a draw that no seed fixes and the line that made it; the library's own (temporary
    names, keys) are left out.
    """
    if _quiet or len(state.marker["entropy"]) >= _MOST:
        return
    while frame is not None:
        name = frame.f_code.co_filename
        packages = "-packages" in name
        if (
            name.startswith(_LIBRARY)
            and not packages
            and os.path.basename(name) not in ("random.py", "uuid.py", "secrets.py")
        ):
            return
        if packages and any(own in name for own in ("/numpy/random/", "/torch/")):
            return  # they draw when they are imported, and nothing comes of it
        if packages or not name.startswith((_LIBRARY, _HERE, "<frozen")):
            break
        frame = frame.f_back
    note = {"what": what, "place": f"{name}:{frame.f_lineno}"} if frame is not None else None
    if note is not None and note not in state.marker["entropy"]:
        state.marker["entropy"].append(note)
        state.write()


# ---- torch


def _interpose(state, module):
    names = os.environ.get("REPROBOX_INTERPOSE", "")
    if not names:
        return
    import ctypes

    # Symbols that torch asks for are looked up among global libraries first, so these must be there
    # before torch is.
    for name in names.split(","):
        ctypes.CDLL(os.path.join(_HERE, f"portable_{name}.so"), mode=ctypes.RTLD_GLOBAL)
        state.applied(f"interposed portable_{name}.so")


def _torch(state, module):
    import atexit

    state.marker["torch"] = _torch_facts(module)
    atexit.register(_torch_at_exit, state, module)
    if state.seeded:
        module.manual_seed(state.seed)
        # The public function imports the compiler, which takes a second; the switch itself is this
        # one.
        module._C._set_deterministic_algorithms(True, warn_only=False)
        module.backends.cudnn.benchmark = False
        module.backends.cudnn.deterministic = True
        for what in ("torch.manual_seed", "torch.deterministic_algorithms", "torch.backends.cudnn"):
            state.applied(what)
        _hint_on_refusal(state)
    if state.profile.startswith("portable"):
        _exact_int_mm(state, module)
    _note_torch_seed(state, module)
    if os.environ.get("REPROBOX_TRAIL") is not None:
        import reprobox_trail

        reprobox_trail.install(module, state)
        state.applied("trail")
    if os.environ.get("REPROBOX_OPTRACE"):
        import reprobox_optrace

        reprobox_optrace.install(module, state)
        state.applied("optrace")
    if os.environ.get("REPROBOX_STOP_AFTER_STEPS"):
        import reprobox_stop

        reprobox_stop.install(state)
    if os.environ.get("REPROBOX_RESTART") or os.environ.get("REPROBOX_PREEMPT_AT"):
        import reprobox_restart

        reprobox_restart.install(module, state)


def _exact_int_mm(state, module):
    """Replaces the product of 8-bit integer matrices on the CPU, whose value torch would get wrong
    under a portable profile.

    Where the CPU has VNNI, torch gives it to oneDNN; held to older instructions, oneDNN saturates
    sums of two products at 16 bits.
    """
    import warnings

    library = module.library.Library("aten", "IMPL")
    wide = module.int32

    def product(left, right):
        return left.to(wide) @ right.to(wide)

    def product_out(left, right, *, out):
        return out.copy_(product(left, right))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells of every kernel that is replaced
        library.impl("_int_mm", product, "CPU")
        library.impl("_int_mm.out", product_out, "CPU")
    state.kept.append(library)  # it is undone when it is collected
    state.applied("torch._int_mm")


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


def _torch_at_exit(state, module):
    """What the program made of it: threads as they were set in the end, and the GPUs where it used
    any.
    """
    try:
        facts = state.marker["torch"]
        facts["threads_at_exit"] = module.get_num_threads()
        facts["deterministic_at_exit"] = bool(module._C._get_deterministic_algorithms())
        if module.cuda.is_available() and module.cuda.is_initialized():
            seen = [
                module.cuda.get_device_properties(number)
                for number in range(module.cuda.device_count())
            ]
            facts["gpus"] = [
                [one.name, one.multi_processor_count, one.total_memory, one.major, one.minor]
                for one in seen
            ]
            facts["sm_counts"] = [one.multi_processor_count for one in seen]
            facts["tf32"] = [
                module.backends.cuda.matmul.allow_tf32,
                module.backends.cudnn.allow_tf32,
            ]
    except Exception as error:
        state.fault("torch at exit", error)
    state.write()


def _note_torch_seed(state, module):
    before = module.seed

    def seed():
        note_entropy(state, "torch.seed()", sys._getframe(1))
        return before()

    module.seed = seed
    _reprobox_seeds.watch(state, module, "manual_seed", "torch.manual_seed")


def _hint_on_refusal(state):
    """After the traceback of an operation without a deterministic form: which, where, and the ways
    out.
    """
    before = sys.excepthook

    def hook(kind, error, trace):
        before(kind, error, trace)
        if _PHRASE in str(error):
            _tell_refusal(state, str(error), trace)

    sys.excepthook = hook


def _tell_refusal(state, text, trace):
    operation = text.partition(_PHRASE)[0].strip().strip("'`").split()[-1]
    place = "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(_LIBRARY) and "-packages" not in name:
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    state.marker["refused"] = {"operation": operation, "place": place}
    state.write()
    sys.stderr.write(
        f"reprobox: {operation} at {place} has no deterministic form, and profile {state.profile} "
        "refuses it.\n"
        "  Ways out: compute it with other operations; run that part on the CPU if it is refused "
        "only on the GPU;\n"
        "  or set `profile: observe`, which promises no equal bits.\n"
    )


# ---- TensorFlow, JAX, subprocess, multiprocessing


def _tensorflow(state, module):
    if state.seeded:
        module.random.set_seed(state.seed)
        module.config.experimental.enable_op_determinism()
        state.applied("tensorflow.enable_op_determinism")


def _xla(state, module):
    """Adds XLA's switches that this jaxlib knows; an unknown one would end the program."""
    asked = os.environ.get("REPROBOX_XLA_CPU", "").split()
    given = os.environ.get("XLA_FLAGS", "")
    for flag in asked:
        name = flag.lstrip("-").partition("=")[0]
        if name not in given and not _jaxlib_knows(name):
            state.fault(
                "jax",
                LookupError(
                    "this jaxlib has no " + name + ", so its code is not the same on every CPU"
                ),
            )
            continue
        given += (
            "" if name in given else " " + flag
        )  # what the program's own environment says stays
        state.applied("XLA_FLAGS " + flag if flag in given else "XLA_FLAGS of the program: " + name)
    if asked:
        os.environ["XLA_FLAGS"] = given.strip()


def _jaxlib_knows(name):
    import importlib.util
    import mmap

    for directory in importlib.util.find_spec("jaxlib").submodule_search_locations:
        for entry in os.scandir(directory):
            if entry.name.endswith(".so") and entry.stat().st_size:
                with open(entry.path, "rb") as file:
                    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                with data:
                    if data.find(name.encode() + b"\0") >= 0:
                        return True
    return False


def _jax(state, module):
    # Keys are explicit in JAX and its switches were set before, so there is only something to note.
    state.marker["jax"] = str(getattr(module, "__version__", ""))
    state.applied("jax")


def _subprocess(state, module):
    """Notes which programs this process starts: one that is Python and leaves no marker has escaped
    the profile.
    """
    before = module.Popen._execute_child

    def execute(self, args, *rest, **named):
        before(self, args, *rest, **named)
        try:
            _note_child(state, self.pid, args)
        except Exception as error:
            state.fault("subprocess", error)

    module.Popen._execute_child = execute


def _note_child(state, pid, args):
    words = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
    if len(state.marker["children"]) < _MOST:
        child = {
            "pid": pid,
            "argv": [state.text(os.fsdecode(word))[:200] for word in words[:_MOST]],
        }
        if words and _is_static(os.fsdecode(words[0])):
            child["static"] = _own_line(sys._getframe(2))
        state.marker["children"].append(child)
        state.write()


def _threading(state, module):
    """Notes which threads run at once: what they share, they change in the order of the moment."""
    before = module.Thread.start

    def start(self):
        try:
            _note_thread(state, self, sys._getframe(1))
        except Exception as error:
            state.fault("threading", error)
        return before(self)

    module.Thread.start = start


def _note_thread(state, thread, frame):
    while frame is not None and not _starts_threads(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None or type(thread).__name__ in _HARMLESS:
        return
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    alive = [one for one in _threads.get(place, ()) if one.is_alive()]
    _threads[place] = [*alive, thread]
    listed = state.marker.setdefault("threads", [])
    note = next((one for one in listed if one["place"] == place), None)
    if note is None and len(listed) < _MOST:
        note = {"place": place, "at_once": 0}
        listed.append(note)
    if note is not None and note["at_once"] < len(alive) + 1:
        note["at_once"] = len(alive) + 1
        state.write()


_threads = {}
_HARMLESS = ("TMonitor",)
"""Classes of threads that only watch: tqdm's."""


def _starts_threads(name):
    """Whether a line is the program's or a package's, not the library's nor ours."""
    if name.startswith((_HERE, "<frozen")):
        return False
    return "-packages" in name or not name.startswith(_LIBRARY)


def _own_line(frame):
    """The nearest line of the program."""
    while frame is not None and not _reprobox_seeds.own(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "?"


def _is_static(program):
    """Whether a program is linked without a dynamic loader (elf(5), PT_INTERP), so that nothing is
    preloaded into it.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep) if "/" not in program else [""]
    for place in places:
        try:
            with open(os.path.join(place, program), "rb") as file:
                head = file.read(65536)
        except OSError:
            continue
        if head[:5] != b"\x7fELF\x02":
            return False
        start, size, count = (
            int.from_bytes(head[place : place + width], "little")
            for place, width in ((32, 8), (54, 2), (56, 2))
        )
        kinds = [head[start + size * one :][:4] for one in range(count)]
        return b"\x03\0\0\0" not in kinds
    return False


def _spawn(state, module):
    """Wraps `prepare`, which tells a fresh interpreter of multiprocessing (or loky) its name, such
    as SpawnPoolWorker-2.
    """
    prepare = module.prepare

    def prepared(data, *args, **kwargs):
        try:
            _be_child(state, str(data.get("name", "")))
        except Exception as error:
            state.fault("child", error)
        return prepare(data, *args, **kwargs)

    module.prepare = prepared


def _be_child(state, name):
    """Gives a worker draws of its own: with the parent's seed all workers would draw the same
    numbers.
    """
    ordinal = 0
    for part in "".join(char if char.isdigit() else " " for char in name).split():
        ordinal = ordinal * 65537 + int(part)
    state.role = name
    state.seed = (int(os.environ.get("REPROBOX_SEED", "0")) + ordinal) % 2**63
    state.marker.update(role=name, seed=state.seed)
    for module, action in (("random", _random), ("numpy.random", _numpy_random)):
        if module in sys.modules:
            action(state, sys.modules[module])
    if "torch" in sys.modules and state.seeded:
        sys.modules["torch"].manual_seed(state.seed)
    state.write()


# ---- notebooks


def _notebook(state, module):
    """Gives the seed again before the first cell: a kernel draws from `random` while it starts
    (ports, threads), and how often depends on the moment.
    """
    shell = module.InteractiveShell
    before = shell.run_cell_async
    if not state.seeded or getattr(before, "_reprobox", False):
        return
    begun = set()

    def run_cell_async(self, raw_cell, store_history=False, *rest, **more):
        if store_history and id(self) not in begun:
            begun.add(id(self))
            _seed_again(state)
        return before(self, raw_cell, store_history, *rest, **more)

    run_cell_async._reprobox = True
    shell.run_cell_async = run_cell_async
    state.applied("notebook cells")


def _seed_again(state):
    sys.modules["random"].seed(state.seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(state.seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(state.seed)


_BEFORE = {"numpy": _numpy, "torch": _interpose, "jax": _xla}
_AFTER = {
    "random": _random,
    "numpy.random": _numpy_random,
    "torch": _torch,
    "tensorflow": _tensorflow,
    "jax": _jax,
    "subprocess": _subprocess,
    "threading": _threading,
    "multiprocessing.spawn": _spawn,
    "joblib.externals.loky.backend.spawn": _spawn,
    "loky.backend.spawn": _spawn,
    "IPython.core.interactiveshell": _notebook,
}
