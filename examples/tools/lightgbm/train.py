"""Boosted trees with bagging; libgomp is a package of the system."""

import lightgbm
from sklearn.datasets import load_wine

data = load_wine()
model = lightgbm.LGBMClassifier(
    n_estimators=15, subsample=0.8, subsample_freq=1, n_jobs=1, deterministic=True, verbose=-1
)
model.fit(data.data, data.target)
model.booster_.save_model("model.txt")
