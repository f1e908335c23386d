"""A regression of PyMC, sampled by NUTS in two chains; PyTensor compiles its graph in the run."""

import numpy as np
import pymc as pm

draws = np.random.default_rng(3)
x = draws.normal(size=40)
y = 1.5 * x + 0.3 + draws.normal(scale=0.2, size=40)

with pm.Model():
    slope = pm.Normal("slope", 0, 2)
    intercept = pm.Normal("intercept", 0, 2)
    noise = pm.HalfNormal("noise", 1)
    pm.Normal("y", slope * x + intercept, noise, observed=y)
    trace = pm.sample(200, tune=200, chains=2, cores=2, random_seed=1, progressbar=False)

np.savez("trace.npz", **{name: trace.posterior[name].values for name in ("slope", "intercept")})
print({name: float(trace.posterior[name].mean()) for name in ("slope", "intercept", "noise")})
