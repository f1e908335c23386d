"""What the ranks of a training exchange, for the trail: whose own part differs first, and where.

The trail's line of a step gets two keys more (`trail: {collectives: true}`):

    "c": [[name, input, result], ...]  the collectives of torch.distributed since the last step, in
                                       order, as fingerprints; result null where a call was
                                       asynchronous
    "d": [[parameter, gradient], ...]  DistributedDataParallel: gradients of this rank alone, before
                                       the ranks average them (its own collectives are in C++)

Not seen: collectives that compiled code or functional collectives call.
"""

import functools
import hashlib

_CALLS = {
    # name: (place and names of the input, place and names of the result)
    "all_gather": ((1, ("tensor",)), (0, ("tensor_list",))),
    "_all_gather_base": ((1, ("input_tensor",)), (0, ("output_tensor",))),
    "_reduce_scatter_base": ((1, ("input",)), (0, ("output",))),
    "all_gather_single": ((1, ("input_tensor", "input")), (0, ("output_tensor", "output"))),
    "all_gather_into_tensor": ((1, ("input_tensor",)), (0, ("output_tensor",))),
    "all_reduce": ((0, ("tensor",)), (0, ("tensor",))),
    "all_to_all": ((1, ("input_tensor_list",)), (0, ("output_tensor_list",))),
    "all_to_all_single": ((1, ("input",)), (0, ("output",))),
    "broadcast": ((0, ("tensor",)), (0, ("tensor",))),
    "gather": ((0, ("tensor",)), (1, ("gather_list",))),
    "reduce": ((0, ("tensor",)), (0, ("tensor",))),
    "reduce_scatter": ((1, ("input_list",)), (0, ("output",))),
    "reduce_scatter_single": ((1, ("input", "input_tensor")), (0, ("output", "output_tensor"))),
    "reduce_scatter_tensor": ((1, ("input",)), (0, ("output",))),
    "scatter": ((1, ("scatter_list",)), (0, ("tensor",))),
}


class Collectives:
    """Fingerprints of what this process gave to others and got from them since the last step."""

    def __init__(self, torch, hasher, fault):
        self._torch, self._hasher, self._fault = torch, hasher, fault
        self._calls, self._gradients = [], {}

    def install(self):
        """Wraps the functions of torch.distributed, and sees each DistributedDataParallel made."""
        dist = self._torch.distributed
        if not dist.is_available():
            return
        for name, (given, made) in _CALLS.items():
            if hasattr(dist, name):
                setattr(dist, name, self._watched(getattr(dist, name), name, given, made))
        kind = self._torch.nn.parallel.DistributedDataParallel
        before = kind.__init__

        @functools.wraps(before)
        def init(module, *args, **kwargs):
            before(module, *args, **kwargs)
            self._watch_gradients(module)

        kind.__init__ = init

    def taken(self):
        """What was exchanged since the last time that this was asked, as keys of a line."""
        calls, gradients = self._calls, self._gradients
        self._calls, self._gradients = [], {}
        found = {"c": calls} if calls else {}
        if gradients:
            found["d"] = sorted(gradients.items())
        return found

    def _watched(self, function, name, given, made):
        @functools.wraps(function)
        def call(*args, **kwargs):
            before = self._print(_argument(args, kwargs, given))
            found = function(*args, **kwargs)
            # What an asynchronous call gives is not there yet.
            after = self._print(_argument(args, kwargs, made)) if found is None else None
            if before is not None:
                self._calls.append([name, before, after])
            return found

        return call

    def _watch_gradients(self, module):
        try:
            for name, parameter in module.module.named_parameters():
                if parameter.requires_grad:
                    parameter.register_hook(functools.partial(self._gradient, name))
        except Exception as error:
            self._fault("trail, gradients of a rank", error)

    def _gradient(self, name, gradient):
        """A tensor's hook sees its gradient before DistributedDataParallel averages it. Gradients
        that are accumulated over several backward passes are chained.
        """
        found = self._print(gradient)
        if found is not None:
            before = self._gradients.get(name)
            self._gradients[name] = found if before is None else _chained([before, found])

    def _print(self, given):
        """The fingerprint of a tensor or of a list of tensors; None where there is none."""
        try:
            if given is None:
                return None
            tensors = [given] if isinstance(given, self._torch.Tensor) else list(given)
            found = self._hasher.many(tensors)
            return found[0] if len(found) == 1 else _chained(found)
        except Exception as error:
            self._fault("trail, collectives", error)
            return None


def _argument(args, kwargs, wanted):
    place, names = wanted
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[place] if place < len(args) else None


def _chained(prints):
    return hashlib.blake2b("".join(prints).encode(), digest_size=8).hexdigest()
