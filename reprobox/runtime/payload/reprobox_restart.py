"""What a restart has to restore, noted before each optimizer step; and a preemption after step K.

REPROBOX_RESTART=1 writes `$REPROBOX_OUT/restart.jsonl` (of ranks and workers
`restart-<name>.jsonl`), format reprobox.restart/1, each state as it is just before the step:

    {"format", "process"}          first line
    {"o", "s",                     optimizer and its step
     "names", "p", "g",            parameters: names, fingerprints, and those of their gradients
     "b": {name: print},           buffers of the modules that own the parameters
     "m": {name: print},           state of the optimizer, such as exp_avg
     "h": {name: value},           settings of its groups, such as the learning rate
     "c": {name: value},           counters of the learning rate schedulers
     "k": {name: value},           gradient scalers
     "r": {name: print},           random generators
     "e": {name: print} or null,   the same at the end of the step before
     "i": [{name: print}],         the same whenever a DataLoader has begun since then
     "d": print or null, "f": n}   the last batch that a DataLoader has given; how many there were

REPROBOX_PREEMPT_AT=K sends TERM after K steps (all optimizers of the process together; a step that
`reprobox_trail.log` writes counts by its own number), as a scheduler does: to the first process of
the container, which passes it on. What is still there after REPROBOX_PREEMPT_GRACE seconds is
killed.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
import weakref

import reprobox_trail

_GRACE = 30.0
_ARRIVAL = 1.0
"""Seconds that the step waits for the signal to come back."""
_BEGUN = 4
"""Beginnings of a DataLoader that are kept."""
_preemption = None


def install(torch, state):
    """Hooks every optimizer of this process; called by _reprobox_hooks when torch is ready."""
    from torch.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    if os.environ.get("REPROBOX_RESTART"):
        states = States(torch, state)
        states.watch()
        register_optimizer_step_pre_hook(states.before_step)
        register_optimizer_step_post_hook(states.after_step)
    if os.environ.get("REPROBOX_PREEMPT_AT"):
        register_optimizer_step_post_hook(preemption(state).after_step)


# ---- states


class States:
    """Writes what there is before each step. A fault ends that, and is noted in the marker."""

    def __init__(self, torch, state):
        self._torch, self._state = torch, state
        self._hasher = reprobox_trail.Hasher(torch)
        self._file, self._pid, self._alive = None, 0, True
        self._steps, self._names = weakref.WeakKeyDictionary(), weakref.WeakKeyDictionary()
        self._owners = weakref.WeakKeyDictionary()
        self._schedulers, self._scalers = weakref.WeakSet(), weakref.WeakSet()
        self._loader, self._batch, self._fetched = None, None, 0
        self._begun, self._ended = [], None

    def watch(self):
        """Learns of schedulers, scalers and loaders when they are made and used."""
        from torch.amp import grad_scaler
        from torch.optim import lr_scheduler
        from torch.utils.data import dataloader

        kind = getattr(lr_scheduler, "LRScheduler", None) or lr_scheduler._LRScheduler
        for owner, known in ((kind, self._schedulers), (grad_scaler.GradScaler, self._scalers)):
            self._after(owner, "__init__", lambda one, _made, known=known: known.add(one))
        self._before(dataloader.DataLoader, "__iter__", self._begins)
        self._after(dataloader._BaseDataLoaderIter, "__next__", self._fetches)

    def _after(self, owner, name, act):
        before = getattr(owner, name)

        def wrapped(one, *args, **kwargs):
            made = before(one, *args, **kwargs)
            self._guarded(act, one, made)
            return made

        setattr(owner, name, _like(wrapped, before))

    def _before(self, owner, name, act):
        before = getattr(owner, name)

        def wrapped(one, *args, **kwargs):
            self._guarded(act, one)
            return before(one, *args, **kwargs)

        setattr(owner, name, _like(wrapped, before))

    def _guarded(self, act, *what):
        if not self._alive:
            return
        try:
            act(*what)
        except Exception as error:
            self._alive = False
            self._state.fault("restart", error)
            self._state.write()

    def _begins(self, loader):
        self._loader = weakref.ref(loader)
        self._begun = [*self._begun[1 - _BEGUN :], self._generators()]

    def _fetches(self, _iterator, batch):
        self._batch, self._fetched = self._print(batch), self._fetched + 1

    def before_step(self, optimizer, *_args, **_kwargs):
        """The hook; it changes nothing."""
        self._guarded(self._note, optimizer)

    def after_step(self, *_args, **_kwargs):
        """Keeps the generators' states for the next line."""
        self._guarded(self._end)

    def _end(self):
        self._ended = self._generators()

    def _note(self, optimizer):
        first = optimizer not in self._steps
        if first:
            self._steps[optimizer] = [len(self._steps), 0]
        place = self._steps[optimizer]
        place[1] += 1
        tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
        line = {
            "o": place[0],
            "s": place[1],
            "names": self._named(optimizer, tensors),
            "p": self._hasher.many(tensors),
            "g": self._hasher.many([tensor.grad for tensor in tensors]),
            "b": self._buffers(optimizer),
            "m": self._held(optimizer, tensors),
            "h": _settings(optimizer),
            "c": _numbered(self._schedulers, _counters),
            "k": _numbered(self._scalers, _scale),
            "r": self._generators(),
            "e": self._ended,
            "i": self._begun,
            "d": self._batch,
            "f": self._fetched,
        }
        self._begun = []
        self._write(line)

    def _named(self, optimizer, tensors):
        """Names as modules have them, looked for once."""
        if optimizer not in self._names:
            found, owners = _outermost(self._torch)
            self._names[optimizer] = [
                found.get(id(tensor), str(place)) for place, tensor in enumerate(tensors)
            ]
            mine = {id(owner): owner for owner in map(owners.get, map(id, tensors)) if owner}
            self._owners[optimizer] = [weakref.ref(owner) for owner in mine.values()]
        return self._names[optimizer]

    def _buffers(self, optimizer):
        owners = [owner() for owner in self._owners[optimizer]]
        held = {
            name: tensor
            for owner in owners
            if owner is not None
            for name, tensor in owner.named_buffers()
        }
        prints = self._hasher.many(list(held.values()))
        return dict(zip(held, prints))  # noqa: B905 - strict is of Python 3.10

    def _held(self, optimizer, tensors):
        """One fingerprint for each kind of state, over all parameters."""
        kinds = {}
        for tensor in tensors:
            for name, value in optimizer.state.get(tensor, {}).items():
                kinds.setdefault(str(name), []).append(value)
        return {name: self._print(values) for name, values in sorted(kinds.items())}

    def _print(self, value):
        """A fingerprint of tensors, arrays and plain values in whatever holds them."""
        whole = hashlib.blake2b(digest_size=8)
        for text in self._texts(value):
            whole.update(text.encode() + b"\0")
        return whole.hexdigest()

    def _texts(self, value):
        if isinstance(value, self._torch.Tensor):
            yield from self._hasher.many([value])
            yield str(tuple(value.shape))
        elif isinstance(value, dict) or hasattr(value, "keys"):
            for key in value.keys():  # noqa: SIM118 - not every mapping of a library iterates keys
                yield str(key)
                yield from self._texts(value[key])
        elif isinstance(value, (list, tuple)):
            for item in value:
                yield from self._texts(item)
        elif hasattr(value, "tobytes"):
            yield hashlib.blake2b(value.tobytes(), digest_size=8).hexdigest()
        elif isinstance(value, (str, bytes, int, float, bool, type(None))):
            yield repr(value)
        else:
            yield type(value).__name__

    def _generators(self):
        found = dict(_shared(self._torch))
        loader = self._loader() if self._loader is not None else None
        for owner in (loader, getattr(loader, "sampler", None)):
            generator = getattr(owner, "generator", None)
            if generator is not None:
                found["the loader's own"] = bytes(generator.get_state().tolist())
        return {
            name: hashlib.blake2b(data, digest_size=8).hexdigest() for name, data in found.items()
        }

    def _write(self, line):
        if self._file is None or self._pid != os.getpid():
            self._pid = os.getpid()
            out, name = os.environ["REPROBOX_OUT"], reprobox_trail.process_name(self._state)
            self._file, used = reprobox_trail.create(out, name, "restart")
            self._append({"format": "reprobox.restart/1", "process": used})
        self._append(line)

    def _append(self, line):
        os.write(self._file, (json.dumps(line) + "\n").encode())


