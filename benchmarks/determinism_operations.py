"""torch's own list of nondeterministic operations, and a small program for each entry; run by
determinism.py and by the tests.

    python determinism_operations.py list            both lists as
    torch.use_deterministic_algorithms.__doc__ has them, as JSON python determinism_operations.py
    run cpu|cuda    runs every entry; a digest of its result, or what refused it, as JSON

It switches nothing on: that is the profile's part. Inputs are large enough that torch splits them
over threads, and indices repeat, because that is where the order of writes would show.
"""

import hashlib
import json
import re
import sys

HEADER = """
import sys
import torch
from torch import nn
from torch.nn import functional as F

device = sys.argv[-1] if sys.argv[-1] in ("cpu", "cuda") else "cpu"

def t(*shape):
    count = torch.Size(shape).numel()
    values = (torch.arange(count, dtype=torch.float64) * 7919 % 10007).sin().float()
    return values.reshape(shape).to(device).requires_grad_()

def index(count, below):
    return (torch.arange(count) * 7919 % 10007 % below).to(device)

def grad(result, *inputs):
    return torch.autograd.grad(result, inputs, torch.arange(result.numel()).cos().reshape(result.shape).to(result))
"""
"""What every program begins with; the device is its last argument."""

# As torch words each entry: a program that ends with `result`.
ACTS = {
    "torch.nn.Conv1d when called on CUDA tensor": "x, w = t(16, 16, 512), t(32, 16, 3)\nresult = "
    "grad(F.conv1d(x, w), x, w)",
    "torch.nn.Conv2d when called on CUDA tensor": "x, w = t(8, 8, 32, 32), t(16, 8, 3, 3)\nresult "
    "= grad(F.conv2d(x, w), x, w)",
    "torch.nn.Conv3d when called on CUDA tensor": (
        "x, w = t(4, 4, 12, 12, 12), t(8, 4, 3, 3, 3)\nresult = grad(F.conv3d(x, w), x, w)"
    ),
    "torch.nn.ConvTranspose1d when called on CUDA tensor": (
        "x, w = t(16, 16, 256), t(16, 8, 4)\nresult = grad(F.conv_transpose1d(x, w, stride=2), x, "
        "w)"
    ),
    "torch.nn.ConvTranspose2d when called on CUDA tensor": (
        "x, w = t(8, 8, 16, 16), t(8, 8, 4, 4)\nresult = grad(F.conv_transpose2d(x, w, stride=2), "
        "x, w)"
    ),
    "torch.nn.ConvTranspose3d when called on CUDA tensor": (
        "x, w = t(4, 4, 6, 6, 6), t(4, 4, 4, 4, 4)\nresult = grad(F.conv_transpose3d(x, w, "
        "stride=2), x, w)"
    ),
    "torch.nn.ReplicationPad1d when attempting to differentiate a CUDA tensor": (
        "x = t(16, 16, 512)\nresult = grad(nn.ReplicationPad1d(9)(x), x)"
    ),
    "torch.nn.ReplicationPad2d when attempting to differentiate a CUDA tensor": (
        "x = t(8, 8, 40, 40)\nresult = grad(nn.ReplicationPad2d(9)(x), x)"
    ),
    "torch.nn.ReplicationPad3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(nn.ReplicationPad3d(5)(x), x)"
    ),
    "torch.bmm when called on sparse-dense CUDA tensors": (
        "x = t(4, 64, 64).detach() * (index(4 * 64 * 64, 3).reshape(4, 64, 64) == 0)\n"
        "result = torch.bmm(x.to_sparse(), t(4, 64, 512))"
    ),
    "torch.Tensor.__getitem__ when attempting to differentiate a CPU tensor and the index is a "
    "list of tensors": ("x = t(64, 64)\nresult = grad(x[index(90000, 64), index(90000, 61)], x)"),
    "torch.Tensor.index_put with accumulate=False": "result = t(1000).index_put((index(90000, "
    "1000),), t(90000))",
    "torch.Tensor.index_put with accumulate=True when called on a CPU tensor": (
        "result = t(1000).index_put((index(90000, 1000),), t(90000), accumulate=True)"
    ),
    "torch.Tensor.put_ with accumulate=True when called on a CPU tensor": (
        "result = t(1000).detach().put_(index(90000, 1000), t(90000).detach(), accumulate=True)"
    ),
    "torch.Tensor.scatter_add_ when called on a CUDA tensor": (
        "result = t(1000).detach().scatter_add_(0, index(90000, 1000), t(90000).detach())"
    ),
    "torch.gather when called on a CUDA tensor that requires grad": (
        "x = t(1000)\nresult = grad(torch.gather(x, 0, index(90000, 1000)), x)"
    ),
    "torch.index_add when called on CUDA tensor": "result = torch.index_add(t(100, 8), 0, "
    "index(9000, 100), t(9000, 8))",
    "torch.index_select when attempting to differentiate a CUDA tensor": (
        "x = t(100, 8)\nresult = grad(torch.index_select(x, 0, index(9000, 100)), x)"
    ),
    "torch.repeat_interleave when attempting to differentiate a CUDA tensor": (
        "x = t(1000)\nresult = grad(torch.repeat_interleave(x, 90), x)"
    ),
    "torch.Tensor.index_copy when called on a CPU or CUDA tensor": (
        "result = t(100, 8).detach().index_copy(0, index(9000, 100), t(9000, 8).detach())"
    ),
    "torch.Tensor.scatter when `src` type is Tensor and called on CUDA tensor": (
        "result = t(1000).detach().scatter(0, index(90000, 1000), t(90000).detach())"
    ),
    "torch.Tensor.scatter_reduce when reduce='sum' or reduce='mean' and called on CUDA tensor": (
        "result = [t(1000).detach().scatter_reduce(0, index(90000, 1000), t(90000).detach(), how) "
        "for how in ('sum', 'mean')]"
    ),
    "torch.nn.MaxPool3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(F.max_pool3d(x, 3, stride=1), x)"
    ),
}
THROWS = {
    "torch.nn.AvgPool3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(F.avg_pool3d(x, 3, stride=1), x)"
    ),
    "torch.nn.AdaptiveAvgPool2d when attempting to differentiate a CUDA tensor": (
        "x = t(8, 8, 40, 40)\nresult = grad(F.adaptive_avg_pool2d(x, 7), x)"
    ),
    "torch.nn.AdaptiveAvgPool3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(F.adaptive_avg_pool3d(x, 7), x)"
    ),
    "torch.nn.AdaptiveMaxPool2d when attempting to differentiate a CUDA tensor": (
        "x = t(8, 8, 40, 40)\nresult = grad(F.adaptive_max_pool2d(x, 7), x)"
    ),
    "torch.nn.FractionalMaxPool2d when attempting to differentiate a CUDA tensor": (
        "x = t(8, 8, 40, 40)\nresult = grad(F.fractional_max_pool2d(x, 3, output_size=17), x)"
    ),
    "torch.nn.FractionalMaxPool3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(F.fractional_max_pool3d(x, 3, output_size=7), x)"
    ),
    "torch.nn.MaxUnpool1d": "x, at = F.max_pool1d(t(8, 8, 64), 2, return_indices=True)\nresult = "
    "nn.MaxUnpool1d(2)(x, at)",
    "torch.nn.MaxUnpool2d": "x, at = F.max_pool2d(t(8, 8, 16, 16), 2, "
    "return_indices=True)\nresult = nn.MaxUnpool2d(2)(x, at)",
    "torch.nn.MaxUnpool3d": "x, at = F.max_pool3d(t(2, 2, 8, 8, 8), 2, "
    "return_indices=True)\nresult = nn.MaxUnpool3d(2)(x, at)",
    "torch.nn.functional.interpolate when attempting to differentiate a CUDA tensor and one of "
    "the following modes is used: "
    "linear bilinear bicubic trilinear": (
        "flat = (4, 8, 40, 40)\n"
        "shapes = {'linear': (8, 16, 400), 'bilinear': flat, 'bicubic': flat, 'trilinear': (4, 4, "
        "14, 14, 14)}\n"
        "inputs = {mode: t(*shape) for mode, shape in shapes.items()}\n"
        "result = [grad(F.interpolate(x, scale_factor=1.7, mode=mode), x) for mode, x in "
        "inputs.items()]"
    ),
    "torch.nn.ReflectionPad1d when attempting to differentiate a CUDA tensor": (
        "x = t(16, 16, 512)\nresult = grad(nn.ReflectionPad1d(9)(x), x)"
    ),
    "torch.nn.ReflectionPad2d when attempting to differentiate a CUDA tensor": (
        "x = t(8, 8, 40, 40)\nresult = grad(nn.ReflectionPad2d(9)(x), x)"
    ),
    "torch.nn.ReflectionPad3d when attempting to differentiate a CUDA tensor": (
        "x = t(4, 4, 16, 16, 16)\nresult = grad(nn.ReflectionPad3d(5)(x), x)"
    ),
    "torch.nn.NLLLoss when called on a CUDA tensor": (
        "x = t(8, 10, 40, 40)\nresult = grad(F.nll_loss(x, index(12800, 10).reshape(8, 40, 40)), x)"
    ),
    "torch.nn.CTCLoss when attempting to differentiate a CUDA tensor": (
        "x, lengths = t(50, 16, 20), torch.full((16,), 50)\n"
        "loss = F.ctc_loss(x.log_softmax(2), index(160, 19).reshape(16, 10) + 1, lengths, "
        "torch.full((16,), 10))\n"
        "result = grad(loss, x)"
    ),
    "torch.nn.EmbeddingBag when attempting to differentiate a CUDA tensor when mode='max'": (
        "w = t(100, 16)\nresult = grad(F.embedding_bag(index(9000, 100).reshape(900, 10), w, "
        "mode='max'), w)"
    ),
    "torch.Tensor.put_ when accumulate=False": "x = t(1000).detach()\nresult = "
    "x.put_(index(90000, 1000), t(90000).detach())",
    "torch.Tensor.put_ when accumulate=True and called on a CUDA tensor": (
        "result = t(1000).detach().put_(index(90000, 1000), t(90000).detach(), accumulate=True)"
    ),
    "torch.histc when called on a CUDA tensor": "result = torch.histc(t(90000).detach(), 100)",
    "torch.bincount when called on a CUDA tensor and weights tensor is given": (
        "result = torch.bincount(index(90000, 1000), t(90000).detach())"
    ),
    "torch.median with indices output when called on a CUDA tensor": "result = "
    "torch.median(t(300, "
    "300).detach(), 1)",
    "torch.nn.functional.grid_sample when attempting to differentiate a CUDA tensor": (
        "x, places = t(4, 4, 20, 20), t(4, 60, 60, 2)\nresult = grad(F.grid_sample(x, places, "
        "align_corners=False), x, places)"
    ),
    "torch.cumsum when called on a CUDA tensor when dtype is floating point or complex": (
        "result = torch.cumsum(t(90000).detach(), 0)"
    ),
    "torch.Tensor.scatter_reduce when reduce='prod' and called on CUDA tensor": (
        "result = t(1000).detach().scatter_reduce(0, index(90000, 1000), t(90000).detach() / 9 + "
        "1, 'prod')"
    ),
    "torch.Tensor.resize_ when called with a quantized tensor": (
        "x = torch.quantize_per_tensor(t(64).detach(), 0.1, 0, torch.qint8)\nresult = "
        "x.resize_(100)"
    ),
}
REFUSED_ON_CPU = {
    "torch.nn.MaxUnpool1d": "max_unpooling2d_forward_out",
    "torch.nn.MaxUnpool2d": "max_unpooling2d_forward_out",
    "torch.nn.MaxUnpool3d": "max_unpooling3d_forward_out",
    "torch.Tensor.put_ when accumulate=False": "put_",
    "torch.Tensor.resize_ when called with a quantized tensor": "quantized_resize_cpu_",
}
"""Entry to the name that torch gives the operation when it refuses it."""
_REFUSAL = "does not have a deterministic implementation"


