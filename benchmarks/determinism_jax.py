"""Small JAX trainings and operations whose digests are compared between runs and CPU models; for
determinism.py and the tests.

`python determinism_jax.py WORKLOAD [steps]` prints JSON: name to digest. Workloads: mlp, cnn,
transformer, nets, ops, all. JAX's keys are explicit, so the program seeds itself. With
REPROBOX_TRAIL set it writes a trail by reprobox_trail.log.
"""

import hashlib
import json
import sys


def digest(tree) -> str:
    """16 hex of the sha256 over all arrays of a tree."""
    import jax
    import numpy as np

    whole = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        whole.update(np.ascontiguousarray(leaf).tobytes())
    return whole.hexdigest()[:16]


def exact(jnp, *shape):
    """Multiples of 1/64 between -2 and 2, the same on every CPU."""
    count = 1
    for size in shape:
        count *= size
    return ((jnp.arange(count) * 7919 % 257).astype(jnp.float32) - 128).reshape(shape) / 64


def layer(jax, key, rows, columns):
    """A dense layer's weights."""
    return {"w": jax.random.normal(key, (rows, columns)) / rows**0.5, "b": jax.numpy.zeros(columns)}


def mlp(jax):
    """A classifier on 64 inputs."""
    keys = jax.random.split(jax.random.key(0), 3)
    params = [
        layer(jax, key, *size)
        for key, size in zip(keys, ((64, 256), (256, 256), (256, 10)), strict=True)
    ]

    def apply(params, x):
        for one in params[:-1]:
            x = jax.numpy.tanh(x @ one["w"] + one["b"])
        return x @ params[-1]["w"] + params[-1]["b"]

    return params, apply, exact(jax.numpy, 64, 64)


def cnn(jax):
    """Two convolutions on 16 by 16 pictures."""
    one, two, three = jax.random.split(jax.random.key(1), 3)
    params = {
        "one": jax.random.normal(one, (3, 3, 3, 16)) / 5,
        "two": jax.random.normal(two, (3, 3, 16, 32)) / 12,
        "head": layer(jax, three, 32, 10),
    }

    def apply(params, x):
        how = {
            "window_strides": (1, 1),
            "padding": "SAME",
            "dimension_numbers": ("NHWC", "HWIO", "NHWC"),
        }
        x = jax.nn.gelu(jax.lax.conv_general_dilated(x, params["one"], **how))
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, params["two"], **how))
        return x.mean((1, 2)) @ params["head"]["w"] + params["head"]["b"]

    return params, apply, exact(jax.numpy, 64, 16, 16, 3)


def transformer(jax):
    """One encoder layer on 64 sequences of 32 places."""
    keys = jax.random.split(jax.random.key(2), 4)
    sizes = ((64, 192), (64, 128), (128, 64), (64, 10))
    params = [layer(jax, key, *size) for key, size in zip(keys, sizes, strict=True)]

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)

    def apply(params, x):
        project, up, down, head = params
        q, k, v = jax.numpy.split(norm(x) @ project["w"] + project["b"], 3, -1)
        weights = jax.nn.softmax(jax.numpy.einsum("bqd,bkd->bqk", q, k) / 8, -1)
        x = x + jax.numpy.einsum("bqk,bkd->bqd", weights, v)
        x = x + jax.nn.gelu(norm(x) @ up["w"] + up["b"]) @ down["w"] + down["b"]
        return x.mean(1) @ head["w"] + head["b"]

    return params, apply, exact(jax.numpy, 64, 32, 64)


def train(jax, make, steps):
    """Adam for some steps, jitted; digests of all weights and of the loss."""
    from jax import numpy as jnp

    try:
        import reprobox_trail
    except ImportError:  # outside a run
        reprobox_trail = None
    params, apply, data = make(jax)
    target = jnp.arange(64) % 10

    def cost(params):
        logits = jax.nn.log_softmax(apply(params, data))
        return -logits[jnp.arange(64), target].mean()

    @jax.jit
    def step(params, first, second, number):
        loss, gradient = jax.value_and_grad(cost)(params)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)

        def move(p, m, v):
            return p - 1e-3 * (m / (1 - 0.9**number)) / (jnp.sqrt(v / (1 - 0.999**number)) + 1e-8)

        return jax.tree.map(move, params, first, second), first, second, loss

    first = second = jax.tree.map(jnp.zeros_like, params)
    for number in range(1, steps + 1):
        params, first, second, loss = step(params, first, second, float(number))
        if reprobox_trail is not None:
            leaves, _ = jax.tree.flatten_with_path(params)
            reprobox_trail.log(
                number, {jax.tree_util.keystr(path): jax.device_get(leaf) for path, leaf in leaves}
            )
    return {"weights": digest(params), "loss": digest(loss)}


def ops(jax):
    """Single operations, each jitted, on exact inputs."""
    from jax import numpy as jnp

    unit = exact(jnp, 4096) / 4
    found = {
        name: digest(jax.jit(getattr(jnp, name))(unit))
        for name in ("exp", "sin", "cos", "tanh", "expm1", "arctan")
    }
    found |= {
        name: digest(jax.jit(getattr(jnp, name))(abs(unit) + 0.0625))
        for name in ("log", "sqrt", "log1p", "cbrt", "reciprocal")
    }
    found |= {
        "rsqrt": digest(jax.jit(jax.lax.rsqrt)(abs(unit) + 0.0625)),
        "erf": digest(jax.jit(jax.lax.erf)(unit)),
    }
    left, right = exact(jnp, 96, 300) / 3, exact(jnp, 300, 64) / 7
    found["dot"] = digest(jax.jit(jnp.dot)(left, right))
    found["dot.large"] = digest(
        jax.jit(jnp.dot)(exact(jnp, 600, 700) / 3, exact(jnp, 700, 500) / 7)
    )
    found["mv"] = digest(jax.jit(jnp.dot)(left, right[:, 0]))
    found["sum"] = digest(jax.jit(jnp.sum)(left))
    found["softmax"] = digest(jax.jit(jax.nn.softmax)(left))
    found["cumsum"] = digest(jax.jit(jnp.cumsum)(unit))
    found["solve"] = digest(jax.jit(jnp.linalg.solve)(left[:, :96] + 4 * jnp.eye(96), right[:96]))
    found["svd"] = digest(
        jax.jit(lambda x: jnp.linalg.svd(x, compute_uv=False))(left[:40, :40] + jnp.eye(40))
    )
    found["normal"] = digest(jax.random.normal(jax.random.key(3), (1000,)))
    found["bfloat16"] = digest(
        jax.jit(jnp.dot)(left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)).astype(jnp.float32)
    )
    return found


NETS = {"mlp": mlp, "cnn": cnn, "transformer": transformer}


def nets(jax, steps):
    """The digests of all three trainings."""
    return {
        f"{name}.{key}": value
        for name, make in NETS.items()
        for key, value in train(jax, make, steps).items()
    }


def main() -> None:
    """Runs one workload and prints what it found."""
    import jax

    name, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    many = {
        "nets": lambda: nets(jax, steps),
        "ops": lambda: ops(jax),
        "all": lambda: nets(jax, steps) | ops(jax),
    }
    print(json.dumps({"found": many[name]() if name in many else train(jax, NETS[name], steps)}))


if __name__ == "__main__":
    main()