def _like(wrapped, before):
    import functools

    return functools.wraps(before)(wrapped)


def _outermost(torch):
    """Of every parameter: its longest name, and the module that has it by that name."""
    import gc

    found, owners = {}, {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.nn.Module):
            for name, tensor in thing.named_parameters():
                if len(name) > len(found.get(id(tensor), "")):
                    found[id(tensor)], owners[id(tensor)] = name, thing
    return found, owners


def _shared(torch):
    yield "torch", bytes(torch.get_rng_state().numpy())
    yield from reprobox_trail.generators(torch)


def _settings(optimizer):
    """The numbers of an optimizer's groups: learning rate, momentum, and so on."""
    found = {}
    for number, group in enumerate(optimizer.param_groups):
        for name, value in group.items():
            if name not in ("params", "param_names", "initial_lr"):
                found[f"group{number}.{name}"] = _plain(value)
    return found


def _plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, tuple):
        value = list(value)  # load_state_dict may give back one for the other
    return value if isinstance(value, (bool, int, str, type(None))) else repr(value)


def _numbered(things, facts):
    """Facts of some objects, by their classes; several of one class in the order of facts."""
    made = sorted((type(thing).__name__, facts(thing)) for thing in things)
    found = {}
    for place, (name, values) in enumerate(made):
        called = f"{name}{place + 1 if len(made) > 1 else ''}"
        found.update((f"{called}.{key}", value) for key, value in values)
    return found