def cuda_only(entry):
    """Whether torch's own wording limits the entry to CUDA."""
    return "CUDA" in entry and "CPU" not in entry


def on_cuda(entry):
    """Whether the entry says anything of CUDA (quantized tensors have no CUDA form of that
    operation).
    """
    return "CUDA" in entry or not ("CPU" in entry or "quantized" in entry)


def listed(text):
    """The two lists of the documentation: (act deterministically, throw), each entry in one line
    without markup.
    """
    found = []
    for title in (
        "will act\n    deterministically when ``mode=True``:",
        "will throw a\n    :class:`RuntimeError` when ``mode=True``:",
    ):
        body = text.split(title, 1)[1]
        body = re.split(r"\n    \S", body, maxsplit=1)[
            0
        ]  # as far as the next paragraph of the outer level
        entries = re.split(r"\n        \* ", body)[1:]
        found.append([_plain(entry) for entry in entries])
    return tuple(found)


def _plain(entry):
    entry = re.sub(r":\w+:`([^`]*)`", r"\1", entry).replace("``", "")
    return " ".join(word for word in entry.split() if word != "-")


def flat(torch, result):
    """All tensors of a result."""
    if isinstance(result, torch.Tensor):
        return [result]
    return [tensor for part in result for tensor in flat(torch, part)]


def outcome(torch, source, device):
    """A digest over all tensors of the result, or the name of the operation that torch refused."""
    space = {}
    sys.argv[-1] = device
    try:
        exec(HEADER + source, space)
    except RuntimeError as error:
        if _REFUSAL not in str(error):
            raise
        return "refused: " + str(error).partition(_REFUSAL)[0].strip().strip("'`").split()[-1]
    whole = hashlib.sha256()
    for tensor in flat(torch, space["result"]):
        plain = tensor.dequantize() if tensor.is_quantized else tensor
        whole.update(plain.detach().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()[:16]


def main() -> None:
    """Prints JSON."""
    import torch

    if sys.argv[1] == "list":
        print(json.dumps(listed(torch.use_deterministic_algorithms.__doc__)))
        return
    device = sys.argv[2]
    programs = {
        entry: source
        for entry, source in {**ACTS, **THROWS}.items()
        if device == "cpu" or on_cuda(entry)
    }
    print(json.dumps({entry: outcome(torch, source, device) for entry, source in programs.items()}))


if __name__ == "__main__":
    main()
