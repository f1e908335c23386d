"""A small network of flax, trained with optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen


class Net(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(1)(linen.relu(linen.Dense(16)(x)))


key = jax.random.PRNGKey(0)
data = jax.random.normal(key, (64, 4))
target = data.sum(axis=1, keepdims=True)
net, optimizer = Net(), optax.adam(1e-2)
params = net.init(key, data)
state = optimizer.init(params)


@jax.jit
def step(params, state):
    loss, gradients = jax.value_and_grad(
        lambda params: jnp.mean((net.apply(params, data) - target) ** 2)
    )(params)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(params, updates), state, loss


for _ in range(20):
    params, state, loss = step(params, state)
leaves = {str(place): np.asarray(leaf) for place, leaf in enumerate(jax.tree.leaves(params))}
np.savez("model.npz", **leaves)
print(float(loss))
