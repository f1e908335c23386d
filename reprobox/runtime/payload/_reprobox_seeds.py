"""Which seeds the program itself gives, and where: two runs of one record that gave other seeds
need no other explanation.

Noted are the values handed to `random.seed`, `numpy.random.seed`, `numpy.random.default_rng` and
`torch.manual_seed`, with the program's own line. Generator objects are C types whose methods cannot
be watched, so where a trail is written the program's variables are looked through once, at its
first optimizer step, for generators of torch and NumPy; those tell their seed.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.__file__)
_MOST = 20
_OPTIMIZED = (
    0x1  # CO_OPTIMIZED: the frame of a function, whose f_locals is a copy (before Python 3.13)
)


def own(name):
    """Whether a file is the program's: not a library's, not ours, not made up."""
    return not name.startswith((_LIBRARY, _HERE, "<")) and "-packages" not in name


def note(state, what, value, frame):
    """Notes a seed with the nearest line of the program; a worker's, which its loader derives, is
    not the program's.
    """
    while frame is not None and not own(frame.f_code.co_filename):
        if frame.f_code.co_filename.endswith(("/_utils/worker.py", "/multiprocessing/process.py")):
            return
        frame = frame.f_back
    if frame is not None:
        _keep(state, what, f"{frame.f_code.co_filename}:{frame.f_lineno}", value)


def watch(state, module, name, what):
    """Wraps a function of a module whose first argument is a seed."""
    before = getattr(module, name)

    def wrapper(*args, **kwargs):
        value = args[0] if args else kwargs.get("seed")
        if value is not None:
            note(state, what, value, sys._getframe(1))
        return before(*args, **kwargs)

    # As if it were the module's own: pickles name functions by module and name, and find this one
    # there.
    wrapper.__module__, wrapper.__name__, wrapper.__qualname__ = module.__name__, name, name
    wrapper.__doc__, wrapper.__wrapped__ = before.__doc__, before
    setattr(module, name, wrapper)


def scan(state, frame):
    """Looks through the variables of the program's functions that are running, and of their
    modules.
    """
    spaces = {}
    while frame is not None:
        if own(frame.f_code.co_filename):
            if frame.f_code.co_flags & _OPTIMIZED:
                local = frame.f_locals
                _look(state, f"{frame.f_code.co_filename} in {frame.f_code.co_name}", local)
                if type(local) is dict:
                    # the copy lives as long as the frame, and would keep alive what the program
                    # lets go
                    local.clear()
            spaces[id(frame.f_globals)] = (frame.f_code.co_filename, frame.f_globals)
        frame = frame.f_back
    for file, space in spaces.values():
        _look(state, file, space)


def _look(state, where, space):
    for name, value in list(space.items()):
        for path, generator in _generators(name, value):
            seed = _seed_of(generator)
            if seed is not None:
                _keep(state, f"generator {path}", where, seed)


def _generators(name, value):
    """The generator that a value is or, if it is a loader of data, has."""
    kind = type(value)
    yield name, value
    if kind.__name__ == "DataLoader" and kind.__module__.startswith("torch."):
        for path in ("generator", "sampler.generator"):
            part = value
            for step in path.split("."):
                part = getattr(part, step, None)
            yield f"{name}.{path}", part


def _seed_of(value):
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy.random")
    if torch is not None and type(value) is torch.Generator:
        return value.initial_seed()
    if numpy is not None and type(value) is numpy.Generator:
        return getattr(value.bit_generator.seed_seq, "entropy", None)
    return None


def _keep(state, what, place, value):
    text = _text(state, value)
    found = {"what": what, "place": place, "value": text}
    if (
        text is not None
        and found not in state.marker["seeds"]
        and len(state.marker["seeds"]) < _MOST
    ):
        state.marker["seeds"].append(found)
        state.write()


def _text(state, value):
    """A seed as text; nothing for objects whose text would be their address, or their own code."""
    if hasattr(type(value), "__index__"):
        return str(value.__index__())
    if isinstance(value, (str, bytes, bytearray, float)):
        return state.text(repr(value))[:80]
    if isinstance(value, (list, tuple)) and all(hasattr(type(one), "__index__") for one in value):
        return state.text(str([one.__index__() for one in value]))[:80]
    return None
