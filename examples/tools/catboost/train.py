"""Boosted trees of CatBoost."""

import numpy as np
from catboost import CatBoostClassifier

draws = np.random.default_rng(0)
x = draws.normal(size=(300, 6))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
model = CatBoostClassifier(iterations=40, depth=4, random_seed=0, verbose=10)
model.fit(x, y)
model.save_model("model.cbm")
np.save("predictions.npy", model.predict_proba(x))
