"""The trail: a fingerprint of every parameter each k optimizer steps, written as JSON lines, hooked
without touching the script.

`$REPROBOX_OUT/trail.jsonl` is the main process's; ranks and workers have `trail-<name>.jsonl`. The
lines, format reprobox.trail/1:

    {"format", "process", "every", "rank"}     first line; every 0 means that k is being measured;
                                               rank in a distributed training
    {"o", "class", "names", "shapes"}          one per optimizer, when it first steps
    {"o", "every", "after", "cost", "step"}    k as measured after so many steps, from two medians
                                               in seconds
    {"o", "s", "p", "g", "rng"}                step s: fingerprints of parameters (and gradients),
                                               in the order of names
    {"o", "s", ..., "b", "l", "r", "c", "d"}   on request: buffers, what backward() began with (the
                                               loss), generators by name, what ranks exchanged (see
                                               reprobox_collectives.py)
    {"o", "buffers"}                           names of the buffers, before the step that first has
                                               them
    {"o", "s", "sha256"}                       at steps 1, 2, 4, 8, ...: a cryptographic digest over
                                               all parameters

The fingerprint of a tensor over 64 KiB is mix64 (below), which is exact integer arithmetic: the
order of summation cannot matter, so it is the same on any CPU or GPU; smaller ones on the CPU take
64 bits of BLAKE2b. Other frameworks: `import reprobox_trail; reprobox_trail.log(step, {"name":
array})`, which does nothing outside a run.
"""

import hashlib
import json
import math
import os
import sys
import time
import weakref

import _reprobox_seeds

_WORDS = 65536
_SMALL = 65536
_MASK = 2**64 - 1
_FOLD = 29
_MEASURED = 8
_SHARE = 0.015
_ROOT, _ROOTS = 1024, 64
_trail = None


def _key(number):
    """splitmix64, made odd: the weight of a position. A power of two never cancels an odd weight
    modulo 2**64.
    """
    z = (number * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) | 1


class Mixer:
    """mix64: words of 64 bits, upper bits folded onto lower ones, times a weight by position,
    summed modulo 2**64.

    Without the folding, flipped sign bits would cancel in pairs; by 29 bits and not by 32, because
    the two signs of a pair of float32 would meet. Not cryptographic: it finds accidents, the sha256
    lines bind.
    """

    def __init__(self, torch):
        self._torch = torch
        self._weights = {}
        self._buffers = {}

    def _tables(self, device):
        if device not in self._weights:
            signed = [key - 2**64 if key >= 2**63 else key for key in map(_key, range(_WORDS))]
            self._weights[device] = self._torch.tensor(signed, dtype=self._torch.int64).to(device)
            rows = 1 if device.type == "cpu" else 32
            self._buffers[device] = self._torch.zeros(
                (rows, _WORDS), dtype=self._torch.int64, device=device
            )
        return self._weights[device], self._buffers[device]

    def sums(self, words):
        """Partial sums of a flat int64 tensor on its own device, one a chunk of 65536 words."""
        torch = self._torch
        weights, buffer = self._tables(words.device)
        rows = buffer.shape[0]
        found = []
        full = len(words) // _WORDS
        for start in range(0, full, rows):
            block = words[start * _WORDS : min(start + rows, full) * _WORDS].view(-1, _WORDS)
            found.append(self._mix(block, weights, buffer[: len(block)]))
        if full * _WORDS < len(words):
            rest = words[full * _WORDS :]
            found.append(self._mix(rest[None], weights[: len(rest)], buffer[:1, : len(rest)]))
        return torch.cat(found)

    def _mix(self, block, weights, buffer):
        torch = self._torch
        torch.bitwise_right_shift(block, _FOLD, out=buffer)
        buffer.bitwise_and_(2 ** (64 - _FOLD) - 1).bitwise_xor_(block).mul_(weights)
        return buffer.sum(1)


def fold(sums):
    """The fingerprint from the partial sums: 16 hex digits."""
    return format(
        sum(_key(_WORDS + number) * value for number, value in enumerate(sums)) & _MASK, "016x"
    )


def _bytes(torch, tensor):
    """The tensor's own bytes in logical order, as a flat uint8 tensor on its device."""
    tensor = tensor.detach()
    if hasattr(tensor, "to_local"):
        tensor = tensor.to_local()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg() if tensor.is_complex() else tensor
    return tensor.contiguous().view(-1).view(torch.uint8)


def _direct(torch, tensor):
    """Whether the tensor's memory is its bytes: plain, on the CPU, in order. The usual case, and
    worth a short way.
    """
    plain = type(tensor) is torch.Tensor or type(tensor) is torch.nn.Parameter
    if not plain or tensor.layout is not torch.strided or tensor.device.type != "cpu":
        return False
    return tensor.is_contiguous() and not tensor.is_neg() and not tensor.is_conj()


