"""A regression of NumPyro, sampled by NUTS."""

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS

draws = np.random.default_rng(3)
x = draws.normal(size=40)
y = 1.5 * x + 0.3 + draws.normal(scale=0.2, size=40)


def model(x, y):
    slope = numpyro.sample("slope", dist.Normal(0, 2))
    noise = numpyro.sample("noise", dist.HalfNormal(1))
    numpyro.sample("y", dist.Normal(slope * x, noise), obs=y)


mcmc = MCMC(NUTS(model), num_warmup=200, num_samples=200, progress_bar=False)
mcmc.run(jax.random.PRNGKey(0), x, y)
np.savez("samples.npz", **{key: np.asarray(value) for key, value in mcmc.get_samples().items()})
print(float(mcmc.get_samples()["slope"].mean()))