def _counters(scheduler):
    return [("last_epoch", int(scheduler.last_epoch))]


def _scale(scaler):
    if not scaler.is_enabled():
        return []
    held = scaler.state_dict()
    return sorted((name.strip("_"), _plain(value)) for name, value in held.items())


# ---- preemption


def preemption(state):
    """The one of this process."""
    global _preemption
    if _preemption is None:
        _preemption = Preemption(int(os.environ["REPROBOX_PREEMPT_AT"]), state)
    return _preemption


class Preemption:
    """Sends TERM once."""

    def __init__(self, limit, state):
        self._limit, self._state, self._steps, self._sent = limit, state, 0, False

    def after_step(self, *_args, **_kwargs):
        """Counts."""
        self._steps += 1
        self.at(self._steps)

    def at(self, step):
        """A step is done."""
        if self._sent or step < self._limit:
            return
        self._sent = True
        marker = getattr(self._state, "marker", None)
        if marker is not None:
            marker["preempted"] = step
            self._state.write()
        threading.Thread(target=_kill_later, daemon=True).start()
        sys.stdout.flush()
        os.kill(1 if _contained() else os.getpid(), signal.SIGTERM)
        time.sleep(_ARRIVAL)


def _contained():
    """Whether the first process is the shim, which passes signals on."""
    try:
        with open("/proc/1/cmdline", "rb") as file:
            return b"/shim.py" in file.read()
    except OSError:
        return False


def _kill_later():
    time.sleep(float(os.environ.get("REPROBOX_PREEMPT_GRACE") or _GRACE))
    if _contained():
        os.kill(-1, signal.SIGKILL)  # all but the first process and this one
    os.kill(os.getpid(), signal.SIGKILL)