def view(torch, tensor):
    """The bytes of a tensor for hashlib, without a copy where it is on the CPU; the tensor must
    outlive the view.
    """
    import ctypes

    flat = tensor if _direct(torch, tensor) else _bytes(torch, tensor).cpu()
    count = flat.nbytes
    return flat, (ctypes.c_char * count).from_address(flat.data_ptr()) if count else b""


class Hasher:
    """Fingerprints of many tensors with one transfer a device."""

    def __init__(self, torch):
        self._torch = torch
        self._mixer = Mixer(torch)

    def many(self, tensors):
        """One fingerprint a tensor; None stays None (a gradient that is not there)."""
        found, waiting = [None] * len(tensors), []
        for place, tensor in enumerate(tensors):
            if tensor is None:
                continue
            if tensor.device.type == "cpu" and tensor.nbytes <= _SMALL:
                kept, data = view(self._torch, tensor)
                found[place] = hashlib.blake2b(data, digest_size=8).hexdigest()
                del kept
            else:
                waiting.append((place, self._mixer.sums(self._words(_bytes(self._torch, tensor)))))
        self._settle(found, waiting)
        return found

    def _words(self, flat):
        torch = self._torch
        odd = flat.numel() % 8
        if odd:
            flat = torch.cat([flat, torch.zeros(8 - odd, dtype=torch.uint8, device=flat.device)])
        elif flat.storage_offset() % 8:
            flat = flat.clone()
        return flat.view(torch.int64)

    def _settle(self, found, waiting):
        for device in {sums.device for _, sums in waiting}:
            mine = [(place, sums) for place, sums in waiting if sums.device == device]
            numbers = self._torch.cat([sums for _, sums in mine]).tolist()
            for place, sums in mine:
                found[place] = fold(numbers[: len(sums)])
                numbers = numbers[len(sums) :]


class _Optimizer:
    """What is known of one optimizer."""

    def __init__(self, ordinal, every):
        self.ordinal, self.every, self.step = ordinal, every, 0
        self.names = None
        self.owners, self.buffers = [], None
        self.ended = None
        self.steps, self.costs = [], []


