"""A study of twenty trials; its sampler takes its seed from NumPy, which the profile seeds."""

import json

import numpy as np
import optuna


def objective(trial):
    x, kind = trial.suggest_float("x", -3, 3), trial.suggest_categorical("kind", ["a", "b"])
    return (x - 1) ** 2 + (kind == "b")


study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=np.random.randint(2**31)))
study.optimize(objective, n_trials=20)
with open("trials.json", "w") as file:
    json.dump([[trial.params, trial.value] for trial in study.trials], file, indent=1)
