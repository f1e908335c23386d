"""The operation trace of a few steps: hashes of the inputs and outputs of each aten call, as JSON
lines.

REPROBOX_OPTRACE=from:to traces what runs after optimizer step `from` (0: from the import of torch
on) and until step `to` has ended, on any optimizer. `$REPROBOX_OUT/optrace.jsonl`, format
reprobox.optrace/1: a header, then {"n", "s", "op", "in", "out", "rng", "at"} a call, where `s`
counts optimizer steps that have ended, `rng` is the generator's state before a call that draws, and
`at` is the line of the program. Two traces tell apart "same inputs, another output" (a kernel) from
"other inputs" (data, Python, an earlier call).
"""

import hashlib
import json
import os
import sys

import reprobox_trail


class OpTrace:
    """Owns the file and the dispatch mode."""

    def __init__(self, torch, window, out, state):
        first, _, last = window.partition(":")
        self._torch, self._from, self._to = torch, int(first), int(last or int(first) + 1)
        self._state, self._steps, self._calls, self._mode = state, 0, 0, None
        rank = os.environ.get("RANK")
        used = state.role or (f"rank{rank}" if rank is not None else "")
        self._name = f"optrace-{used}.jsonl" if used else "optrace.jsonl"
        self._out, self._fd, self._pid = out, None, os.getpid()

    def start(self):
        """Begins to trace when the window does."""
        if self._mode is None and self._from <= self._steps < self._to and os.getpid() == self._pid:
            self._fd = self._fd or os.open(
                os.path.join(self._out, self._name), os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644
            )
            self._write({"format": "reprobox.optrace/1", "from": self._from, "to": self._to})
            self._mode = _mode_class(self._torch)(self)
            self._mode.__enter__()

    def after_step(self, *_args, **_kwargs):
        """The optimizer's hook."""
        try:
            self._steps += 1
            if self._mode is not None and self._steps >= self._to:
                self._mode.__exit__(None, None, None)
                self._mode = None
            self.start()
        except Exception as error:
            self._state.fault("optrace", error)
            self._state.write()

    def call(self, operation, args, kwargs):
        """One aten call: hash, compute, hash, write."""
        inputs = self._hashes((args, kwargs))
        name = str(operation)
        draws = self._torch.Tag.nondeterministic_seeded in operation.tags
        rng = _hash(self._torch, self._torch.get_rng_state()) if draws else None
        result = operation(*args, **kwargs)
        # An operation in place shows its work in its arguments.
        outputs = self._hashes((result, args, kwargs) if operation._schema.is_mutable else result)
        if ".empty" in name or ".new_empty" in name:
            outputs = ["uninitialised"]
        line = {
            "n": self._calls,
            "s": self._steps,
            "op": name,
            "in": inputs,
            "out": outputs,
            "at": _place(),
        }
        self._write(line if rng is None else dict(line, rng=rng))
        self._calls += 1
        return result

    def _hashes(self, value):
        leaves = self._torch.utils._pytree.tree_leaves(value)
        return [_leaf(self._torch, leaf) for leaf in leaves]

    def _write(self, line):
        os.write(self._fd, (json.dumps(line) + "\n").encode())


def _leaf(torch, leaf):
    if isinstance(leaf, torch.Tensor):
        return f"{str(leaf.dtype)[6:]}{list(leaf.shape)}:{_hash(torch, leaf)}"
    return (
        repr(leaf) if isinstance(leaf, (bool, int, float, str, type(None))) else type(leaf).__name__
    )


def _hash(torch, tensor):
    if tensor.device.type == "meta":
        return "meta"
    kept, data = reprobox_trail.view(torch, tensor)
    found = hashlib.blake2b(data, digest_size=8).hexdigest()
    del kept
    return found


def _place():
    """The innermost line that is neither torch's nor ours."""
    frame = sys._getframe(1)
    here, library = os.path.dirname(os.path.abspath(__file__)), os.path.dirname(os.__file__)
    while frame is not None:
        name = frame.f_code.co_filename
        if (
            not name.startswith((here, library, "<frozen"))
            and "site-packages" not in name
            and "dist-packages" not in name
        ):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _mode_class(torch):
    from torch.utils._python_dispatch import TorchDispatchMode

    class Mode(TorchDispatchMode):
        """Hands each call to the trace; the mode is off inside."""

        def __init__(self, trace):
            super().__init__()
            self._trace = trace

        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            if str(operation).startswith("profiler."):
                return operation(
                    *args, **(kwargs or {})
                )  # marks of torch's own profiler, not computation
            return self._trace.call(operation, args, kwargs or {})

    return Mode


def install(torch, state):
    """Called by sitecustomize when torch is ready."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    trace = OpTrace(torch, os.environ["REPROBOX_OPTRACE"], os.environ["REPROBOX_OUT"], state)
    register_optimizer_step_post_hook(trace.after_step)
    trace.start()