class Trail:
    """Writes the trail of this process."""

    def __init__(self, torch, every, gradients, out, state, also=()):
        self._torch, self._every, self._gradients, self._out, self._state = (
            torch,
            every,
            gradients,
            out,
            state,
        )
        self._also, self._roots = also, []
        self._collectives = None
        self._hasher = Hasher(torch) if torch is not None else None
        self._known = weakref.WeakKeyDictionary()
        self._fd, self._pid, self._alive = None, 0, True

    def after_step(self, optimizer, *_args, **_kwargs):
        """The hook: never raises; a fault ends the trail and is written in the marker."""
        if not self._alive:
            return
        try:
            self._after(optimizer)
        except Exception as error:
            self._alive = False
            self._state.fault("trail", error)
            self._state.write()

    def _after(self, optimizer):
        known = self._known.get(optimizer)
        if known is None:
            known = self._known[optimizer] = _Optimizer(len(self._known), self._every)
            _reprobox_seeds.scan(self._state, sys._getframe(2))
        known.step += 1
        measuring = len(known.costs) < _MEASURED
        roots, self._roots = self._roots, []
        exchanged = self._collectives.taken() if self._collectives is not None else {}
        if not (
            measuring if known.every == 0 else known.step == 1 or known.step % known.every == 0
        ):
            return
        tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
        if known.names is None or len(known.names) != len(tensors):
            self._introduce(optimizer, known, tensors)
        if measuring and any(tensor.is_cuda for tensor in tensors):
            self._torch.cuda.synchronize()  # so that the step's own work is not counted as ours
        self._log(known, tensors, roots, measuring, exchanged)

    def _log(self, known, tensors, roots, measuring, exchanged):
        began = time.perf_counter()
        line = {"o": known.ordinal, "s": known.step, "p": self._hasher.many(tensors)}
        if self._gradients:
            line["g"] = self._hasher.many([tensor.grad for tensor in tensors])
        line["rng"] = self._rng()
        if self._also:
            line.update(self._asked(known, roots))
        line.update(exchanged)
        self.write(line)
        cost = time.perf_counter() - began
        if known.step & (known.step - 1) == 0:
            self.write({"o": known.ordinal, "s": known.step, "sha256": self._sha256(tensors)})
        if measuring:
            self._measure(known, began, cost)

    def _measure(self, known, began, cost):
        """After some steps: k such that hashing takes at most 1.5 % of the time; medians, because
        the first steps warm up.
        """
        if known.ended is not None and known.every == 0:
            known.steps.append(began - known.ended)
        known.costs.append(cost)
        known.ended = time.perf_counter()
        if known.every == 0 and len(known.costs) == _MEASURED:
            step, price = (
                round(sorted(times)[len(times) // 2], 7) for times in (known.steps, known.costs)
            )
            known.every = max(1, math.ceil(price / max(step, 1e-7) / _SHARE))
            self.write(
                {
                    "o": known.ordinal,
                    "every": known.every,
                    "after": known.step,
                    "cost": price,
                    "step": step,
                }
            )

    def _rng(self):
        """The state of torch's CPU generator: other draws show here before they show in the
        parameters.
        """
        kept, data = view(self._torch, self._torch.get_rng_state())
        found = hashlib.blake2b(data, digest_size=8).hexdigest()
        del kept
        return found

    def _asked(self, known, roots):
        """What was asked for beyond parameters and gradients."""
        found = {}
        if "buffers" in self._also:
            held = self._held(known)
            if list(held) != known.buffers:
                known.buffers = list(held)
                self.write({"o": known.ordinal, "buffers": known.buffers})
            found["b"] = self._hasher.many(list(held.values()))
        if "loss" in self._also:
            found["l"] = self._hasher.many(roots)
        if "generators" in self._also:
            found["r"] = {
                name: hashlib.blake2b(data, digest_size=8).hexdigest()
                for name, data in generators(self._torch)
            }
        return found

    def _held(self, known):
        """The buffers of the outermost modules that own the optimizer's parameters, by name."""
        modules = [module for module in (owner() for owner in known.owners) if module is not None]
        prefixes = ["" if len(modules) == 1 else f"module{place}." for place in range(len(modules))]
        pairs = zip(prefixes, modules)  # noqa: B905 - strict is of Python 3.10
        return {
            prefix + name: tensor
            for prefix, module in pairs
            for name, tensor in module.named_buffers()
        }

    def before_backward(self, tensors):
        """Keeps what backward() begins with, until the next step of an optimizer; never raises."""
        try:
            given = [tensors] if isinstance(tensors, self._torch.Tensor) else list(tensors)
            kept = [tensor.detach().clone() for tensor in given if tensor.numel() <= _ROOT]
            self._roots = (self._roots + kept)[-_ROOTS:]
        except Exception as error:
            self._also = tuple(name for name in self._also if name != "loss")
            self._state.fault("trail, loss", error)
            self._state.write()

    def _sha256(self, tensors):
        whole = hashlib.sha256()
        for tensor in tensors:
            kept, data = view(self._torch, tensor)
            whole.update(data)
            del kept
        return whole.hexdigest()

    def _introduce(self, optimizer, known, tensors):
        known.names = self._names(optimizer, known, tensors)
        shapes = [list(tensor.shape) for tensor in tensors]
        self.write(
            {
                "o": known.ordinal,
                "class": type(optimizer).__name__,
                "names": known.names,
                "shapes": shapes,
            }
        )

    def _names(self, optimizer, known, tensors):
        """Names as the optimizer has them, else as the outermost module has them, else group and
        index.
        """
        plain = [
            f"group{g}.{i}"
            for g, group in enumerate(optimizer.param_groups)
            for i in range(len(group["params"]))
        ]
        given = [name for group in optimizer.param_groups for name in group.get("param_names", ())]
        if len(given) == len(tensors) and "buffers" not in self._also:
            return given
        found, owners = self._outermost()
        mine = {
            id(owners[id(tensor)]): owners[id(tensor)] for tensor in tensors if id(tensor) in owners
        }
        known.owners = [weakref.ref(module) for module in mine.values()]
        if len(given) == len(tensors):
            return given
        return [found.get(id(tensor), other) for tensor, other in zip(tensors, plain)]  # noqa: B905 - strict is of Python 3.10

    def _outermost(self):
        """Of every parameter: its longest name, and the module that has it by that name."""
        import gc

        kind, found, owners = self._torch.nn.Module, {}, {}
        for thing in gc.get_objects():
            # type(), not isinstance: asking a lazy object for its class could run the user's code.
            if issubclass(type(thing), kind):
                for name, tensor in thing.named_parameters():
                    if len(name) > len(found.get(id(tensor), "")):
                        found[id(tensor)], owners[id(tensor)] = name, thing
        return found, owners

    def write(self, line):
        """Appends one line; a forked child gets a file of its own."""
        if self._fd is None or self._pid != os.getpid():
            self._open()
        os.write(self._fd, (json.dumps(line) + "\n").encode())

    def watch_collectives(self):
        """Notes what the ranks exchange, from now on."""
        import reprobox_collectives

        def fault(where, error):
            self._state.fault(where, error)
            self._state.write()

        self._collectives = reprobox_collectives.Collectives(self._torch, self._hasher, fault)
        self._collectives.install()

    def _open(self):
        self._pid = os.getpid()
        self._fd, used = create(self._out, process_name(self._state, self._torch), "trail")
        header = {"format": "reprobox.trail/1", "process": used, "every": self._every}
        rank = rank_of(self._torch)
        if rank is not None:
            header["rank"] = rank
        os.write(self._fd, (json.dumps(header) + "\n").encode())


def generators(torch):
    """The states of the generators that programs share, of those that are there: random, NumPy's
    global one, CUDA's.
    """
    if "random" in sys.modules:
        yield "random", repr(sys.modules["random"].getstate()).encode()
    if "numpy.random" in sys.modules:
        state = sys.modules["numpy.random"].get_state(legacy=False)
        inner = state["state"]
        words = inner["key"].tobytes() if "key" in inner else b""
        yield (
            "numpy",
            words
            + repr(
                [state[key] for key in sorted(state) if key != "state"] + [inner.get("pos")]
            ).encode(),
        )
    if torch.cuda.is_initialized():
        for number, state in enumerate(torch.cuda.get_rng_state_all()):
            yield f"cuda:{number}", bytes(state.tolist())


def process_name(state, torch=None):
    """What the files of this process are named for; empty for the main process. Ranks that were
    forked have no other name of their own.
    """
    rank = rank_of(torch)
    return state.role or (f"rank{rank}" if rank is not None else "")


def rank_of(torch):
    """The rank of this process in a distributed training: the launcher's variable, else what the
    program gave to init_process_group; None where there is none.
    """
    rank = os.environ.get("RANK", "")
    if rank.isdigit():
        return int(rank)
    if torch is not None:
        dist = torch.distributed
        if dist.is_available() and dist.is_initialized():
            return dist.get_rank()
    return None


def create(out, name, kind):
    """A new file of a process, open for appending, and the name that it got."""
    for count in range(1, 10000):
        used = "-".join(
            part for part in (name.replace("/", "_"), str(count) if count > 1 else "") if part
        )
        path = os.path.join(out, f"{kind}-{used}.jsonl" if used else f"{kind}.jsonl")
        try:
            return os.open(
                path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644
            ), used or "main"
        except FileExistsError:
            continue
    raise OSError(f"too many files of kind {kind}")


class _NoState:
    role = ""

    def fault(self, where, error):
        """Nobody to tell."""

    def write(self):
        """Nothing to write."""


def _get(torch, state):
    global _trail
    if _trail is None:
        every = int(os.environ.get("REPROBOX_TRAIL") or 0)
        gradients = os.environ.get("REPROBOX_TRAIL_GRADIENTS") == "1"
        also = tuple(name for name in os.environ.get("REPROBOX_TRAIL_ALSO", "").split(",") if name)
        _trail = Trail(torch, every, gradients, os.environ["REPROBOX_OUT"], state, also)
    return _trail


def install(torch, state):
    """Hooks every optimizer of this process; called by sitecustomize when torch is ready."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    trail = _get(torch, state)
    register_optimizer_step_post_hook(trail.after_step)
    also = os.environ.get("REPROBOX_TRAIL_ALSO", "").split(",")
    if "loss" in also:
        _watch_backward(torch, trail)
    if "collectives" in also:
        trail.watch_collectives()


def _watch_backward(torch, trail):
    """Tensor.backward goes through this function too, so one place sees every loss."""
    import functools

    before = torch.autograd.backward

    @functools.wraps(before)
    def backward(tensors, *args, **kwargs):
        trail.before_backward(tensors)
        return before(tensors, *args, **kwargs)

    torch.autograd.backward = backward


def log(step, arrays):
    """For frameworks other than torch: fingerprints of named arrays (anything with the buffer
    protocol, C-contiguous) at a step.
    """
    if os.environ.get("REPROBOX_TRAIL") is None or not os.environ.get("REPROBOX_OUT"):
        return
    names = sorted(arrays)
    prints = [
        hashlib.blake2b(memoryview(arrays[name]).cast("B"), digest_size=8).hexdigest()
        for name in names
    ]
    _get(None, _NoState()).write({"o": "user", "s": int(step), "names": names, "p": prints})
    if os.environ.get("REPROBOX_PREEMPT_AT"):
        import reprobox_restart

        reprobox_restart.preemption(_NoState()).at(int(step))
